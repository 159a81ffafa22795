/**
 * Read blocks: the memory that a socket is read into, used again and again.
 *
 * A new buffer for each read costs more than the read: memory that the kernel has to fill with zeros, and a collector that
 * runs all the time to give it back, on threads that the disk and the peer need (adr/0056). So a block of the largest size
 * goes back to a pool, once for every byte of it one of these is true:
 *
 *   it belongs to a frame that was taken in and needed no longer    `passed`
 *   it belongs to content that was lent out and has come back       `lend`, `release`
 *
 * Whoever is lent content and never gives it back is safe, too: then the collector takes the block, as it takes smaller
 * ones. So a mistake costs time and not bytes. Should content be changed nevertheless, its digest does not fit.
 *
 *   lent bytes of a block are written to by nobody;   the pool holds POOL_MAX blocks, of all connections together
 */
import { assert } from "../../protocol/errors.ts";
import { FreeList } from "./free-list.ts";

/** Larger reads save little, and a thousand busy connections hold one or two blocks each. */
export const READ_BYTES_MAX = 128 * 1024;
/** More than a fast disk lets wait; what is over is left to the collector. */
const POOL_MAX = 32;

export interface Block {
  readonly bytes: Buffer;
  /** Where it goes when nobody needs it; undefined for a short one, which is never used again. */
  readonly pool?: BufferPool;
  /** Where in the stream its last byte was; undefined while it is read into. */
  endsAt?: number;
  /** Slices of it that others hold. */
  lent?: number;
  /** All frames that began in it were taken in. */
  isPassed?: boolean;
}

/** The block that a slice is of. */
const blockOf = new WeakMap<ArrayBufferLike, Block>();

export class BufferPool {
  readonly #free = new FreeList<Block>(POOL_MAX);

  take(): Block {
    const block = this.#free.take() ?? { bytes: Buffer.allocUnsafeSlow(READ_BYTES_MAX), pool: this };
    block.lent = 0;
    block.isPassed = false;
    blockOf.set(block.bytes.buffer, block);
    return block;
  }

  recycle(block: Block): void {
    if (block.isPassed && block.lent === 0) this.#free.give(block);
  }
}

export class StreamBlocks {
  readonly #pool: BufferPool;
  /** Bytes that have come in blocks so far. */
  arrivedBytes = 0;
  /** Full ones, oldest first, with bytes that may be needed. */
  readonly #full: Block[] = [];

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** A block to read into, in place of one that is full. */
  next(bytes: number, full: Block): Block {
    full.endsAt = this.arrivedBytes;
    if (full.lent !== undefined) this.#full.push(full);
    if (bytes < READ_BYTES_MAX) return { bytes: Buffer.allocUnsafeSlow(bytes) };
    return this.#pool.take();
  }

  /** These slices are going to be needed, until `release`. */
  retain(slices: readonly Uint8Array[]): void {
    for (const { buffer } of slices) {
      const block = blockOf.get(buffer);
      if (block) block.lent = (block.lent ?? 0) + 1;
    }
  }

  /** The stream was taken in up to here, in bytes from its beginning; what is needed of it was lent. */
  passed(bytes: number): void {
    for (let block = this.#full[0]; block && (block.endsAt as number) <= bytes; block = this.#full[0]) {
      this.#full.shift();
      block.isPassed = true;
      this.#pool.recycle(block);
    }
  }
}

/** Slices that were lent are not needed any more. Others are no concern of ours. */
export function release(slices: readonly Uint8Array[]): void {
  for (const { buffer } of slices) {
    const block = blockOf.get(buffer);
    if (!block) continue;
    assert(block.lent !== undefined && block.lent > 0, "a slice came back twice");
    block.lent--;
    block.pool?.recycle(block);
  }
}
