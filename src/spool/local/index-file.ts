/**
 * Opens the file of an index with LMDB, and keeps from LMDB what would end the process instead of failing.
 *
 *   a file that is not its own    LMDB follows what is in it, so its mark is looked for first
 *   a new file                    gets its name once it is on disk: a power cut may leave half of the first pages
 *   the lock table                LMDB maps it and writes to it with every read. On a full disk such a write is a signal
 *                                 (SIGBUS): always where the file system writes to a new place (btrfs), so at each start
 *
 * LMDB's lock table tells processes of each other, and our own lock lets in only one (local/store.ts). LMDB can do without
 * (MDB_NOLOCK), but lmdb-js 3.5.6 has no option for that, and its reads and writes are two threads that need the table. So
 * the table is put where no disk can be full: LMDB looks for it beside the path that it is given, and that path is a link
 * in memory, which is gone as soon as all is open. Where there is no such memory the table stays beside the file, and a
 * full disk is looked for before. Why like this: adr/0073.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, open as openFile, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { syncFolder } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/** In the first 32 bytes of every LMDB file. */
const LMDB_MAGIC = 0xbeefc0de;
/** Where Linux keeps shared memory as files. */
const MEMORY = "/dev/shm";
/** Its own table has 8,272; one that is larger has room for more readers. */
const LOCK_TABLE_BYTES = 16 * 1024;

/**
 * Opens an index, or makes a new one.
 * @throws FilespoolError spool-unusable: it is none; disk-full; and what the file system says
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

/** An empty index gets its name once it is on disk: LMDB refuses one whose first pages a power cut took. */
async function createIndex(file: string, sync: boolean, reserve: DiskReserve): Promise<void> {
  const unnamed = `${file}.new`;
  await rm(unnamed, { force: true });
  await openWithTable(unnamed, sync, reserve).close();
  await chmod(unnamed, 0o600); // small content is in it
  if (sync) await syncFolder(unnamed); // it takes files as well
  await rename(unnamed, file);
  await rm(`${unnamed}-lock`, { force: true });
}

/** Opens a file with its lock table in memory, or beside the file. */
function openWithTable(file: string, sync: boolean, reserve: DiskReserve): RootDatabase {
  const folder = folderInMemory(basename(file));
  const isSafe = folder !== null || (reserve.isSafeToMap && (existsSync(`${file}-lock`) || !reserve.isLow));
  if (!isSafe) throw new FilespoolError("disk-full", `no space left for ${file}-lock`);
  const path = folder ? join(folder, basename(file)) : file;
  try {
    if (folder) symlinkSync(resolve(file), path);
    // With `overlappingSync` a resolved write promises no more than to be *visible*; `stored` could then be a
    // lie for some milliseconds. Off, a write resolves after its commit was synced. The test
    // "stored is said only after content and index were synced" watches the system calls. Why: adr/0015.
    // `eventTurnBatching` makes promises that it gives to nobody: a failed commit would end the process.
    return open({ path, noSubdir: true, maxDbs: 16, overlappingSync: false, noSync: !sync, eventTurnBatching: false });
  } finally {
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
}

/** A folder of our own in memory, with a table that has its memory already; null where there is none. */
function folderInMemory(name: string): string | null {
  if (!existsSync(MEMORY)) return null;
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(MEMORY, "filespool-"));
    writeFileSync(join(folder, `${name}-lock`), Buffer.alloc(LOCK_TABLE_BYTES), { mode: 0o600 });
    return folder;
  } catch {
    // Read-only, full, or closed to us: as if it were not there.
    if (folder) rmSync(folder, { recursive: true, force: true });
    return null;
  }
}
