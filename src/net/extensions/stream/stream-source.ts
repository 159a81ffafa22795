/**
 * A stream on its way out: content that can be read once, and whose length nobody knows before its
 * end.
 *
 * A file that was half sent is read again after a cut; a pipe cannot be. So bytes that the server
 * has not reported as durable are kept here. The source is read at most KEPT_BYTES_MAX beyond the
 * durable offset; then it waits, as it would for a slow disk.
 *
 *   kept from <= sent <= read,   read - kept from < KEPT_BYTES_MAX + one piece of the source
 *
 * They are kept as long as this process lives. The transfer id is random, because two streams of
 * one name are two files. If the sender is killed, the next run begins a new transfer, and the
 * unfinished one expires. A source that fails has no end, so its upload is cancelled: half a dump
 * must not look like a whole one. Never here: connections and their loss. Why: adr/0040.
 */
import { randomBytes } from "node:crypto";
import { createDigest, type Digest } from "../../../disk/digest.ts";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { StreamSource } from "../../options.ts";
import type { ReadOnceSource, Sending } from "../../sender/source.ts";
import type { Connection } from "../../wire/connection.ts";
import { BUFFERS, COPIED_BYTES_MAX, FrameLength } from "../../wire/content-sender.ts";

/** Most bytes kept for a resume. A server syncs every 16 MiB, and some of those are on the way. */
export const KEPT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * One stream, with the bytes that may be asked for again: the kind of source that can be read once
 * (sender/source.ts).
 */
export class OpenStream implements ReadOnceSource {
  readonly isReadOnce = true;
  readonly mode = undefined;
  readonly mtime = undefined;
  readonly path: string;
  readonly name: string;
  readonly kind: string | undefined;
  readonly transfer = randomBytes(16).toString("hex");
  /** Bytes, once the source has ended; Infinity before. */
  size = Infinity;
  /** Asked for one piece at a time, and for the next only when the last one is kept. */
  readonly #source: AsyncIterator<Uint8Array>;
  // Fed as the source is read, not as frames are sent: a resume sends bytes twice, and the digest
  // has each once.
  readonly #digest: Digest;
  /** The digest, once the source has ended; "" before. */
  #hex = "";
  /**
   * Bytes of a block, the unit in which memory is taken and given back. At least a buffer, so that
   * a frame's content is in two of them at most.
   */
  readonly #blockBytes: number;
  /**
   * Wakes the sender, which waits for bytes or for the end, and looks itself which of them it is.
   */
  readonly #onChange: () => void;
  /**
   * What was read and is kept: whole blocks except the last. The first begins at `#from`, which
   * only `release` moves.
   */
  #blocks: Buffer[] = [];
  #from = 0;
  /** Most bytes sent over any connection, and bytes read from the source. Both only grow. */
  #sent = 0;
  #read = 0;
  /**
   * Reading has begun. It begins with the first content that is sent, so that a server that refuses
   * the offer costs no byte of the source.
   */
  #isBegun = false;
  /** Nothing more will be read: the source has ended or failed, or `end` was called. */
  #isOver = false;
  /** Why the source failed. `sendOver` throws it, because reading has no caller to throw it to. */
  #failure: FilespoolError | null = null;
  /** Ends the wait for room in `#readSource`. */
  #makeRoom: () => void = () => {};

  /** @param onChange called when more was read, or the source has ended */
  constructor(source: StreamSource, algorithm: string, blockBytes: number, onChange: () => void) {
    this.name = source.name;
    this.path = source.path ?? source.name;
    this.kind = source.kind;
    this.#source = source.stream[Symbol.asyncIterator]();
    this.#digest = createDigest(algorithm);
    this.#blockBytes = Math.max(LIMITS.bufferBytesMin, blockBytes);
    this.#onChange = onChange;
  }

