/**
 * A stream on its way out: content that can be read once, and whose length nobody knows before its end.
 *
 * A file that was half sent is read again after a cut; a pipe cannot be. So what the server has not reported durable stays
 * here, and the source is read no further than KEPT_BYTES_MAX beyond that; then it waits, as it would for a slow disk.
 *
 *   kept from <= sent <= read,   read - kept from < KEPT_BYTES_MAX + one piece of the source
 *
 * That lasts as long as this process. The transfer id is drawn by lot, because two streams of one name are two files; a
 * sender that was killed begins a new transfer, and the unfinished one expires. A source that fails has no end, so the
 * upload is cancelled: half a dump must not look like a whole one. Never here: connections and their loss. Why: adr/0040.
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

/** Bytes kept for a resume: a server syncs every 16 MiB, and some of them are on the way. */
export const KEPT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * One stream and what of it may be asked for again: the kind of source that can be read once
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
  /** Known once the source has ended. */
  size = Infinity;
  /** Asked for one piece at a time, and never for the next before the last one is kept. */
  readonly #source: AsyncIterator<Uint8Array>;
  // Fed as the source is read and not as the chunks are sent: a resume sends bytes twice, and the digest has each
  // once.
  readonly #digest: Digest;
  /** The digest once the source has ended; until then there is none to ask for. */
  #hex = "";
  /**
   * Bytes of a block, the unit in which memory is taken and given back. At least a buffer, so that a chunk lies in two
   * of them at most.
   */
  readonly #blockBytes: number;
  /** Wakes the sender, who waits for bytes or for the end; it looks for itself which of them it is. */
  readonly #onChange: () => void;
  /** What was read and is kept: whole blocks but for the last, the first of them at `#from`. */
  #blocks: Buffer[] = [];
  #from = 0;
  #sent = 0;
  #read = 0;
  /**
   * The source is read from the first connection on, not from the constructor: a server that refuses the offer costs
   * no byte of it.
   */
  #isBegun = false;
  /** Nothing more will be read: the source has ended or failed, or nobody wants it. */
  #isOver = false;
  /**
   * Why the source gave no more. Kept and thrown where it is sent, because reading has no caller who could hear of it.
   */
  #failure: FilespoolError | null = null;
  /** Called when there is room for more. */
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

  /** Reads the source to its end, by itself, so that a lost connection loses nothing of what it gave meanwhile. */
  async #readSource(): Promise<void> {
    try {
      while (!this.#isOver) {
        const { done, value } = await this.#source.next();
        if (done) break;
        if (!(value instanceof Uint8Array)) throw new TypeError("it gives something else than bytes");
        this.#keep(value);
        this.#onChange();
        // The back pressure: as long as the server has not synced, the source is not asked for more.
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

  /** Copies into blocks: pieces may be tiny, and the source may write to them again. */
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
   * Bytes that are kept, by a copy only where they are in two blocks. At most two, since no chunk is longer than a
   * block.
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
   * The server has everything before `offset` on its disk: it will not be asked for again. Whole blocks only: the rest
   * of one is given back with the next report, and no byte is moved for it. A report that says less than an earlier
   * one changes nothing.
   * @throws FilespoolError offset-gap: the server says to have what it was never sent
   */
  release(offset: number): void {
    if (offset > this.#sent)
      throw new FilespoolError("offset-gap", `the server says to have ${offset} bytes of ${this.#sent} that were sent`);
    const blocks = Math.floor((offset - this.#from) / this.#blockBytes);
    if (blocks <= 0) return;
    this.#blocks.splice(0, blocks);
    this.#from += blocks * this.#blockBytes;
    this.#makeRoom();
  }

  /**
   * Sends everything from an offset on. A block is cut evenly, so that its last chunk is no scrap.
   * @returns the digest, or null when `shouldContinue` said no
   * @throws FilespoolError file-unreadable: the source failed, or the server wants what is no longer here
   */
  async sendOver(connection: Connection, from: number, sending: Sending): Promise<string | null> {
    const { chunkBytes, until, shouldContinue } = sending;
    if (from < this.#from || from > this.#sent) {
      const why = `the server wants it from byte ${from}, and a stream cannot be read twice`;
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
      // A source that is slow itself is not waited for until a long frame is full.
      const enough = Math.min(length, LIMITS.shortFrameBytes);
      if (taking.length === BUFFERS) await taking.shift();
      await until(() => this.#read - at >= enough || this.#isOver || !shouldContinue());
      // Nothing is waited for between here and the piece: in a wait, a refusal may come, and `end` takes the blocks away.
      if (!shouldContinue()) return null;
      if (this.#failure) throw this.#failure;
      // What a source has left when it has ended may be any length, nothing included: that is how the end is found.
      const piece = Math.min(length, this.#read - at);
      if (piece === 0) return this.#hex;
      this.#sent = Math.max(this.#sent, at + piece);
      const { handedData } = connection.frameWriter;
      const taken = connection.sendData(at, this.#piece(at, piece));
      frame.passed(connection.frameWriter.handedData - handedData);
      taken?.catch(() => {}); // a lost connection is reported where it is read
      if (taken) taking.push(taken);
      else await connection.unsentBelow(COPIED_BYTES_MAX);
      at += piece;
    }
  }

  /** Nothing: the next connection needs the stream again, and `end` is what lets go of it. */
  close(): void {}

  /** It is stored, or has failed for good: lets go of the source and of what was kept. */
  end(): void {
    this.#isOver = true;
    this.#blocks = [];
    this.#makeRoom();
    // Whoever ends a source while it waits for its next piece is answered after that piece, or never.
    void this.#source.return?.()?.catch(() => {});
  }
}
