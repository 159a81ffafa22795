/**
 * The program as its users run it: src/ compiled once for all tests of one state of the sources, in a folder of its own.
 * And, in the same way, the children of tests: scripts that a test starts as processes.
 *
 * Started through tsx a process takes most of a second, and the tests start thousands. Where the compiled program lies is
 * decided by what the sources say, so it is never stale, and it appears in one step, so two test runs may meet here.
 * Such processes report no coverage: c8 adds up only what ran as the sources' own text (vitest.config.ts).
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildSync } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(ROOT, "node_modules/.cache/filespool-test");
const INPUTS = ["package.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.mjs", "scripts/bundle.mjs"];

const DAY_MS = 24 * 60 * 60 * 1000;

const sourcesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .sort()
    .map((name) => join(folder, name));

function stateOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update("\0");
  return hash.digest("hex").slice(0, 16);
}

/** Moves what was made to where it is looked for, in one step. */
function publish(made: string, target: string): void {
  // For tests that run it as another user; a temporary folder is closed to those.
  chmodSync(made, 0o755);
  try {
    renameSync(made, target);
  } catch (error) {
    // Another test run was here first, with the same sources.
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  // Other states of the sources; one that somebody tests at this moment is not that old.
  for (const old of readdirSync(CACHE).map((name) => join(CACHE, name)))
    if (Date.now() - (statSync(old, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > DAY_MS)
      rmSync(old, { recursive: true, force: true });
}

function build(target: string): void {
  mkdirSync(CACHE, { recursive: true });
  const made = mkdtempSync(join(CACHE, "making-"));
  copyFileSync(join(ROOT, "package.json"), join(made, "package.json"));
  const words = [join(ROOT, "scripts/build.mjs"), join(made, "dist")];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}${stderr}`);
  publish(made, target);
}

let main: string | null = null;

/** The path of the compiled command of today's sources. */
export function builtMain(): string {
  if (main !== null) return main;
  const target = join(CACHE, stateOf([...INPUTS, ...sourcesIn("src")]));
  if (!existsSync(target)) build(target);
  main = join(target, "dist/cli/filespool.cjs");
  return main;
}

let childrenState: string | null = null;

/**
 * The path of a compiled script of the tests, for `node` or for `node --import`. What it imports of ours is inside; packages
 * stay outside, and are found from where it lies.
 */
export function builtChild(script: string): string {
  childrenState ??= stateOf([...INPUTS, ...["src", "minimal", "test", "examples"].flatMap(sourcesIn)]);
  const name = `${script.slice(ROOT.length).replaceAll(/[/\\]/g, "-").replace(/\.ts$/, "")}-${childrenState}`;
  const target = join(CACHE, name);
  const file = `${basename(script, ".ts")}.mjs`;
  if (!existsSync(target)) {
    mkdirSync(CACHE, { recursive: true });
    const made = mkdtempSync(join(CACHE, "making-"));
    buildSync({
      absWorkingDir: ROOT,
      entryPoints: [script],
      outfile: join(made, file),
      ...{ bundle: true, packages: "external", platform: "node", format: "esm", target: "node20" },
      ...{ sourcemap: "linked", logLevel: "warning" },
    });
    publish(made, target);
  }
  return join(target, file);
}

/** What `node --import` takes for such a script: an address, since a path may have characters that mean something in one. */
export const builtPreload = (script: string): string => pathToFileURL(builtChild(script)).href;

/**
 * The environment with what keeps a compiled program from writing a report of coverage. Empty, not taken away: what is
 * missing, Node hands on to a child from its own environment.
 */
export const withoutCoverage = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ ...env, NODE_V8_COVERAGE: "" });
