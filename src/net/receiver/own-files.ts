/**
 * What a receiver keeps in a target folder under names of its own, and the one way to what it finds
 * there.
 *
 *   .filespool-<transfer>[.<lot>].part   content that arrives, or that waits for its name
 *   .filespool-<transfer>[.<lot>].tree   a folder that is being unpacked
 *   .filespool-<transfer>[.<lot>].old    a folder that is being replaced
 *   .filespool-<transfer>.hook           a record: a command is owed for this file
 *   .filespool-landed-<random>           the journal
 *   .filespool-new-<random>              a journal or a record that is being written
 *   .filespool-damaged-<random>          a damaged file of ours, for people; never read
 *
 * Other users may be able to write into the folder, so a name proves nothing. A link leads to
 * somebody else's files. A second name of a file lets us write into that file. A pipe makes the
 * program that opens it wait, and opening a device may do anything. So nothing is used before it
 * has passed these checks, in this order:
 *
 *   1. The name has exactly one of these forms.
 *   2. `lstat` says: a plain file with one name (for trees: a folder), and it belongs to us.
 *   3. It is opened without following a link and without waiting, and the open file is the one that
 *      was looked at.
 *
 * What is not ours is left alone: not read, written, moved or removed. If the name of a part is
 * taken, our part gets a <lot> that nobody could guess. Never here: what the files say, and what
 * follows from that. Why: adr/0082.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OWN_PREFIX } from "../../protocol/names.ts";

/** How the name of a journal begins. */
export const JOURNAL = `${OWN_PREFIX}-landed-`;
/**
 * How the name of a file begins that is still being written. No content is lost with it. Without a
 * lock on it, it belongs to a dead receiver.
 */
export const UNNAMED = `${OWN_PREFIX}-new-`;
const DAMAGED = `${OWN_PREFIX}-damaged-`;

/** Kinds of files and folders that belong to one transfer. */
export type OwnKind = "part" | "tree" | "old" | "hook";

const OF_TRANSFER = /^\.filespool-([0-9a-f]{32})(?:\.[0-9a-f]{8})?\.(part|tree|old|hook)$/;

/** The path of the ordinary name of that kind; see `withLot` for the other one. */
export const ownPath = (folder: string, transfer: string, kind: OwnKind): string =>
  join(folder, `${OWN_PREFIX}-${transfer}.${kind}`);

/** The part file of a transfer. */
export const partPath = (folder: string, transfer: string): string => ownPath(folder, transfer, "part");

/**
 * Another name of the same kind for the same transfer, random, so that nobody can have guessed it.
 */
export const withLot = (path: string): string =>
  join(dirname(path), basename(path).replace(OF_TRANSFER, `${OWN_PREFIX}-$1.${randomBytes(4).toString("hex")}.$2`));

/** A name for something that is being written. */
export const unnamedPath = (folder: string): string => join(folder, UNNAMED + randomBytes(6).toString("hex"));

/**
 * Which kind of ours a name is by its form, and of which transfer ("" for a journal). Null: none of
 * ours, whatever it begins with.
 */
export function ownName(
  name: string,
): { readonly kind: OwnKind | "journal" | "unnamed"; readonly transfer: string } | null {
  if (name.startsWith(JOURNAL)) return { kind: "journal", transfer: "" };
  if (name.startsWith(UNNAMED)) return { kind: "unnamed", transfer: "" };
  const [, transfer = "", kind] = OF_TRANSFER.exec(name) ?? [];
  return kind === undefined ? null : { kind: kind as OwnKind, transfer };
}

/** Warnings about single names; more than these nobody reads, so the rest is counted. */
const WARNINGS_MAX = 5;

/**
 * The names in a folder that are ours, by their form and by what has them. The parts of other
 * users' receivers are left out silently.
 * @param warn hears of other names of our forms, which may be there on purpose
 * @throws what the file system said
 */
export function ownNames(
  folder: string,
  names: readonly string[],
  warn: (path: string, message: string) => void,
): string[] {
  const strangers: string[] = [];
  const ours = names.filter((name) => {
    const kind = ownName(name)?.kind;
    if (kind === undefined) return false;
    const found = look(join(folder, name));
    const isTwin = found.is === "twin" && kind !== "part";
    if (found.is !== "foreign" && !isTwin) return true;
    const isRead = kind === "journal" || kind === "hook";
    if (!isRead && found.is === "foreign" && found.isOthers) return false;
    // Names that would have been read come first: a person may miss what they were to tell.
    strangers[isRead ? "unshift" : "push"](name);
    return false;
  });
  for (const name of strangers.slice(0, WARNINGS_MAX)) {
    const found = look(join(folder, name));
    const what = found.is === "foreign" ? found.what : "a file with a second name";
    warn(join(folder, name), `it is ${what}, not a file of this receiver; it is left alone`);
  }
  if (strangers.length > WARNINGS_MAX)
    warn(folder, `${strangers.length - WARNINGS_MAX} more such names are left alone`);
  return ours;
}

