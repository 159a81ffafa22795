/**
 * Folders and errors of the file system, as sender, receiver and spool share them.
 *
 * A file is durable only with the name that leads to it. The name is in the folder, and a folder
 * has to be synced by itself. So `makeFolder` can sync every new name on the way to the folder
 * that it makes.
 *
 * Errors of the system become errors of ours in one place: a full disk passes, too many open files
 * pass, and everything else needs a person.
 *
 * Never here: what a file is for, and what becomes of it after an error.
 */
import { mkdir, open, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FilespoolError } from "../protocol/errors.ts";
import { describe, errorName } from "./system-errors.ts";

/** The disk is full, or the user's quota is. */
const DISK_FULL = new Set(["ENOSPC", "EDQUOT"]);
/** The process or the system is out of descriptors or memory. */
const EXHAUSTED = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * Turns an error of the file system into one of ours. One of ours stays as it is.
 * @param what is named in the message: a path, or words for it
 * @param otherwise the code where it needs a person: it is the server's spool, or
 * a receiver's folder
 */
export function fileError(
  error: unknown,
  what: string,
  otherwise: "spool-unusable" | "folder-unusable" = "spool-unusable",
): FilespoolError {
  if (error instanceof FilespoolError) return error;
  const name = errorName(error) ?? "";
  const full = DISK_FULL.has(name) || /MDB_MAP_FULL|No space left/.test((error as Error).message);
  if (full) return new FilespoolError("disk-full", `no space left for ${what}`, { cause: error });
  // Temporary: another connection that ends gives some back.
  if (EXHAUSTED.has(name))
    return new FilespoolError("connections-full", `too much is open for ${what}: ${describe(error)}`, { cause: error });
  return new FilespoolError(otherwise, `cannot use ${what}: ${describe(error)}`, { cause: error });
}

/**
 * Makes the names in a folder durable; of a file, its content.
 * @throws what the file system said
 */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

/**
 * Creates a folder and what is missing above it.
 * @param sync no power cut may take the name of any of them. Also where the folder was there: the
 * program that created it may have been stopped before its sync
 * @param mode of those that are created
 * @throws what the file system said
 */
export async function makeFolder(folder: string, sync: boolean, mode = 0o777): Promise<void> {
  const first = await makeFolders(folder, mode);
  if (!sync) return;
  const last = resolve(first ?? folder);
  for (let at = resolve(folder); at.length >= last.length; at = dirname(at))
    await syncFolder(dirname(at)).catch(unlessOthers);
}

/**
 * For a `catch`: a parent folder that we may not open is somebody else's, and as durable as
 * they made it.
 */
function unlessOthers(error: NodeJS.ErrnoException): void {
  if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
}

/**
 * Creates a folder and what is missing above it, one by one.
 *
 * Node's `mkdir` with `recursive` does the same, but never returns where a folder is there
 * and refuses a new one with ENOENT, as /proc does: it takes that for "the parent is
 * missing", and tries again for ever. Here each folder is tried twice at most, so that a
 * mistyped path gets an answer.
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
    // There already, or created by another program at this moment. A file of that name is an error.
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
