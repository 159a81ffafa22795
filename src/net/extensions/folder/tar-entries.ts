/**
 * Reads a tar archive entry by entry, and understands it in one way only.
 *
 * Tar is a family of formats. Headers in front of an entry may change its name, its size or its
 * time, and each program has added forms of its own. Where two readers disagree, one of them
 * unpacks something that nobody packed. So there are three answers and no fourth: a form is
 * understood, or it is left out with a warning, or the archive is refused with the name of the
 * form. Nothing is skipped silently, and nothing unknown is taken for a file.
 *
 *   understood   v7, ustar, pax (extended headers of one entry, times for all), GNU's long names
 *   left out     extended attributes, access lists, labels of volumes
 *   refused      sparse files, increments, volumes, devices, pipes, and every unknown type
 *
 * It reads forward only, through one buffer, and keeps nothing of an entry that is past. Never
 * here: what may be created where (tar-unpack.ts). Read next: tar-header.ts, tar-pax.ts. Why:
 * adr/0087.
 */
import { isUtf8 } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import { type Moment, momentFrom } from "../../../disk/file-times.ts";
import { readBuffer } from "../../../disk/read-buffer.ts";
import { quoteName } from "../../../protocol/names.ts";
import { BLOCK_BYTES, decodeHeader, type Header, isEmpty, paddingOf, TYPE } from "./tar-header.ts";
import { refusedArchive, shownBytes } from "./tar-names.ts";
import { decodeRecords, EXTENDED_BYTES_MAX, INCREMENT, leftOutBy, type Records, SPARSE, VOLUMES } from "./tar-pax.ts";

// Size of the one buffer through which the archive passes, bytes.
const READ_BYTES = 256 * 1024;

/** One entry, with everything in front of it taken into account. */
export interface Entry {
  readonly kind: "file" | "folder" | "link" | "hard link";
  /** As it is in the archive. A folder's may end with a slash. */
  readonly path: string;
  /** Where a link leads; "" for anything else. */
  readonly target: string;
  /** Bytes of the content that follows; 0 unless it is a file. */
  readonly size: number;
  readonly mode: number;
  /** Null: the archive does not say. */
  readonly time: Moment | null;
}

/** Types that are unpacked. */
const KINDS: Readonly<Record<string, Entry["kind"]>> = {
  [TYPE.file]: "file",
  "\0": "file", // before POSIX
  "7": "file", // "contiguous": how a file should lie on its disk, which no disk asks any more
  [TYPE.folder]: "folder",
  [TYPE.link]: "link",
  [TYPE.hardLink]: "hard link",
};

/** Types that would be unpacked wrongly, or not at all, as they are called in an error. */
const REFUSED: Readonly<Record<string, string>> = {
  "3": "a device",
  "4": "a device",
  "6": "a pipe",
  A: "an access list in Solaris' form",
  D: INCREMENT,
  M: VOLUMES,
  N: "a long name in an old form of GNU tar",
  S: SPARSE,
  X: "an extended header in Solaris' form",
};

const LABEL = "V";
const EXTENDED = "x";
const GLOBAL = "g";
const LONG_NAME = "L";
const LONG_TARGET = "K";
/**
 * The only records that a header for all entries may have. One name or size for all makes no sense.
 */
const FOR_ALL = ["mtime", "hdrcharset"];

/** Headers in front of an entry that are about it. */
interface Front {
  records?: Records;
  longName?: Buffer;
  longTarget?: Buffer;
}

/** One pass through one archive: `next`, `content` until null, `endContent`, and again. */
export class TarEntries {
  readonly #reader: Reader;
  readonly #warn: (path: string, why: string) => void;
  /** By key; a later header for all entries replaces what an earlier one said. */
  readonly #forAll = new Map<string, Buffer>();
  /** What was warned about, once each: a file with extended attributes is seldom alone. */
  readonly #warned = new Set<string>();
  /** Bytes of the last entry's content that were not taken yet. `next` needs it at 0. */
  #left = 0;

  /** @param size of the archive, bytes @param warn hears of what is left out, and why */
  constructor(handle: FileHandle, size: number, warn: (path: string, why: string) => void) {
    this.#reader = new Reader(handle, size);
    this.#warn = warn;
  }

