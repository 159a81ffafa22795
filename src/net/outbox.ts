/**
 * Outbox: what is to be sent in this turn of the event loop leaves together.
 *
 * Each write to a socket costs a system call and some objects, whatever its size: for the three frames of a small file
 * more than everything else about them. So headers and small payloads are copied one behind the other into a block,
 * and the block leaves when it is full or the turn is over. A large payload is not copied; it leaves at once, by one
 * `writev` with what was gathered before it. What that saves: adr/0031.
 */
import type { Socket } from "node:net";
import { HEADER_BYTES, writeHeader } from "../protocol/frame.ts";
import { nativeChecksum } from "../spool/digest.ts";

/** Up to here copying is cheaper than a buffer of its own in the `writev`. */
export const COPY_BYTES_MAX = 16 * 1024;
/** The first block is small: most connections of a busy server send little. */
const BLOCK_BYTES_FIRST = 4 * 1024;
const BLOCK_BYTES = 64 * 1024;

/** Called when the kernel has taken a payload, or never will. */
export type Sent = (error?: Error | null) => void;

export class Outbox {
  readonly #socket: Socket;
  readonly #onTaken: () => void;
  #block = new Uint8Array(BLOCK_BYTES_FIRST);
  /** What waits for the end of this turn is from here up to `#used`; before it is what the socket has. */
  #from = 0;
  #used = 0;
  /** File content among it. */
  #gatheredData = 0;
  #isScheduled = false;
  /** Bytes of file content that the kernel has not taken. */
  unsentData = 0;

  /** @param onTaken called whenever the kernel has taken something */
  constructor(socket: Socket, onTaken: () => void) {
    this.#socket = socket;
    this.#onTaken = onTaken;
  }

  /** Bytes that the kernel has not taken. */
  get unsent(): number {
    return this.#socket.writableLength + this.#used - this.#from;
  }

  /** Sends a frame. False: the payload was copied, and may be used anew. True: only once `sent` was called. */
  put(type: number, payload: Uint8Array, offset: number, isData: boolean, sent?: Sent): boolean {
    const isCopied = payload.length <= COPY_BYTES_MAX;
    const bytes = HEADER_BYTES + (isCopied ? payload.length : 0);
    if (this.#used + bytes > this.#block.length) this.#renew(bytes);
    writeHeader(this.#block, this.#used, type, payload, nativeChecksum, offset);
    if (isCopied) this.#block.set(payload, this.#used + HEADER_BYTES);
    this.#used += bytes;
    if (isData) this.unsentData += payload.length;
    if (isCopied) {
      if (isData) this.#gatheredData += payload.length;
      this.#schedule();
      return false;
    }
    this.#socket.cork();
    this.flush();
    this.#socket.write(payload, (error) => {
      if (isData) this.unsentData -= payload.length;
      sent?.(error);
      this.#onTaken();
    });
    this.#socket.uncork();
    return true;
  }

  #renew(bytes: number): void {
    this.flush();
    this.#block = new Uint8Array(Math.max(BLOCK_BYTES, bytes));
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
    const gathered = this.#block.subarray(this.#from, this.#used);
    this.#from = this.#used;
    this.#gatheredData = 0;
    this.#socket.write(gathered, () => {
      this.unsentData -= data;
      this.#onTaken();
    });
  }
}
