/**
 * Buffer pool: the memory that sockets are read into, used again and again.
 *
 * A new buffer for each read costs more than the read itself. The kernel has to fill it with zeros,
 * and the garbage collector runs all the time to give it back, on threads that the disk and the
 * peer need (adr/0056). So a block of the largest size goes back to a pool as soon as nobody needs
 * a byte of it. Two things say so:
 *
 *   passed  every frame that began in the block is complete, and was taken in
 *   lent 0  every piece of content in the block that was lent out has come back
 *
 * A borrower that never gives a piece back does no harm. The collector then takes the block, as it
 * takes smaller ones. So a mistake costs time and not bytes. If content should be changed
 * nevertheless, its digest does not fit.
 *
 * Invariant: nobody writes to a block while a byte of it is lent. A pool keeps POOL_MAX idle
 * blocks, for all connections of its owner together (wire-memory.ts).
 */
import { assert } from "../../protocol/errors.ts";
import { FreeList } from "./free-list.ts";

/**
 * Bytes of a block that is used again. Longer reads save little, and a busy connection holds one or
 * two blocks.
 */
export const READ_BYTES_MAX = 128 * 1024;
/** Idle blocks, 4 MiB of them: more than a fast disk leaves waiting at any time. */
const POOL_MAX = 32;

/** A piece of memory that a socket is read into, one read behind the other. */
export interface Block {
  readonly bytes: Buffer;
  /**
   * Where the block goes when nobody needs it. Undefined for a short one, which the collector
   * takes.
   */
  readonly pool?: BufferPool;
  /**
   * Where its last byte was in the stream, counted from the first byte. Undefined while reads still
   * go into it.
   */
  endsAt?: number;
  /** How many slices of it are lent. Undefined in a short block, where nobody counts. */
  lent?: number;
  /** All frames that began in it were taken in. */
  isPassed?: boolean;
}

/**
 * The block that a piece of memory is part of. Content travels as plain arrays through many hands,
 * and this is how it finds back. An entry goes away with its memory; each belongs to one pool, so
 * no two owners meet here.
 */
const blockOf = new WeakMap<ArrayBufferLike, Block>();

/** The idle blocks of one owner. */
export class BufferPool {
  readonly #free = new FreeList<Block>(POOL_MAX);

  /** A block of READ_BYTES_MAX bytes, used before or new. Its content is whatever it was. */
  take(): Block {
    const block = this.#free.take() ?? { bytes: Buffer.allocUnsafeSlow(READ_BYTES_MAX), pool: this };
    block.lent = 0;
    block.isPassed = false;
    blockOf.set(block.bytes.buffer, block);
    return block;
  }

  /**
   * Takes a block back if nobody needs it any more. Called whenever one of the two reasons may have
   * gone.
   */
  recycle(block: Block): void {
    if (block.isPassed && block.lent === 0) this.#free.give(block);
  }
}

/** The blocks of one connection, in the order of its stream. */
export class StreamBlocks {
  readonly #pool: BufferPool;
  /** Bytes of the stream that have arrived so far. The socket reader counts them up. */
  arrivedBytes = 0;
  /**
   * Full blocks that were not passed, the oldest first. A frame that began in one of them is not
   * complete.
   */
  readonly #full: Block[] = [];

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /**
   * The block to read into after `full`, in which there is no room left.
   * @param bytes how long it should be; READ_BYTES_MAX gets one of the pool
   */
  next(bytes: number, full: Block): Block {
    full.endsAt = this.arrivedBytes;
    if (full.lent !== undefined) this.#full.push(full);
    if (bytes < READ_BYTES_MAX) return { bytes: Buffer.allocUnsafeSlow(bytes) };
    return this.#pool.take();
  }

  /**
   * Lends slices out: their blocks stay as they are until `release`. Slices of short blocks need no
   * care.
   */
  retain(slices: readonly Uint8Array[]): void {
    for (const { buffer } of slices) {
      const block = blockOf.get(buffer);
      if (block) block.lent = (block.lent ?? 0) + 1;
    }
  }

  /**
   * The stream was taken in up to here. Whatever of it is still needed must have been lent before.
   * @param bytes counted from the first byte of the stream
   */
  passed(bytes: number): void {
    for (let block = this.#full[0]; block && (block.endsAt as number) <= bytes; block = this.#full[0]) {
      this.#full.shift();
      block.isPassed = true;
      this.#pool.recycle(block);
    }
  }
}

/**
 * Gives slices back that were lent. Each must come back once; slices that were never lent are left
 * alone.
 * @throws Error a bug of ours: a slice came back twice, and its block may be in use again
 */
export function release(slices: readonly Uint8Array[]): void {
  for (const { buffer } of slices) {
    const block = blockOf.get(buffer);
    if (!block) continue;
    assert(block.lent !== undefined && block.lent > 0, "a slice came back twice");
    block.lent--;
    block.pool?.recycle(block);
  }
}
