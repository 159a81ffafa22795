/**
 * Room: what a local spool may still take, and what it has set aside for uploads that have begun.
 *
 * Room is reserved when a file is offered, before its first byte. Otherwise two uploads that fit
 * one by one, but not together, would fill the spool and stop each other half-way (tusd #176).
 * Every bound has an error of its own, since different people can help. A reservation ends in one
 * of two ways. Each is one step, with nothing to wait for in between:
 *
 *   it becomes a file   the index counts the file in the step in which the reservation ends
 *                       (`counted`); where the commit fails, the reservation is back in the step in
 *                       which the index stops counting the file
 *   it is given up      `leave`
 *
 * Sums are kept and not made anew, because each offer asks for them. For an upload that is no file:
 *
 *   reserved   bytes that count for the bound of the spool: its size, or what has arrived of it
 *              while nobody knows the size
 *   expected   bytes that the disk does not have yet: reserved less durable
 *
 * The disk and the size of the index are looked at once a second. In between, what is promised to
 * offers is taken off what was found.
 *
 * Never here: the bytes themselves (upload.ts). Why counted like this: adr/0074.
 */
import { statfs } from "node:fs/promises";
import { FilespoolError } from "../../protocol/errors.ts";
import type { SpoolLimits } from "../contract.ts";
import type { Offer } from "../files.ts";
import type { LocalIndex } from "./index.ts";
import type { Slot } from "./slot.ts";

/**
 * About what a file takes in the index beside its content: four rows, 800 bytes for an empty file
 * in a new queue.
 */
const FILE_BYTES = 1024;

export class Room {
  readonly #folder: string;
  readonly #index: LocalIndex;
  readonly #limits: SpoolLimits;
  /** Content up to this size is kept in the index. */
  readonly #inlineBytesMax: number;
  /** All unfinished uploads by transfer, with or without a holder, until their file is durable. */
  readonly slots = new Map<string, Slot>();
  /** The sums of the table above, over all slots. */
  #reservedBytes = 0;
  #expectedBytes = 0;
  /**
   * What the disk had left at the last look, less what was expected then and what was promised
   * since. What is given up in between is not added: the next look is a second away at most.
   */
  #freeBytes = 0;
  /** What the index had in use at the last look, and what was promised to offers since. */
  #indexBytes = 0;

  constructor(folder: string, index: LocalIndex, limits: SpoolLimits, inlineBytesMax: number) {
    this.#folder = folder;
    this.#index = index;
    this.#limits = limits;
    this.#inlineBytesMax = inlineBytesMax;
  }

  /** Bytes of all files and reservations: what `spoolBytesMax` bounds. */
  bytesUsed(): number {
    return this.#index.totals.bytes + this.#reservedBytes;
  }

  /** What is set aside, in numbers: 0 of each when no upload is unfinished. */
  underWay(): Record<"uploads" | "reservedBytes" | "expectedBytes", number> {
    return { uploads: this.slots.size, reservedBytes: this.#reservedBytes, expectedBytes: this.#expectedBytes };
  }

  /**
   * Makes room for a new upload, or says which bound is in the way.
   * @throws FilespoolError file-too-large, spool-full, disk-full, uploads-full,
   * queue-full, queues-full, index-full
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

  /**
   * Sets room aside without asking: for `enter`, and for what an earlier run left, whatever the
   * bounds are now.
   */
  take(slot: Slot): Slot {
    this.slots.set(slot.offer.transfer, slot);
    this.#reserve(slot, 1);
    this.#expectedBytes += slot.reserved - slot.durable;
    this.#freeBytes -= slot.reserved;
    return slot;
  }

  /** Counts an upload and its reservation in (1) or out (-1). */
  #reserve({ offer, reserved }: Slot, times: 1 | -1): void {
    this.#index.totals.countUpload(offer.queue, times);
    this.#reservedBytes += times * reserved;
  }

  /**
   * Whether a file may have `size` bytes, of which `more` were not reserved before.
   * @throws, see `enter`
   */
  #checkBytes(size: number, more: number): void {
    const { fileBytesMax, spoolBytesMax, diskFreeBytesMin } = this.#limits;
    if (size > fileBytesMax)
      throw new FilespoolError("file-too-large", `${size} bytes; at most ${fileBytesMax} are taken`);
    if (this.bytesUsed() + more > spoolBytesMax) throw new FilespoolError("spool-full");
    if (this.#freeBytes - more >= diskFreeBytesMin) return;
    throw new FilespoolError("disk-full", `the server's disk has no room for ${more} more bytes`);
  }

  /**
   * For an upload whose size nobody knows: its reservation is what has arrived of it, or what is
   * kept of it after a cut, and that is less.
   * @throws FilespoolError file-too-large, spool-full, disk-full: never for less than before
   */
  reserveUpTo(slot: Slot, bytes: number): void {
    const more = bytes - slot.reserved;
    if (more > 0) this.#checkBytes(bytes, more);
    slot.reserved = bytes;
    this.#reservedBytes += more;
    this.#expectedBytes += more;
    this.#freeBytes -= more;
  }

  /**
   * So many bytes of an upload are on disk and recorded now: the disk need not have room for
   * them any more.
   */
  isDurable(slot: Slot, bytes: number): void {
    this.#expectedBytes -= bytes - slot.durable;
    slot.durable = bytes;
  }

  /**
   * The index counts the upload as a file from here on (1), or does so no more, since its
   * commit failed (-1).
   */
  counted(slot: Slot, times: 1 | -1): void {
    this.#reserve(slot, times === 1 ? -1 : 1);
  }

  /** The upload is a file, durably, and `counted` has given up its reservation. */
  becameFile(slot: Slot): void {
    this.slots.delete(slot.offer.transfer);
    this.#expectedBytes -= slot.reserved - slot.durable;
  }

  /** Nothing is kept of the upload: its reservation ends. */
  leave(slot: Slot): void {
    this.becameFile(slot);
    this.#reserve(slot, -1);
  }

  /**
   * The next unfinished uploads that a sweep looks at, at most `limit`. They take turns: a few
   * sweeps see all of them, and ten thousand cost no more each second than some hundred.
   */
  turn(limit: number): Slot[] {
    const looked: Slot[] = [];
    for (const slot of this.slots.values()) {
      if (looked.length === Math.min(limit, this.slots.size)) break;
      looked.push(slot);
    }
    for (const slot of looked) {
      this.slots.delete(slot.offer.transfer);
      this.slots.set(slot.offer.transfer, slot); // to the end: it has had its turn
    }
    return looked;
  }

  /**
   * Looks at the disk and at the index, and lets the index renew its reserve.
   * @throws what the file system says
   */
  async look(): Promise<void> {
    await this.#index.reserve.renew(this.#limits.diskFreeBytesMin);
    const { bavail, bsize } = await statfs(this.#folder);
    this.#freeBytes = bavail * bsize - this.#expectedBytes;
    this.#indexBytes = this.#index.bytesInUse();
  }

  /**
   * Whether the index is too full for one more small file. The sweep then forgets tombstones early.
   */
  get isIndexFull(): boolean {
    return this.#indexBytes + FILE_BYTES + this.#inlineBytesMax > this.#limits.indexBytesMax;
  }
}
