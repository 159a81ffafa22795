/**
 * Which file a file is, as far as its directory entry and its inode tell without reading it.
 *
 * A sender names a transfer after this identity, so that the same file offered twice is one
 * transfer (adr/0011). The identity is only as good as what the file system keeps:
 *
 *   fine times     The kernel sets the time of change (ctime) with each write, in nanoseconds or in
 *                  ticks of a few milliseconds, and no program can set it back. Together with the
 *                  inode it tells one content from the next.
 *   coarse times   Whole seconds (ext3 with small inodes, exFAT and SFTP through FUSE), two seconds
 *                  (FAT) or hundredths (exFAT). Several writes share one time. Often the ctime is a
 *                  copy of the mtime, which programs do set back. Inode numbers are made up anew
 *                  after each mount. So the path stands for the inode, and the identity alone
 *                  proves nothing: the digest decides (adr/0090).
 *
 * The device number is left out on purpose: a USB disk, a btrfs or an NFS mount may get another one
 * each time.
 *
 * Invariant: a content that differs has another identity, or `isDoubtful` says that it may not
 * have. Never here: opening and reading the file (file-source.ts).
 */
import { type BigIntStats, realpathSync } from "node:fs";
import { resolve } from "node:path";

const MS_NS = 1_000_000n;
/** The finest of the coarse grains: exFAT counts hundredths of a second. */
const GRAIN_NS = 10n * MS_NS;
const SECOND_NS = 1_000n * MS_NS;
/** The coarsest grain in use: FAT counts in steps of two seconds. */
const GRAIN_MS_MAX = 2_000;
/** A file that changed so recently may change again without a new time, whatever the grain. */
const YOUNG_MS = 3_000;

/** What this file needs of a file's status. */
export type FileStatus = Pick<BigIntStats, "dev" | "ino" | "size" | "mtimeNs" | "ctimeNs">;

/**
 * Whether the file system keeps only coarse times. A fine ctime is a whole number of hundredths by
 * chance once in ten million files. Then a file that is offered again is read once more, and no
 * harm is done.
 */
export const hasCoarseTimes = ({ ctimeNs }: FileStatus): boolean => ctimeNs % GRAIN_NS === 0n;

/**
 * A text that stays the same as long as the file does, and differs once the file has changed, as
 * far as its status can tell.
 */
export function identityOf(path: string, status: FileStatus): string {
  const { ino, size, mtimeNs, ctimeNs } = status;
  return hasCoarseTimes(status) ? `${pathOf(path)} ${size} ${mtimeNs}` : `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/**
 * Whether two identities of one path differ only in the time of change. New permissions or another
 * name change that time too, so the content is likely to be the same, and its digest tells.
 */
export function differsByCtimeOnly(one: string, two: string): boolean {
  const [a, b] = [one.split(" "), two.split(" ")];
  return a.length === 4 && b.length === 4 && a.slice(0, 3).join() === b.slice(0, 3).join() && a[3] !== b[3];
}

/**
 * The path with all links followed, so that one file has one path. For a file that is gone by now,
 * the absolute path.
 */
function pathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/**
 * Whether two contents may have had this identity. Then a server that says it has the file already
 * is believed only if its digest is right.
 * @param nowMs since the epoch, by this machine's clock. A file from the future is in doubt as
 * well.
 */
export const isDoubtful = (status: FileStatus, nowMs: number): boolean =>
  hasCoarseTimes(status) || lastChangeMs(status) > nowMs - YOUNG_MS;

/**
 * How long to wait until another write would get another time, ms; 0 if it would already. A change
 * during reading is noticed by the file's times only, so reading begins after this wait.
 */
export function grainLeftMs(status: FileStatus, nowMs: number): number {
  if (!hasCoarseTimes(status)) return 0;
  const grainMs = status.mtimeNs % SECOND_NS === 0n ? GRAIN_MS_MAX : Number(GRAIN_NS / MS_NS);
  const ageMs = nowMs - lastChangeMs(status);
  // The clock of a server elsewhere may be hours ahead. Waiting for that would help nobody.
  return ageMs < 0 || ageMs >= grainMs ? 0 : grainMs - ageMs;
}

/** Whether nothing has changed between two looks at an open file, as far as its status can tell. */
export const isUnchanged = (before: FileStatus, now: FileStatus): boolean =>
  before.ino === now.ino &&
  before.dev === now.dev &&
  before.size === now.size &&
  before.mtimeNs === now.mtimeNs &&
  before.ctimeNs === now.ctimeNs;

function lastChangeMs({ mtimeNs, ctimeNs }: FileStatus): number {
  return Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / MS_NS);
}
