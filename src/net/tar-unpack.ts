/**
 * Unpacks the archive of a folder into a new folder, and trusts nothing in it.
 *
 * The archive is a file by now, verified and complete; that says who sent it, not that they mean well. What keeps every
 * entry inside, in the order of the checks:
 *
 *   1. its path consists of names that could land by themselves (tar-names.ts)
 *   2. the folder it lies in came before, in this archive, as a folder: nothing is followed, nothing is guessed
 *   3. it is *created*: whatever is there already, by whatever spelling this disk takes for the same, refuses the archive
 *   4. symbolic links are made last of all, so that nothing can be written through one, and only if they stay inside
 *   5. devices, pipes and whatever else a tar may hold refuse it; setuid, setgid and sticky bits are dropped
 *
 * Bombs are bounded by the archive: a content is as long as its bytes in there, and a folder costs a header. Files and
 * folders are synced here, so that whoever renames the result has nothing left to do. Never here: where that is
 * (incoming-tree.ts). The decoding of headers is the `tar` package's. Why: adr/0041.
 */
import { constants } from "node:fs";
import { type FileHandle, link, lstat, lutimes, mkdir, open, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Header, Pax } from "tar";
import { quoteName } from "../protocol/names.ts";
import { readBuffer } from "../spool/read-buffer.ts";
import { BLOCK_BYTES, namesIn, paddingOf, refusedArchive, staysInside } from "./tar-names.ts";

// Bytes of the one buffer through which the archive passes, whatever its size.
const READ_BYTES = 256 * 1024;
/** Bytes of an extended header: two paths of the longest kind and some numbers. */
const EXTENDED_BYTES_MAX = 64 * 1024;
/** Folders and links, which are remembered until the end. */
const REMEMBERED_MAX = 1_000_000;
/** Files that are being synced at a time (adr/0033). */
const SYNCS_MAX = 4;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

export interface UnpackOptions {
  readonly sync: boolean;
  /** Called for what is left out, with its path in the archive and why. */
  readonly warn: (path: string, why: string) => void;
}

/**
 * Unpacks `archive` into the folder `into`, which must not exist. Whatever it throws, the folder is then half of something.
 * @throws FilespoolError archive-refused; what the file system said
 */
export async function unpack(archive: string, into: string, options: UnpackOptions): Promise<void> {
  const handle = await open(archive, "r");
  const unpacking = new Unpacking(new Reader(handle, (await handle.stat()).size), into, options);
  await unpacking.run().finally(() => handle.close());
}

/**
 * One archive on its way into one folder. It goes forward only and remembers folders and links, never files: so its
 * memory is bounded by REMEMBERED_MAX, and not by the archive.
 */
class Unpacking {
  readonly #reader: Reader;
  readonly #into: string;
  readonly #options: UnpackOptions;
  /** Folders that were made, by path, in that order; their modes are set last, as a folder may forbid writing. */
  readonly #folders = new Map<string, Header>();
  /** Symbolic links, for the end: as long as there are none, no path of this tree leads out of it. */
  readonly #links: { readonly local: string; readonly header: Header }[] = [];
  /**
   * Files that are written and not yet synced. They outlive the turn that began them, so `run` waits for all of them
   * also when it fails: a folder that is being removed must not get new files.
   */
  readonly #finishing = new Set<Promise<void>>();
  /** The first thing that went wrong with one of these, thrown at the next turn. */
  #failure: unknown = null;

  constructor(reader: Reader, into: string, options: UnpackOptions) {
    this.#reader = reader;
    this.#into = into;
    this.#options = options;
  }

