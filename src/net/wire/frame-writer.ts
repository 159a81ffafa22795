/**
 * Frame writer: what is to be sent in this turn of the event loop leaves together.
 *
 * Each write to a socket costs a system call and some objects, whatever its size: for the three frames of a small file
 * more than everything else about them. So headers and small payloads are copied one behind the other into a block,
 * and the block leaves when it is full or the turn is over. A large payload is not copied; it leaves at once, by one
 * `writev` with what was gathered before it. What that saves: adr/0031.
 *
 * A block is lent from a pool when there is something to send, and goes back when the kernel has taken all of it. So a
 * thousand connections that are silent hold no block, and one that sends in each turn uses the same one again and again.
 *
 * Invariant: `held` is the memory of our blocks and of the payloads that the kernel has not taken, no less; what all
 * connections of a server hold is bounded by the limit that they share (shared-limit.ts).
 */
import type { Socket } from "node:net";
import { nativeChecksum } from "../../disk/digest.ts";
import { HEADER_BYTES, writeHeader } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { FreeList } from "./free-list.ts";
import type { SharedLimit } from "./shared-limit.ts";

/** Up to here copying is cheaper than a buffer of its own in the `writev`. */
export const COPY_BYTES_MAX = 16 * 1024;
/** Control frames of one connection that the kernel has not taken. */
const ANSWER_BYTES_MAX = 256 * 1024;
const BLOCK_BYTES = 64 * 1024;
/** Where memory is scarce, and for a connection that only says a word. */
const BLOCK_BYTES_MIN = 4 * 1024;
/** Less than this is free for all: then nobody gets a large block to put a little into. */
const SCARCE_BYTES = 16 * BLOCK_BYTES;

/** Called when the kernel has taken a payload, or never will. */
export type Sent = (error?: Error | null) => void;

export interface Block {
  readonly bytes: Uint8Array;
  /** Pieces of it that the socket has and the kernel has not taken. */
  inFlight: number;
}

const newBlock = (bytes: number): Block => ({ bytes: new Uint8Array(bytes), inFlight: 0 });
const NONE = newBlock(0);

export class FrameWriter {
  readonly #socket: Socket;
  readonly #onTaken: () => void;
  readonly #blocks: FreeList<Block>;
  readonly #limit: SharedLimit | undefined;
  #block = NONE;
  /** What waits for the end of this turn is from here up to `#used`; before it is what the socket has. */
  #from = 0;
  #used = 0;
  /** File content among it. */
  #gatheredData = 0;
  #isScheduled = false;
  /** Has sent more in one turn than a small block holds. */
  #isBusy = false;
  #isClosed = false;
  /** Bytes of file content: put in so far, of these not taken by the kernel, and taken by it. */
  handedData = 0;
  unsentData = 0;
  takenData = 0;
  /** Bytes of memory that this connection has for sending, `hold` included. */
  held = 0;

  /** @param onTaken called whenever the kernel has taken something */
  constructor(socket: Socket, onTaken: () => void, blocks: FreeList<Block>, limit?: SharedLimit) {
    this.#socket = socket;
    this.#onTaken = onTaken;
    this.#blocks = blocks;
    this.#limit = limit;
  }

  /** Bytes that the kernel has not taken. */
  get unsent(): number {
    return this.#socket.writableLength + this.#used - this.#from;
  }

  /** Whether more may be read, all of which may want an answer: few answers wait, and the fewer, the less room there is. */
  get mayAnswer(): boolean {
    const free = this.#limit?.free ?? Infinity;
    return this.unsent - this.unsentData <= Math.max(LIMITS.pieceBytes, Math.min(ANSWER_BYTES_MAX, free));
  }

  /** Bytes that may be held for sending beside those that are; where none are held, a piece at least. */
  get room(): number {
    const free = this.#limit?.free ?? Infinity;
    return this.held === 0 ? Math.max(LIMITS.pieceBytes, free) : free - this.held;
  }

  /** Counts memory in that is going to be sent from here, or out (less than 0) when it is not. */
  hold(bytes: number): void {
    if (this.#isClosed || bytes === 0) return;
    this.held += bytes;
    if (bytes > 0) this.#limit?.take(bytes);
    else this.#limit?.give(-bytes);
  }

  /** Sends a frame. False: the payload was copied, and may be used anew. True: only once `sent` was called. */
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

  /** Another block, with room for so many bytes. The one before it is counted out once the kernel has all of it. */
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

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  /** Hands what was gathered to the socket. */
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

  /** A write that was cut by destroying the socket may be reported as done. */
  #dataTaken(bytes: number): void {
    this.unsentData -= bytes;
    if (!this.#socket.destroyed) this.takenData += bytes;
  }

  /** The kernel has all that left of a block: it is given back, unless more was put into it since. */
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

  /** The socket is closed. What it had is nobody's any more, whether or not it says so of each piece. */
  close(): void {
    this.hold(-this.held);
    this.#isClosed = true;
  }
}
