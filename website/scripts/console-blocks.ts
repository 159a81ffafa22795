/**
 * `console` blocks in pages are run, and what they print is compared with what the page says.
 *
 *     ```console
 *     $ filespool send --yes report.pdf
 *     stored    report.pdf, 12.0 KiB
 *     ```
 *
 * A line that begins with "$ " is typed into a shell; the lines up to the next one are what a reader expects to see. A
 * page has one shell in one new folder, so its blocks share files, variables and background jobs, and all that it
 * started ends with the page. The folder holds `examples`. `filespool` and `npx filespool` run the built program there,
 * `npm run workshop -- ...` the workshop, and `npx tsx` a program in TypeScript.
 *
 * What differs from run to run (times, rates, ports, ids, the folder) is masked on both sides. A line "..." stands for
 * any lines. A block with the word `skip` behind `console` is for the eye only.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

const root = resolve(__dirname, "../..");

export interface Step {
  readonly command: string;
  readonly expected: readonly string[];
  /** Lines of the page, from 0: the first of the expected ones, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

/** All commands of a page in order. Further lines of one command follow a backslash and begin with "> ". */
export function stepsOf(page: string): Step[] {
  const lines = page.split("\n");
  const steps: Step[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^ *(?<marks>`{3,})console(?<words>.*)$/.exec(lines[at] as string)?.groups;
    if (fence === undefined) continue;
    let end = at + 1;
    while (end < lines.length && lines[end]?.trim() !== fence.marks) end++;
    if (!/\bskip\b/.test(fence.words as string)) steps.push(...stepsOfBlock(lines, at + 1, end));
    at = end;
  }
  return steps;
}

function stepsOfBlock(lines: readonly string[], from: number, to: number): Step[] {
  const steps: Step[] = [];
  let at = from;
  while (at < to) {
    const first = lines[at] as string;
    if (!first.startsWith("$ ")) throw new Error(`line ${at + 1}: a console block begins with "$ "`);
    let command = first.slice(2);
    at++;
    while (command.endsWith("\\") && lines[at]?.startsWith("> ")) command = `${command}\n${lines[at++]?.slice(2)}`;
    const begin = at;
    while (at < to && !lines[at]?.startsWith("$ ")) at++;
    steps.push({ command, expected: lines.slice(begin, at), from: begin, to: at });
  }
  return steps;
}

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{64}\b/g, "DIGEST"],
  [/\b[0-9a-f]{32}\b/g, "ID"],
  [/\b(localhost|127\.0\.0\.1):\d+/g, "$1:PORT"],
  [/"(port|delayMs)":\d+/g, '"$1":N'],
  [/\b\d+(?:\.\d+)? ?(?:ms|s|min|h)\b/g, "TIME"],
  [/\b\d+(?:\.\d+)? (?:[KMG]iB|files|bytes)\/s/g, "RATE"],
  [/\b(?:\d+\.\d\d syncs for each|syncs are not counted here: there is no strace)/g, "SYNCS"],
];

/** A line without what differs from run to run. */
export const masked = (line: string): string =>
  MASKS.reduce((text, [pattern, word]) => text.replace(pattern, word), line).trimEnd();

/** Whether the output is what a page says; "..." stands for any lines. */
export function matches(expected: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  if (first.trim() === "...") return matches(rest, actual) || (actual.length > 0 && matches(expected, actual.slice(1)));
  return actual.length > 0 && masked(first) === masked(actual[0] as string) && matches(rest, actual.slice(1));
}

/** Where `filespool` is found by the shell of a page. */
function writePrograms(folder: string): void {
  mkdirSync(folder);
  const main = join(root, "dist/cli/filespool.cjs");
  const missing = "echo 'filespool is not built: npm run build' >&2; exit 1";
  const run = existsSync(main) ? `exec node '${main}' "$@"` : missing;
  writeFileSync(join(folder, "filespool"), `#!/bin/sh\n${run}\n`);
  const tsx = `exec node --import '${join(root, "node_modules/tsx/dist/loader.mjs")}'`;
  const workshop = `${tsx} '${join(root, "examples/workshop/workshop.ts")}' "$@"`;
  const cases = (known: string, none: string) =>
    `#!/bin/sh\ncase "$1 $2" in\n${known}\n*) echo '${none}' >&2; exit 1;;\nesac\n`;
  writeFileSync(
    join(folder, "npx"),
    cases(`"filespool "*) shift; ${run};;\n"tsx "*) shift; ${tsx} "$@";;`, "only filespool and tsx"),
  );
  writeFileSync(
    join(folder, "npm"),
    cases(`"run workshop") shift 2; [ $# -gt 0 ] && shift; ${workshop};;`, "only npm run workshop"),
  );
  for (const name of ["filespool", "npx", "npm"]) chmodSync(join(folder, name), 0o755);
}

/** Runs commands one after the other in one shell, and returns what each printed on both streams. */
export async function run(commands: readonly string[], deadlineMs = 120_000): Promise<string[][]> {
  const top = mkdtempSync(join(tmpdir(), "filespool-console-"));
  const folder = join(top, "work");
  mkdirSync(folder);
  writePrograms(join(top, "bin"));
  symlinkSync(join(root, "examples"), join(folder, "examples"));
  const env = { ...process.env, PATH: `${join(top, "bin")}${delimiter}${process.env.PATH}`, HOME: top, NO_COLOR: "1" };
  const mark = `end of command ${process.pid}`;
  const script = commands.map((command) => `${command}\necho; echo "${mark}"\n`).join("");
  // A group of its own, so that a server in the background ends with the page.
  const shell = spawn("bash", ["--norc", "-s"], { cwd: folder, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const end = () => {
    try {
      process.kill(-(shell.pid as number), "SIGKILL");
    } catch {
      // It has ended, and all that it started with it.
    }
  };
  const late = setTimeout(end, deadlineMs);
  try {
    let output = "";
    const done = new Promise<void>((settle, fail) => {
      const take = (bytes: Buffer) => {
        output += bytes;
        if (output.split(`${mark}\n`).length > commands.length) settle();
      };
      shell.stdout.on("data", take);
      // Not "exit": what it printed last may still be on its way then.
      shell.on("close", () => settle());
      shell.on("error", fail);
    });
    shell.stdin.end(`exec 2>&1\n${script}`);
    await done;
    const parts = output.split(`${mark}\n`);
    if (parts.length <= commands.length)
      throw new Error(`"${commands[parts.length - 1]}" did not end; it printed:\n${parts.at(-1)}`);
    return parts.slice(0, commands.length).map((part) => {
      const text = part.replaceAll(folder, "/here").replace(/\n+$/, "");
      return text === "" ? [] : text.split("\n");
    });
  } finally {
    clearTimeout(late);
    end();
    rmSync(top, { recursive: true, force: true });
  }
}

export interface Difference {
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
  readonly actual: readonly string[];
}

/** Runs a page; what differs, and the page as it would be right. */
export async function checkPage(page: string): Promise<{ differences: Difference[]; corrected: string }> {
  const steps = stepsOf(page);
  const outputs = steps.length === 0 ? [] : await run(steps.map(({ command }) => command));
  const lines = page.split("\n");
  const differences: Difference[] = [];
  for (let at = steps.length - 1; at >= 0; at--) {
    const { command, expected, from, to } = steps[at] as Step;
    const actual = outputs[at] as string[];
    const shown = expected.join("\n").trimEnd() === "" ? [] : expected;
    if (matches(shown, actual)) continue;
    differences.unshift({ line: from, command, expected, actual });
    lines.splice(from, to - from, ...actual);
  }
  return { differences, corrected: lines.join("\n") };
}

/** The pages that may hold such blocks. */
export function readPage(path: string): string {
  return readFileSync(resolve(root, path), "utf8");
}