  /**
   * Reads the source to its end, beside the sending. So a lost connection loses nothing that the
   * source gave meanwhile. It never rejects.
   */
  async #readSource(): Promise<void> {
    try {
      while (!this.#isOver) {
        const { done, value } = await this.#source.next();
        if (done) break;
        if (!(value instanceof Uint8Array)) throw new TypeError("it yields something other than bytes");
        this.#keep(value);
        this.#onChange();
        // Back pressure: the source is not asked for more before the server has synced.
        while (this.#read - this.#from >= KEPT_BYTES_MAX && !this.#isOver) {
          await new Promise<void>((resolve) => {
            this.#makeRoom = resolve;
          });
        }
      }
      this.#hex = this.#digest.hex();
      this.size = this.#read;
    } catch (error) {
      const why = `cannot send ${this.path}: ${describe(error)}`;
      this.#failure = error instanceof FilespoolError ? error : new FilespoolError("file-unreadable", why);
    }
    this.#isOver = true;
    this.#onChange();
  }

  /** Copies a piece into blocks: pieces may be tiny, and the source may write to them again. */
  #keep(bytes: Uint8Array): void {
    this.#digest.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      const used = this.#read % this.#blockBytes;
      if (used === 0) this.#blocks.push(Buffer.allocUnsafeSlow(this.#blockBytes));
      const part = bytes.subarray(at, at + this.#blockBytes - used);
      this.#blocks.at(-1)?.set(part, used);
      at += part.length;
      this.#read += part.length;
    }
  }

  /**
   * Bytes that are kept, copied only if they are in two blocks. They are never in more, because a
   * frame is no longer than a block.
   */
  #piece(offset: number, length: number): Uint8Array {
    const index = (offset - this.#from) / this.#blockBytes;
    const within = offset % this.#blockBytes;
    const block = this.#blocks[Math.floor(index)] as Buffer;
    if (within + length <= this.#blockBytes) return block.subarray(within, within + length);
    const next = this.#blocks[Math.floor(index) + 1] as Buffer;
    return Buffer.concat([block.subarray(within), next.subarray(0, within + length - this.#blockBytes)]);
  }

  /**
   * The server has everything before `offset` on disk and will not ask for it again. Only whole
   * blocks are freed; the rest follows with a later report, and no byte is moved for it. A report
   * of less than an earlier one changes nothing.
   * @throws FilespoolError offset-gap: the server claims bytes that it was never sent
   */
  release(offset: number): void {
    if (offset > this.#sent)
      throw new FilespoolError(
        "offset-gap",
        `the server says that it has ${offset} bytes, but only ${this.#sent} were sent`,
      );
    const blocks = Math.floor((offset - this.#from) / this.#blockBytes);
    if (blocks <= 0) return;
    this.#blocks.splice(0, blocks);
    this.#from += blocks * this.#blockBytes;
    this.#makeRoom();
  }

  /**
   * Sends everything from an offset on. A block is divided evenly, so that its last frame is not
   * tiny.
   * @returns the digest, or null when `shouldContinue` said no
   * @throws FilespoolError file-unreadable: the source failed, or the server wants bytes that are
   * gone
   */
  async sendOver(connection: Connection, from: number, sending: Sending): Promise<string | null> {
    const { chunkBytes, until, shouldContinue } = sending;
    if (from < this.#from || from > this.#sent) {
      const why = `the server asks for byte ${from}, and a stream cannot be read twice`;
      throw new FilespoolError("file-unreadable", `cannot send ${this.path}: ${why}`);
    }
    if (!this.#isBegun) void this.#readSource();
    this.#isBegun = true;
    const frame = new FrameLength(Math.min(chunkBytes, this.#blockBytes));
    const taking: Promise<void>[] = [];
    for (let at = from; ; ) {
      const rest = this.#blockBytes - (at % this.#blockBytes);
      const share = Math.max(LIMITS.bufferBytesMin, Math.ceil(rest / Math.ceil(rest / frame.bytes)));
      const length = rest < LIMITS.bufferBytesMin ? frame.bytes : share;
      // A slow source is not waited for until a long frame is full.
      const enough = Math.min(length, LIMITS.shortFrameBytes);
      if (taking.length === BUFFERS) await taking.shift();
      await until(() => this.#read - at >= enough || this.#isOver || !shouldContinue());
      // Do not wait between here and `#piece`: meanwhile a refusal may come, and `end` frees
      // blocks.
      if (!shouldContinue()) return null;
      if (this.#failure) throw this.#failure;
      // What is left at the end may be of any length. No bytes at all are how the end is seen.
      const piece = Math.min(length, this.#read - at);
      if (piece === 0) return this.#hex;
      this.#sent = Math.max(this.#sent, at + piece);
      const { handedData } = connection.frameWriter;
      const taken = connection.sendData(at, this.#piece(at, piece));
      frame.passed(connection.frameWriter.handedData - handedData);
      taken?.catch(() => {}); // readAnswers reports a lost connection
      if (taken) taking.push(taken);
      else await connection.unsentBelow(COPIED_BYTES_MAX);
      at += piece;
    }
  }

  /** Does nothing: the next connection needs the stream again, and `end` lets go of it. */
  close(): void {}

  /** The transfer is over, well or for good: lets go of the source and of what was kept. */
  end(): void {
    this.#isOver = true;
    this.#blocks = [];
    this.#makeRoom();
    // A source that waits for its next piece answers this after that piece, or never.
    void this.#source.return?.()?.catch(() => {});
  }
}
