/**
 * Frame writer: what is to be sent in one turn of the event loop leaves together.
 *
 * Each write to a socket costs a system call and some objects, whatever its size. For the three
 * frames of a small file that is more than everything else about them. So headers and small
 * payloads are copied into a block, one behind the other, and the block leaves when it is full or
 * the turn is over. A large payload is not copied. It leaves at once, by one `writev` together with
 * what was gathered before it. What that saves: adr/0031.
 *
 * A connection takes a block when it has something to send, and gives it back when the kernel has
 * taken all of it. So a thousand silent connections hold no block, and one that sends in every turn
 * uses the same block again and again.
 *
 *   block:   | the socket has it | waits for the end of this turn | free |
 *            0                 #from                            #used
 *
 * Invariants: frames leave in the order of `put`. `held` is at least the memory of our blocks and
 * of the payloads that the kernel has not taken; what all connections of a server hold is bounded
 * by the limit that they share (shared-limit.ts).
 */
import type { Socket } from "node:net";
import { nativeChecksum } from "../../disk/digest.ts";
import { HEADER_BYTES, writeHeader } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { FreeList } from "./free-list.ts";
import type { SharedLimit } from "./shared-limit.ts";

/**
 * Bytes of a payload that is copied. Up to here, a copy is cheaper than one more buffer in a
 * `writev`.
 */
export const COPY_BYTES_MAX = 16 * 1024;
/** Bytes of messages of one connection that may be unsent before its server stops reading. */
const ANSWER_BYTES_MAX = 256 * 1024;
/** Bytes of a block that is used again. */
const BLOCK_BYTES = 64 * 1024;
/** Bytes of a block where memory is scarce, and for a connection that says only a word. */
const BLOCK_BYTES_MIN = 4 * 1024;
/**
 * Memory is scarce when less than this is free for all. Nobody then gets a large block to put a
 * little into.
 */
const SCARCE_BYTES = 16 * BLOCK_BYTES;

/** Called once, when the kernel has taken a payload, or with an error when it never will. */
export type Sent = (error?: Error | null) => void;

/** Memory in which frames are gathered. */
export interface Block {
  readonly bytes: Uint8Array;
  /**
   * Writes of pieces of it that the kernel has not taken. The block may be used anew when this is
   * 0.
   */
  inFlight: number;
}

const newBlock = (bytes: number): Block => ({ bytes: new Uint8Array(bytes), inFlight: 0 });
/** Stands for no block. It has no room, so the first frame takes a real one. */
const NONE = newBlock(0);

export class FrameWriter {
  readonly #socket: Socket;
  readonly #onTaken: () => void;
  readonly #blocks: FreeList<Block>;
  readonly #limit: SharedLimit | undefined;
  /** The block that frames are gathered in now; NONE while nothing is unsent. */
  #block = NONE;
  /**
   * What waits for the end of this turn is from here up to `#used`. The socket has what is before.
   */
  #from = 0;
  #used = 0;
  /** Bytes of content among what waits for the end of this turn. */
  #gatheredData = 0;
  /** The end of this turn will call `flush`. */
  #isScheduled = false;
  /** More was unsent once than a small block holds. From then on the connection gets large ones. */
  #isBusy = false;
  /** The socket is closed, and nothing is counted any more. */
  #isClosed = false;
  /** Bytes of content that were put in so far. Zeros count with the few bytes of their frame. */
  handedData = 0;
  /** Bytes of content that were put in and not taken by the kernel. */
  unsentData = 0;
  /** Bytes of content that the kernel has taken. */
  takenData = 0;
  /** Bytes of memory that this connection holds for sending, those of `hold` included. */
  held = 0;

  /**
   * @param onTaken called whenever the kernel has taken something
   * @param blocks where idle blocks of BLOCK_BYTES come from and go to
   * @param limit what all connections may hold together; without it, there is no bound
   */
  constructor(socket: Socket, onTaken: () => void, blocks: FreeList<Block>, limit?: SharedLimit) {
    this.#socket = socket;
    this.#onTaken = onTaken;
    this.#blocks = blocks;
    this.#limit = limit;
  }

  /** Bytes that the kernel has not taken, gathered ones included. */
  get unsent(): number {
    return this.#socket.writableLength + this.#used - this.#from;
  }

  /**
   * Whether a server may read on. All that it reads may want an answer, so only a few answers may
   * be unsent; the less memory is free for all, the fewer.
   */
  get mayAnswer(): boolean {
    const free = this.#limit?.free ?? Infinity;
    return this.unsent - this.unsentData <= Math.max(LIMITS.pieceBytes, Math.min(ANSWER_BYTES_MAX, free));
  }