  /**
   * The next entry, or null at the end. Call it when the content of the last one was taken.
   * @throws FilespoolError archive-refused
   */
  async next(): Promise<Entry | null> {
    const front: Front = {};
    for (;;) {
      const block = await this.#reader.take(BLOCK_BYTES);
      if (isEmpty(block)) return this.#end(front);
      const header = decodeHeader(block);
      if (header.type === LABEL && header.size === 0) this.#leaveOut(shownBytes(header.name), "the label of a volume");
      else if (!(await this.#isFront(header, front))) return this.#entry(header, front);
    }
  }

  /**
   * A piece of the last entry's content, valid until the next call. Null: that was all.
   * @throws FilespoolError archive-refused: the archive is cut off
   */
  async content(): Promise<Buffer | null> {
    if (this.#left === 0) return null;
    const piece = await this.#reader.some(this.#left);
    this.#left -= piece.length;
    return piece;
  }

  /** Skips the padding of a content's last block. */
  async endContent(size: number): Promise<void> {
    await this.#reader.take(paddingOf(size));
  }

  /** Checks that nothing follows. A second archive (`cat a.tar b.tar`) would be lost silently. */
  async #end(front: Front): Promise<null> {
    if (Object.keys(front).length > 0) throw refusedArchive("its last header is about nothing");
    for (let rest = await this.#reader.rest(); rest; rest = await this.#reader.rest())
      if (!isEmpty(rest))
        throw refusedArchive("something follows its end, such as a second archive; pack them into one");
    return null;
  }

  /** Takes a header that is about a later entry, with its content. False: it is an entry itself. */
  async #isFront(header: Header, front: Front): Promise<boolean> {
    const { type } = header;
    if (type === EXTENDED) {
      if (front.records) throw refusedArchive("two extended headers are about one entry");
      front.records = decodeRecords(await this.#small(header));
    } else if (type === GLOBAL) {
      this.#takeForAll(decodeRecords(await this.#small(header)));
    } else if (type === LONG_NAME) {
      if (front.longName) throw refusedArchive("two long names are about one entry");
      front.longName = untilZero(await this.#small(header));
    } else if (type === LONG_TARGET) {
      if (front.longTarget) throw refusedArchive("two long targets are about one link");
      front.longTarget = untilZero(await this.#small(header));
    } else return false;
    return true;
  }

  /** Copies a small content, for a header that has to be kept. */
  async #small({ size }: Header): Promise<Buffer> {
    if (size > EXTENDED_BYTES_MAX)
      throw refusedArchive(`an extended header has ${size} bytes, more than ${EXTENDED_BYTES_MAX}`);
    const bytes = Buffer.from(await this.#reader.take(size));
    await this.#reader.take(paddingOf(size));
    return bytes;
  }

  /** Takes a header for all entries. */
  #takeForAll(records: Records): void {
    for (const key of ["path", "linkpath", "size"])
      if (records.has(key)) throw refusedArchive(`a global header gives one ${key} to all entries`);
    for (const key of FOR_ALL) {
      const value = records.get(key);
      if (value) this.#forAll.set(key, value);
    }
    for (const what of leftOutBy(records)) this.#leaveOut(".", what);
  }

  /** Warns about something that is left out, once for each kind of it. */
  #leaveOut(path: string, what: string): void {
    if (this.#warned.has(what)) return;
    // Each kind is a few words of ours, or a key of bounded length. A hundred kinds are enough.
    if (this.#warned.size < 100) this.#warned.add(what);
    this.#warn(path, `${what}: left out, here and wherever else in this folder`);
  }

  /** Puts an entry together. Headers in front of it count for more than its own. */
  #entry(header: Header, { records = new Map(), longName, longTarget }: Front): Entry {
    const refusal = REFUSED[header.type];
    if (refusal) throw refusedArchive(`${quoteName(shownBytes(longName ?? header.name))} is ${refusal}`);
    const path = textOf("path", records.get("path"), longName, header.name);
    const isOldFolder = (header.type === TYPE.file || header.type === "\0") && path.endsWith("/");
    const kind = isOldFolder ? "folder" : KINDS[header.type];
    if (!kind) throw refusedArchive(`${quoteName(path)} is neither a file nor a folder nor a link`);
    const charset = (records.get("hdrcharset") ?? this.#forAll.get("hdrcharset"))?.toString("latin1") ?? "BINARY";
    if (charset !== "BINARY" && charset !== "ISO-IR 10646 2000 UTF-8")
      throw refusedArchive(`its names are in the character set ${quoteName(charset)}, and not in UTF-8`);
    const size = sizeOf(records.get("size")) ?? header.size;
    // Programs disagree on whether such a content follows. What one skips is a header to another.
    const mayHaveSize = kind === "file" || header.type === TYPE.folder;
    if (size > 0 && !mayHaveSize) throw refusedArchive(`${quoteName(path)} is a ${kind}, and has a content`);
    for (const what of leftOutBy(records)) this.#leaveOut(path, what);
    this.#left = kind === "file" ? size : 0;
    const target = kind.endsWith("link")
      ? textOf("linkpath", records.get("linkpath"), longTarget, header.linkName)
      : "";
    const time = timeOf(records.get("mtime") ?? this.#forAll.get("mtime"), header.seconds);
    return { kind, path, target, size: this.#left, mode: header.mode & 0o777, time };
  }
}

/**
 * A name as text, from the first of its three forms that is there.
 * @throws FilespoolError archive-refused: there are two forms, or it is no text
 */
function textOf(key: string, record: Buffer | undefined, long: Buffer | undefined, short: Buffer): string {
  if (record && long) throw refusedArchive("an extended header and a GNU long name are about one entry");
  const bytes = record ?? long ?? short;
  if (bytes.length === 0) throw refusedArchive(`an entry has an empty ${key}`);
  if (bytes.includes(0)) throw refusedArchive(`the ${key} ${quoteName(shownBytes(bytes))} holds a NUL`);
  if (!isUtf8(bytes)) throw refusedArchive(`the ${key} "${shownBytes(bytes)}" is not valid UTF-8`);
  return bytes.toString("utf8");
}

/** The size in a record; null without one. @throws FilespoolError archive-refused */
function sizeOf(record: Buffer | undefined): number | null {
  if (!record) return null;
  const size = /^\d{1,16}$/.test(record.toString("latin1")) ? Number(record.toString("latin1")) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw refusedArchive("an extended header has a size that is none");
  return size;
}

/** The time of an entry. An empty record means that it has none, as the format says. */
function timeOf(record: Buffer | undefined, seconds: number): Moment | null {
  if (!record) return { seconds, nanos: 0 };
  if (record.length === 0) return null;
  const time = momentFrom(record.toString("latin1"));
  if (!time) throw refusedArchive("an extended header has a time that is none");
  return time;
}

/** The text before its first NUL: a long name ends with one. */
function untilZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Reads a file from its beginning in large pieces. A piece is valid until the next call. */
class Reader {
  readonly #handle: FileHandle;
  readonly #buffer = readBuffer(READ_BYTES);
  /** Bytes of the file that were not read yet. */
  #left: number;
  /** What was read and not handed out: a view of the buffer. */
  #rest = Buffer.alloc(0);

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#left = size;
  }

  /** Exactly so many bytes, at most READ_BYTES. @throws FilespoolError archive-refused: cut off */
  async take(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) await this.#fill();
    return this.#hand(bytes);
  }

  /** At least one byte, at most so many. @throws FilespoolError archive-refused: cut off */
  async some(bytesMax: number): Promise<Buffer> {
    if (this.#rest.length === 0) await this.#fill();
    return this.#hand(Math.min(bytesMax, this.#rest.length));
  }

  /** The next bytes, however many; null at the end. */
  async rest(): Promise<Buffer | null> {
    if (this.#rest.length === 0 && this.#left === 0) return null;
    return this.some(READ_BYTES);
  }

  /**
   * Hands out the front of what was read: a view and no copy, hence the rule about the next call.
   */
  #hand(bytes: number): Buffer {
    const piece = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return piece;
  }

  /** Moves what was not handed out to the front of the buffer, and reads on behind it. */
  async #fill(): Promise<void> {
    const kept = this.#rest.copy(this.#buffer);
    const { bytesRead } = await this.#handle.read(this.#buffer, kept, Math.min(READ_BYTES - kept, this.#left));
    if (bytesRead === 0) throw refusedArchive("it is cut off");
    this.#left -= bytesRead;
    this.#rest = this.#buffer.subarray(0, kept + bytesRead);
  }
}