  /**
   * Entries in their order, then the links, then the folders from the innermost out: making an entry changes the time
   * of its folder, so that is set when nothing more will be made in there.
   */
  async run(): Promise<void> {
    try {
      for (let header = await this.#header(); header; header = await this.#header()) await this.#take(header);
    } finally {
      await Promise.all(this.#finishing);
    }
    if (this.#failure) throw this.#failure;
    if (this.#folders.size === 0) throw refusedArchive("it is empty");
    for (const { local, header } of this.#links) await this.#makeLink(local, header);
    for (const [local, header] of [...this.#folders].reverse()) await this.#finish(await open(local, "r"), header);
  }

  /** The next entry, with what its extended header says; null at the end. */
  async #header(): Promise<Header | null> {
    let extended: Pax | undefined;
    for (;;) {
      const header = decoded(await this.#reader.take(BLOCK_BYTES), extended);
      if (header.nullBlock) return null;
      if (!header.cksumValid) throw refusedArchive("a header is damaged");
      if (header.type !== "ExtendedHeader") {
        // What the plain header could not hold is cut off in there, and the decoder would put the two together.
        header.path = extended?.path ?? header.path ?? "";
        header.linkpath = extended?.linkpath ?? header.linkpath ?? "";
        return header;
      }
      const size = header.size ?? Infinity;
      if (extended || size > EXTENDED_BYTES_MAX) throw refusedArchive("its extended headers make no sense");
      const text = (await this.#reader.take(size)).toString("utf8");
      extended = Pax.parse(text);
      // The parser cuts what floating point makes of it, and a thousandth of a second would be gone.
      const seconds = /^\d+ mtime=(-?\d+(\.\d+)?)$/m.exec(text)?.[1];
      if (seconds !== undefined) extended.mtime = new Date(Math.round(Number(seconds) * 1000));
      await this.#reader.take(paddingOf(size));
    }
  }

  /** Creates one entry, after the checks in the order of the list above. */
  async #take(header: Header): Promise<void> {
    const path = header.path ?? "";
    const names = namesIn(path);
    const local = join(this.#into, ...names);
    const isInside = names.length === 0 ? this.#folders.size === 0 : this.#folders.has(dirname(local));
    if (!isInside) throw refusedArchive(`${quoteName(path)} comes before the folder that it is in`);
    if (this.#folders.size + this.#links.length >= REMEMBERED_MAX) throw refusedArchive("it has too many entries");
    if (names.length === 0 && header.type !== "Directory") throw refusedArchive("it does not begin with a folder");
    switch (header.type) {
      case "Directory":
        // Ours alone until the end: nobody can put anything into a tree that is being made.
        await created(path, mkdir(local, 0o700));
        this.#folders.set(local, header);
        return;
      case "File":
      case "OldFile":
        return this.#file(local, path, header);
      // Hard links are made at once, since they can only lead to a file that is here already.
      case "Link":
        return this.#hardLink(local, path, header.linkpath ?? "");
      case "SymbolicLink":
        if (staysInside(path, header.linkpath ?? "")) this.#links.push({ local, header });
        else this.#options.warn(path, "a link that leads out of the folder; it was left out");
        return;
      default:
        throw refusedArchive(`${quoteName(path)} is neither a file nor a folder nor a link`);
    }
  }

  /**
   * Writes the content and leaves mode, time and sync to go on beside the next file. The mode is ours alone (0600)
   * until then, because a file that is half written is nobody's to read.
   */
  async #file(local: string, path: string, header: Header): Promise<void> {
    const size = header.size ?? -1;
    if (!Number.isSafeInteger(size) || size < 0) throw refusedArchive(`${quoteName(path)} has no size`);
    // O_EXCL creates or fails, and follows no link in the last part of the path; all parts before it were made here.
    const handle = await created(path, open(local, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
    try {
      for (let left = size; left > 0; ) {
        const piece = await this.#reader.some(left);
        for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
        left -= piece.length;
      }
      await this.#reader.take(paddingOf(size));
    } catch (error) {
      await handle.close();
      throw error;
    }
    // Syncing takes longest, so the next files are written meanwhile.
    const finished: Promise<void> = this.#finish(handle, header)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#finishing.delete(finished));
    this.#finishing.add(finished);
    if (this.#finishing.size >= SYNCS_MAX) await Promise.race(this.#finishing);
    if (this.#failure) throw this.#failure;
  }

  /** Only to a file of this archive. None of its symbolic links exists yet, so no name leads anywhere else. */
  async #hardLink(local: string, path: string, wireTarget: string): Promise<void> {
    const target = join(this.#into, ...namesIn(wireTarget));
    const isInside = this.#folders.has(dirname(target)) && (await lstat(target).catch(() => null))?.isFile();
    if (!isInside) throw refusedArchive(`${quoteName(path)} is a link to no file in it`);
    await created(path, link(target, local));
  }

  /** Not through `local` to anywhere: a link gets its own time, where the disk keeps one. */
  async #makeLink(local: string, header: Header): Promise<void> {
    await created(header.path ?? "", symlink(header.linkpath ?? "", local));
    const time = timeOf(header);
    if (time !== null) await lutimes(local, time, time);
  }

  /** Mode, time and sync, then done with it. */
  async #finish(handle: FileHandle, header: Header): Promise<void> {
    try {
      await handle.chmod((header.mode ?? 0o644) & 0o777);
      const time = timeOf(header);
      if (time !== null) await handle.utimes(time, time);
      if (this.#options.sync) await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** The decoder throws at numbers that are none. To us that is one more way of being damaged. */
function decoded(block: Buffer, extended?: Pax): Header {
  try {
    return new Header(block, 0, extended);
  } catch {
    throw refusedArchive("a header is damaged");
  }
}

/** In seconds. Half a microsecond more, because what a fraction loses in floating point would be rounded down. */
function timeOf({ mtime }: Header): number | null {
  return mtime && !Number.isNaN(mtime.getTime()) ? mtime.getTime() / 1000 + 5e-7 : null;
}

/** What is to be created must not be there, in whatever spelling. */
async function created<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw refusedArchive(`it has ${quoteName(path)} twice, or two names that are one here`);
    if (code === "ENAMETOOLONG") throw refusedArchive(`the path ${quoteName(path)} is too long for this disk`);
    throw error;
  }
}

/** Reads a file from its beginning in large pieces. What it hands out is valid until the next call. */
class Reader {
  readonly #handle: FileHandle;
  readonly #buffer = readBuffer(READ_BYTES);
  /** Bytes of the file that are not in the buffer yet, and what of the buffer is not handed out. */
  #left: number;
  #rest = Buffer.alloc(0);

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#left = size;
  }

  /** Exactly so many bytes. @throws FilespoolError archive-refused: it ends before */
  async take(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) await this.#fill();
    return this.#hand(bytes);
  }

  /** At least one byte, at most so many. @throws FilespoolError archive-refused: it has ended */
  async some(bytesMax: number): Promise<Buffer> {
    if (this.#rest.length === 0) await this.#fill();
    return this.#hand(Math.min(bytesMax, this.#rest.length));
  }

  /** The front of what is read. No copy: it is a view of the buffer, hence the rule about the next call. */
  #hand(bytes: number): Buffer {
    const piece = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return piece;
  }

  /** Keeps what is not handed out at the front of the buffer, and reads behind it. */
  async #fill(): Promise<void> {
    const kept = this.#rest.copy(this.#buffer);
    const { bytesRead } = await this.#handle.read(this.#buffer, kept, Math.min(READ_BYTES - kept, this.#left));
    if (bytesRead === 0) throw refusedArchive("it is cut off");
    this.#left -= bytesRead;
    this.#rest = this.#buffer.subarray(0, kept + bytesRead);
  }
}
