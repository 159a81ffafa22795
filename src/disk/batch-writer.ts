/**
 * Batch writer: gathers what arrives into large writes, syncs now and then, and says how far it is.
 *
 * Reads from a socket come in pieces of any size, and a write to disk costs a trip through the thread
 * pool whatever its size: to write each piece by itself takes twice as long as to gather them. While one batch is
 * being written the next is gathered; with one more waiting, the caller is asked to wait, which stops the socket, which
 * stops the peer: that is all of our backpressure. With much waiting in all writers together, each is asked to wait for
 * its own batch (adr/0062). Nothing is copied: a batch is one `writev` of the slices that arrived. A sync every
 * SYNC_BYTES keeps the last one short, and a crash cheap. Between calls (offsets in the file, bytes):
 *
 *   synced <= written <= taken < written + 3 batches,   written - synced < SYNC_BYTES + one batch
 *
 * Both ends use it: the server for uploads, the receiver for files that land. Why: adr/0010, adr/0063.
 */
import type { FileHandle } from "node:fs/promises";
import { dropBytes } from "../protocol/chunks.ts";
import { LIMITS } from "../protocol/limits.ts";
import { firstRun } from "./holes.ts";

/** Bytes between two syncs; about what a crash makes the sender repeat. */
export const SYNC_BYTES = 16 * 1024 * 1024;
/** Over a slow link so many bytes take minutes: then a sync per second, or nobody sees it move (adr/0045). */
export const SYNC_MS = 1000;

/** What may wait to be written, of all writers with one backlog, before each waits for its own batch. It keeps any disk busy. */
export const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/**
 * What waits to be written, of several writers together. Who makes writers for one disk gives all of
 * them one backlog: a spool has one, and so has a receiver's target folder.
 */
export class WriteBacklog {
  /** Bytes of batches that were handed over and are not written. */
  bytes = 0;
}

/** Parts of one batch: chunks that overlap may bring a byte each. */
const PARTS_MAX = 4096;

export interface BatchWriterOptions {
  /** A write waits for so much, but for no more than a short frame: what waits is not durable yet (adr/0063). */
  readonly batchBytes: number;
  /** Shared with the other writers of the same disk. */
  readonly backlog: WriteBacklog;
  /** False leaves syncing to the operating system; `onSynced` then means "written". */
  readonly sync: boolean;
  /** Everything before `offset` is on disk. Further writes wait for what it returns. */
  readonly onSynced?: (offset: number) => Promise<void> | void;
  /** These parts have been written, and their memory may be used anew. */
  readonly onWritten?: ((parts: readonly Uint8Array[]) => void) | undefined;
}

export class BatchWriter {
  readonly #handle: FileHandle;
  readonly #options: BatchWriterOptions;
  #batch: Uint8Array[] = [];
  #batchLength = 0;
  #written: number;
  #synced: number;
  /** The work under way, one after the other. It never rejects: a failure is kept for the next call. */
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;
  #syncedMs = performance.now();
  #failure: unknown = null;

  /** @param at offset of the first byte to come, and the end of the file; what lies before it is synced */
  constructor(handle: FileHandle, at: number, options: BatchWriterOptions) {
    this.#handle = handle;
    this.#options = options;
    this.#written = at;
    this.#synced = at;
  }

  /** Takes bytes that follow the ones before; they must not change before `onWritten`. A promise means: wait for it, the disk is behind. */
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

  /** Makes the file longer by zeros that take no room: nothing lies behind what was written. */
  async #leave(bytes: number): Promise<number> {
    await this.#handle.truncate(this.#written + bytes);
    return bytes;
  }

  async #sync(): Promise<void> {
    if (this.#options.sync) await this.#handle.datasync();
    this.#synced = this.#written;
    this.#syncedMs = performance.now();
    await this.#options.onSynced?.(this.#synced);
  }
}
