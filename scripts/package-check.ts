/**
 * Tries the package as a stranger would: packs it, installs the tarball into an empty folder, runs the command,
 * imports both entry points, and compiles a program against the declarations.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  name: string;
  version: string;
};

const CONSUMER = `import { createServer, type ReceiveSummary, receive, type SendSummary, send } from "${name}";
import * as protocol from "${name}/protocol";

export const sent: Promise<SendSummary> = send({ files: ["a"], queue: "default" });
export const received: Promise<ReceiveSummary> = receive({ out: "." });
for (const value of [createServer, send, receive]) {
  if (typeof value !== "function") throw new Error("an entry point does not export a function it should");
}
if (Object.keys(protocol).length === 0) throw new Error("the protocol entry point exports nothing");
`;

/** Returns what the command printed; what it says on stderr goes to ours. Throws when it fails. */
function run(cwd: string, command: string, ...rest: string[]): string {
  // A name in the environment may not make the installed command behave differently here than elsewhere.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(FILESPOOL|npm)_/i.test(key)));
  return execFileSync(command, rest, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function expect(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

const folder = mkdtempSync(join(tmpdir(), "filespool-package-"));
try {
  // npm runs the build first (prepack), so what is checked here is what would be published.
  run(root, "npm", "pack", "--silent", "--pack-destination", folder);
  const tarball = join(folder, `${name}-${version}.tgz`);

  const packed = run(folder, "tar", "-tzf", tarball).split("\n");
  for (const path of [
    "LICENSE",
    "README.md",
    "dist/cli/filespool.cjs",
    "dist/cli/command.cjs",
    "dist/net/index.d.ts",
    "dist/protocol/index.d.ts",
  ]) {
    expect(packed.includes(`package/${path}`), `the package lacks ${path}`);
  }
  const strays = packed.filter((path) => /^package\/(test|scripts|adr|benchmarks|examples|coverage)\//.test(path));
  expect(strays.length === 0, `the package holds what nobody needs to install: ${strays.join(", ")}`);

  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", tarball);

  const said = run(folder, join(folder, "node_modules/.bin", name), "--version").trim();
  expect(said === version, `${name} --version said "${said}" and should have said "${version}"`);

  const program = CONSUMER.replaceAll(/^export const .*\n/gm, "").replaceAll(/type \w+, /g, "");
  writeFileSync(join(folder, "imports.mjs"), program);
  run(folder, process.execPath, "imports.mjs");

  writeFileSync(join(folder, "consumer.ts"), CONSUMER);
  const compilerOptions = {
    target: "es2022",
    lib: ["es2023"],
    module: "nodenext",
    strict: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
  run(folder, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", folder);

  console.log(`${name} ${version}: installs into an empty folder, runs, imports and compiles`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
