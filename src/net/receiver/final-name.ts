/**
 * The final name of a file that lands: how it is given, and how programs that watch the folder hear
 * of it.
 *
 * `link` fails if the name is taken, where `rename` would replace what has it. So a file that
 * replaces nothing gets its final name as a second name, and later loses the name of its part
 * (landing.ts). Programs that watch a folder wait for "closed after writing" or "moved here", as
 * their manuals tell them to. A link is neither: they would see a new name, and never hear that the
 * file is complete. So a linked file is opened for writing once more under its final name, and
 * closed with nothing written. On Linux (inotify), each final name ends with exactly one of these:
 *
 *   refuse, rename, skip    IN_CREATE, then IN_CLOSE_WRITE      the link; the close after the sync
 *   overwrite               IN_MOVED_TO                         one rename
 *   a folder                IN_MOVED_TO                         one rename
 *   no hard links (FAT)     IN_MOVED_TO                         one rename
 *
 * Node has no exclusive rename (renameat2 with RENAME_NOREPLACE). And POSIX has a rename between
 * two names of one file do nothing. Why: adr/0084.
 *
 * Never here: which name a file gets (landing-names.ts), and the order of the steps (landing.ts).
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FilespoolError } from "../../protocol/errors.ts";
import { OWN_PREFIX, quoteName } from "../../protocol/names.ts";
import { isThere } from "./landing-errors.ts";
import { kindOf, look } from "./own-files.ts";

/** A file with two names: its part's, and the final one. */
export interface Linked {
  readonly part: string;
  readonly path: string;
}

/**
 * Gives a part its final name, as a second name where the disk has hard links.
 * @returns false: the name is taken
 * @throws what the file system said
 */
export function claim(part: string, path: string, linked: Linked[]): boolean {
  try {
    linkSync(part, path);
    linked.push({ part, path });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  // Without hard links (FAT): look first. A file that takes the name in between is replaced.
  if (isThere(path)) return false;
  renameSync(part, path);
  return true;
}

/**
 * Checks that a file may take the place of what has that name: a plain file, or for a folder also a
 * folder. Anything else would be lost: a device that was meant to be written to, a pipe that
 * somebody waits at, a link to a chosen place.
 * @throws FilespoolError file-exists; or what the file system said
 */
export function checkReplaceable(path: string, isFolder: boolean): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isFile() || (isFolder && stat.isDirectory())) return;
  const what = `${quoteName(path)} is ${kindOf(stat)}`;
  throw new FilespoolError("file-exists", `${what}, which ${isFolder ? "a folder" : "a file"} never replaces`);
}

/**
 * Tells programs that watch the folder that the file is complete. The file may be gone by now,
 * because its name was visible before. What somebody else has put in its place is not touched.
 *
 * A file that even its owner may only read is made writable for as long as it takes to open it.
 * After a crash in that moment its owner may write to it; nobody else may do more than before.
 */
export function tellWhole({ part, path }: Linked): void {
  try {
    closeSync(openSync(path, TO_WRITE));
  } catch (error) {
    // Any other error changes nothing: the file is there and on disk, as promised.
    if ((error as NodeJS.ErrnoException).code === "EACCES") tellReadOnly(part, path);
  }
}

const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const TO_WRITE = constants.O_WRONLY | SAFELY;

/** The same for a file that its owner may only read. */
function tellReadOnly(part: string, path: string): void {
  try {
    const reading = openSync(path, constants.O_RDONLY | SAFELY);
    try {
      if (!isSame(reading, part)) return;
      const mode = fstatSync(reading).mode & 0o777;
      fchmodSync(reading, mode | 0o200);
      try {
        closeSync(openSync(path, TO_WRITE));
      } finally {
        fchmodSync(reading, mode);
      }
    } finally {
      closeSync(reading);
    }
  } catch {} // somebody else has put something there
}

/** Whether an open file is the one with the name of the part. */
function isSame(fd: number, part: string): boolean {
  const [one, other] = [fstatSync(fd), lstatSync(part)];
  return one.ino === other.ino && one.dev === other.dev;
}

/** Removes the names of parts. A part that cannot be removed is found again at the next start. */
export function removeParts(parts: readonly string[]): void {
  for (const part of parts) {
    try {
      unlinkSync(part);
    } catch {}
  }
}

/**
 * Finds the final names of these parts, for a receiver that was stopped between two names. A file
 * that was moved out of the folder is left out: the program that moved it has heard of it.
 */
export async function finalNamesOf(folder: string, parts: readonly string[]): Promise<Linked[]> {
  const byInode = new Map<number, string>();
  for (const part of parts) {
    const found = look(part);
    if (found.is === "twin") byInode.set(found.stat.ino, part);
  }
  if (byInode.size === 0) return [];
  const linked: Linked[] = [];
  for (const name of await readdir(folder)) {
    if (name.startsWith(OWN_PREFIX)) continue;
    const path = join(folder, name);
    const part = byInode.get(lstatSync(path, { throwIfNoEntry: false })?.ino ?? -1);
    if (part !== undefined) linked.push({ part, path });
  }
  return linked;
}