/** What a name of ours leads to. Only `file`, `twin` and `folder` are ours. */
export type Found =
  | { readonly is: "nothing" }
  /**
   * A plain file with one name (`file`), a file with a second one (`twin`; as a rule it has
   * landed), or a folder.
   */
  | { readonly is: "file" | "twin" | "folder"; readonly stat: Stats }
  /**
   * Not ours. `what` says what it is. `isOthers`: a plain file or folder of another user, who may
   * run a receiver too.
   */
  | { readonly is: "foreign"; readonly what: string; readonly isOthers: boolean };

/**
 * Looks at a path, and touches nothing.
 * @throws what the file system said, unless it is that nothing is there
 */
export function look(path: string): Found {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? { is: "nothing" } : judge(stat, dirname(path), ownName(basename(path))?.kind);
}

/** What a status means for a name of that kind. The rules of step 2. */
function judge(stat: Stats, folder: string, kind: OwnKind | "journal" | "unnamed" | undefined): Found {
  const isFolder = stat.isDirectory();
  const isRight = kind === undefined || isFolder === (kind === "tree" || kind === "old");
  if (!isRight || (!isFolder && !stat.isFile())) return { is: "foreign", what: kindOf(stat), isOthers: false };
  if (!isOwner(stat.uid, folder)) return { is: "foreign", what: "another user's", isOthers: true };
  if (isFolder) return { is: "folder", stat };
  return { is: stat.nlink > 1 ? "twin" : "file", stat };
}

/** What kind of thing something is, in words. */
export function kindOf(stat: Stats): string {
  if (stat.isSymbolicLink()) return "a symbolic link";
  if (stat.isFIFO()) return "a pipe";
  if (stat.isSocket()) return "a socket";
  if (stat.isDirectory()) return "a folder";
  return stat.isFile() ? "a file" : "a device";
}

/** By folder: the owner that a new file gets there. Asked once, and only where it matters. */
const owners = new Map<string, number>();

/**
 * Whether a file belongs to us. Disks that keep no owners (FAT, some network shares) show every
 * file as one user's, whoever created it. So if that user is not ours, a new file is created to see
 * whose it is.
 */
function isOwner(uid: number, folder: string): boolean {
  const ours = process.geteuid?.();
  if (ours === undefined || uid === ours) return true;
  let owner = owners.get(folder);
  if (owner === undefined) {
    owner = ours;
    try {
      const probe = unnamedPath(folder);
      const fd = openSync(probe, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      owner = fstatSync(fd).uid;
      closeSync(fd);
      unlinkSync(probe);
    } catch {} // where we can create nothing, nothing is ours
    owners.set(folder, owner);
  }
  return uid === owner;
}

/** Opens without following a link, and without waiting for the other end of a pipe. */
const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Makes a part writable again. A file that is read-only at its sender is so here from `settle` on.
 * If it then gets no final name, the next attempt has to write to it.
 * @returns false: it is another file by now
 * @throws what the file system said
 */
function letOwnerWrite(path: string, { dev, ino, mode }: Stats): boolean {
  if ((mode & 0o200) !== 0 || ownName(basename(path))?.kind !== "part") return true;
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | SAFELY);
  } catch (error) {
    return unlessSwapped(error as NodeJS.ErrnoException) !== null;
  }
  try {
    const now = fstatSync(fd);
    const isIt = now.dev === dev && now.ino === ino && now.nlink === 1;
    if (isIt) fchmodSync(fd, (now.mode & 0o777) | 0o200);
    return isIt;
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a plain file of ours.
 * @returns null: nothing is there, or nothing of ours
 * @throws what the file system said
 */
export async function openOurs(path: string, flags: number): Promise<FileHandle | null> {
  const before = look(path);
  if (before.is !== "file") return null;
  if (!letOwnerWrite(path, before.stat)) return null;
  const handle = await open(path, flags | SAFELY).catch(unlessSwapped);
  if (!handle) return null;
  const { dev, ino, nlink } = await handle.stat();
  if (dev === before.stat.dev && ino === before.stat.ino && nlink === 1) return handle;
  await handle.close(); // somebody has put something else there
  return null;
}

/** The same in synchronous calls, for small files. */
export function openOursSync(path: string, flags: number): number | null {
  const before = look(path);
  if (before.is !== "file" || !letOwnerWrite(path, before.stat)) return null;
  try {
    const fd = openSync(path, flags | SAFELY);
    const { dev, ino, nlink } = fstatSync(fd);
    if (dev === before.stat.dev && ino === before.stat.ino && nlink === 1) return fd;
    closeSync(fd);
    return null;
  } catch (error) {
    return unlessSwapped(error as NodeJS.ErrnoException);
  }
}

/** For a `catch`: null if it is gone, or has become a link or a pipe, since it was looked at. */
function unlessSwapped(error: NodeJS.ErrnoException): null {
  if (["ENOENT", "ELOOP", "ENXIO", "EISDIR"].includes(error.code ?? "")) return null;
  throw error;
}

/** For a `catch`: null if nothing is there. */
export function unlessMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

/** Keeps a file of ours that makes no sense, under a name that is never read. @returns that name */
export function setAside(path: string): string {
  const name = DAMAGED + randomBytes(6).toString("hex");
  renameSync(path, join(dirname(path), name));
  return name;
}
