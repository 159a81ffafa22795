/**
 * Removes a folder with everything in it, and nothing outside it, whatever other users do there
 * meanwhile.
 *
 * Removing by paths means to look first ("a folder") and to act later. In between another user may
 * put a link in the place of that folder. Then a receiver that runs as root empties the folder that
 * the link leads to (CVE-2022-21658 in Rust's standard library was this). Node has no calls that
 * start from an open folder. Linux has a way around: a path below `/proc/self/fd/<number>` is below
 * that open folder, whatever has become of its name. Elsewhere plain paths have to do.
 *
 * A tree may be thousands of folders deep, and a receiver may have few descriptors. So deep folders
 * are moved up: the folders inside a folder become folders of the root, until only files are left.
 *
 * Invariant: only a few folders are open at a time, however deep the tree is. Never here: whether a
 * tree may be removed (landing.ts, and the kind of content that made it).
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, type FileHandle, open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { look, unlessMissing } from "./own-files.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/**
 * Linux: opens the name and not the folder, so that we need no right to read it yet. Node does not
 * export this flag.
 */
const O_PATH = 0o10000000;
const isLinux = process.platform === "linux";

/** A folder that is held open. `inside` leads into it; on Linux, whatever its name is by now. */
interface Grip {
  readonly inside: string;
  readonly handle: FileHandle;
}

/**
 * Removes what has that name: a folder of ours with everything in it, or a file. A folder of
 * another user stays.
 * @throws what the file system said
 */
export async function removeTree(path: string): Promise<void> {
  const { is } = look(path);
  if (is === "file" || is === "twin") return void (await unlink(path).catch(unlessMissing));
  await within(path, empty);
  if (is === "folder") await rmdir(path).catch(unlessMissing);
}

/**
 * Calls `work` with a path into a folder of ours that cannot lead anywhere else. Does nothing if
 * there is no such folder.
 * @throws what `work` throws, or what the file system said
 */
export async function within(path: string, work: (inside: string) => Promise<void>): Promise<void> {
  const found = look(path);
  if (found.is !== "folder") return;
  const { inside, handle } = await grip(path, found.stat.ino);
  await work(inside).finally(() => handle.close());
}

/**
 * Opens a folder, never a link to one, and gives us access, whatever its mode says.
 * @param ino the inode that it must be
 */
async function grip(path: string, ino?: number): Promise<Grip> {
  const handle = await open(path, (isLinux ? O_PATH : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW);
  const inside = isLinux ? `/proc/self/fd/${handle.fd}` : path;
  try {
    if (ino !== undefined && (await handle.stat()).ino !== ino)
      throw new Error(`${path} was replaced by another user or program`);
    await chmod(inside, 0o700).catch(unlessWithoutModes);
    return { inside, handle };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Removes everything in a folder. */
async function empty(root: string): Promise<void> {
  const lot = randomBytes(6).toString("hex");
  /** Numbers the folders that were moved up. */
  let moved = 0;
  const folders = await takeFiles(root);
  for (let name = folders.pop(); name !== undefined; name = folders.pop()) {
    const path = join(root, name);
    const folder = await grip(path).catch(unlessFolder);
    if (!folder) {
      await unlink(path).catch(unlessMissing); // a link since we looked: only its name goes
      continue;
    }
    try {
      for (const inner of await takeFiles(folder.inside)) {
        const up = `${lot}-${moved++}`;
        await moveUp(join(folder.inside, inner), join(root, up));
        folders.push(up);
      }
    } finally {
      await folder.handle.close();
    }
    await rmdir(path).catch(unlessMissing);
  }
}

/** Removes the files and links in a folder. @returns the names of the folders in it */
async function takeFiles(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) folders.push(entry.name);
    else await unlink(join(folder, entry.name)).catch(unlessMissing);
  }
  return folders;
}

/**
 * Moves a folder. One without write permission cannot be moved, because that changes its ".."
 * entry; so it gets that permission first.
 */
async function moveUp(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    const { handle } = await grip(from);
    await handle.close();
    await rename(from, to);
  }
}

/** For a `catch`: a disk without modes gives access anyway. */
function unlessWithoutModes(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPERM" && error.code !== "ENOTSUP") throw error;
}

/** For a `catch`: null if it is not a folder, and was not followed. */
function unlessFolder(error: NodeJS.ErrnoException): null {
  if (["ENOTDIR", "ELOOP", "ENOENT"].includes(error.code ?? "")) return null;
  throw error;
}
