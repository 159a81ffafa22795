/** What a process holds and uses, as its operating system sees it. */
import { readFileSync } from "node:fs";

export const hasProc = process.platform === "linux";
if (!hasProc) console.warn("SKIPPED: tests of a process's memory read it from /proc, which only Linux has");

/** Anonymous memory of a process, bytes: LMDB's map of its file is page cache, and would count as memory elsewhere. */
export function anonymousBytes(pid: number): number {
  const [, kib] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}

/** Time that a process was on a processor, ms; the clock of Linux ticks a hundred times a second. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
