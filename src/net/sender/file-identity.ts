/**
 * Which file a file is, as far as its directory entry and its inode can tell without reading it.
 *
 * A sender names a transfer after this identity, so that the same file offered twice is one transfer (adr/0011). The
 * identity is only as good as what the file system keeps:
 *
 *   fine times      the kernel sets the time of change (ctime) with each write, in nanoseconds or ticks of a few
 *                   milliseconds, and no program can set it back. With the inode it tells one content from the next.
 *   coarse times    whole seconds (ext3 with small inodes, exFAT and SFTP through FUSE), two seconds (FAT) or hundredths
 *                   (exFAT). Several writes share one time; often the ctime is a copy of the mtime, which programs do set
 *                   back; and inode numbers are made up anew after each mount. So the path stands for the inode, and
 *                   the identity alone proves nothing: the digest decides (adr/0090).
 *
 * The number of the device is left out on purpose: a USB disk, a btrfs or an NFS mount may get another one each time.
 *
 * Never here: opening and reading the file (file-source.ts).
 */
import { type BigIntStats, realpathSync } from "node:fs";
import { resolve } from "node:path";

const MS_NS = 1_000_000n;
/** The finest of the coarse grains: exFAT counts hundredths of a second. */
const GRAIN_NS = 10n * MS_NS;
const SECOND_NS = 1_000n * MS_NS;
/** The coarsest grain in use, that of FAT. */
const GRAIN_MS_MAX = 2_000;
/** A file that changed so recently may change again without another time, whatever the grain. */
const YOUNG_MS = 3_000;

/** What is asked of a file's status. */
export type FileStatus = Pick<BigIntStats, "dev" | "ino" | "size" | "mtimeNs" | "ctimeNs">;

/**
 * Whether the file system keeps no fine times. A fine ctime is a whole number of hundredths by chance only, once in ten
 * million files; to be wrong then costs one more read of a file that is offered again.
 */
export const hasCoarseTimes = ({ ctimeNs }: FileStatus): boolean => ctimeNs % GRAIN_NS === 0n;

/** A text that is the same again for the same file, and another one once it has been changed as far as one can see. */
export function identityOf(path: string, status: FileStatus): string {
  const { ino, size, mtimeNs, ctimeNs } = status;
  return hasCoarseTimes(status) ? `${pathOf(path)} ${size} ${mtimeNs}` : `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/**
 * Whether of two identities of one path only the time of change differs, which a new right or a further name changes as
 * well: then the content is likely to be the same, and its digest tells.
 */
export function differsByCtimeOnly(one: string, two: string): boolean {
  const [a, b] = [one.split(" "), two.split(" ")];
  return a.length === 4 && b.length === 4 && a.slice(0, 3).join() === b.slice(0, 3).join() && a[3] !== b[3];
}

/** Links are followed, so that one file has one path. A file that is gone meanwhile has at least a name. */
function pathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/**
 * Whether two contents may have had this identity: then a server that says to have the file already is believed only
 * if its digest is right.
 * @param nowMs since the epoch, by this machine's clock; a file that seems to be from the future is in doubt as well
 */
export const isDoubtful = (status: FileStatus, nowMs: number): boolean =>
  hasCoarseTimes(status) || lastChangeMs(status) > nowMs - YOUNG_MS;

/**
 * How long to wait until a further write must show as another time, in milliseconds; 0 where that is so already. A file
 * that changes while it is read is found out by its times only, so reading begins after this.
 */
export function grainLeftMs(status: FileStatus, nowMs: number): number {
  if (!hasCoarseTimes(status)) return 0;
  const grainMs = status.mtimeNs % SECOND_NS === 0n ? GRAIN_MS_MAX : Number(GRAIN_NS / MS_NS);
  const ageMs = nowMs - lastChangeMs(status);
  // By a clock that is not ours, it may be from the future for hours. To wait for that helps nobody.
  return ageMs < 0 || ageMs >= grainMs ? 0 : grainMs - ageMs;
}

/** Whether nothing of what can be seen has changed between two looks at an open file. */
export const isUnchanged = (before: FileStatus, now: FileStatus): boolean =>
  before.ino === now.ino &&
  before.dev === now.dev &&
  before.size === now.size &&
  before.mtimeNs === now.mtimeNs &&
  before.ctimeNs === now.ctimeNs;

function lastChangeMs({ mtimeNs, ctimeNs }: FileStatus): number {
  return Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / MS_NS);
}
