/**
 * Packs a folder into a tar archive while it is sent: no temporary file, one buffer of memory.
 *
 * The archive is POSIX pax: each entry has a header of 512 bytes, before it what does not fit in there (long or non-ASCII
 * names, fractions of seconds, times before 1970), behind it the content in whole blocks. The folder itself comes first, as
 * "./", and every folder before what is in it: its files in the order of their names, then its folders; so the same tree
 * gives the same archive. What goes in:
 *
 *   files, folders        with mode (setuid, setgid and sticky bits left out) and time of change
 *   hard links            once as a file, then as links to it
 *   symbolic links        as links if they stay inside (tar-names.ts), else left out with a warning
 *   sockets, pipes, ...   left out with a warning
 *   names that no other   refused, each by its name: not UTF-8, or one that another entry has as well; the rest goes on,
 *   machine could keep    and the run does not end well (packed-names.ts)
 *
 * A file that cannot be read, or changes while it is packed, fails the whole folder, because half a folder must not look
 * like a whole one. A folder is held open while it is packed, and a subfolder has to be the one that was seen, so nobody can
 * lead us elsewhere by a link. Never here: sending. Read next: tar-unpack.ts. Why: adr/0041, adr/0089.
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

// Bytes read at a time. What is handed out is copied into the blocks of stream-source.ts, so more would gain
// nothing.
const READ_BYTES = 256 * 1024;
/** Bytes of what is remembered of hard links, as estimated below; beyond that, names are packed as files of their own. */
const LINKED_BYTES_MAX = 64 * 1024 * 1024;
/** What one of them costs beside its path: a key, an object, a place in the map. */
const LINKED_BYTES_EACH = 250;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface PackEvents {
  /** Something was left out that is no loss of content, with its path and why. */
  readonly warn: (path: string, why: string) => void;
  /** Something was left out that somebody will miss: the run must not end as if all were well. */
  readonly refuse: (path: string, failure: FilespoolError) => void;
}

/**
 * A folder as something to send. Nothing is read before the first piece is asked for.
 * @param linkedBytesMax bound of what is remembered of hard links, bytes
 */
export function packFolder(path: string, events: PackEvents, linkedBytesMax = LINKED_BYTES_MAX): StreamSource {
  const name = basename(resolve(path)) || "root"; // "/" has no name of its own
  return { name, path, kind: "tar", stream: new Packing(path, events, linkedBytesMax).run() };
}

/** A folder that was seen and is still to be packed: where it is, what it is called, and which one it was. */
interface Seen {
  /** Its path on this disk, for messages, and from the root on, for the next call. */
  readonly local: string;
  readonly inside: string;
  /** In the archive; "" for the folder itself. */
  readonly path: string;
  readonly stat: BigIntStats;
}

/**
 * One walk through one folder. It is a generator from top to bottom, so whoever stops asking stops the walk, and what is
 * open is closed by `finally`. Folders wait in a list instead of in calls within calls: paths may be a thousand folders deep.
 */
class Packing {
  readonly #root: string;
  readonly #events: PackEvents;
  /** Where the first of several hard links is in the archive, and how many are still to come, by device and inode. */
  readonly #linked = new Map<string, { readonly path: string; left: bigint }>();
  readonly #linkedBytesMax: number;
  #linkedBytes = 0;
  #hasWarnedOfLinks = false;
  /** One for all files: what is handed out is copied before the next piece is asked for. */
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
    // The one place where a link is followed: `filespool send LINK` means the folder behind it.
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

  /** @param folders gets those that are in it */
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

  /** @param at where it is on this disk */
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
   * One file: its header promises a size, so exactly that many bytes have to follow. One that grows, or has more than it
   * says (as all of /proc does), is found out by the byte behind its end; one that shrinks, by the one that is missing.
   */
  async *#file(at: Buffer, local: string, path: string): AsyncGenerator<Uint8Array> {
    // Opened first and looked at then: the name may have come to mean something else, and a pipe must not hold us up.
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
      // Whoever wrote to it has changed at least one of these, also if size and time were put back (then ctime tells).
      const after = await handle.stat({ bigint: true });
      const isSame = before.size === after.size && before.mtimeNs === after.mtimeNs;
      if (!isSame || before.ctimeNs !== after.ctimeNs) throw changed(local);
      yield Buffer.alloc(paddingOf(size));
    } finally {
      await handle.close();
    }
  }

  /** Each read asks for one byte more than there should be left, so that the end needs no read of its own. */
  async *#content(handle: FileHandle, size: number, local: string): AsyncGenerator<Uint8Array> {
    for (let at = 0, isEnd = false; !isEnd; ) {
      const { bytesRead } = await read(local, () =>
        handle.read(this.#buffer, 0, Math.min(READ_BYTES, size - at + 1), at),
      );
      if (at + bytesRead > size) throw changed(local, "has more bytes than its size says, or is being written to");
      if (bytesRead === 0 && at < size) throw changed(local, "has fewer bytes than its size says, or was cut");
      if (bytesRead > 0) yield this.#buffer.subarray(0, bytesRead);
      at += bytesRead;
      // A regular file gives less than it was asked for only at its end.
      isEnd = at >= size && bytesRead < READ_BYTES;
    }
  }

  /**
   * Where this file is in the archive already, or `path` if it comes for the first time. Only files with more than one
   * name are remembered, each until its last name has come. Those whose other names are outside stay; so there is a bound.
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
 * Opens a folder that was seen a while ago. If it is another one by now, somebody may have put a link in its place or above
 * it; or the disk has new numbers for its folders, or mounts them when they are entered. So the way there is gone step by step.
 */
async function openSeen(root: HeldFolder, { inside, path, stat: seen }: Seen): Promise<HeldFolder> {
  const held = await HeldFolder.open(inside, path === "");
  const { ino, dev } = await held.stat();
  if (ino === seen.ino && dev === seen.dev) return held;
  await held.close();
  return root.below(inside.slice(root.path.length + 1).split("/"));
}

/** The nine bits of permission, and the time as exactly as the disk keeps it. */
const attributes = ({ mode, mtimeNs }: BigIntStats) => ({
  mode: Number(mode) & 0o777,
  time: momentOf(mtimeNs),
  size: 0,
});

interface EntryData extends ReturnType<typeof attributes> {
  readonly type: string;
  readonly name: string;
  readonly linkName?: string;
}

/** The header of an entry, and in front of it what a plain header cannot hold. */
function entry({ time, ...data }: EntryData): Buffer {
  const { block, misfits } = encodeHeader({ ...data, seconds: time.seconds });
  const records: Record<string, string> = {};
  if (misfits.has("name")) records.path = data.name;
  if (misfits.has("linkName")) records.linkpath = data.linkName as string;
  if (misfits.has("size")) records.size = String(data.size);
  if (misfits.has("seconds") || time.nanos !== 0) records.mtime = decimalOf(time);
  return Object.keys(records).length > 0 ? Buffer.concat([encodeRecords(records), block]) : block;
}

/** Does something with a file; what the system says against it becomes an error that names the file. */
async function read<T>(local: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It was there a moment ago, as what it was: a folder, or no link.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") throw changed(local);
    const why = `cannot send ${local}: ${describe(error)}; nothing of the folder was stored`;
    throw new FilespoolError("file-unreadable", why);
  }
}

/** It ends the folder as a whole, and says so: whoever reads it must not look for half of it on the server. */
const changed = (path: string, how = "changed while it was being packed") =>
  new FilespoolError("file-changed", `${path} ${how}; nothing of the folder was stored`);
