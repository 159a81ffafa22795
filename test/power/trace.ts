/**
 * Runs a program under strace and reads what it did to one folder, and what it said, in the order in which it happened.
 *
 * Each call is two steps, because threads overlap and a power cut may come in between: it starts (from here on the disk
 * may show it) and it ends (from here on the program may rely on it). What the program says to the world is a write to
 * its standard output, so facts and disk calls stand in one list. Calls that are refused change nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Call {
  readonly name: string;
  /** As strace shows them. */
  readonly args: string;
  /** -1 where it failed or never returned. */
  readonly result: number;
}

export interface Step {
  readonly edge: "start" | "end";
  readonly call: Call;
}

/** Everything that may change a file or a folder, and the calls that say where the next write goes. */
const CHANGES = [
  ...["openat", "open", "creat", "close", "lseek", "write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate"],
  ...["truncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "rename", "renameat", "renameat2", "link"],
  ...["linkat", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "copy_file_range", "sendfile", "splice", "mmap"],
  ...["symlink", "symlinkat"],
];

/** Starts Node under strace; the trace is complete once the process has closed. */
export function startTraced(traceFile: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  // Content is needed to the last byte; io_uring would write behind strace's back.
  const strace = ["-f", "-y", "-xx", "-s", "4000000", "--seccomp-bpf", "-e", "signal=none"];
  const all = [...strace, "-e", `trace=${CHANGES.join(",")}`, "-o", traceFile, process.execPath, ...words];
  return spawn("strace", all, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_V8_COVERAGE: "", UV_USE_IO_URING: "0", ...env },
  });
}

/** The lines of a trace as steps; calls that touch neither `folder` nor standard output are left out. */
export function readTrace(file: string, folder: string): Step[] {
  /** What makes a call one of ours: the folder, and links that lead into it. */
  const names = [hexOf(folder)];
  const steps: Step[] = [];
  const begun = new Map<string, { call: { -readonly [K in keyof Call]: Call[K] }; isOurs: boolean }>();
  for (const line of linesOf(readFileSync(file))) {
    const space = line.indexOf(" ");
    const thread = line.slice(0, space);
    const text = line.slice(space).trimStart();
    const resumed = /^<\.\.\. (\w+) resumed>/.exec(text);
    const open = begun.get(thread);
    if (resumed) {
      if (!open || open.call.name !== resumed[1])
        throw new Error(`a call ends that did not begin: ${line.slice(0, 80)}`);
      begun.delete(thread);
      open.call.result = resultOf(text);
      if (open.isOurs) steps.push({ edge: "end", call: open.call });
      continue;
    }
    const name = /^(\w+)\(/.exec(text)?.[1];
    if (!name) continue; // "+++ exited with 0 +++"
    const isUnfinished = text.endsWith("<unfinished ...>");
    const to = isUnfinished ? text.lastIndexOf("<unfinished") : text.lastIndexOf(") ");
    const args = text.slice(name.length + 1, to);
    const call = { name, args, result: isUnfinished ? -1 : resultOf(text) };
    const isOurs = names.some((hex) => args.includes(hex)) || /^[12]</.test(args);
    if (isOurs && name === "symlink") names.push(hexOf(String(stringsIn(call)[1])));
    if (isOurs) steps.push({ edge: "start", call });
    if (isUnfinished) begun.set(thread, { call, isOurs });
    else if (isOurs) steps.push({ edge: "end", call });
  }
  return steps;
}

/** A trace may be longer than the longest string. */
function* linesOf(bytes: Buffer): Iterable<string> {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const to = end < 0 ? bytes.length : end;
    yield bytes.toString("latin1", at, to);
    at = to + 1;
  }
}

function resultOf(text: string): number {
  const at = text.lastIndexOf(" = ");
  const result = Number.parseInt(text.slice(at + 3), 10);
  return at < 0 || Number.isNaN(result) ? -1 : result;
}

const hexOf = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll("\\x", ""), "hex");

/** All strings among the arguments. @throws when strace has shortened one: the disk would be wrong */
export function stringsIn({ args, name }: Call): Buffer[] {
  if (args.includes('"...')) throw new Error(`strace has shortened what ${name} wrote`);
  return [...args.matchAll(/"([^"]*)"/g)].map(([, hex]) => bytesOf(hex as string));
}

/** The descriptor in front, and the path that it stands for. */
export function descriptorOf({ args }: Call): { fd: number; path: string } {
  const [, fd, hex] = /^(\d+)<([^>]*)>/.exec(args) ?? [];
  return { fd: Number(fd), path: bytesOf(hex ?? "").toString() };
}

/** Numbers after the last string, list or descriptor: sizes, offsets. */
export const numbersIn = ({ args }: Call): number[] =>
  args
    .slice(Math.max(args.lastIndexOf('"'), args.lastIndexOf("]"), args.lastIndexOf(">")) + 1)
    .split(",")
    .filter((text) => text.trim() !== "")
    .map(Number);
