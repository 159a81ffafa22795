/**
 * Files that are read without being named: settings and secrets that this user or root has made, and nobody else.
 *
 * A file that others may write holds what others say. Settings run commands and name servers, so such a file is not
 * read. It is judged with all that leads to it, as OpenSSH judges its keys:
 *
 *   the file       a regular one, of this user or root, that neither its group nor others may write
 *   its folder     the same: who may write there can put another file in its place
 *   the folders    on the way there, those that hold a symbolic link included: who may write there can make the path
 *   before it      lead elsewhere. One with the sticky bit (/tmp) will do, where each may change only what is theirs
 *
 * First the way is judged, then the file is opened, then what was opened is judged. Whoever could have changed the way in
 * between is somebody who may write to it, so there is nobody. A pipe is opened without waiting for who writes to it.
 *
 * What a person names is their own choice and is not judged. It may be a pipe, as shells make one of <(...).
 * Windows has no modes, and its folder of a user is closed to others anyway. Why: adr/0068.
 */
import { closeSync, constants, fstatSync, open as openNumber, read, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Step, wayTo } from "../../net/receiver/path-resolution.ts";

/** A file that is there and must not be read. The message is the end of a sentence that begins with the file. */
export class Distrusted extends Error {}

const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** How a user looks whom the kernel cannot name in a container of its own: there, root of the machine is one of those. */
const OVERFLOW_UID = 65_534;

/** Whose files are as good as ours: root may write to any of them. */
const isTrusted = (uid: number): boolean => uid === 0 || uid === process.geteuid?.();

/** In quotes for a shell, since it is part of a command that people copy. */
const quoted = (path: string): string => (/^[\w./@=+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

/** Why what is at `path` is not trusted, with what to do about it; null when it is. */
export function whyNotOurs(path: string, { uid, mode }: Pick<Stats, "uid" | "mode">, what: string): string | null {
  if (process.geteuid === undefined) return null;
  const isOurs = isTrusted(uid);
  if (!isOurs)
    return `${what} belongs to another user (${uid}); take it over: chown ${process.geteuid()} ${quoted(path)}`;
  if ((mode & OTHERS_WRITE) !== 0) return `others may write to ${what}; close it: chmod go-w ${quoted(path)}`;
  return null;
}

/** Why somebody else could make a path lead elsewhere; null when nobody can. @param steps the way to it */
function whyNotTheWay(path: string, steps: readonly Step[]): string | null {
  // Where the file is looked up, and where it is: two folders if it is a link.
  const strict = new Set([wayTo(dirname(path)).real, steps.at(-1)?.folder]);
  for (const { folder, name, stat } of steps) {
    const here = join(folder, name);
    if (stat === null || stat.isFile()) continue; // a file is judged when it is open
    const isLink = stat.isSymbolicLink();
    const isStrict = strict.has(here);
    // Links have no mode; whose they are counts, since in a folder like /tmp anybody can make one.
    const mode = isLink || (!isStrict && (stat.mode & STICKY) !== 0) ? 0 : stat.mode;
    const uid = !isStrict && stat.uid === OVERFLOW_UID ? 0 : stat.uid;
    const why = whyNotOurs(here, { uid, mode }, `the ${isLink ? "link" : "folder"} ${here}`);
    if (why !== null) return why;
  }
  return null;
}

/**
 * The text of a file that nobody named.
 * @param isWayJudged false where the folder alone will do: for what is a pity to lose and no harm to believe
 * @returns null when there is none
 * @throws Distrusted; Error for what is no file; what the file system said
 */
export async function readOwn(path: string, bytesMax: number, isWayJudged = true): Promise<string | null> {
  const { steps } = wayTo(path);
  // As far as we may see: a folder that we may not search is somebody else's.
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
 * The text of a file that somebody named: a file, a device, or a pipe, for which it waits. Not by `readFile`: that would
 * wait for a pipe in a thread, which holds up even the end of the process.
 * @throws what the file system said; Error for what is too long or no text
 */
export async function readNamed(path: string, bytesMax: number, signal?: AbortSignal): Promise<string> {
  // One opening: who writes may come and go between two, and the second would wait for another one.
  const fd = await promisify(openNumber)(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = fstatSync(fd);
  if (!found.isFIFO() && !found.isSocket())
    return readUpTo(fd, bytesMax)
      .then(textOf)
      .finally(() => closeSync(fd));
  // The event loop knows when something has come; it closes the pipe, too.
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

/** Its bytes. @throws Error for more than `bytesMax`: what is read whole has to be bounded */
async function readUpTo(fd: number, bytesMax: number): Promise<Buffer> {
  const room = Buffer.allocUnsafe(bytesMax + 1);
  let bytes = 0;
  for (let got = -1; got !== 0 && bytes < room.length; bytes += got)
    got = (await promisify(read)(fd, room, bytes, room.length - bytes, null)).bytesRead;
  if (bytes > bytesMax) throw tooLong(bytesMax);
  return room.subarray(0, bytes);
}

const tooLong = (bytesMax: number) => new Error(`it has more than ${bytesMax} bytes`);

/** UTF-8 with or without the mark that some editors put in front. @throws Error for anything else */
function textOf(bytes: Buffer): string {
  const isUtf16 = bytes.length >= 2 && [0xfeff, 0xfffe].includes(bytes.readUInt16BE(0));
  if (isUtf16) throw new Error("it is in UTF-16; save it as UTF-8");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("it is not in UTF-8");
  }
}
