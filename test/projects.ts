/**
 * Which test file runs where, in one place: vitest.config.ts reads it, and test/gate.test.ts holds it to what it says.
 *
 *   shared   many files in one process, one after the other. Starting a process and loading the sources cost more than most
 *            files take. What a file leaves behind in its process, the next one finds.
 *   alone    a process for each file
 *
 * A file shares its process when it lies in one of the folders below and none of its words changes something that belongs
 * to the whole process, or measures it. So a new file that does such a thing is alone without anybody having thought of it.
 *
 * Two kinds of files are in neither of them unless they are asked for: the long form (test/long-form.ts), and what tests
 * the tests, which runs at night (.ci/nightly). Why: adr/0110.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LONG_FORM } from "./long-form.ts";

/** Tests of the tests: that a planted fault is found, that a search is no luck; and second cases of what is expensive. */
export const NIGHT: readonly string[] = [
  "test/e2e/demo-buffer.test.ts",
  "test/fuzz/guided.test.ts",
  "test/power/controls.test.ts",
];

const ROOT = join(import.meta.dirname, "..");

/** Folders of tests that work in their own process. */
const SHARED_FOLDERS = /^test\/(benchmarks|cli|disk|minimal|net|protocol|spool|website|workshop)\//;

/** What changes the process for whoever comes next, or measures what others leave in it: each with its reason. */
export const NEEDS_ITS_PROCESS: readonly (readonly [words: RegExp, why: string])[] = [
  [/\bprocess\.(chdir|umask)\(/, "a process has one folder and one mask"],
  [/\bprocess\.env\.\w+ = |\bdelete process\.env/, "it has one environment"],
  [/\bprocess\.(on|once|eventNames|getActiveResourcesInfo)\(/, "listeners stay, and are counted"],
  [/\bsyncBuiltinESMExports\b|\bregister(Hooks)?\(/, "Node's own modules are changed for everybody"],
  [/\.prototype\.\w+ = |\bgetPrototypeOf\(|\bspyOn\(\w+\.prototype/, "so are classes"],
  [/\buseFakeTimers\(/, "its clock stands still"],
  [/\bmemoryUsage\b|\bcreateHook\b|\bgetHeapStatistics\b|\bnode:inspector\b/, "what a process does is measured"],
];

export type Project = "shared" | "alone";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** A file of tests and the helpers that it imports, and those that they import. */
function* withHelpers(path: string, seen = new Set<string>()): Iterable<string> {
  if (seen.has(path)) return;
  seen.add(path);
  const text = read(path);
  yield text;
  for (const [, name = ""] of text.matchAll(/^(?:import|export|\})[^;"]*"(\.[^"]*\.ts)"/gm)) {
    const helper = join(dirname(path), name);
    if (helper.startsWith("test/")) yield* withHelpers(helper, seen);
  }
}

/** Why a file needs a process for itself; nothing when it does not. */
export function reasons(path: string): string[] {
  const texts = [...withHelpers(path)];
  return NEEDS_ITS_PROCESS.filter(([words]) => texts.some((text) => words.test(text))).map(([, why]) => why);
}

/** Where a file runs. */
export const projectOf = (path: string): Project =>
  SHARED_FOLDERS.test(path) && !LONG_FORM.includes(path) && !NIGHT.includes(path) && reasons(path).length === 0
    ? "shared"
    : "alone";

/** Every file with tests. */
export const testFiles = (): string[] =>
  readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
    .map((name) => join("test", name).replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".test.ts"))
    .sort();

/** What a run is asked for: each change, the long form, the night's tests of the tests, or whatever is named. */
export type Asked = "change" | "long" | "night" | "named";

/** The files of a run, by project; no file is in two of them. */
export function filesOf(asked: Asked): Readonly<Record<Project, readonly string[]>> {
  const isAsked = (path: string): boolean => {
    if (asked === "long") return LONG_FORM.includes(path);
    if (asked === "night") return NIGHT.includes(path);
    return asked === "named" || !(LONG_FORM.includes(path) || NIGHT.includes(path));
  };
  const files = testFiles().filter(isAsked);
  const of = (project: Project): string[] => files.filter((path) => projectOf(path) === project);
  return { shared: of("shared"), alone: of("alone") };
}
