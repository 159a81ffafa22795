/**
 * What c8 wraps: runs vitest with the given arguments, then repairs the raw coverage before c8 reads it.
 *
 * tsx compiles with esbuild's keepNames, which gives every class a static block that no source line wrote. Its source
 * map entry points to line 1, so c8 takes "this block ran" for "everything above the class ran", and functions that no
 * test ever called would count as covered. What esbuild added is therefore dropped here.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface ProcessCoverage {
  result: { url: string; functions: { functionName: string }[] }[];
}

const ADDED_BY_ESBUILD = new Set(["<static_initializer>", "__name"]);
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.env.NODE_V8_COVERAGE;
if (folder === undefined) throw new Error("coverage-run.ts is started by c8, see the test script in package.json");

const vitest = spawnSync(
  process.execPath,
  [join(root, "node_modules/vitest/vitest.mjs"), "run", ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
  },
);

/** Null for the half-written report of a process that was killed meanwhile, as the crash tests do. */
function readReport(path: string): ProcessCoverage | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessCoverage;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

for (const name of readdirSync(folder)) {
  const path = join(folder, name);
  const report = readReport(path);
  if (report === null) {
    rmSync(path);
    continue;
  }
  // Node's own and installed modules make up nearly all of each report; without them c8 needs seconds, not minutes.
  report.result = report.result.filter(({ url }) => url.startsWith("file:") && !url.includes("/node_modules/"));
  for (const script of report.result) {
    script.functions = script.functions.filter(({ functionName }) => !ADDED_BY_ESBUILD.has(functionName));
  }
  writeFileSync(path, JSON.stringify(report));
}
process.exitCode = vitest.status ?? 1;
