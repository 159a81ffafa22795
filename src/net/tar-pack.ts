/**
 * Packs a folder into a tar archive while it is sent: no temporary file, one buffer of memory.
 *
 * The archive is POSIX pax: each entry has a header of 512 bytes, before it what does not fit in there (long or non-ASCII
 * names, fractions of seconds), behind it the content in whole blocks. The folder itself comes first, as "./", and every
 * folder before what is in it, in the order of the names; so the same tree gives the same archive. The encoding is the
 * `tar` package's; what goes in is decided here:
 *
 *   files, folders        with mode (setuid, setgid and sticky bits left out) and time of change
 *   hard links            once as a file, then as links to it
 *   symbolic links        as links if they stay inside (tar-names.ts), else left out with a warning
 *   sockets, pipes, ...   left out with a warning
 *
 * A file that cannot be read, or changes while it is packed, fails the whole folder, because half a folder must not look
 * like a whole one. Never here: sending. Read next: tar-unpack.ts. Why: adr/0041.
 */
import { type BigIntStats, constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Header, type HeaderData, Pax } from "tar";
import { FilespoolError } from "../protocol/errors.ts";
import { quoteName, safeName } from "../protocol/names.ts";
import { inWords } from "../spool/errno.ts";
import { readBuffer } from "../spool/read-buffer.ts";
import type { StreamSource } from "./options.ts";
import { BLOCK_BYTES, paddingOf, staysInside } from "./tar-names.ts";

// Bytes read at a time. What is handed out is copied into the blocks of outgoing-stream.ts, so more would gain
// nothing.
const READ_BYTES = 256 * 1024;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * A folder as something to send. Nothing is read before the first piece is asked for.
 * @param warn called for what is left out, with its path and why
 */
export function packFolder(path: string, warn: (path: string, why: string) => void): StreamSource {
  const name = basename(resolve(path)) || "root"; // "/" has no name of its own
  return { name, path, kind: "tar", stream: new Packing(path, warn).run() };
}

/**
 * One walk through one folder. It is a generator from top to bottom, so whoever stops asking stops the walk, and the
 * file that is open is closed by `finally`.
 */
class Packing {
  readonly #root: string;
  readonly #warn: (path: string, why: string) => void;
  /** Where the first of several hard links is in the archive, by device and inode. */
  readonly #linked = new Map<string, string>();
  /** One for all files: what is handed out is copied before the next piece is asked for. */
  readonly #buffer = readBuffer(READ_BYTES);

  constructor(root: string, warn: (path: string, why: string) => void) {
    this.#root = root;
    this.#warn = warn;
  }

  /**
   * The bytes of the archive, in pieces that are valid until the next one is asked for.
   * @throws FilespoolError file-unreadable, file-changed
   */
  async *run(): AsyncGenerator<Uint8Array> {
    yield* this.#folder(this.#root, "");
    yield Buffer.alloc(2 * BLOCK_BYTES); // the end of an archive is two empty blocks
  }

