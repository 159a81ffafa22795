/**
 * Folders and errors of the file system, as sender, receiver and spool share them.
 *
 * A file is durable only with the name that leads to it, and a name is in the folder, which is synced by itself. So whoever
 * makes a folder here can have every new name on the way to it synced. Errors become one of ours in one place: a full disk
 * passes, too many open files pass, and everything else needs a person.
 *
 * Never here: what a file is for, and what becomes of it after an error.
 */
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FilespoolError } from "../protocol/errors.ts";
import { describe, errorName } from "./system-errors.ts";

const DISK_FULL = new Set(["ENOSPC", "EDQUOT"]);
const BUSY = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/** Turns an error of the file system into one of ours: a full disk is temporary, the rest needs a person. */
export function fileError(
  error: unknown,
  what: string,
  otherwise: "spool-unusable" | "folder-unusable" = "spool-unusable",
): FilespoolError {
  if (error instanceof FilespoolError) return error;
  const name = errorName(error) ?? "";
  const full = DISK_FULL.has(name) || /MDB_MAP_FULL|No space left/.test((error as Error).message);
  if (full) return new FilespoolError("disk-full", `no space left for ${what}`, { cause: error });
  // Out of descriptors or memory: another connection that ends gives some back.
  if (BUSY.has(name))
    return new FilespoolError("connections-full", `too much is open for ${what}: ${describe(error)}`, { cause: error });
  return new FilespoolError(otherwise, `cannot use ${what}: ${describe(error)}`, { cause: error });
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

/**
 * Creates a folder and what is missing above it. With `sync`, no power cut takes the name of any of them; where the folder
 * was there, too, since whoever created it may have been stopped before the sync. `mode` is for those that are created.
 */
export async function makeFolder(folder: string, sync: boolean, mode = 0o777): Promise<void> {
  const first = await makeFolders(folder, mode);
  if (!sync) return;
  const last = resolve(first ?? folder);
  for (let at = resolve(folder); at.length >= last.length; at = dirname(at))
    await syncFolder(dirname(at)).catch(unlessOthers);
}

/** A parent folder that we may not open is somebody else's, and as durable as they made it. */
function unlessOthers(error: NodeJS.ErrnoException): void {
  if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
}

/**
 * Creates a folder and what is missing above it, one by one.
 *
 * As Node's `mkdir` with `recursive`, but for one thing: that never comes back where a folder exists and refuses a new one
 * with ENOENT, as /proc does. It takes the answer for "the parent is missing", and tries again for ever. Here each folder
 * is tried at most twice, so whoever mistypes a path gets an answer.
 *
 * @param mode of those that are created
 * @returns the outermost that was created; undefined if the folder was there
 * @throws what the file system said
 */
export async function makeFolders(folder: string, mode?: number): Promise<string | undefined> {
  const path = resolve(folder);
  const make = () => mkdir(path, mode);
  try {
    await make();
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Somebody else may be creating it at the same moment; a file of that name is another matter.
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return undefined;
    if (code !== "ENOENT" || dirname(path) === path) throw error;
  }
  const first = await makeFolders(dirname(path), mode);
  await make().catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new Error(`no folder can be made in ${dirname(path)}`, { cause: error });
    if (error.code !== "EEXIST") throw error;
  });
  return first ?? path;
}
