/**
 * A file on its way out: which file it is, whether it still is that file, and what is in it.
 *
 * The transfer id is a hash over a secret of the sending user, the file's identity
 * (file-identity.ts), its name and its queue. So the same command, run again after a kill -9,
 * offers the same transfer and continues it, with nothing remembered on disk. An edited file is
 * another transfer. The secret keeps two machines apart whose inodes have the same numbers. Why:
 * adr/0011.
 *
 * An offer promises a size, and the promise may be wrong. The files of /proc and /sys report 0 or
 * 4096 bytes whatever is in them, and a log has grown by the time that its last byte is read. So
 * reading asks for one byte more than was promised:
 *
 *   nothing comes, and the size is right        the file
 *   the file system reports another size now    it changed: refused, at once and not at the end
 *   it reports the same size, which is wrong    a small file is sent as a stream instead (adr/0091)
 *
 * Invariant: every error of a system call leaves this file as a FilespoolError that names the path.
 * So the sender never has to guess whether an error was one of reading or one of the connection.
 *
 * Never here: offers and windows (send-conversation.ts), folders and streams (extensions).
 */
import { hash } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { createDigest, type Digest } from "../../disk/digest.ts";
import { decimalOf, momentOf } from "../../disk/file-times.ts";
import { readBuffer } from "../../disk/read-buffer.ts";
import { describe } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { StreamSource } from "../options.ts";
import type { Connection } from "../wire/connection.ts";
import { sendContent } from "../wire/content-sender.ts";
import { grainLeftMs, identityOf, isDoubtful, isUnchanged } from "./file-identity.ts";
import type { RereadableSource, Sending } from "./source.ts";

const readOffThread = promisify(read);
/** O_NONBLOCK: opening a pipe without a writer must not wait. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
/** How often a large file is checked for changes while it is sent, ms. */
const LOOK_MS = 250;

/** An open file. It holds one descriptor, from `open` until the caller closes it. */
export class OpenFile implements RereadableSource {
  readonly isReadOnce = false;
  readonly kind = undefined;
  readonly path: string;
  /** The last part of the path: the name that the receiver sees. */
  readonly name: string;
  /** When it was opened. The content that is sent has this size, or the file fails. */
  readonly size: number;
  readonly mode: number;
  readonly mtime: string;
  readonly transfer: string;
  /** The part of `transfer` that stands for the content: see file-identity.ts. */
  readonly identity: string;
  readonly isDoubtful: boolean;
  /**
   * How long to wait before reading, so that a change during it is noticed, ms. Nearly always 0.
   */
  readonly grainLeftMs: number;
  readonly #fd: number;
  /** The status when the file was opened. What is sent must be that file to the end. */
  readonly #stat: BigIntStats;
  /** Everything that the transfer id is derived from, except a digest. */
  readonly #origin: readonly string[];
  /** When the file was last checked for changes, on the clock of `performance`. */
  #lookedMs = performance.now();

