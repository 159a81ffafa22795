/**
 * Files that are read although nobody names them: settings and secrets that only this user or root can have written.
 *
 * Settings run commands and name servers, so a file that others may write is not read. The file is checked together with
 * its path, as OpenSSH checks its keys:
 *
 *   the file       a regular file of this user or root, which neither its group nor others may write
 *   its folder     the same: a user who may write there can replace the file
 *   the folders    above it, and those that hold a symbolic link: a user who may write there can make the path lead
 *   of its path    elsewhere. A folder with the sticky bit (/tmp) is fine: there, users can change only their own files
 *
 * The path is checked, then the file is opened, then the open file is checked. Nobody can change the path in between,
 * because only a user who may write to it could, and there is none. Opening a pipe does not wait for its writer.
 *
 * A file that a person names is not checked. It may be a pipe, such as <(...) in a shell. Windows has no modes, and the
 * folder of a user is closed to others there. Why: adr/0068.
 */
import { closeSync, constants, fstatSync, open as openNumber, read, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Step, wayTo } from "../../net/receiver/path-resolution.ts";

/** A file that exists and must not be read. The message ends a sentence that begins with the file. */
export class Distrusted extends Error {}

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** The id that a container shows for users that it does not know; root of the machine can be one of them. */
const OVERFLOW_UID = 65_534;

/** Whether we trust the files of a user: ourselves, and root, who may write any file. */
const isTrusted = (uid: number): boolean => uid === 0 || uid === process.geteuid?.();

/** Quoted for a shell, because people copy the command. */
const quoted = (path: string): string => (/^[\w./@=+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** Why a file or folder is not trusted, and what to do about it; null when it is trusted. */
export function whyNotOurs(path: string, { uid, mode }: Pick<Stats, "uid" | "mode">, what: string): string | null {
  if (process.geteuid === undefined) return null;
  const isOurs = isTrusted(uid);
  if (!isOurs) return `${what} belongs to another user (${uid}); to fix it: chown ${process.geteuid()} ${quoted(path)}`;
  if ((mode & OTHERS_WRITE) !== 0) return `others may write to ${what}; to fix it: chmod go-w ${quoted(path)}`;
  return null;
}

/** Why another user could make a path lead elsewhere; null when nobody can. @param steps the folders and links of the path */
function whyNotTheWay(path: string, steps: readonly Step[]): string | null {
  // The folder of the path, and the folder of the file itself: two folders if the path is a link.
  const strict = new Set([wayTo(dirname(path)).real, steps.at(-1)?.folder]);
  for (const { folder, name, stat } of steps) {
    const here = join(folder, name);
    if (stat === null || stat.isFile()) continue; // a file is checked after it was opened
    const isLink = stat.isSymbolicLink();
    const isStrict = strict.has(here);
    // Links have no mode. Their owner counts, because anybody can make a link in a folder like /tmp.
    const mode = isLink || (!isStrict && (stat.mode & STICKY) !== 0) ? 0 : stat.mode;
    const uid = !isStrict && stat.uid === OVERFLOW_UID ? 0 : stat.uid;
    const why = whyNotOurs(here, { uid, mode }, `the ${isLink ? "link" : "folder"} ${here}`);
    if (why !== null) return why;
  }
  return null;
}

/**
 * The text of a file that nobody named.
 * @param isWayJudged false to check only the folder: enough for a file that does no harm if another user wrote it
 * @returns null when the file does not exist
 * @throws Distrusted; Error if it is no regular file; errors of the file system
 */
export async function readOwn(path: string, bytesMax: number, isWayJudged = true): Promise<string | null> {
  const { steps } = wayTo(path);
  // A folder that we may not search belongs to somebody else; a file in it counts as missing.
  if (steps.some(({ stat }) => stat === null)) return null;
  if (process.geteuid !== undefined) {
    const folder = dirname(path);
    const why = isWayJudged
      ? whyNotTheWay(path, steps)
      : whyNotOurs(folder, await stat(folder), `the folder ${folder}`);
    if (why !== null) throw new Distrusted(why);
  }
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new Error(found.isDirectory() ? "it is a folder" : "it is no regular file");
    const why = whyNotOurs(path, found, "it");
    if (why !== null) throw new Distrusted(why);
    return textOf(await readUpTo(handle.fd, bytesMax));
  } finally {
    await handle.close();
  }
}

/**
 * The text of a named file, device or pipe; it waits for the content of a pipe. `readFile` would wait for a pipe in a
 * thread, which delays even the end of the process.
 * @throws errors of the file system; Error for a text that is too long or not UTF-8
 */
export async function readNamed(path: string, bytesMax: number, signal?: AbortSignal): Promise<string> {
  // Opened only once: a writer may come and go between two openings, and the second would wait for another writer.
  const fd = await promisify(openNumber)(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = fstatSync(fd);
  if (!found.isFIFO() && !found.isSocket())
    return readUpTo(fd, bytesMax)
      .then(textOf)
      .finally(() => closeSync(fd));
  // As a socket, the event loop reads it and closes it.
  const pipe = new Socket({ fd, writable: false, ...(signal && { signal }) });
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of pipe as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > bytesMax) throw tooLong(bytesMax);
  }
  return textOf(Buffer.concat(parts));
}

/** The bytes of a file. @throws Error for more than `bytesMax` */
async function readUpTo(fd: number, bytesMax: number): Promise<Buffer> {
  const room = Buffer.allocUnsafe(bytesMax + 1);
  let bytes = 0;
  for (let got = -1; got !== 0 && bytes < room.length; bytes += got)
    got = (await promisify(read)(fd, room, bytes, room.length - bytes, null)).bytesRead;
  if (bytes > bytesMax) throw tooLong(bytesMax);
  return room.subarray(0, bytes);
}

const tooLong = (bytesMax: number) => new Error(`it has more than ${bytesMax} bytes`);

/** Decodes UTF-8, with or without the byte order mark that some editors write. @throws Error for anything else */
function textOf(bytes: Buffer): string {
  const isUtf16 = bytes.length >= 2 && [0xfeff, 0xfffe].includes(bytes.readUInt16BE(0));
  if (isUtf16) throw new Error("it is in UTF-16; save it as UTF-8");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("it is not in UTF-8");
  }
}
