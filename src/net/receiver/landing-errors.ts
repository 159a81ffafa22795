/**
 * Whose an error is that comes up while a file lands: that file's, or the folder's.
 *
 * An error of the folder ends the run: no other file would fare better. An error of one file must not: it would stand at the
 * head of its queue in every run, and nothing behind it would ever arrive. So each kind has one row, and what has none is
 * the folder's (an I/O error, a disk that turned read-only, a folder that is gone):
 *
 *   the system says                  about         becomes         what the server hears
 *   EFBIG                            content       target-refused  a failed attempt; after some it is a dead letter
 *   EINVAL EILSEQ ENAMETOOLONG       the name      target-refused  the same: this disk has no such names
 *   EPERM EACCES                     the name      target-refused  the same, if the folder itself may be written to
 *   ENOENT                           the name      target-refused  the same, if part and folder are there (exfat-fuse)
 *   EISDIR ENOTEMPTY ENOTDIR EEXIST  the name      file-exists     nothing: it is held, and another receiver may take it
 *   EBUSY EXDEV                      the name      file-exists     the same: something is mounted there
 *   ENOSPC EDQUOT                    both          disk-full       nothing: a full disk here says nothing about the file
 *
 * A folder that was sent has names in its content, so for it both parts of the table hold there. Never here: what a
 * receiver does about it (held.ts, receiver.ts). Why: adr/0083.
 */
import { accessSync, constants, lstatSync } from "node:fs";
import { fileError } from "../../disk/files.ts";
import { describe, errorName } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { quoteName } from "../../protocol/names.ts";
import type { Incoming } from "./part-file.ts";

/** What was being done: writing and syncing the content, or giving it its name. */
export type Step = "content" | "name";

const ROOM = new Set(["ENOSPC", "EDQUOT"]);
const TAKEN = new Set(["EISDIR", "ENOTEMPTY", "ENOTDIR", "EEXIST", "EBUSY", "EXDEV"]);
const NAME = new Set(["EINVAL", "EILSEQ", "ENAMETOOLONG"]);
const RIGHTS = new Set(["EPERM", "EACCES"]);

/** Errors of the file itself, which the landing does not have to think about. */
const KNOWN: ReadonlySet<string> = new Set([
  ...["digest-mismatch", "archive-refused", "digest-unsupported"],
  ...["target-refused", "file-exists"],
]);

/** An error of the file system in the target folder. */
export const folderError = (error: unknown, folder: string): FilespoolError =>
  fileError(error, folder, "folder-unusable");

/** An error as that of the file, by the table. Null: it is the folder's. */
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

/** The same, while the content is written. @throws FilespoolError the error is the folder's */
export function ofFile(error: unknown, file: Pick<Incoming, "delivery" | "part">, folder: string): FilespoolError {
  const failure = fileErrorOf(error, "content", file, folder);
  if (!failure) throw folderError(error, folder);
  return failure;
}

/** The disk does not take that name, said before any byte is fetched. Null: it might. */
export function nameError(error: unknown, name: string, folder: string): FilespoolError | null {
  return NAME.has(codeOf(error)) ? refusedBy(folder, name, error) : null;
}

const refusedBy = (folder: string, name: string, error: unknown): FilespoolError =>
  new FilespoolError("target-refused", `${folder} cannot take ${quoteName(name)}: ${said(error)}`, { cause: error });

/** What the server may hear of it, and an operator will read: what the disk said, but not where it is. */
export function reasonOf(error: FilespoolError): string {
  if (error.code !== "target-refused") return error.message.slice(0, 500);
  return `the receiver's disk cannot take it: ${said(error.cause)}`.slice(0, 500);
}

/** In words, and never with a path in them. */
function said(error: unknown): string {
  const code = codeOf(error);
  if (code === "EINVAL" || code === "EILSEQ" || code === "ENOENT") return `that disk has no such names (${code})`;
  const words = describe(error);
  return words.endsWith(`(${code})`) ? words : code;
}

const codeOf = (error: unknown): string => errorName(error) ?? "";

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether anything is found under that name, be it a link that leads nowhere. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** For a `catch` at the start: what may pass is tried again with the first connection. */
export function unlessTemporary(error: FilespoolError): void {
  if (!error.retry) throw error;
}
