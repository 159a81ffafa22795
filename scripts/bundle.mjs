/**
 * Makes the command start fast: the modules of the program become one script, compiled beforehand.
 *
 *   dist/cli/command.cjs             src/cli/main.ts and all of ours that it loads; most packages stay outside
 *   dist/cli/command.licenses.txt    what those few ask for that are inside
 *   dist/cli/command.cache           V8's compiled form of it, for the Node that builds; any other ignores it
 *   dist/cli/command.node.json       which Node that is
 *
 * Finding, reading and linking sixty modules took longer than to connect, send a small file and be told that it is stored.
 * src/cli/filespool.cts runs the script. Why, and what it saves: adr/0061.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/**
 * What is inside beside our own modules. Packages that each command loads, so that they are compiled beforehand as well; and
 * those that are ES modules only. A script can `require` these, too, but not where somebody has added loaders of modules to Node
 * (`--import`): then Node 20 waits for itself, for ever.
 */
const INSIDE = new Set([
  "commander",
  "valibot",
  "fs-native-extensions",
  "@clack/core",
  "@clack/prompts",
  "get-east-asian-width",
  "log-update",
]);

/** @param dist the folder that tsc wrote to; what it made of src/cli is replaced */
export async function bundle(dist) {
  const cli = join(dist, "cli");
  const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const loose = NATIVE.find((name) => !/^\d+\.\d+\.\d+$/.test(dependencies[name]));
  if (loose) throw new Error(`package.json has to name one version of ${loose}`);
  const { metafile } = await build({
    entryPoints: [join(cli, "main.js")],
    outfile: join(cli, "command.cjs"),
    bundle: true,
    // A script that V8 takes from a cache has lost who imports for it, so packages are required, when they are needed.
    supported: { "dynamic-import": false },
    external: Object.keys(dependencies).filter((name) => !INSIDE.has(name)),
    plugins: [instead],
    minifyWhitespace: true,
    lineLimit: 200, // Node shows the line of an error that nobody caught
    metafile: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    sourcemap: true,
    logLevel: "warning",
    // A function, since a script by itself has neither of the two. filespool.cts calls it.
    banner: {
      js: "(function (require, __filename) { const ownUrl = require('node:url').pathToFileURL(__filename).href;",
    },
    footer: { js: "})" },
    define: { "import.meta.url": "ownUrl" },
  });
  for (const name of readdirSync(cli))
    if (!/^(filespool|command)\./.test(name)) rmSync(join(cli, name), { recursive: true });
  // Read as Latin-1. Strings are escaped by esbuild, patterns are not.
  if (/[^\0-\x7f]/.test(readFileSync(join(cli, "command.cjs"), "utf8")))
    throw new Error("the script is not plain ASCII");
  writeFileSync(join(cli, "command.licenses.txt"), licensesOf(Object.keys(metafile.inputs)));
  await compile(dist);
}

/** Our half of these has to fit theirs, so package.json names one version of each. */
const NAPI = ["@napi-rs/blake-hash", "@node-rs/crc32"];
const NATIVE = [...NAPI, "fs-native-extensions"];
const machine = 'process.platform + "-" + process.arch';
/** The package's own file for Linux with glibc. By its own path: another version of it may lie where ours would be looked for. */
const ofNapi = (name) =>
  `require(require.resolve("${name}-" + ${machine} + "-gnu", { paths: [require.resolve("${name}")] }))`;
/** On musl its file for glibc might load, and nobody has tried it. */
const ofPrebuilds = (name) =>
  `["x86_64", "aarch64"].some((cpu) => require("node:fs").existsSync("/lib/ld-musl-" + cpu + ".so.1"))
    ? require("${name}/binding") : require("${name}/prebuilds/" + ${machine} + "/${name}.node")`;
/** First the file that is nearly always right; where it is not there, or not for this machine, the package looks for itself. */
const quickly = (first, name) =>
  `let found; try { found = ${first}; } catch { found = require("${name}"); } module.exports = found;`;
/**
 * What is asked for at the start, by whom, and the text that it gets instead. Packages of native code find out what machine this is in
 * order to choose among files of their own: by a report on the whole process, or by a library for just that. Why: adr/0064.
 */
const INSTEAD = [
  ...NAPI.map((name) => ({ name, from: /./, text: quickly(ofNapi(name), name) })),
  {
    name: "./binding",
    from: /node_modules[\\/]fs-native-extensions[\\/]/,
    text: quickly(ofPrebuilds("fs-native-extensions"), "fs-native-extensions/binding"),
  },
  // For commands that are programs of their own, of which there are none.
  { name: "node:child_process", from: /node_modules[\\/]commander[\\/]/, text: "exports.spawn = () => {};" },
];

const instead = {
  name: "instead",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, importer, namespace }) => {
      if (namespace === "instead") return { path, external: true };
      const found = INSTEAD.find(({ name, from }) => name === path && from.test(importer));
      return found && { path, namespace: "instead" };
    });
    onLoad({ filter: /./, namespace: "instead" }, ({ path }) => ({
      contents: INSTEAD.find(({ name }) => name === path).text,
    }));
  },
};

/** The licences of all packages that the files are of. */
function licensesOf(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/.][^/]*/.exec(file) ?? []);
  const texts = [...new Set(folders)].sort().map((folder) => {
    const license = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
    if (license === undefined) throw new Error(`${folder} has no licence that could be passed on`);
    return `${folder.replace(/^.*node_modules\//, "")}\n\n${readFileSync(join(folder, license), "utf8").trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/** Loaded before the command: has it run for each list of words in KEEP, and then keeps what V8 has compiled of its script. */
const KEEPER = `
const vm = require("node:vm");
const { words, as } = JSON.parse(process.env.KEEP);
const { exit } = process;
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    process.exit = (code) => {
      if (code === 0 && words.length > 0) {
        process.argv.splice(2, Infinity, ...words.shift());
        this.runInThisContext()(require("node:module").createRequire(options.filename), options.filename);
      } else {
        require("node:fs").writeFileSync(as, this.createCachedData());
        exit(code);
      }
    };
  }
};`;

/** Sends and receives a file, since V8 compiles a function when it is called first. */
async function compile(dist) {
  const { createServer, LocalSpool } = await import(pathToFileURL(join(dist, "net/index.js")).href);
  const folder = mkdtempSync(join(tmpdir(), "filespool-build-"));
  const spool = await LocalSpool.open({ folder: join(folder, "spool") });
  const server = await createServer({ port: 0, spool });
  try {
    const [keep, file] = [join(folder, "keep.cjs"), join(folder, "file")];
    writeFileSync(keep, KEEPER);
    writeFileSync(file, "x");
    const at = ["--port", String(server.port), "--quiet"];
    const receive = ["receive", "--out", join(folder, "out"), ...at];
    const as = join(dist, "cli/command.cache");
    const KEEP = JSON.stringify({ words: [receive], as });
    // Without the settings of whoever builds, and without flags for Node, which the cache would then ask for.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(FILESPOOL|NODE)_/i.test(name));
    const env = { ...Object.fromEntries(inherited), FILESPOOL_STATE: join(folder, "state"), KEEP };
    const words = ["-r", keep, join(dist, "cli/filespool.cjs"), "send", file, ...at];
    const child = spawn(process.execPath, words, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
    const [status] = await once(child, "exit");
    if (status !== 0) throw new Error(`the bundled command could not send or receive, and ended with ${status}`);
    const node = [process.version, process.platform, process.arch, process.config];
    writeFileSync(join(dist, "cli/command.node.json"), JSON.stringify(node));
  } finally {
    await server.close();
    await spool.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
