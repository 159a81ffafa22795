/**
 * Removes a folder with all that is in it, and nothing that is outside, whoever works in there meanwhile.
 *
 * To remove by paths is to look first ("a folder") and to act later, and in between another user may put a link in the
 * place of that folder: then a receiver that runs as root empties whatever it leads to (CVE-2022-21658 in Rust's standard
 * library was this). Node has no calls that start from an open folder. Linux has a way around: what is below
 * `/proc/self/fd/<number>` is below that open folder, whatever has become of its name. Elsewhere paths have to do.
 *
 * A tree may be thousands of folders deep and a receiver may have few descriptors. So what is deep is moved up: the folders
 * in a folder become folders of the root, until there is nothing but files, and two folders are open at a time.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { chmod, type FileHandle, open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { look, unlessMissing } from "./own-files.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** Linux: opens the name and not the folder, so that nobody has to be allowed to read it yet. Node does not name it. */
const O_PATH = 0o10000000;
const isLinux = process.platform === "linux";

/** A folder that is held open. `inside` leads into it, and no longer depends on its name where that can be had. */
interface Grip {
  readonly inside: string;
  readonly handle: FileHandle;
}

/**
 * Removes what is under that name: a folder of ours with everything in it; of anything else only the name. What is
 * somebody else's folder stays. @throws what the file system said
 */
export async function removeTree(path: string): Promise<void> {
  const { is } = look(path);
  if (is === "file" || is === "twin") return void (await unlink(path).catch(unlessMissing));
  await within(path, empty);
  if (is === "folder") await rmdir(path).catch(unlessMissing);
}

/** Does `work` with a way into a folder of ours that leads nowhere else; nothing, if there is none. @throws as `work`; what the file system said */
export async function within(path: string, work: (inside: string) => Promise<void>): Promise<void> {
  const found = look(path);
  if (found.is !== "folder") return;
  const { inside, handle } = await grip(path, found.stat.ino);
  await work(inside).finally(() => handle.close());
}

/** Opens a folder, not a link to one, and lets us in, whatever its mode says. @param ino the only one that will do */
async function grip(path: string, ino?: number): Promise<Grip> {
  const handle = await open(path, (isLinux ? O_PATH : O_RDONLY) | O_DIRECTORY | O_NOFOLLOW);
  const inside = isLinux ? `/proc/self/fd/${handle.fd}` : path;
  try {
    if (ino !== undefined && (await handle.stat()).ino !== ino)
      throw new Error(`${path} was exchanged by somebody else`);
    await chmod(inside, 0o700).catch(unlessWithoutModes);
    return { inside, handle };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Leaves nothing in a folder. */
async function empty(root: string): Promise<void> {
  const lot = randomBytes(6).toString("hex");
  let moved = 0;
  const folders = await takeFiles(root);
  for (let name = folders.pop(); name !== undefined; name = folders.pop()) {
    const path = join(root, name);
    const folder = await grip(path).catch(unlessFolder);
    if (!folder) {
      await unlink(path).catch(unlessMissing); // a link since we looked
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

/** Removes the files and links in a folder. @returns the names of the folders in there */
async function takeFiles(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) folders.push(entry.name);
    else await unlink(join(folder, entry.name)).catch(unlessMissing);
  }
  return folders;
}

/** A folder that nobody may write to cannot be moved, since that changes what ".." in it means. */
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

/** For a `catch`: a disk without modes lets us in anyway. */
function unlessWithoutModes(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPERM" && error.code !== "ENOTSUP") throw error;
}

/** For a `catch`: null for what is no folder, and is not followed. */
function unlessFolder(error: NodeJS.ErrnoException): null {
  if (["ENOTDIR", "ELOOP", "ENOENT"].includes(error.code ?? "")) return null;
  throw error;
}
