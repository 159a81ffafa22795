/**
 * Creates an entry of an archive, and tells whose fault it is when that fails.
 *
 * A folder that was packed on one disk may not fit another, and nobody meant harm. exFAT takes "A"
 * and "a" for one name, refuses a colon and keeps no links. A path that was short at the sender may
 * be too long under a long --out. The archive is good then. So these are errors of this disk
 * (target-refused), with a sentence that says which entry it is, why it cannot be here, and what to
 * do. An entry that every disk would refuse is the archive's fault (archive-refused): one that
 * comes twice, or before its folder.
 *
 * Disks refuse in different ways. exFAT says EINVAL to a name that it cannot hold, and through FUSE
 * it says ENOENT, as if the folder were missing; so the folder is looked at once more. Never here:
 * entries that fit (tar-unpack.ts). Why: adr/0088.
 */
import { lstat, readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { FilespoolError } from "../../../protocol/errors.ts";
import { quoteName } from "../../../protocol/names.ts";
import { refusedArchive } from "./tar-names.ts";

/** Bytes of the longest path that a program can open, without its NUL; Infinity if unknown. */
const PATH_BYTES_MAX: number = ({ linux: 4095, darwin: 1023 } as Record<string, number>)[process.platform] ?? Infinity;

/**
 * The error of an entry that this disk cannot hold.
 * @param cause what the system said: a server hears only that, and none of our paths
 */
function unfit(path: string, why: string, cause: NodeJS.ErrnoException): FilespoolError {
  const what = `the folder cannot be unpacked here: ${quoteName(path)} ${why}`;
  return new FilespoolError("target-refused", `${what}; it can be collected elsewhere, or as an archive`, { cause });
}

/**
 * Checks that programs can open an entry where the folder will be. We could create it all the same,
 * through the open folder.
 * @param place where the whole folder will be, absolute
 * @throws FilespoolError target-refused
 */
export function checkLength(place: string, path: string): void {
  const bytes = Buffer.byteLength(place) + 1 + Buffer.byteLength(path);
  if (bytes <= PATH_BYTES_MAX) return;
  const cause = Object.assign(new Error("the path would be too long"), { code: "ENAMETOOLONG" });
  const most = `no program could open one of more than ${PATH_BYTES_MAX}`;
  throw unfit(path, `would have a path of ${bytes} bytes under this folder, and ${most}`, cause);
}

/**
 * Runs the call that creates an entry.
 * @param path in the archive
 * @param local where it is created
 * @throws FilespoolError archive-refused, target-refused; or what else the file system said
 */
export async function created<T>(path: string, local: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await judged(path, local, error as NodeJS.ErrnoException);
  }
}

/** Turns an error of the system into one of the archive or of this disk, where it is one. */
async function judged(path: string, local: string, error: NodeJS.ErrnoException): Promise<Error> {
  switch (error.code) {
    case "EEXIST": {
      const names = await readdir(dirname(local));
      const other = names.find((name) => name !== basename(local) && folded(name) === folded(basename(local)));
      const isTwice = names.includes(basename(local)) && !(await hasSpellings(local));
      if (isTwice) return refusedArchive(`it has ${quoteName(path)} twice, or two names that are one here`);
      const which = other === undefined ? "another one beside it" : `${quoteName(other)} beside it`;
      return unfit(path, `has a name that this disk takes for the same as ${which}`, error);
    }
    case "ENOENT":
    case "ENOTDIR": {
      if (!(await isFolder(dirname(local)))) return refusedEarly(path);
      return unfit(path, "has a name that this disk does not allow", error);
    }
    case "ENAMETOOLONG":
      return unfit(path, "has a name, or leads to a path, that is too long for this disk (ENAMETOOLONG)", error);
    case "EINVAL":
    case "EILSEQ":
      return unfit(path, `has a name that this disk does not allow (${error.code})`, error);
    case "EMLINK":
      return unfit(path, "is one more name of a file than this disk allows (EMLINK)", error);
    case "EPERM":
    case "ENOSYS":
    case "ENOTSUP":
    case "EOPNOTSUPP": {
      const kind = { link: "hard", symlink: "symbolic" }[error.syscall ?? ""];
      return kind ? unfit(path, `is a ${kind} link, and this disk keeps none (${error.code})`, error) : error;
    }
    default:
      return error;
  }
}

/** Whether there is a folder; also for a path that is a link to an open one (held-folder.ts). */
export const isFolder = async (path: string): Promise<boolean> =>
  (await lstat(`${path}/.`).catch(() => null))?.isDirectory() === true;

/** The error of an entry whose folder has not come yet. */
export const refusedEarly = (path: string): FilespoolError =>
  refusedArchive(`${quoteName(path)} comes before the folder that it is in`);

/**
 * Whether this disk finds the same file by another spelling of its name. Listing the folder does
 * not tell, because some disks list every name in small letters.
 */
async function hasSpellings(local: string): Promise<boolean> {
  const [folder, name] = [dirname(local), basename(local)];
  const found = await lstat(local);
  for (const other of [name.toUpperCase(), name.toLowerCase(), name.normalize("NFD"), name.normalize("NFC")])
    if (other !== name && (await lstat(`${folder}/${other}`).catch(() => null))?.ino === found.ino) return true;
  return false;
}

/** One form for all spellings that some disk takes for the same name. */
const folded = (name: string): string => name.normalize("NFKC").toLowerCase();
