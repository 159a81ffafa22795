/**
 * Packs a folder into a tar archive while it is sent: no temporary file, one buffer of memory.
 *
 * The archive is POSIX pax. Each entry has a header of 512 bytes. Before it comes an extended
 * header, if something does not fit (long or non-ASCII names, fractions of seconds, times before
 * 1970); after it the content, in whole blocks. The folder itself comes first, as "./", and every
 * folder comes before what is in it: its files in the order of their names, then its folders. So
 * the same tree gives the same archive. What goes in:
 *
 *   files, folders        with mode (without setuid, setgid and sticky bits) and time of change
 *   hard links            once as a file, then as links to it
 *   symbolic links        as links if they stay inside (tar-names.ts), else left out with a warning
 *   sockets, pipes, ...   left out with a warning
 *   names that no other   refused one by one: not UTF-8, or one that another entry has as well. The
 *   machine could keep    rest goes on, and the run does not end well (packed-names.ts)
 *
 * A file that cannot be read, or changes while it is packed, fails the whole folder: half a folder
 * must not look like a whole one. A folder is held open while it is packed, and a subfolder has to
 * be the one that was seen, so that no link can lead us elsewhere. Never here: sending. Read next:
 * tar-unpack.ts. Why: adr/0041, adr/0089.
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { decimalOf, momentOf } from "../../../disk/file-times.ts";
import { readBuffer } from "../../../disk/read-buffer.ts";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { StreamSource } from "../../options.ts";
import { HeldFolder } from "./held-folder.ts";
import { namesToPack } from "./packed-names.ts";
import { BLOCK_BYTES, encodeHeader, paddingOf, TYPE } from "./tar-header.ts";
import { staysInside } from "./tar-names.ts";
import { encodeRecords } from "./tar-pax.ts";

// Bytes read at a time. stream-source.ts copies them into its blocks, so more gains nothing.
const READ_BYTES = 256 * 1024;
/**
 * Most bytes remembered of hard links, as estimated below. Beyond them, each name is packed as a
 * file of its own.
 */
const LINKED_BYTES_MAX = 64 * 1024 * 1024;
/** What one of them costs beside its path: a key, an object, a place in the map. */
const LINKED_BYTES_EACH = 250;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** What is told while a folder is packed. */
export interface PackEvents {
  /** Something was left out whose content nobody loses; with its path and the reason. */
  readonly warn: (path: string, why: string) => void;
  /** Something was left out that somebody will miss. The run must not end as if all were well. */
  readonly refuse: (path: string, failure: FilespoolError) => void;
}

/**
 * A folder as a stream to send. Nothing is read before the first piece is asked for.
 * @param linkedBytesMax most bytes to remember of hard links
 */
export function packFolder(path: string, events: PackEvents, linkedBytesMax = LINKED_BYTES_MAX): StreamSource {
  const name = basename(resolve(path)) || "root"; // "/" has no name of its own
  return { name, path, kind: "tar", stream: new Packing(path, events, linkedBytesMax).run() };
}

/** A folder that was seen and is still to be packed. */
interface Seen {
  /** Its path on this disk: `local` for messages, `inside` from the open root on, for calls. */
  readonly local: string;
  readonly inside: string;
  /** Its path in the archive; "" for the root. */
  readonly path: string;
  /** Its status when it was seen. By this, `openSeen` knows it again. */
  readonly stat: BigIntStats;
}

/**
 * One walk through one folder. It is a generator throughout: a caller that stops asking stops the
 * walk, and `finally` closes what is open. Folders wait in a list and not in nested calls, because
 * paths may be a thousand folders deep.
 */
class Packing {
  readonly #root: string;
  readonly #events: PackEvents;
  /**
   * By device and inode: the path in the archive of the first of several hard links, and how many
   * are still to come.
   */
  readonly #linked = new Map<string, { readonly path: string; left: bigint }>();
  readonly #linkedBytesMax: number;
  /** What `#linked` costs, as estimated; LINKED_BYTES_MAX bounds it. */
  #linkedBytes = 0;
  #hasWarnedOfLinks = false;
  /** One buffer for all files: each piece is copied before the next one is asked for. */
  readonly #buffer = readBuffer(READ_BYTES);

  constructor(root: string, events: PackEvents, linkedBytesMax: number) {
    this.#root = root;
    this.#events = events;
    this.#linkedBytesMax = linkedBytesMax;
  }

