/**
 * The way into a memory spool: what an offer is answered, and how an upload becomes a file.
 *
 * The same as local/uploads.ts, with lists in place of an index. Never here: the bytes (upload.ts).
 */
import type { Digest } from "../../disk/digest.ts";
import { joinParts } from "../../protocol/decoder.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { safeName } from "../../protocol/names.ts";
import { checkSame, type OfferAnswer, type UploadWatcher } from "../contract.ts";
import type { Offer, StoredFile } from "../files.ts";
import type { MemoryState } from "./records.ts";
import { MemoryUpload, type Slot } from "./upload.ts";

/** What uploads use of the store. */
interface Spool extends MemoryState {
  readonly digests: readonly string[];
  bytesUsed(): number;
  /** Puts a verified file at the end of the list. */
  add(file: StoredFile, content: Uint8Array): void;
}

export class MemoryUploads {
  readonly #spool: Spool;
  readonly #createDigest: (algorithm: string) => Digest;

  constructor(spool: Spool, createDigest: (algorithm: string) => Digest) {
    this.#spool = spool;
    this.#createDigest = createDigest;
  }

  /**
   * An offer is answered from what is known of its transfer id. That is all it takes to make offers
   * repeatable: a sender that lost the answer, its connection or its own process just asks again.
   *
   *   known as    collected    expired, cancelled    a file in a queue    an unfinished upload    nothing
   *   answer      stored       an error              stored               upload from `taken`     upload from 0
   */
  async offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> {
    safeName(offer.name);
    if (!this.#spool.digests.includes(offer.algorithm)) throw new FilespoolError("digest-unsupported");
    // A repeated offer finds the file that the first offer became, also when it
    // was collected since.
    const tombstone = this.#spool.tombstones.get(offer.transfer);
    const known = tombstone ?? this.#spool.files.find(({ file }) => file.transfer === offer.transfer);
    if (known) {
      checkSame(known.file, offer);
      // Nobody has the file and nobody will, so "stored" would be a lie. The sender may store it as
      // a new transfer.
      if (tombstone && tombstone.ending !== "collected") throw new FilespoolError(tombstone.ending);
      return { kind: "stored", digest: known.file.digest, collected: tombstone !== undefined };
    }
    // It may be an unfinished upload. Nobody asks whether its holder is still alive: the newest
    // offer is right.
    const before = this.#spool.slots.get(offer.transfer);
    if (before) checkSame(before.offer, offer);
    before?.holder?.supersede();
    const slot = this.#spool.slots.get(offer.transfer) ?? this.#newSlot(offer);
    const upload = new MemoryUpload(slot, watcher, {
      now: this.#spool.now,
      drop: () => void this.#spool.slots.delete(offer.transfer),
      admit: (taken, bytes) => this.#admit(taken, bytes),
      enqueue: (digest) => this.#enqueue(slot, digest),
    });
    slot.holder = upload;
    return { kind: "upload", upload };
  }

  /**
   * Room is reserved before the first byte. Otherwise two uploads that fit one by one, but not
   * together, would fill the spool and block each other half-way (tusd #176). Every bound has an
   * error of its own, since different people can help.
   */
  #newSlot(offer: Offer): Slot {
    const { uploadsMax, queueFilesMax, queuesMax } = this.#spool.limits;
    const { queue } = offer;
    if (offer.size !== Infinity) this.#admit(0, offer.size);
    if (this.#spool.slots.size >= uploadsMax) throw new FilespoolError("uploads-full");
    const unfinished = [...this.#spool.slots.values()].filter((slot) => slot.offer.queue === queue);
    if (this.#spool.waiting(queue) + unfinished.length >= queueFilesMax) throw new FilespoolError("queue-full");
    const queues = this.#queues();
    if (queues.size >= queuesMax && !queues.has(queue)) throw new FilespoolError("queues-full");
    const digest = this.#createDigest(offer.algorithm);
    const slot: Slot = { offer, parts: [], digest, taken: 0, touchedAtMs: this.#spool.now(), holder: null };
    this.#spool.slots.set(offer.transfer, slot);
    return slot;
  }

  /** Names of queues that have anything. */
  #queues(): Set<string> {
    const uploads = [...this.#spool.slots.values()].map(({ offer }) => offer.queue);
    return new Set([...this.#spool.files.map(({ file }) => file.queue), ...uploads]);
  }

  /**
   * Whether there is room for `bytes` more of a file. Where nobody knows its size, this is asked
   * as they arrive.
   */
  #admit(taken: number, bytes: number): void {
    if (taken + bytes > this.#spool.limits.fileBytesMax) throw new FilespoolError("file-too-large");
    if (this.#spool.bytesUsed() + bytes > this.#spool.limits.spoolBytesMax) throw new FilespoolError("spool-full");
  }

  /** The content is verified: the upload becomes a file. */
  #enqueue({ offer, parts, taken: size }: Slot, digest: string): void {
    const { transfer, queue, name, algorithm, kind, mode, mtime } = offer;
    this.#spool.add({ transfer, queue, name, size, algorithm, digest, kind, mode, mtime }, joinParts(parts));
  }
}
