/**
 * A small file on its way in: its content is in memory until it lands.
 *
 * For a large one see part-file.ts. Small content is never resumed, only sent again, so it needs no
 * part file before it is complete. All calls but the sync are synchronous: each takes some
 * microseconds, less than a trip through the thread pool. Writing many files before the first sync
 * lets the disk take them together: adr/0033.
 *
 * Invariant: nothing is written before the digest of the content is verified. Never here: the final
 * name (landing.ts), and content that is too large for memory.
 */
import { closeSync, constants, fdatasync, ftruncateSync, openSync, unlinkSync, writeSync } from "node:fs";
import { digestOf } from "../../disk/digest.ts";
import { overlap } from "../../protocol/chunks.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { release } from "../wire/buffer-pool.ts";
import { type FileAttributes, syncAll } from "./file-attributes.ts";
import { openOursSync, partPath, withLot } from "./own-files.ts";
import { type Incoming, mismatch } from "./part-file.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
/** Creates the file or fails, so that nothing that is there is written to by accident. */
const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

/** One small file: `append` until it is complete, `write`, then `settle` or `close`. */
export class SmallFile implements Incoming {
  readonly delivery: MessageOf<"deliver">;
  /** Where the content is written. `#open` changes it if somebody else has taken that name. */
  part: string;
  readonly #sync: boolean;
  readonly #attributes: FileAttributes;
  /**
   * Memory for the whole file, filled from its beginning. What follows `offset` is not defined yet.
   */
  readonly content: Buffer;
  /** Open from `write` until `settle` or `close`; null at all other times. */
  #fd: number | null = null;
  /** Whether mode or time were set, and need a sync too. `write` sets it; `settle` waits for it. */
  #isSet: Promise<boolean> = Promise.resolve(false);
  /** Bytes that have arrived, without a gap. It only grows. */
  offset = 0;

  constructor(delivery: MessageOf<"deliver">, folder: string, sync: boolean, attributes: FileAttributes) {
    this.delivery = delivery;
    this.part = partPath(folder, delivery.transfer);
    this.#sync = sync;
    this.#attributes = attributes;
    this.content = Buffer.allocUnsafe(delivery.size);
  }

  get isComplete(): boolean {
    return this.offset === this.content.length;
  }

  /**
   * Takes bytes by copying them, and releases their buffers.
   * @throws FilespoolError offset-gap, size-mismatch
   */
  append(offset: number, parts: readonly Uint8Array[], length: number): undefined {
    overlap(this.offset, this.content.length, { offset, length });
    for (const part of parts) {
      this.content.set(part, offset); // a repeated byte is the same, or the digest finds out
      offset += part.length;
    }
    this.offset = Math.max(this.offset, offset);
    release(parts);
  }

  /**
   * Compares the content with the digest of the delivery. @throws FilespoolError digest-mismatch
   */
  verify(): void {
    const found = digestOf(this.delivery.algorithm, this.content);
    if (found !== this.delivery.digest) throw mismatch(this.delivery, found);
  }

  /**
   * Verifies the content and writes it under the part's name, with its mode and time. It is not
   * durable before `settle`.
   * @throws FilespoolError digest-mismatch; or what the file system said
   */
  write(): void {
    this.verify();
    const fd = this.#open();
    this.#fd = fd;
    try {
      for (let at = 0; at < this.content.length; ) at += writeSync(fd, this.content, at);
      // Before the first sync of a batch begins: a change after it would cost the disk another one.
      this.#isSet = this.#attributes.set(fd);
      this.#isSet.catch(() => {}); // `settle` throws it
    } catch (error) {
      this.close();
      unlinkSync(this.part); // half of a small file is of no use, and takes room
      throw error;
    }
  }

  /**
   * Opens a new part file. One that a killed run left is used again. If somebody else's file has
   * that name, ours gets another name.
   * @throws what the file system said
   */
  #open(): number {
    const { createMode } = this.#attributes;
    try {
      return openSync(this.part, CREATE, createMode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const fd = openOursSync(this.part, O_WRONLY);
    if (fd === null) {
      this.part = withLot(this.part);
      return openSync(this.part, CREATE, createMode);
    }
    ftruncateSync(fd, 0);
    return fd;
  }

  /**
   * Makes what was written durable, and closes it.
   * @throws what the file system said, also about mode and time
   */
  async settle(): Promise<void> {
    const fd = this.#fd;
    if (fd === null) return;
    try {
      const hasMore = await this.#isSet;
      if (this.#sync) await (hasMore ? syncAll(fd) : syncData(fd));
    } finally {
      this.close();
    }
  }

  /** Closes the file, if it is open. A part that was written stays on the disk. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/** Syncs content and size, but not mode and time. */
const syncData = (fd: number): Promise<void> =>
  new Promise((done, fail) => fdatasync(fd, (error) => (error ? fail(error) : done())));
