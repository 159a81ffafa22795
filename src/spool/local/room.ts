/**
 * Room: what a local spool may take, and what it has set aside for uploads that have begun.
 *
 * Room is reserved when a file is offered, before its first byte: two uploads that each fit, but not together, would
 * otherwise fill the spool and stop each other half-way (tusd #176). Every bound has its own error, since who can help
 * differs. A reservation ends in one of two ways, and both are one step, with nothing to wait for in between:
 *
 *   it becomes a file    the index counts the file in the step in which the reservation ends (`counted`); should the
 *                        commit fail, the reservation is back in the step in which the index takes the file back
 *   it is given up       `leave`
 *
 * Sums are kept and not made anew, because they are asked for with every offer. For an upload that is not a file:
 *
 *   reserved   bytes that count for the bound of the spool      its size, or what has arrived while nobody knows that
 *   expected   bytes that the disk does not have yet            reserved less durable
 *
 * The disk and the size of the index are looked at once a second; in between, what is promised is taken off what was
 * found. Never here: the bytes themselves (local/upload.ts). Why counted like this: adr/0074.
 */
import { statfs } from "node:fs/promises";
import { FilespoolError } from "../../protocol/errors.ts";
import type { SpoolLimits } from "../contract.ts";
import type { Offer } from "../files.ts";
import type { LocalIndex } from "./index.ts";
import type { Slot } from "./slot.ts";

/** About what a file takes in the index beside its content: four rows (800 bytes for an empty file in a queue of its own). */
const FILE_BYTES = 1024;

export class Room {
  readonly #folder: string;
  readonly #index: LocalIndex;
  readonly #limits: SpoolLimits;
  /** Content up to this size is kept in the index. */
  readonly #inlineBytesMax: number;
  /** Unfinished uploads, with or without somebody who is sending; also those that are just becoming files. */
  readonly slots = new Map<string, Slot>();
  #reservedBytes = 0;
  #expectedBytes = 0;
  /** What the disk had left when last looked at, less what has been promised since. */
  #freeBytes = 0;
  /** What the index had in use then, and what has been promised to it since. */
  #indexBytes = 0;

  constructor(folder: string, index: LocalIndex, limits: SpoolLimits, inlineBytesMax: number) {
    this.#folder = folder;
    this.#index = index;
    this.#limits = limits;
    this.#inlineBytesMax = inlineBytesMax;
  }

  /** Bytes of all files and reservations. */
  bytesUsed(): number {
    return this.#index.totals.bytes + this.#reservedBytes;
  }

  /** What is set aside: 0 of each when no upload is unfinished. */
  underWay(): Record<"uploads" | "reservedBytes" | "expectedBytes", number> {
    return { uploads: this.slots.size, reservedBytes: this.#reservedBytes, expectedBytes: this.#expectedBytes };
  }

  /**
   * Room for a new upload.
   * @throws FilespoolError file-too-large, spool-full, disk-full, uploads-full, queue-full, queues-full, index-full
   */
  enter(offer: Offer, nowMs: number): Slot {
    const { uploadsMax, queuesMax, queueFilesMax, indexBytesMax } = this.#limits;
    const { totals } = this.#index;
    const reserved = offer.size === Infinity ? 0 : offer.size;
    this.#checkBytes(reserved, reserved);
    if (this.slots.size >= uploadsMax) throw new FilespoolError("uploads-full");
    if (totals.occupied(offer.queue) + totals.unfinished(offer.queue) >= queueFilesMax)
      throw new FilespoolError("queue-full");
    if (totals.queues >= queuesMax && !totals.has(offer.queue)) throw new FilespoolError("queues-full");
    const inIndex = FILE_BYTES + (offer.size <= this.#inlineBytesMax ? offer.size : 0);
    if (this.#indexBytes + inIndex > indexBytesMax) throw new FilespoolError("index-full");
    this.#indexBytes += inIndex;
    return this.take({ offer, reserved, durable: 0, touchedAtMs: nowMs, holder: null });
  }

  /** What an earlier run left is taken as it is, whatever the bounds are now. */
  take(slot: Slot): Slot {
    this.slots.set(slot.offer.transfer, slot);
    this.#reserve(slot, 1);
    this.#expectedBytes += slot.reserved - slot.durable;
    this.#freeBytes -= slot.reserved;
    return slot;
  }

  /** Counts an unfinished upload in (1) or out (-1). */
  #reserve({ offer, reserved }: Slot, times: 1 | -1): void {
    this.#index.totals.countUpload(offer.queue, times);
    this.#reservedBytes += times * reserved;
  }

  /** Whether a file may have `size` bytes, of which `more` are new. */
  #checkBytes(size: number, more: number): void {
    const { fileBytesMax, spoolBytesMax, diskFreeBytesMin } = this.#limits;
    if (size > fileBytesMax)
      throw new FilespoolError("file-too-large", `${size} bytes; at most ${fileBytesMax} are taken`);
    if (this.bytesUsed() + more > spoolBytesMax) throw new FilespoolError("spool-full");
    if (this.#freeBytes - more >= diskFreeBytesMin) return;
    throw new FilespoolError("disk-full", `the server's disk has no room for ${more} more bytes`);
  }

  /**
   * Where nobody knows the size: `bytes` have arrived, or are kept.
   * @throws FilespoolError file-too-large, spool-full, disk-full, for more than before
   */
  reserveUpTo(slot: Slot, bytes: number): void {
    const more = bytes - slot.reserved;
    if (more > 0) this.#checkBytes(bytes, more);
    slot.reserved = bytes;
    this.#reservedBytes += more;
    this.#expectedBytes += more;
    this.#freeBytes -= more;
  }

  /** So many bytes of an upload are on disk now. */
  isDurable(slot: Slot, bytes: number): void {
    this.#expectedBytes -= bytes - slot.durable;
    slot.durable = bytes;
  }

  /** The index counts the upload as a file from here on (1), or could not write it and does so no more (-1). */
  counted(slot: Slot, times: 1 | -1): void {
    this.#reserve(slot, times === 1 ? -1 : 1);
  }

  /** It is a file, durably. */
  becameFile(slot: Slot): void {
    this.slots.delete(slot.offer.transfer);
    this.#expectedBytes -= slot.reserved - slot.durable;
  }

  /** Nothing of it is kept. */
  leave(slot: Slot): void {
    this.becameFile(slot);
    this.#reserve(slot, -1);
  }

  /**
   * The next unfinished uploads that a sweep looks at, in turn, at most `limit`: all of them within a few sweeps, so that
   * ten thousand do not cost more each second than a hundred.
   */
  turn(limit: number): Slot[] {
    const looked: Slot[] = [];
    for (const slot of this.slots.values()) {
      if (looked.length === Math.min(limit, this.slots.size)) break;
      looked.push(slot);
    }
    for (const slot of looked) {
      this.slots.delete(slot.offer.transfer);
      this.slots.set(slot.offer.transfer, slot); // to the end
    }
    return looked;
  }

  /** Looks at the disk and at the index. @throws what the file system says */
  async look(): Promise<void> {
    await this.#index.reserve.renew(this.#limits.diskFreeBytesMin);
    const { bavail, bsize } = await statfs(this.#folder);
    this.#freeBytes = bavail * bsize - this.#expectedBytes;
    this.#indexBytes = this.#index.bytesInUse();
  }

  /** Whether a small file would be refused for want of room in the index, which tombstones may have taken. */
  get isIndexFull(): boolean {
    return this.#indexBytes + FILE_BYTES + this.#inlineBytesMax > this.#limits.indexBytesMax;
  }
}