  /**
   * Opens a regular file. Synchronous, because for small files a trip through the thread pool takes
   * longer than the call itself. It never waits for a pipe or a device; those are refused.
   * @param salt makes the transfer a new one although the file is the same; "" otherwise
   * @returns null for the path of a folder
   * @throws FilespoolError file-unreadable
   */
  static open(path: string, queue: string, key: string, salt: string): OpenFile | null {
    const fd = reading(path, () => openSync(path, FLAGS));
    try {
      const stat = reading(path, () => fstatSync(fd, { bigint: true }));
      if (stat.isFile())
        return new OpenFile(path, fd, stat, [key, basename(path), queue, identityOf(path, stat), salt]);
      if (!stat.isDirectory()) throw unreadable(path, `it is ${kindOf(stat)}`);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
    return null;
  }

  private constructor(path: string, fd: number, stat: BigIntStats, origin: readonly string[]) {
    this.path = path;
    this.name = basename(path);
    this.#fd = fd;
    this.#stat = stat;
    this.size = Number(this.#stat.size);
    this.mode = Number(this.#stat.mode) & 0o777;
    this.mtime = decimalOf(momentOf(this.#stat.mtimeNs));
    const nowMs = Date.now();
    this.isDoubtful = isDoubtful(this.#stat, nowMs);
    this.grainLeftMs = grainLeftMs(this.#stat, nowMs);
    this.identity = identityOf(path, this.#stat);
    this.#origin = origin;
    this.transfer = this.transferWith("");
  }

  /** See RereadableSource. The digest is appended to the other parts before they are hashed. */
  transferWith(digest: string): string {
    return hash("sha256", JSON.stringify(this.#origin) + digest).slice(0, 32);
  }

  /**
   * One read is enough for nearly every file. It asks for one byte too many: a regular file that
   * gives exactly what it promised has ended.
   */
  prepare(room: Buffer): Uint8Array | StreamSource {
    const { size } = this;
    const bytes = size < room.length ? room : Buffer.allocUnsafe(size + 1);
    const readAt = (at: number) => reading(this.path, () => readSync(this.#fd, bytes, at, size + 1 - at, at));
    let at = readAt(0);
    for (let got = at; got !== 0 && at < size; at += got) got = readAt(at);
    this.checkUnchanged();
    return at === size ? bytes.subarray(0, size) : streamOf(this.path);
  }

  /** See Opened. Bytes before `from` are only read, so that the digest covers the whole content. */
  async sendOver(connection: Connection, from: number, sending: Sending): Promise<string | null> {
    const { chunkBytes, algorithm, shouldContinue } = sending;
    const digest = createDigest(algorithm);
    if (!(await this.#digestUpTo(from, digest, chunkBytes, shouldContinue))) return null;
    const read = (into: Buffer, offset: number) => this.#read(into, offset, digest);
    const isSent = await sendContent(connection, {
      from,
      size: this.size,
      chunkBytes,
      read,
      shouldContinue: shouldContinue,
    });
    if (!isSent) return null;
    await this.#checkEnd();
    return digest.hex();
  }

  /** See RereadableSource. */
  async digest({ chunkBytes, algorithm, shouldContinue }: Omit<Sending, "until">): Promise<string | null> {
    const digest = createDigest(algorithm);
    if (!(await this.#digestUpTo(this.size, digest, chunkBytes, shouldContinue))) return null;
    await this.#checkEnd();
    return digest.hex();
  }

  /**
   * Reads from the beginning up to `end` into the digest.
   * @returns false when `shouldContinue` said no: the digest is of no use then
   */
  async #digestUpTo(end: number, digest: Digest, chunkBytes: number, shouldContinue: () => boolean): Promise<boolean> {
    const piece = readBuffer(Math.min(chunkBytes, end));
    for (let at = 0; at < end && shouldContinue(); at += piece.length)
      await this.#read(piece.subarray(0, Math.min(piece.length, end - at)), at, digest);
    return shouldContinue();
  }

  /**
   * Fills all of `into`. Now and then it checks the file for changes: a log that grows should not
   * be sent for hours before it is refused.
   * @throws FilespoolError file-changed, file-unreadable
   */
  async #read(into: Buffer, offset: number, digest: Digest): Promise<void> {
    for (let at = 0; at < into.length; ) {
      const { bytesRead } = await this.#readSome(into.subarray(at), offset + at);
      if (bytesRead === 0) throw this.#wrongSize();
      at += bytesRead;
    }
    digest.update(into);
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs >= LOOK_MS) this.checkUnchanged();
  }

  /** One read through the thread pool. It may return fewer bytes than asked for; 0 is the end. */
  #readSome(into: Buffer, offset: number): Promise<{ bytesRead: number }> {
    return readOffThread(this.#fd, into, 0, into.length, offset).catch((error: unknown) => {
      throw unreadable(this.path, describe(error));
    });
  }

  /**
   * Checks that nothing follows the promised size.
   * @throws FilespoolError file-changed, file-unreadable
   */
  async #checkEnd(): Promise<void> {
    const { bytesRead } = await this.#readSome(Buffer.allocUnsafe(1), this.size);
    if (bytesRead > 0) throw this.#wrongSize();
    this.checkUnchanged();
  }

  /**
   * The error of a large file with a wrong size. Much of it was sent before that could be known, so
   * it is too late for a stream.
   * @throws FilespoolError file-changed if the file has changed
   */
  #wrongSize(): FilespoolError {
    this.checkUnchanged();
    return unreadable(this.path, `it reports a size of ${this.size} bytes, but has more or fewer`);
  }

  /**
   * Checks that this still is the file that was offered.
   * @throws FilespoolError file-changed, file-unreadable
   */
  checkUnchanged(): void {
    this.#lookedMs = performance.now();
    const now = reading(this.path, () => fstatSync(this.#fd, { bigint: true }));
    if (isUnchanged(this.#stat, now)) return;
    const what = now.nlink === 0n ? "was deleted or replaced" : howChanged(this.#stat.size, now.size);
    throw changed(this.path, what);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The error of a file that is no longer what was offered. */
export const changed = (path: string, what = "changed"): FilespoolError =>
  new FilespoolError("file-changed", `${path} ${what} while it was being sent; nothing was stored`);

const howChanged = (before: bigint, now: bigint): string => {
  if (now === before) return "changed";
  return `${now > before ? "grew" : "became shorter"} (${before} bytes, now ${now})`;
};

/** What cannot be sent as a file, in words; how to send it as a stream, where that is possible. */
function kindOf(status: BigIntStats): string {
  const asStream = "to send its content, use standard input: filespool send --name NAME - < PATH";
  if (status.isFIFO()) return `a pipe, not a regular file; ${asStream}`;
  if (status.isBlockDevice()) return `a device, not a regular file; ${asStream}`;
  return status.isCharacterDevice() ? "a device, not a regular file" : "not a regular file";
}

/** A file of unknown size, as a stream that is read to its end. */
const streamOf = (path: string): StreamSource => ({ name: basename(path), path, stream: contentOf(path) });

const READ_BYTES = 64 * 1024;

/** Yields the content in pieces. A piece is valid until the next one is asked for. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const handle = await open(path, FLAGS);
  const buffer = readBuffer(READ_BYTES);
  try {
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, READ_BYTES, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/**
 * Node gives us arguments as text. A byte that is not valid UTF-8 has become U+FFFD, and the file
 * cannot be found by that name.
 */
const isNoText = (path: string, error: unknown): boolean =>
  path.includes("\ufffd") && (error as NodeJS.ErrnoException).code === "ENOENT";
const NO_TEXT = "there is no such file, or its name is not valid UTF-8 (the letters shown as \ufffd); rename it first";

/**
 * Makes a system call that reads.
 * @throws FilespoolError file-unreadable, with the path, in place of the system's error
 */
function reading<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw unreadable(path, isNoText(path, error) ? NO_TEXT : describe(error));
  }
}

function unreadable(path: string, why: string): FilespoolError {
  return new FilespoolError("file-unreadable", `cannot send ${path === "" ? '""' : path}: ${why}`);
}
