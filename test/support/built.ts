/**
 * The program as its users run it: src/ compiled once for all tests of one state of the sources, in a folder of its own.
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
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(ROOT, "node_modules/.cache/filespool-test");
const INPUTS = ["package.json", "tsconfig.json", "tsconfig.build.json", "scripts/build.mjs", "scripts/bundle.mjs"];

const DAY_MS = 24 * 60 * 60 * 1000;

function stateOfSources(): string {
  const hash = createHash("sha256");
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" }).sort();
  for (const file of [...INPUTS, ...sources.filter((name) => name.endsWith(".ts")).map((name) => join("src", name))])
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update("\0");
  return hash.digest("hex").slice(0, 16);
}

function build(target: string): void {
  mkdirSync(CACHE, { recursive: true });
  const made = mkdtempSync(join(CACHE, "making-"));
  copyFileSync(join(ROOT, "package.json"), join(made, "package.json"));
  const words = [join(ROOT, "scripts/build.mjs"), join(made, "dist")];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}${stderr}`);
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

let main: string | null = null;

/** The path of the compiled command of today's sources. */
export function builtMain(): string {
  if (main !== null) return main;
  const target = join(CACHE, stateOfSources());
  if (!existsSync(target)) build(target);
  main = join(target, "dist/cli/filespool.cjs");
  return main;
}

/**
 * The environment with what keeps a compiled program from writing a report of coverage. Empty, not taken away: what is
 * missing, Node hands on to a child from its own environment.
 */
export const withoutCoverage = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ ...env, NODE_V8_COVERAGE: "" });
