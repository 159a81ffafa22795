/** What a process holds, as its operating system sees it. */
import { readFileSync } from "node:fs";

export const hasProc = process.platform === "linux";
if (!hasProc) console.warn("SKIPPED: tests of a process's memory read it from /proc, which only Linux has");

/** Anonymous memory of a process, bytes: LMDB's map of its file is page cache, and would count as memory elsewhere. */
export function anonymousBytes(pid: number): number {
  const [, kib] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}
