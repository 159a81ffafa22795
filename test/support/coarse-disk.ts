/**
 * A disk that keeps no fine times, as ext3, FAT and SFTP do: both times of a file are the one that programs set, in whole
 * seconds. It also counts what is read of large files. Import it before what is to be tried on it.
 */
import fs, { type BigIntStats, type Stats } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { onTestFinished } from "vitest";

const { fstatSync, read } = fs;
const SECOND_NS = 1_000_000_000n;

/** Reads through the thread pool so far. */
export let reads = 0;
fs.read = Object.assign(
  (...words: unknown[]) => {
    reads++;
    (read as (...words: unknown[]) => void)(...words);
  },
  // How many values the callback gets, as promisify() finds it on the original.
  Object.fromEntries(Object.getOwnPropertySymbols(read).map((symbol) => [symbol, Reflect.get(read, symbol)])),
) as unknown as typeof read;
syncBuiltinESMExports();

/** Makes the times of all open files coarse, until the test is over. */
export function withCoarseTimes(): void {
  fs.fstatSync = ((fd: number, options?: { bigint: true }): Stats | BigIntStats => {
    if (!options?.bigint) return fstatSync(fd); // who asks for no exact times asks for other things
    const stat = fstatSync(fd, options);
    const ns = stat.mtimeNs - (stat.mtimeNs % SECOND_NS);
    return Object.assign(stat, { mtimeNs: ns, ctimeNs: ns });
  }) as typeof fstatSync;
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.fstatSync = fstatSync;
    syncBuiltinESMExports();
  });
}
