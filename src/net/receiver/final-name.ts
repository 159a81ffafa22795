/**
 * The final name of a file that has landed: how it is given, and how those hear of it who watch the folder.
 *
 * `link` fails if the name is taken, where `rename` would replace what has it. So a file that replaces nothing gets its name
 * as a second one, and loses that of its part later (landing.ts). Those who watch a folder for complete files wait for
 * "closed after writing" or "moved here", as everybody tells them to, and a link is neither: they would see a new name and
 * never hear that it is whole. So a linked file is opened for writing once more under its final name, and closed with
 * nothing written. On Linux (inotify) the final name has in the end exactly one of these:
 *
 *   refuse, rename, skip    IN_CREATE, then IN_CLOSE_WRITE      the link, and the closing after it is on disk
 *   overwrite               IN_MOVED_TO                         one rename
 *   a folder                IN_MOVED_TO                         one rename
 *   no hard links (FAT)     IN_MOVED_TO                         one rename
 *
 * Node has no exclusive rename (renameat2 with RENAME_NOREPLACE), and to rename one name of a file to another one of the
 * same file is to do nothing, as POSIX has it. Why: adr/0084.
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

/** A file with two names: that of its part, and the one that it has landed under. */
export interface Linked {
  readonly part: string;
  readonly path: string;
}

/** Gives the part its final name, as a second one where that can be had. False: something has that name. @throws what the file system said */
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
  // A file system without hard links (FAT): look first. Who takes the name in between would be replaced.
  if (isThere(path)) return false;
  renameSync(part, path);
  return true;
}

/**
 * Whether a file may take the place of what has that name: of a plain file only, and a folder of a folder as well. A device
 * that was meant to be written to, a pipe that somebody waits at, or a link to a place that was chosen would be gone.
 * @throws FilespoolError file-exists; what the file system said
 */
export function checkReplaceable(path: string, isFolder: boolean): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.isFile() || (isFolder && stat.isDirectory())) return;
  const what = `${quoteName(path)} is ${kindOf(stat)}`;
  throw new FilespoolError("file-exists", `${what}, and ${isFolder ? "a folder" : "a file"} does not replace that`);
}

/**
 * Tells who watches the folder that the file is whole. It may have been taken away by now, since its name could be seen
 * before; and what somebody else has put in its place is not touched. A file that even its owner may only read is made
 * writable for as long as it takes to open it; after a crash in that moment its owner may write to it, and nobody else may
 * do more than before.
 */
export function tellWhole({ part, path }: Linked): void {
  try {
    closeSync(openSync(path, TO_WRITE));
  } catch (error) {
    // Otherwise there is nothing to do: the file is there and on disk, and that is what was promised.
    if ((error as NodeJS.ErrnoException).code === "EACCES") tellReadOnly(part, path);
  }
}

const SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK;
const TO_WRITE = constants.O_WRONLY | SAFELY;

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
  } catch {} // somebody has put something else there, which is theirs
}

function isSame(fd: number, part: string): boolean {
  const [one, other] = [fstatSync(fd), lstatSync(part)];
  return one.ino === other.ino && one.dev === other.dev;
}

/** Takes the first names away. What could not be removed has two, and goes when the folder is opened next. */
export function removeParts(parts: readonly string[]): void {
  for (const part of parts) {
    try {
      unlinkSync(part);
    } catch {}
  }
}

/**
 * For a receiver that was stopped between two names: the final names of these parts. One whose file was moved out of the
 * folder is not among them; whoever did that has heard of it.
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
