/**
 * Files that only their owner may read: tokens, keys, and the folder around them.
 *
 * Each is replaced as a whole (written, synced, renamed), so that a reader always sees one state of
 * it. From its first moment it is readable only as `mode` says, whatever the umask. A process that
 * changes one holds its lock meanwhile.
 *
 * What root creates in the folder of a service is given to that service. Otherwise `sudo filespool
 * token revoke` would write a file that the running server cannot read, and the server would go on
 * with the tokens that it knew. Only files that this program itself has created are given away, and
 * no link is followed: in another user's folder, a name may lead anywhere.
 *
 * Never here: what is in the files.
 */
import { randomBytes } from "node:crypto";
import { constants, type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolders, syncFolder } from "../../../disk/files.ts";

/** Pause between two tries for a lock that another process has, ms. */
const LOCK_MS = 10;

/**
 * Replaces a file: all of it or nothing, on disk, and from its first moment readable only as `mode`
 * says. It is written under a random name beside its place, so that two writers never write into
 * one file.
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
    await rm(unnamed, { force: true }); // on a full disk, its beginning would stay
    throw error;
  } finally {
    await handle.close();
  }
  // 1. The content is on disk. 2. Only then it gets its name. 3. The name is on disk.
  await rename(unnamed, file);
  await syncFolder(dirname(file));
}

/** Creates a folder that only its owner can look into. One that is there keeps its mode. */
export async function makePrivateFolder(folder: string): Promise<void> {
  if ((await makeFolders(folder, 0o700)) === undefined) return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await giveToOwnerOf(dirname(folder), handle).finally(() => handle.close());
}

/**
 * Does `work` while no other holder of the same lock does theirs, in this process or another. The
 * lock is the operating system's and ends with its process. The file stays: removing it would let
 * two processes hold "the" lock on two files.
 */
export async function withLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  const { tryLock } = await import("fs-native-extensions"); // native code: clients do without
  const lock = await openLock(lockFile);
  try {
    // Tried again and again: a call that waits would take a thread and keep the process from
    // ending. Work under the lock is short.
    while (!tryLock(lock.fd)) await sleep(LOCK_MS);
    return await work();
  } finally {
    await lock.close();
  }
}

/** Opens the lock file. The first process creates it and gives it to the owner of the folder. */
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
 * Gives a file to the owner of a folder. By handle and not by name, so that it certainly is our own
 * file. Only root creates files in other users' folders, so nobody else has anything to do here.
 */
async function giveToOwnerOf(folder: string, handle: FileHandle): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(folder);
  await handle.chown(uid, gid);
}
