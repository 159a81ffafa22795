/**
 * Whose fault an error is that comes up while a file lands: the file's, or the folder's.
 *
 * An error of the folder ends the run, because no other file would fare better. An error of one
 * file must not end it: that file would stand at the head of its queue in every run, and nothing
 * behind it would ever arrive. Each error that can be a file's has a row here. Any other one is the
 * folder's (an I/O error, a disk that turned read-only, a folder that is gone):
 *
 *   the system says                  about     becomes          what the server hears
 *   EFBIG                            content   target-refused   a failed attempt; after some of
 *                                                               it is a dead letter
 *   EINVAL EILSEQ ENAMETOOLONG       name      target-refused   the same: no such name is possible
 *   EPERM EACCES                     name      target-refused   the same, if the folder is writable
 *   ENOENT                           name      target-refused   the same, if part and folder are
 *                                                               there (exfat-fuse)
 *   EISDIR ENOTEMPTY ENOTDIR EEXIST  name      file-exists      nothing: it is held, and another
 *                                                               receiver may take it
 *   EBUSY EXDEV                      name      file-exists      the same: a mount point
 *   ENOSPC EDQUOT                    either    disk-full        nothing: a full disk here says
 *                                                               nothing about the file
 *
 * The content of a folder holds names, so for a folder the rows about names hold while its content
 * is written, too. Never here: what a receiver does about an error (failures.ts, setbacks.ts). Why:
 * adr/0083.
 */
import { accessSync, constants, lstatSync } from "node:fs";
import { fileError } from "../../disk/files.ts";
import { describe, errorName } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { quoteName } from "../../protocol/names.ts";
import type { Incoming } from "./part-file.ts";

/** What was being done: writing and syncing the content, or giving it its final name. */
export type Step = "content" | "name";

const ROOM = new Set(["ENOSPC", "EDQUOT"]);
const TAKEN = new Set(["EISDIR", "ENOTEMPTY", "ENOTDIR", "EEXIST", "EBUSY", "EXDEV"]);
const NAME = new Set(["EINVAL", "EILSEQ", "ENAMETOOLONG"]);
const RIGHTS = new Set(["EPERM", "EACCES"]);

/** Errors that are the file's already, and need no row. */
const KNOWN: ReadonlySet<string> = new Set([
  ...["digest-mismatch", "archive-refused", "digest-unsupported"],
  ...["target-refused", "file-exists"],
]);

/** An error as the folder's: it ends the run. */
export const folderError = (error: unknown, folder: string): FilespoolError =>
  fileError(error, folder, "folder-unusable");

/** An error as the file's, by the table. Null: it is the folder's. */
export function fileErrorOf(
  error: unknown,
  step: Step,
  file: Pick<Incoming, "delivery" | "part">,
  folder: string,
): FilespoolError | null {
  if (error instanceof FilespoolError) return KNOWN.has(error.code) ? error : null;
  const { name, kind } = file.delivery;
  const code = codeOf(error);
  const isName = step === "name" || kind === "tar";
  const refused = () => refusedBy(folder, name, error);
  if (ROOM.has(code)) {
    return new FilespoolError("disk-full", `no space left for ${quoteName(name)} in ${folder}`, { cause: error });
  }
  if (code === "EFBIG" || (isName && NAME.has(code))) return refused();
  if (isName && RIGHTS.has(code) && mayWrite(folder)) return refused();
  if (step === "name" && code === "ENOENT" && isThere(file.part) && isThere(folder)) return refused();
  if (step === "name" && TAKEN.has(code)) {
    const why = `${quoteName(name)} in ${folder} cannot be replaced: ${said(error)}`;
    return new FilespoolError("file-exists", why, { cause: error });
  }
  return null;
}

/**
 * The same for an error that came up while the content was written.
 * @throws FilespoolError the error is the folder's
 */
export function ofFile(error: unknown, file: Pick<Incoming, "delivery" | "part">, folder: string): FilespoolError {
  const failure = fileErrorOf(error, "content", file, folder);
  if (!failure) throw folderError(error, folder);
  return failure;
}

/**
 * The error of a name that this disk cannot have, found out before any byte is fetched. Null: it
 * may have the name.
 */
export function nameError(error: unknown, name: string, folder: string): FilespoolError | null {
  return NAME.has(codeOf(error)) ? refusedBy(folder, name, error) : null;
}

const refusedBy = (folder: string, name: string, error: unknown): FilespoolError =>
  new FilespoolError("target-refused", `${folder} cannot take ${quoteName(name)}: ${said(error)}`, { cause: error });

/**
 * What the server hears of an error, and an operator will read: what the disk said, but no path of
 * this machine. At most 500 characters.
 */
export function reasonOf(error: FilespoolError): string {
  if (error.code !== "target-refused") return error.message.slice(0, 500);
  return `the receiver's disk cannot take it: ${said(error.cause)}`.slice(0, 500);
}

/** An error of the system in words, never with a path in them. */
function said(error: unknown): string {
  const code = codeOf(error);
  if (code === "EINVAL" || code === "EILSEQ" || code === "ENOENT")
    return `that disk does not allow such a name (${code})`;
  const words = describe(error);
  return words.endsWith(`(${code})`) ? words : code;
}

const codeOf = (error: unknown): string => errorName(error) ?? "";

/** Whether we may create files in a folder. */
function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether there is anything under that name, even a link that leads nowhere. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** For a `catch` at the start: an error that may pass is met again at the first connection. */
export function unlessTemporary(error: FilespoolError): void {
  if (!error.retry) throw error;
}