  /**
   * Bytes that may be held for sending in addition to those that are. A connection that holds
   * nothing may always hold one piece, so that every connection gets on.
   */
  get room(): number {
    const free = this.#limit?.free ?? Infinity;
    return this.held === 0 ? Math.max(LIMITS.pieceBytes, free) : free - this.held;
  }

  /**
   * Counts memory in that somebody has filled, or will fill, for this connection. Less than 0
   * counts it out again.
   */
  hold(bytes: number): void {
    if (this.#isClosed || bytes === 0) return;
    this.held += bytes;
    if (bytes > 0) this.#limit?.take(bytes);
    else this.#limit?.give(-bytes);
  }

  /**
   * Sends a frame, behind all frames before it.
   * @param isData the payload is content, and is counted as such
   * @param sent called when the kernel has taken a payload that was not copied
   * @returns false when the payload was copied and may be used again at once; true when it may only
   * after `sent`
   */
  put(type: number, payload: Uint8Array, offset: number, isData: boolean, sent?: Sent): boolean {
    const isCopied = payload.length <= COPY_BYTES_MAX;
    const bytes = HEADER_BYTES + (isCopied ? payload.length : 0);
    if (this.#used + bytes > this.#block.bytes.length) this.#renew(bytes);
    const block = this.#block.bytes;
    writeHeader(block, this.#used, type, payload, nativeChecksum, offset);
    if (isCopied) block.set(payload, this.#used + HEADER_BYTES);
    this.#used += bytes;
    if (isData) {
      this.unsentData += payload.length;
      this.handedData += payload.length;
    }
    if (isCopied) {
      if (isData) this.#gatheredData += payload.length;
      this.#schedule();
      return false;
    }
    // Corked, so that the gathered frames and the payload leave by one system call.
    this.hold(payload.length);
    this.#socket.cork();
    this.flush();
    this.#socket.write(payload, (error) => {
      if (isData) this.#dataTaken(payload.length);
      this.hold(-payload.length);
      sent?.(error);
      this.#onTaken();
    });
    this.#socket.uncork();
    return true;
  }

  /**
   * Takes another block, with room for so many bytes.
   *
   * What is in the block before leaves first. If the kernel has all of that block already, it is
   * counted out here; otherwise `#taken` counts it out when it is time.
   */
  #renew(bytes: number): void {
    this.flush();
    const { bytes: old, inFlight } = this.#block;
    if (inFlight === 0) this.hold(-old.length);
    const isScarce = this.#limit !== undefined && this.#limit.free < SCARCE_BYTES;
    this.#isBusy ||= this.#block !== NONE; // one was not enough
    if (isScarce || !this.#isBusy) this.#block = newBlock(Math.max(BLOCK_BYTES_MIN, bytes));
    else this.#block = this.#blocks.take() ?? newBlock(BLOCK_BYTES);
    this.hold(this.#block.bytes.length);
    this.#from = this.#used = 0;
  }

  /** Sees to it that the gathered frames leave at the end of this turn of the event loop. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /**
   * Hands what was gathered to the socket. After our side of the stream has ended, it stays where
   * it is.
   */
  flush(): void {
    if (this.#from === this.#used || this.#socket.writableEnded) return;
    const data = this.#gatheredData;
    const block = this.#block;
    const gathered = block.bytes.subarray(this.#from, this.#used);
    this.#from = this.#used;
    this.#gatheredData = 0;
    block.inFlight++;
    this.#socket.write(gathered, () => {
      this.#dataTaken(data);
      block.inFlight--;
      if (block.inFlight === 0) this.#taken(block);
      this.#onTaken();
    });
  }

  /**
   * Counts content as taken. After `destroy`, Node may report a write as done that was cut, so that
   * one counts as lost.
   */
  #dataTaken(bytes: number): void {
    this.unsentData -= bytes;
    if (!this.#socket.destroyed) this.takenData += bytes;
  }

  /**
   * The kernel has taken all that left of a block. The block goes back, unless more frames were put
   * into it since.
   */
  #taken(block: Block): void {
    const isCurrent = block === this.#block;
    if (isCurrent && this.#from < this.#used) return;
    this.hold(-block.bytes.length);
    if (isCurrent) {
      this.#block = NONE;
      this.#from = this.#used = 0;
    }
    if (block.bytes.length === BLOCK_BYTES && !this.#isClosed) this.#blocks.give(block);
  }

  /**
   * The socket is closed, and will take nothing more. All that was held is counted out at once,
   * because the socket does not report every write that it drops.
   */
  close(): void {
    this.hold(-this.held);
    this.#isClosed = true;
  }
}
