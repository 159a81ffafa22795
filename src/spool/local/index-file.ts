/**
 * Opens the file of an index with LMDB, and keeps away from LMDB what would end the process.
 *
 *   a foreign file   LMDB trusts what is in it and crashes, so LMDB's mark is looked for first
 *   a new file       a power cut may leave half of its first pages, which LMDB refuses for ever; so it
 *                    gets its name once it is on disk
 *   the lock table   LMDB maps it and writes to it with every read. On a full disk such a write may end
 *                    the process by a signal (SIGBUS); on btrfs, which writes everything to a new
 *                    place, it does so at each start
 *
 * By the lock table LMDB's processes know of each other. We do not need it, since our own lock lets
 * in only one process (parts.ts). LMDB can do without it (MDB_NOLOCK), but lmdb-js 3.5.6 has no
 * option for that, and its reads and writes run on two threads that need the table. So the table is
 * put where no disk can be full. LMDB looks for it beside the path that it is given: we give it a
 * link in memory, and remove the link as soon as all is open. Where there is no such memory the
 * table stays beside the file, and we look for a full disk first. Why: adr/0073.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, open as openFile, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { syncFolder } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/** LMDB's mark, somewhere in the first 32 bytes of each of its files. */
const LMDB_MAGIC = 0xbeefc0de;
/** Where Linux keeps shared memory as files. */
const MEMORY = "/dev/shm";
/** LMDB makes a table of 8,272 bytes. A larger one has room for more readers. */
const LOCK_TABLE_BYTES = 16 * 1024;

/**
 * Opens an index, or makes a new one.
 * @param sync false: LMDB leaves its syncs to the operating system
 * @throws FilespoolError spool-unusable: the file is no index; disk-full; and what the
 * file system says
 */
export async function openIndexFile(file: string, sync: boolean, reserve: DiskReserve): Promise<RootDatabase> {
  const head = new Uint32Array(8);
  const handle = await openFile(file, "a+");
  const { bytesRead } = await handle.read(head, 0, head.byteLength, 0).finally(() => handle.close());
  if (bytesRead > 0 && !head.includes(LMDB_MAGIC))
    throw new FilespoolError("spool-unusable", `${file} is damaged or not an index`);
  if (bytesRead === 0 && reserve.isLow) throw new FilespoolError("disk-full", `no space left for ${file}`);
  if (bytesRead === 0) await createIndex(file, sync, reserve);
  return openWithTable(file, sync, reserve);
}

/** Makes an empty index under another name, syncs it, and only then gives it its name. */
async function createIndex(file: string, sync: boolean, reserve: DiskReserve): Promise<void> {
  const unnamed = `${file}.new`;
  await rm(unnamed, { force: true });
  await openWithTable(unnamed, sync, reserve).close();
  await chmod(unnamed, 0o600); // small content is in it
  if (sync) await syncFolder(unnamed); // the function syncs files as well
  await rename(unnamed, file);
  await rm(`${unnamed}-lock`, { force: true });
}

/**
 * Opens a file with its lock table in memory, or else beside the file.
 * @throws FilespoolError disk-full
 */
function openWithTable(file: string, sync: boolean, reserve: DiskReserve): RootDatabase {
  const folder = folderInMemory(basename(file));
  const isSafe = folder !== null || (reserve.isSafeToMap && (existsSync(`${file}-lock`) || !reserve.isLow));
  if (!isSafe) throw new FilespoolError("disk-full", `no space left for ${file}-lock`);
  const path = folder ? join(folder, basename(file)) : file;
  try {
    if (folder) symlinkSync(resolve(file), path);
    // `overlappingSync` off: a write resolves when its commit is synced, and `stored` is no lie.
    // The test "stored is said only after content and index were synced" watches the system calls
    // (adr/0015). `eventTurnBatching` off: it makes promises that nobody gets, so a failed commit
    // would end the process.
    return open({ path, noSubdir: true, maxDbs: 16, overlappingSync: false, noSync: !sync, eventTurnBatching: false });
  } finally {
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Makes a folder of our own in memory, with a lock table that is written already; null where that
 * is not possible.
 */
function folderInMemory(name: string): string | null {
  if (!existsSync(MEMORY)) return null;
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(MEMORY, "filespool-"));
    writeFileSync(join(folder, `${name}-lock`), Buffer.alloc(LOCK_TABLE_BYTES), { mode: 0o600 });
    return folder;
  } catch {
    // That memory is read-only, full, or closed to us: as if it were not there.
    if (folder) rmSync(folder, { recursive: true, force: true });
    return null;
  }
}
