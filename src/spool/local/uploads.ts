/**
 * The way into the local spool: the uploads that are not files yet, and which of them
 * an offer continues.
 *
 * An offer is answered from what is known of its transfer id. That makes it repeatable: a sender
 * that lost the answer, its connection or its own process just asks again.
 *
 *   known as    collected    expired, cancelled    a file in a queue    an unfinished upload         nothing
 *   answer      stored       an error              stored               upload, from what is durable  upload from 0
 *
 * An unfinished upload is a *slot* (slot.ts). It has a place here, whether somebody is sending it
 * or not. A LocalUpload (upload.ts) is one sender's hold on a slot, and each slot has at most one
 * holder. The newest offer gets it, so nobody waits until a dead connection times out.
 *
 * Invariant: a slot is here from its first offer until its file is in the index, durably, or until
 * nothing of it is kept. Its room is reserved for exactly that time (room.ts).
 *
 * Never here: the bytes (upload.ts), and what becomes of a file (queues.ts).
 */
import { WriteBacklog } from "../../disk/batch-writer.ts";
import { checkDigest } from "../../disk/digest.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { safeName } from "../../protocol/names.ts";
import { checkSame, type OfferAnswer, type UploadWatcher } from "../contract.ts";
import type { Offer } from "../files.ts";
import { BufferSlab } from "./buffer-slab.ts";
import type { LocalIndex } from "./index.ts";
import type { LocalQueues } from "./queues.ts";
import { type Entry, NEVER_FAILED } from "./records.ts";
import type { Slot } from "./slot.ts";
import { LocalUpload, type UploadHome, type UploadOptions } from "./upload.ts";

/** What uploads use of their spool. */
export interface UploadsOptions extends UploadOptions {
  readonly index: LocalIndex;
  /** Told of each file that has come. */
  readonly queues: Pick<LocalQueues, "arrived">;
  readonly now: () => number;
}

/** The watcher of an upload that the spool itself holds in order to end it. */
const NOBODY: UploadWatcher = { onDurable: () => {}, onSuperseded: () => {} };

export class LocalUploads implements UploadHome {
  /** What was handed in; an upload uses some of it. */
  readonly options: UploadsOptions;
  readonly slab = new BufferSlab();
  readonly backlog = new WriteBacklog();

  constructor(options: UploadsOptions) {
    this.options = options;
  }

  /** At the start: uploads that an earlier run left go on from what is durable. */
  recover(): void {
    const { index, room } = this.options;
    for (const { durable, touchedAtMs, ...offer } of index.uploads()) {
      const reserved = offer.size === Infinity ? durable : offer.size;
      room.take({ offer, reserved, durable, touchedAtMs, holder: null });
    }
  }

  /** See the contract of the spool. */
  offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> | OfferAnswer {
    try {
      safeName(offer.name);
      checkDigest(offer.algorithm);
      // A small new file has nothing to wait for. Promises would cost more than all the rest that
      // is done for it here.
      const { size, transfer } = offer;
      const { inlineBytesMax, index, room } = this.options;
      const isNew = size <= inlineBytesMax && !room.slots.has(transfer) && !index.find(transfer);
      return isNew ? { kind: "upload", upload: this.#hold(offer, watcher) } : this.#answer(offer, watcher);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** For all that may have to wait: a known transfer, another holder, content in a file. */
  async #answer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> {
    const { index, room } = this.options;
    for (;;) {
      const known = index.find(offer.transfer);
      if (known) {
        checkSame(known, offer);
        // Nobody has the file and nobody will, so "stored" would be a lie. The sender may store it
        // as a new transfer.
        if (known.ending === "cancelled" || known.ending === "expired") throw new FilespoolError(known.ending);
        return { kind: "stored", digest: known.digest, collected: known.collected };
      }
      const slot = room.slots.get(offer.transfer);
      if (slot) checkSame(slot.offer, offer);
      if (!slot?.holder) {
        const upload = this.#hold(offer, watcher);
        await upload.open();
        return { kind: "upload", upload };
      }
      // The holder may be finishing at this moment, so look again once it has let go.
      await slot.holder.supersede();
    }
  }

  /**
   * Begins an upload, or continues one without a holder. The new holder is known before anything
   * is waited for.
   */
  #hold(offer: Offer, watcher: UploadWatcher): LocalUpload {
    const { room, now } = this.options;
    const slot = room.slots.get(offer.transfer) ?? room.enter(offer, now());
    const upload = new LocalUpload(this, slot, watcher);
    slot.holder = upload;
    return upload;
  }

  /**
   * For the sweep and operators: ends an upload that has no holder, by taking hold of it
   * like a sender.
   * @throws FilespoolError superseded, where a real sender came at that very moment and keeps it
   */
  async drop(slot: Slot): Promise<void> {
    slot.holder = new LocalUpload(this, slot, NOBODY);
    await slot.holder.cancel();
  }

  /** See UploadHome. The slot says what is durable only after the index does. */
  async recordUpload(slot: Slot, durable: number): Promise<void> {
    const { index, room, now } = this.options;
    const touchedAtMs = now();
    await index.putUpload({ ...slot.offer, durable, touchedAtMs });
    room.isDurable(slot, durable);
    slot.touchedAtMs = touchedAtMs;
  }

  /**
   * See UploadHome. It does not wait by itself: the order of the calls is the order in the queue.
   */
  enqueue(slot: Slot, digest: string, content: Uint8Array | null): Promise<void> {
    const { transfer, queue, name, algorithm, kind, mode, mtime } = slot.offer;
    const { index, queues, room, now } = this.options;
    const size = slot.reserved;
    const storedAtMs = now();
    const entry: Entry = Object.assign(
      { transfer, queue, name, size, algorithm, digest, kind, mode, mtime, storedAtMs, content: content ?? undefined },
      NEVER_FAILED,
    );
    // 1. durable: the reservation ends in the step in which the index counts the file
    return index
      .store(entry, (times) => room.counted(slot, times))
      .then(() => {
        room.becameFile(slot); // 2. it is no upload any more
        queues.arrived(queue); // 3. only then are receivers told
      });
  }

  /** See UploadHome. A crash between two steps leaves a content that the next start removes. */
  async forgetUpload(slot: Slot): Promise<void> {
    const { index, contents, room, now } = this.options;
    // 1. the record; a cancelled upload leaves a tombstone in its place
    if (slot.isCancelled) await index.cancelUpload(slot.offer, now());
    else if (slot.durable > 0) await index.removeUpload(slot.offer.transfer);
    await contents.remove(slot.offer.transfer); // 2. the content
    room.leave(slot); // 3. its room may be used by others
  }

  /** Takes all uploads away from their senders. What is durable stays, for the next start. */
  async close(): Promise<void> {
    for (const slot of this.options.room.slots.values()) await slot.holder?.supersede();
  }
}
