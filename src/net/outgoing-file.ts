/**
 * A file on its way out: which file it is, whether it still is that file, and what is in it.
 *
 * The transfer id is derived from what identifies the file's content without reading it (device, inode, size,
 * times of change), its name and queue, hashed behind a secret of the sending user. So the same command run again
 * after a kill -9 offers the same transfer, and continues it, with nothing remembered on disk; and an edited
 * file is another transfer. The key keeps two machines with like-numbered inodes apart. Why: adr/0011.
 */
import { hash } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { basename } from "node:path";
import { promisify } from "node:util";
import { FilespoolError } from "../protocol/errors.ts";
import { createDigest } from "../spool/digest.ts";
import { inWords } from "../spool/errno.ts";
import { readBuffer } from "../spool/read-buffer.ts";
import type { Connection } from "./connection.ts";
import { type Content, sendContent } from "./send-content.ts";

const readOffThread = promisify(read);

/** How a large file is sent. */
type Road = Pick<Content, "chunkBytes" | "goOn"> & { readonly algorithm: string };

/** The path is that of a folder: it has to be packed. */
export class FolderFound extends Error {}

export class OutgoingFile {
  readonly path: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly transfer: string;
  readonly #fd: number;
  readonly #stat: BigIntStats;

  /**
   * Opens a regular file. Synchronous, because for small files a trip through the thread pool would cost more
   * than the call itself; never blocks on a pipe or device, they are refused.
   * @throws FolderFound
   * @param salt makes the transfer a new one although the file is the same; "" otherwise
   * @throws FilespoolError file-unreadable
   */
  constructor(path: string, queue: string, key: string, salt: string) {
    this.path = path;
    this.name = basename(path);
    try {
      this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      throw unreadable(path, isNoText(path, error) ? NO_TEXT : inWords(error));
    }
    this.#stat = fstatSync(this.#fd, { bigint: true });
    if (!this.#stat.isFile()) {
      this.close();
      throw this.#stat.isDirectory() ? new FolderFound(path) : unreadable(path, "it is not a regular file");
    }
    this.size = Number(this.#stat.size);
    const { dev, ino, size, mtimeNs, ctimeNs } = this.#stat;
    const identity = JSON.stringify([key, this.name, queue, salt, `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`]);
    this.transfer = hash("sha256", identity).slice(0, 32);
  }

  /** The whole content of a small file, in `room` if it fits in there. @throws FilespoolError file-changed */
  readAll(room: Buffer): Buffer {
    const bytes = this.size <= room.length ? room.subarray(0, this.size) : Buffer.allocUnsafe(this.size);
    let at = 0;
    for (let got = -1; got !== 0 && at < this.size; at += got) got = readSync(this.#fd, bytes, at, this.size - at, at);
    if (at < this.size) throw new FilespoolError("file-changed", `${this.path} became shorter while it was being sent`);
    return bytes;
  }

  /**
   * Sends the content from an offset on, for which the digest catches up with what the server has.
   * @returns the digest, or null when `goOn` said no
   * @throws FilespoolError file-changed
   */
  async sendOver(connection: Connection, from: number, road: Road): Promise<string | null> {
    const { chunkBytes, algorithm, goOn } = road;
    const digest = createDigest(algorithm);
    const read = async (into: Buffer, offset: number) => {
      const { bytesRead } = await readOffThread(this.#fd, into, 0, into.length, offset);
      if (bytesRead < into.length) throw this.#changed();
      digest.update(into);
    };
    const prefix = readBuffer(Math.min(chunkBytes, from));
    for (let at = 0; at < from; at += prefix.length)
      await read(prefix.subarray(0, Math.min(prefix.length, from - at)), at);
    const isSent = await sendContent(connection, { from, size: this.size, chunkBytes, read, goOn });
    return isSent ? digest.hex() : null;
  }

  #changed(what = "changed"): FilespoolError {
    return new FilespoolError("file-changed", `${this.path} ${what} while it was being sent; nothing was stored`);
  }

  /** @throws FilespoolError file-changed when it is no longer the file that was offered */
  checkUnchanged(): void {
    const before = this.#stat;
    const now = fstatSync(this.#fd, { bigint: true });
    const isSame = before.dev === now.dev && before.ino === now.ino && before.size === now.size;
    if (isSame && before.mtimeNs === now.mtimeNs && before.ctimeNs === now.ctimeNs) return;
    throw this.#changed(now.nlink === 0n ? "was deleted or replaced" : "changed");
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Node hands us arguments as text: a byte that is none has become this letter, and the file cannot be found by it. */
const isNoText = (path: string, error: unknown): boolean =>
  path.includes("\ufffd") && (error as NodeJS.ErrnoException).code === "ENOENT";
const NO_TEXT = "there is no such file, or its name is not valid UTF-8 (the letters shown as \ufffd); rename it first";

function unreadable(path: string, why: string): FilespoolError {
  return new FilespoolError("file-unreadable", `cannot send ${path}: ${why}`);
}
