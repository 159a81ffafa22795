/**
 * The sender key: a secret of this user, made once, from which transfer ids are derived.
 *
 * A sender that was killed must find its unfinished transfer again in the next run, although it noted nothing at the
 * moment of the crash. So the id of a transfer is a digest of facts that both runs know: key, queue, path, size, time of
 * change. Because of the key, ids of different users differ, and a stranger cannot guess an id and take over a transfer.
 *
 * Other ways are worse. To ask the server "what have I begun?", a sender needs an identity, which is this key again. To note
 * the id next to the file, it must write into folders that may be read-only or shared. To hash the content, it reads a
 * large file twice before it sends the first byte. Why in full: adr/0011.
 *
 * One invariant: a reader of the file always finds a whole key, and always the same, even when two senders start at the
 * same moment on a new machine.
 */
import { randomBytes } from "node:crypto";
import { chmod, link, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolders } from "../../disk/files.ts";
import { describe } from "../../disk/system-errors.ts";
import { line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { KEY_FILE, stateFolder } from "../settings/base-directories.ts";
import { readOwn } from "../settings/own-files.ts";

/** Bytes of randomness; the file holds twice as many hexadecimal digits and a line end. */
const KEY_BYTES = 32;
const KEY_FILE_BYTES_MAX = 1024;
const KEY_FORM = /^[0-9a-f]{64}$/;

/** A new random key. */
const newKey = (): string => randomBytes(KEY_BYTES).toString("hex");

/**
 * The key of this user, made if there is none yet.
 * @param warn gets a sentence that says why no key could be kept. The run then uses a key of its own: it cannot be resumed
 *   after a crash, but that is no reason to refuse a transfer.
 */
export async function senderKey(folder: string, warn: (sentence: string) => void): Promise<string> {
  const path = join(folder, KEY_FILE);
  try {
    return (await readKey(path)) ?? (await createKey(folder, path));
  } catch (error) {
    warn(`the sender key ${path} cannot be used, so a send that is killed has to start again: ${describe(error)}`);
    return newKey();
  }
}

/** The key of the user who runs this program. With --verbose, a sentence says if it could not be kept. */
export async function ownSenderKey(
  env: Readonly<Record<string, string | undefined>>,
  report: Pick<Report, "remark">,
): Promise<string> {
  const folder = stateFolder(env);
  if (folder !== null) return senderKey(folder, (sentence) => report.remark(line`${sentence}`));
  report.remark(
    "there is no home folder for the sender key, so a send that is killed has to start again; set FILESPOOL_STATE to a folder",
  );
  return newKey();
}

/**
 * The key in the file, or null when there is no file.
 * @throws Error when the file cannot be read or holds no key. It is not replaced: somebody may restore a damaged key from a
 *   backup, and a new key would abandon all unfinished transfers.
 */
async function readKey(path: string): Promise<string | null> {
  // A user who could write the key would know the ids of all transfers that are made with it.
  const text = (await readOwn(path, KEY_FILE_BYTES_MAX, false))?.trim();
  if (text === undefined) return null;
  if (!KEY_FORM.test(text)) throw new Error("the file does not hold a key; remove it to get a new one");
  // A copy or a restored backup may be readable for others. Closing it still helps.
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  return text;
}

/**
 * Creates the file, or reads the file that another sender has created in the meantime.
 *
 * If it opened the final name and then wrote, the other sender could read an empty file. If it renamed a finished file over
 * the name, it could replace a key that is in use. A hard link does neither: it appears with all its content, and fails if
 * the name exists.
 */
async function createKey(folder: string, path: string): Promise<string> {
  await makeFolders(folder, 0o700);
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  const key = newKey();
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(`${key}\n`);
      // 1. the content is on disk, 2. only then its name: an empty key file after a power cut would be refused.
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
    return key;
  } catch (error) {
    const theirs = (error as NodeJS.ErrnoException).code === "EEXIST" ? await readKey(path) : null;
    if (theirs === null) throw error;
    return theirs;
  } finally {
    await rm(draft, { force: true });
  }
}