  /**
   * The bytes of the archive, in pieces that are valid until the next one is asked for.
   * @throws FilespoolError file-unreadable, file-changed
   */
  async *run(): AsyncGenerator<Uint8Array> {
    // Only here a link is followed: `filespool send LINK` means the folder behind it.
    const root = await read(this.#root, () => HeldFolder.open(this.#root, true));
    try {
      const stat = await root.stat();
      const todo: Seen[] = [{ local: this.#root, inside: root.path, path: "", stat }];
      for (let seen = todo.pop(); seen; seen = todo.pop()) {
        const folders: Seen[] = [];
        yield* this.#folder(root, seen, folders);
        for (const folder of folders.reverse()) todo.push(folder);
      }
    } finally {
      await root.close();
    }
    yield Buffer.alloc(2 * BLOCK_BYTES); // the end of an archive is two empty blocks
  }

  /**
   * One folder: its own entry, and the entries of everything in it that is not a folder.
   * @param folders receives the folders in it
   */
  async *#folder(root: HeldFolder, seen: Seen, folders: Seen[]): AsyncGenerator<Uint8Array> {
    const { local, inside, path } = seen;
    const held = await read(local, () => openSeen(root, seen));
    try {
      const stat = await held.stat();
      yield entry({ name: `${path || "."}/`, type: TYPE.folder, ...attributes(stat) });
      const names = await read(local, () => readdir(held.path, "latin1"));
      const refuse = (name: string, failure: FilespoolError) => this.#events.refuse(join(local, name), failure);
      for (const { bytes, name, safe } of namesToPack(names, refuse)) {
        const at = Buffer.concat([Buffer.from(`${held.path}/`), bytes]);
        const child = {
          local: join(local, name),
          inside: `${inside}/${name}`,
          path: path === "" ? safe : `${path}/${safe}`,
        };
        const found = await read(child.local, () => lstat(at, { bigint: true }));
        if (found.isDirectory()) folders.push({ ...child, stat: found });
        else yield* this.#entry(at, child, found);
      }
    } finally {
      await held.close();
    }
  }

  /** An entry that is not a folder. @param at its path on this disk, from the open folder on */
  async *#entry(at: Buffer, { local, path }: Omit<Seen, "stat">, stat: BigIntStats): AsyncGenerator<Uint8Array> {
    const { warn } = this.#events;
    if (stat.isFile()) yield* this.#file(at, local, path);
    else if (stat.isSymbolicLink()) {
      const target = await read(local, () => readlink(at, "buffer"));
      const linkName = target.toString("utf8");
      if (!Buffer.from(linkName).equals(target)) warn(local, "a link to a name that is not UTF-8; it was left out");
      else if (!staysInside(path, linkName)) warn(local, "a link that leads out of the folder; it was left out");
      else yield entry({ name: path, type: TYPE.link, linkName, ...attributes(stat) });
    } else warn(local, "neither a file nor a folder nor a link; it was left out");
  }

  /**
   * One file. Its header promises a size, so exactly that many bytes have to follow. A file that
   * grows, or has more than it reports (as all of /proc does), is found out by one byte too many; a
   * file that shrinks, by one that is missing.
   */
  async *#file(at: Buffer, local: string, path: string): AsyncGenerator<Uint8Array> {
    // Opened before it is looked at: its name may lead elsewhere by now, and a pipe must not wait.
    const handle = await read(local, () => open(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    try {
      const before = await handle.stat({ bigint: true });
      if (!before.isFile()) throw changed(local);
      const first = before.nlink > 1n ? this.#firstOf(before, path, local) : path;
      if (first !== path)
        return yield entry({ name: path, type: TYPE.hardLink, linkName: first, ...attributes(before) });
      const size = Number(before.size);
      yield entry({ name: path, type: TYPE.file, ...attributes(before), size });
      yield* this.#content(handle, size, local);
      // A write has changed one of these; the ctime, even if size and mtime were put back.
      const after = await handle.stat({ bigint: true });
      const isSame = before.size === after.size && before.mtimeNs === after.mtimeNs;
      if (!isSame || before.ctimeNs !== after.ctimeNs) throw changed(local);
      yield Buffer.alloc(paddingOf(size));
    } finally {
      await handle.close();
    }
  }

  /**
   * Each read asks for one byte more than should be left, so that the end needs no read of its own.
   */
  async *#content(handle: FileHandle, size: number, local: string): AsyncGenerator<Uint8Array> {
    for (let at = 0, isEnd = false; !isEnd; ) {
      const { bytesRead } = await read(local, () =>
        handle.read(this.#buffer, 0, Math.min(READ_BYTES, size - at + 1), at),
      );
      if (at + bytesRead > size) throw changed(local, "has more bytes than its size says, or is being written to");
      if (bytesRead === 0 && at < size) throw changed(local, "has fewer bytes than its size says, or was cut");
      if (bytesRead > 0) yield this.#buffer.subarray(0, bytesRead);
      at += bytesRead;
      // A regular file gives less than was asked for only at its end.
      isEnd = at >= size && bytesRead < READ_BYTES;
    }
  }

  /**
   * Where this file is in the archive already, or `path` if it comes for the first time. Only files
   * with several names are remembered, each until its last name has come. A file with names outside
   * this folder stays remembered, so there is a bound.
   */
  #firstOf({ dev, ino, nlink }: BigIntStats, path: string, local: string): string {
    const key = `${dev} ${ino}`;
    const first = this.#linked.get(key);
    const bytes = LINKED_BYTES_EACH + (first?.path ?? path).length;
    if (first) {
      first.left--;
      if (first.left > 0n) return first.path;
      this.#linked.delete(key);
      this.#linkedBytes -= bytes;
      return first.path;
    }
    if (this.#linkedBytes + bytes <= this.#linkedBytesMax) {
      this.#linked.set(key, { path, left: nlink - 1n });
      this.#linkedBytes += bytes;
    } else if (!this.#hasWarnedOfLinks) {
      this.#hasWarnedOfLinks = true;
      this.#events.warn(
        local,
        "too many files with several names: from here on, each name is packed as a file of its own",
      );
    }
    return path;
  }
}

