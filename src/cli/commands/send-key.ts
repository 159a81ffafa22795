/**
 * The sender key: a secret of this user, made once, from which transfer ids are derived.
 *
 * A sender that was killed and is run again must find *its* unfinished transfer on the server, without
 * having noted anything in the moment of the crash. So the id of a transfer is a digest of what is known
 * again in the second run (key, queue, path, size, time of change). The key makes ids of different users
 * differ, and keeps strangers from guessing an id and taking over the transfer behind it.
 *
 * Other ways to find the transfer again were worse. Asking the server "what have I begun?" needs to know who
 * "I" am, which is this key again. Noting the id beside the file writes into folders that may be read-only or
 * shared. Hashing the content reads a large file twice before the first byte is sent. Why in full: adr/0011.
 *
 * One invariant: whoever reads the file finds a whole key, the same one for ever, even when two senders
 * start at the same moment on a new machine.
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

/** A key nobody has had before and nobody can guess. */
const newKey = (): string => randomBytes(KEY_BYTES).toString("hex");

/**
 * The key of this user, created if there is none yet.
 * @param warn told in a sentence why a key could not be kept. Sending goes on with a key for this run only:
 *   it is a pity about the resume after a crash, but no reason to refuse a transfer.
 */
export async function senderKey(folder: string, warn: (sentence: string) => void): Promise<string> {
  const path = join(folder, KEY_FILE);
  try {
    return (await readKey(path)) ?? (await createKey(folder, path));
  } catch (error) {
    warn(`no sender key in ${path}, so a killed send will not be continued by the next one: ${describe(error)}`);
    return newKey();
  }
}

/** The key of whoever runs this program; that it could not be kept is a remark of the run. */
export async function ownSenderKey(
  env: Readonly<Record<string, string | undefined>>,
  report: Pick<Report, "remark">,
): Promise<string> {
  const folder = stateFolder(env);
  if (folder !== null) return senderKey(folder, (sentence) => report.remark(line`${sentence}`));
  report.remark(
    "no home folder, so a killed send will not be continued by the next one; FILESPOOL_STATE names a place",
  );
  return newKey();
}

/**
 * The key in the file, or null when there is no file.
 * @throws Error when there is something of that name that cannot be read or is no key. It is not replaced: a
 *   damaged key may be mended from a backup, and a new one would give up every transfer under way.
 */
async function readKey(path: string): Promise<string | null> {
  // Whoever has put a key there knows the ids of all transfers that are made with it.
  const text = (await readOwn(path, KEY_FILE_BYTES_MAX, false))?.trim();
  if (text === undefined) return null;
  if (!KEY_FORM.test(text)) throw new Error("the file does not hold a key; remove it to get a new one");
  // A copy or a restored backup may have left it open to others; a secret that was readable is still one
  // worth closing.
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  return text;
}

/**
 * Creates the file, or reads what another sender has created meanwhile.
 *
 * Opening the final name and then writing to it would let the other one read an empty file. Renaming a
 * finished file over it would replace a key that is already in use. A hard link does neither: it appears
 * with all its content, and fails if the name is taken.
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
