/**
 * A small file on its way in: its content is in memory until it lands.
 *
 * For a large one see part-file.ts. What is small is never resumed, only sent again, so it needs no part file before
 * it is complete. Its calls are synchronous, but for the sync: each takes some microseconds, and a trip through the
 * thread pool takes more than that. Writing many and then syncing them lets the disk take them together: adr/0033.
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
/** Creates or fails: nothing that is there already is written to by accident. */
const CREATE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

export class SmallFile implements Incoming {
  readonly delivery: MessageOf<"deliver">;
  /** Where it is written; another name than the usual one if somebody has taken that. */
  part: string;
  readonly #sync: boolean;
  readonly #attributes: FileAttributes;
  /** As long as the file will be, from the beginning. What has not arrived is whatever was in that memory. */
  readonly content: Buffer;
  /** Open between `write` and `settle`; null at all other times. */
  #fd: number | null = null;
  /** Whether mode or time were set, and have to be synced as well. */
  #isSet: Promise<boolean> = Promise.resolve(false);
  /** Bytes that have arrived, without a gap. */
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

  /** Takes bytes, by a copy. @throws FilespoolError offset-gap, size-mismatch */
  append(offset: number, parts: readonly Uint8Array[], length: number): undefined {
    overlap(this.offset, this.content.length, { offset, length });
    for (const part of parts) {
      this.content.set(part, offset); // what has come before comes again the same, or the digest finds it
      offset += part.length;
    }
    this.offset = Math.max(this.offset, offset);
    release(parts);
  }

  /** Compares the content with the digest of the delivery. @throws FilespoolError digest-mismatch */
  verify(): void {
    const found = digestOf(this.delivery.algorithm, this.content);
    if (found !== this.delivery.digest) throw mismatch(this.delivery, found);
  }

  /** Verifies the content and writes it under the part's name, with its mode and time. @throws FilespoolError digest-mismatch; what the file system said */
  write(): void {
    this.verify();
    const fd = this.#open();
    this.#fd = fd;
    try {
      for (let at = 0; at < this.content.length; ) at += writeSync(fd, this.content, at);
      // Now, and not before its sync: what changes after the first sync of a batch has begun costs the disk one more.
      this.#isSet = this.#attributes.set(fd);
      this.#isSet.catch(() => {}); // `settle` tells
    } catch (error) {
      this.close();
      unlinkSync(this.part); // half of it is of no use, and takes room
      throw error;
    }
  }

  /** A new part. One that a killed run left is used again; where somebody has put something else, ours gets another name. */
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

  /** Makes what was written durable. @throws what the file system said, also of mode and time */
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

  /** Lets go of it. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

/** Content and size, but not mode and time. */
const syncData = (fd: number): Promise<void> =>
  new Promise((done, fail) => fdatasync(fd, (error) => (error ? fail(error) : done())));
