/**
 * Files that are their owner's alone: tokens, keys, and the folder around them.
 *
 * Each is replaced as a whole (written, synced, renamed), so that whoever reads it at any moment reads one state of it, and is
 * from its first moment readable only as `mode` says, whatever the umask. Who changes one holds its lock meanwhile.
 *
 * What root makes in the folder of a service is given to that service. Else `sudo filespool token revoke` would write a file that the
 * running server cannot read, and the server would go on with the tokens that it knew. Only what this program has made by itself is
 * given away, and no link is followed: in a folder that belongs to somebody else, a name may lead anywhere.
 *
 * Never here: what is in the files.
 */
import { randomBytes } from "node:crypto";
import { constants, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolders, syncFolder } from "../../../disk/files.ts";

/** How often a lock is asked for that somebody else has. */
const LOCK_MS = 10;

/**
 * All of it or nothing, on disk, and from its first moment readable only as `mode` says. Written beside its place
 * under a name drawn by lot, so that two who write at once do not write into one file.
 * @throws what the file system said; the old state is there then
 */
export async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const unnamed = `${file}.${randomBytes(4).toString("hex")}.new`;
  const handle = await open(unnamed, "wx", mode);
  try {
    await giveToOwnerOf(dirname(file), handle);
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(unnamed, { force: true }); // where the disk is full, also its empty beginning would stay
    throw error;
  } finally {
    await handle.close();
  }
  // Only now, whole and on disk, it takes its name; and the name is on disk when the folder is.
  await rename(unnamed, file);
  await syncFolder(dirname(file));
}

/** Creates a folder that nobody else can look into; one that is there keeps its mode. */
export async function makePrivateFolder(folder: string): Promise<void> {
  if ((await makeFolders(folder, 0o700)) === undefined) return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await giveToOwnerOf(dirname(folder), handle).finally(() => handle.close());
}

/**
 * Does `work` while nobody else who asks for the same lock does theirs, in this process or in another. The lock is the
 * operating system's and goes with the process, however that ends; the file stays, since removing it would let two
 * hold "the" lock of two files.
 */
export async function withLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  const { tryLock } = await import("fs-native-extensions"); // native code, which a client has no use for
  const lock = await openLock(lockFile);
  try {
    // Asked again and again: a call that waits would take a thread, and keep a process from ending. Work under it is short.
    while (!tryLock(lock.fd)) await sleep(LOCK_MS);
    return await work();
  } finally {
    await lock.close();
  }
}

/** Made by whoever comes first, and by them given to the owner of the folder; who finds it only opens it. */
async function openLock(lockFile: string): Promise<FileHandle> {
  try {
    const lock = await open(lockFile, "wx", 0o600);
    await giveToOwnerOf(dirname(lockFile), lock);
    return lock;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return open(lockFile, constants.O_RDWR | constants.O_NOFOLLOW);
  }
}

/**
 * By handle and not by name: it is our own file for certain. Nothing to do for anybody but root, who alone makes files
 * in other people's folders.
 */
async function giveToOwnerOf(folder: string, handle: FileHandle): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  await handle.chown(uid, gid);
}