/**
 * Opens a folder that was seen a while ago. It may be another one by now: somebody has put a link
 * in its place or above it, or the disk has given new numbers, or mounts folders when they are
 * entered. Then the way there is gone step by step, without following links.
 */
async function openSeen(root: HeldFolder, { inside, path, stat: seen }: Seen): Promise<HeldFolder> {
  const held = await HeldFolder.open(inside, path === "");
  const { ino, dev } = await held.stat();
  if (ino === seen.ino && dev === seen.dev) return held;
  await held.close();
  return root.below(inside.slice(root.path.length + 1).split("/"));
}

/** The nine permission bits, and the time as exactly as the disk keeps it. */
const attributes = ({ mode, mtimeNs }: BigIntStats) => ({
  mode: Number(mode) & 0o777,
  time: momentOf(mtimeNs),
  size: 0,
});

/** What an entry is made of; `size` is 0 unless it is a file. */
interface EntryData extends ReturnType<typeof attributes> {
  readonly type: string;
  readonly name: string;
  readonly linkName?: string;
}

/** The header of an entry, after an extended header with what does not fit into it. */
function entry({ time, ...data }: EntryData): Buffer {
  const { block, misfits } = encodeHeader({ ...data, seconds: time.seconds });
  const records: Record<string, string> = {};
  if (misfits.has("name")) records.path = data.name;
  if (misfits.has("linkName")) records.linkpath = data.linkName as string;
  if (misfits.has("size")) records.size = String(data.size);
  if (misfits.has("seconds") || time.nanos !== 0) records.mtime = decimalOf(time);
  return Object.keys(records).length > 0 ? Buffer.concat([encodeRecords(records), block]) : block;
}

/**
 * Calls the file system. What it says becomes an error that names the file.
 * @throws FilespoolError file-unreadable, file-changed
 */
async function read<T>(local: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It was there a moment ago, as a folder or as no link.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") throw changed(local);
    const why = `cannot send ${local}: ${describe(error)}; nothing of the folder was stored`;
    throw new FilespoolError("file-unreadable", why);
  }
}

/**
 * The error of a file that changed. It says that the whole folder failed, so that nobody looks for
 * half of it on the server.
 */
const changed = (path: string, how = "changed while it was being packed") =>
  new FilespoolError("file-changed", `${path} ${how}; nothing of the folder was stored`);
