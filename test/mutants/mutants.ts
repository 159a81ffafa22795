/**
 * `npm run test:mutants [-- --only WORDS]`: do the tests notice? WORDS are of a fault's name, its file or its test's.
 *
 * Plants each fault of the table in a copy of the project and runs the test file that should notice it. A fault that
 * survives, that no longer fits the source or does not compile, whose test comes to no verdict, or whose test fails
 * without it as well, ends the run with exit code 1.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { helpIfAsked } from "../support/help.ts";
import type { Mutant } from "./found.ts";
import { MUTANTS } from "./table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COPIED = [
  ...["src", "test", "adr", "examples", "scripts"],
  ...["package.json", "tsconfig.json", "tsconfig.build.json", "vitest.config.ts"],
];
const RUN_MS_MAX = 180_000;

helpIfAsked(import.meta.url);
const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });
const copy = mkdtempSync(join(tmpdir(), "filespool-mutants-"));
chmodSync(copy, 0o755); // some tests start the program as another user

const COMPILE = [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json", "--noEmit"];

/** What a fault leaves unused is no reason not to build it. */
function allowUnused(): void {
  const path = join(copy, "tsconfig.build.json");
  const settings = JSON.parse(readFileSync(path, "utf8"));
  Object.assign(settings.compilerOptions, { noUnusedLocals: false, noUnusedParameters: false });
  writeFileSync(path, JSON.stringify(settings));
}

const HANGS = "it does not end";

/** Runs a program in the copy; what it printed, or null when it ended well; HANGS when it had to be ended. */
async function failure(words: readonly string[]): Promise<string | null> {
  const env = { ...process.env, FILESPOOL_SEED: "1", NODE_V8_COVERAGE: undefined };
  const child = spawn(process.execPath, words, { cwd: copy, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  // A group of its own, so that nothing that a test has started outlives it.
  let isStuck = false;
  const timer = setTimeout(() => {
    isStuck = true;
    endGroup(child);
  }, RUN_MS_MAX);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.resume();
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  endGroup(child);
  if (isStuck && !output.includes("not ok")) return HANGS;
  return status === 0 ? null : output;
}

function endGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-(pid as number), "SIGKILL");
  } catch {} // nobody of it is left
}

const UNDECIDED = "UNDECIDED: no test failed, and not all passed";

/** The first test that failed, "" when all passed, UNDECIDED when none did and not all passed. */
async function firstFailure(testFile: string): Promise<string> {
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const output = await failure([vitest, "run", "--bail", "1", "--reporter", "tap-flat", testFile]);
  if (output === null) return "";
  if (output === HANGS) return HANGS; // it ends without the fault, or the run would not have come so far
  const [, title = UNDECIDED] = /^not ok \d+ - (.*?)(?: # .*)?$/m.exec(output) ?? [];
  return title.split(" > ").slice(1).join(": ") || title;
}

/** What the simulation found broken, "" for nothing. */
async function simulated(how: "plans" | "steps"): Promise<string> {
  const which = how === "plans" ? ["--runs", "200"] : ["--runs", "0", "--every-step"];
  const words = ["--import", "tsx", "test/simulation/simulate.ts", "--seed", "1", ...which, "--raw"];
  const output = await failure(words);
  return output === null ? "" : (/broke a promise: (.*)/.exec(output)?.[1] ?? "it did not end");
}

/** What became of a fault; "noticed by" is the good end. */
async function plant({ file, from, to, noticedBy, simulated: how }: Mutant): Promise<string> {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  if (original.split(from).length !== 2) return "NOT PLANTED: its text is not in the source exactly once";
  writeFileSync(
    path,
    original.replace(from, () => to),
  );
  try {
    // Tests that start the built program would fail for any fault that cannot be built.
    const why = file.startsWith("src/") ? await failure(COMPILE) : null;
    if (why !== null) return `NOT PLANTED: it does not compile\n    ${why.trim()}`;
    const failed = await firstFailure(noticedBy);
    if (!failed) return `SURVIVED ${noticedBy}`;
    if (failed === UNDECIDED) return `${UNDECIDED}: ${noticedBy}`;
    const broken = how && (await simulated(how));
    if (broken === "") return "SURVIVED the simulation";
    return `noticed by "${failed}"${broken ? `\n    and by the simulation: ${broken}` : ""}`;
  } finally {
    writeFileSync(path, original);
  }
}

try {
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  allowUnused();
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const isChosen = (text: string) => text.includes(values.only);
  const chosen = MUTANTS.filter(({ name, file, noticedBy }) => [name, file, noticedBy].some(isChosen));
  for (const testFile of new Set(chosen.map(({ noticedBy }) => noticedBy))) {
    const failed = await firstFailure(testFile);
    if (failed) throw new Error(`${testFile} fails without any fault: ${failed}`);
  }
  for (const how of new Set(chosen.map((mutant) => mutant.simulated))) {
    const broken = how && (await simulated(how));
    if (broken) throw new Error(`the simulation fails without any fault: ${broken}`);
  }
  let survivors = 0;
  for (const [number, mutant] of chosen.entries()) {
    const fate = await plant(mutant);
    if (!fate.startsWith("noticed")) survivors++;
    console.log(`${String(number + 1).padStart(2)}  ${mutant.name}\n    ${fate}`);
  }
  console.log(`${chosen.length - survivors} of ${chosen.length} faults were noticed`);
  if (survivors > 0) process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}