  /** @param path its path in the archive, "" for the folder itself */
  async *#folder(local: string, path: string): AsyncGenerator<Uint8Array> {
    const stat = path === "" ? await this.#statOfRoot() : await read(local, () => lstat(local, { bigint: true }));
    yield entry({ path: `${path || "."}/`, type: "Directory", ...attributes(stat) });
    const names = await read(local, () => readdir(local, { encoding: "buffer" }));
    const taken = new Set<string>();
    // Names are compared as bytes, which no language setting of the machine changes: the same tree is the same
    // archive on each of them.
    for (const bytes of names.sort(Buffer.compare)) {
      const name = bytes.toString("utf8");
      const child = join(local, name);
      if (!Buffer.from(name).equals(bytes)) throw unreadable(child, "its name is not valid UTF-8");
      // As it will be called at the other end, so that two names cannot become one there.
      const safe = safeName(name);
      if (taken.has(safe)) throw unreadable(child, `another entry would have the name ${quoteName(safe)} as well`);
      taken.add(safe);
      yield* this.#entry(child, path === "" ? safe : `${path}/${safe}`);
    }
  }

  /** The one place where a link is followed: `filespool send LINK` means the folder behind it. */
  #statOfRoot(): Promise<BigIntStats> {
    return read(this.#root, async () => {
      const handle = await open(this.#root, O_RDONLY);
      return handle.stat({ bigint: true }).finally(() => handle.close());
    });
  }

  /** @param local where it is on this disk, @param path where it will be in the archive */
  async *#entry(local: string, path: string): AsyncGenerator<Uint8Array> {
    const stat = await read(local, () => lstat(local, { bigint: true }));
    if (stat.isDirectory()) yield* this.#folder(local, path);
    else if (stat.isFile()) yield* this.#file(local, path);
    else if (stat.isSymbolicLink()) {
      const linkpath = await read(local, () => readlink(local));
      if (staysInside(path, linkpath)) yield entry({ path, type: "SymbolicLink", linkpath, ...attributes(stat) });
      else this.#warn(local, "a link that leads out of the folder; it was left out");
    } else this.#warn(local, "neither a file nor a folder nor a link; it was left out");
  }

  /**
   * One file: its header promises a size, so exactly that many bytes have to follow. A file that grows is cut there
   * and found out afterwards; one that shrinks is found out at once. Padding fills its last block.
   */
  async *#file(local: string, path: string): AsyncGenerator<Uint8Array> {
    // Opened first and looked at then: the name may have come to mean something else, and a pipe must not hold us up.
    const handle = await read(local, () => open(local, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    try {
      const before = await handle.stat({ bigint: true });
      if (!before.isFile()) throw changed(local);
      const first = before.nlink > 1n ? this.#firstOf(before, path) : path;
      if (first !== path) return yield entry({ path, type: "Link", linkpath: first, ...attributes(before) });
      const size = Number(before.size);
      yield entry({ path, type: "File", size, ...attributes(before) });
      for (let at = 0; at < size; ) {
        const length = Math.min(READ_BYTES, size - at);
        const { bytesRead } = await read(local, () => handle.read(this.#buffer, 0, length, at));
        if (bytesRead === 0) throw changed(local);
        yield this.#buffer.subarray(0, bytesRead);
        at += bytesRead;
      }
      // Whoever wrote to it has changed at least one of these, also if size and time were put back (then ctime tells).
      const after = await handle.stat({ bigint: true });
      const isSame = before.size === after.size && before.mtimeNs === after.mtimeNs;
      if (!isSame || before.ctimeNs !== after.ctimeNs) throw changed(local);
      yield Buffer.alloc(paddingOf(size));
    } finally {
      await handle.close();
    }
  }

  /**
   * Where this file is in the archive already, or `path` if it comes for the first time. Only files with more than one
   * name are remembered, so the memory for it is that of the hard links.
   */
  #firstOf({ dev, ino }: BigIntStats, path: string): string {
    const key = `${dev} ${ino}`;
    const first = this.#linked.get(key) ?? path;
    this.#linked.set(key, first);
    return first;
  }
}

/** The nine bits of permission; the time to the millisecond, which is what the format's library keeps. */
const attributes = ({ mode, mtimeNs }: BigIntStats) => ({
  mode: Number(mode) & 0o777,
  mtime: new Date(Number(mtimeNs / 1_000_000n)),
});

/** The header of an entry, and in front of it what a plain header cannot hold. */
function entry(data: HeaderData & { readonly mtime: Date }): Buffer {
  const header = new Header(data);
  const needsMore = header.encode();
  const { path, linkpath, size, mtime } = data;
  const block = header.block as Buffer;
  if (needsMore) return Buffer.concat([new Pax({ path, linkpath, size, mtime } as HeaderData).encode(), block]);
  if (mtime.getTime() % 1000 !== 0) return Buffer.concat([new Pax({ mtime }).encode(), block]);
  return block;
}

/** Does something with a file; what the system says against it becomes an error that names the file. */
async function read<T>(local: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw changed(local);
    throw unreadable(local, inWords(error));
  }
}

/**
 * Both end the folder as a whole, and both say so: whoever reads the message must not look for half of it on the
 * server.
 */
const unreadable = (path: string, why: string) =>
  new FilespoolError("file-unreadable", `cannot send ${path}: ${why}; nothing of the folder was stored`);

const changed = (path: string) =>
  new FilespoolError("file-changed", `${path} changed while it was being packed; nothing of the folder was stored`);
