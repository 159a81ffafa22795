/**
 * Batch writer: gathers what arrives into large writes, syncs now and then, and says how far it is.
 *
 * A socket gives pieces of any size, and each write to disk costs a trip through the thread pool,
 * whatever its size. To write each piece by itself takes twice as long as to gather them. Nothing
 * is copied for that: a batch is one `writev` of the slices that arrived.
 *
 * While one batch is being written the next is gathered. With one more waiting, the caller is asked
 * to wait. It then stops reading its socket, and that stops the peer: this is all of our back
 * pressure. Where many writers share a disk and much waits in all of them together, each caller
 * waits for its own batch (adr/0062).
 *
 * A sync every SYNC_BYTES keeps the last sync short and a crash cheap. Between calls this holds, in
 * offsets of the file:
 *
 *   synced <= written <= taken < written + 3 batches,   written - synced < SYNC_BYTES + one batch
 *
 * Both ends use it: the server for uploads, the receiver for files that land.
 *
 * Never here: what an offset means to others, and who waits for it. Why: adr/0010, adr/0063.
 */
import type { FileHandle } from "node:fs/promises";
import { dropBytes } from "../protocol/chunks.ts";
import { LIMITS } from "../protocol/limits.ts";
import { firstRun } from "./holes.ts";

/** Bytes between two syncs; about what a crash makes the sender repeat. */
export const SYNC_BYTES = 16 * 1024 * 1024;
/**
 * Over a slow link SYNC_BYTES take minutes: then there is a sync per second, so that people see
 * it move (adr/0045).
 */
export const SYNC_MS = 1000;

/**
 * With more than this waiting in one backlog, each writer waits for its own batch. It is enough to
 * keep any disk at work.
 */
export const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/**
 * What waits to be written, of several writers together. Who makes writers for one disk gives all
 * of them one backlog: a spool has one, and so has a receiver's target folder.
 */
export class WriteBacklog {
  /** Bytes of batches that were handed over and are not written. */
  bytes = 0;
}

/**
 * Most parts of one batch: a peer may send chunks that overlap, and each of them may bring
 * a single byte.
 */
const PARTS_MAX = 4096;

export interface BatchWriterOptions {
  /**
   * Bytes that are gathered for one write, at most a short frame: what is gathered is not
   * durable yet (adr/0063).
   */
  readonly batchBytes: number;
  /** Shared with the other writers of the same disk. */
  readonly backlog: WriteBacklog;
  /** False leaves syncing to the operating system; `onSynced` then means "written". */
  readonly sync: boolean;
  /**
   * Told that everything before `offset` is on disk. Further writes wait for the promise
   * that it returns.
   */
  readonly onSynced?: (offset: number) => Promise<void> | void;
  /** Told of parts that have been written: their memory may be used anew. */
  readonly onWritten?: ((parts: readonly Uint8Array[]) => void) | undefined;
}

export class BatchWriter {
  readonly #handle: FileHandle;
  readonly #options: BatchWriterOptions;
  /** What is being gathered for the next write, and its bytes. */
  #batch: Uint8Array[] = [];
  #batchLength = 0;
  /** How far the file was written, and how far of that it was synced. */
  #written: number;
  #synced: number;
  /**
   * The writes and syncs that were asked for, one after the other. It never rejects: a failure is
   * kept in `#failure`, and the next call throws it.
   */
  #work: Promise<void> = Promise.resolve();
  /** Batches in `#work` that are not over. With 2, the caller has to wait for the older one. */
  #waiting = 0;
  /** When the last sync was, for SYNC_MS. */
  #syncedMs = performance.now();
  /**
   * What the file system said first. After that nothing is written any more, and nothing
   * is called synced.
   */
  #failure: unknown = null;

  /**
   * @param at the offset of the first byte to come. It is the end of the file, and all before
   * it is synced
   */
  constructor(handle: FileHandle, at: number, options: BatchWriterOptions) {
    this.#handle = handle;
    this.#options = options;
    this.#written = at;
    this.#synced = at;
  }

  /**
   * Takes bytes that follow the ones before. They must not change before `onWritten`.
   * @returns a promise where the disk is behind: wait for it before the next call
   * @throws what the file system said to an earlier write
   */
  append(parts: readonly Uint8Array[]): Promise<void> | undefined {
    if (this.#failure) throw this.#failure;
    for (const part of parts) {
      if (part.length > 0) this.#batch.push(part); // writing nothing would look like no progress
      this.#batchLength += part.length;
    }
    const enough = Math.min(this.#options.batchBytes, LIMITS.shortFrameBytes);
    if (this.#batchLength < enough && this.#batch.length < PARTS_MAX) return undefined;
    const previous = this.#work;
    this.#issue(SYNC_BYTES);
    if (this.#options.backlog.bytes > WAITING_BYTES_MAX) return this.#work;
    return this.#waiting > 1 ? previous : undefined;
  }

  /** Writes and syncs everything. @throws what the file system said */
  async sync(): Promise<void> {
    this.#issue(1);
    await this.#work;
    if (this.#failure) throw this.#failure;
  }

  /**
   * Asks for a write of what was gathered, and for a sync after it where `syncBytes` or more
   * are not synced.
   */
  #issue(syncBytes: number): void {
    const batch = this.#batch;
    const bytes = this.#batchLength;
    this.#batch = [];
    this.#batchLength = 0;
    this.#options.backlog.bytes += bytes;
    this.#waiting++;
    this.#work = this.#work.then(async () => {
      try {
        if (!this.#failure) await this.#write(batch);
        const unsynced = this.#written - this.#synced;
        const isDue = unsynced > 0 && performance.now() - this.#syncedMs >= SYNC_MS;
        if (!this.#failure && (isDue || unsynced >= syncBytes)) await this.#sync();
      } catch (error) {
        this.#failure = error;
      }
      this.#options.backlog.bytes -= bytes;
      this.#waiting--;
    });
  }

  // region: write
  /**
   * Writes all parts of a batch at the end of the file. Long runs of zeros become holes (holes.ts).
   */
  async #write(batch: readonly Uint8Array[]): Promise<void> {
    for (let rest = batch; rest.length > 0; ) {
      const { parts, bytes, isHole } = firstRun(rest);
      // A write may take less than it was given; the return value is the only truth about how much.
      const taken = isHole ? await this.#leave(bytes) : (await this.#handle.writev(parts, this.#written)).bytesWritten;
      this.#written += taken;
      rest = dropBytes(rest, taken);
    }
    this.#options.onWritten?.(batch);
  }
  // endregion: write

  /**
   * Makes the file longer by zeros that take no room. It never cuts: nothing lies behind
   * what was written.
   */
  async #leave(bytes: number): Promise<number> {
    await this.#handle.truncate(this.#written + bytes);
    return bytes;
  }

  /** The order is a promise. */
  async #sync(): Promise<void> {
    // 1. on disk
    if (this.#options.sync) await this.#handle.datasync();
    this.#synced = this.#written;
    this.#syncedMs = performance.now();
    await this.#options.onSynced?.(this.#synced); // 2. only then say so
  }
}
