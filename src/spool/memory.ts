/**
 * The memory spool: the whole contract with plain arrays and maps, and nothing that survives.
 *
 * It is the version to read first. What local.ts does with an index, a cursor and files, this does by looking
 * through a list: a file never leaves its place in `#files` before it is acked, so "back to the head, in
 * order" needs no code at all. That makes most calls take time in proportion to the number of files, which is
 * fine for a test, a demonstration or a page in a browser, and for nothing else.
 *
 * Clock, digests and the epoch of the tokens are handed in, so a run can be repeated exactly. No node: here.
 * The same tests hold for both (test/spool/contract.ts). Read next: local.ts.
 */
import { dropBytes, overlap } from "../protocol/chunks.ts";
import { joinParts } from "../protocol/decoder.ts";
import { FilespoolError } from "../protocol/errors.ts";
import { safeName } from "../protocol/names.ts";
import type { Digest } from "./digest.ts";
import { Leases } from "./leases.ts";
import {
  ACKS_REMEMBERED,
  checkSame,
  type DeadLetter,
  type Delivery,
  LEASE_EXPIRED,
  type Offer,
  type OfferAnswer,
  SPOOL_LIMITS,
  type Spool,
  type SpoolLimits,
  type StoredFile,
  SWEEP_MAX,
  type Swept,
  type Upload,
  type UploadWatcher,
} from "./spool.ts";

export interface MemorySpoolOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Starts a digest of one of the algorithms in `digests`; spool/digest.ts has one for Node. */
  readonly createDigest: (algorithm: string) => Digest;
  readonly digests?: readonly string[];
  /** Begins every token. Give each spool its own where tokens of an earlier one may still be about. */
  readonly epoch?: string;
  readonly limits?: Partial<SpoolLimits>;
}

/** An unfinished upload, with or without somebody who is sending it. */
interface Slot {
  readonly offer: Offer;
  readonly parts: Uint8Array[];
  /** Digest of the bytes in `parts`, and how many they are. */
  readonly digest: Digest;
  taken: number;
  touchedAtMs: number;
  holder: MemoryUpload | null;
}

/** A file that was stored and not yet collected. */
interface Item {
  readonly file: StoredFile;
  readonly content: Uint8Array;
  state: "waiting" | "leased" | "dead";
  /** When it was stored, or became a dead letter: expiry counts from here. */
  sinceMs: number;
  failures: number;
  reason: string;
  firstFailedAtMs: number;
  lastFailedAtMs: number;
}

/** A delivery and what it is of. */
interface Lent extends Delivery {
  readonly item: Item;
}

interface Tombstone {
  readonly file: StoredFile;
  readonly collectedAtMs: number;
}

export class MemorySpool implements Spool {
  readonly durability = "memory";
  readonly limits: SpoolLimits;
  readonly digests: readonly string[];
  readonly now: () => number;
  readonly #createDigest: (algorithm: string) => Digest;
  readonly #leases: Leases<Lent>;
  /** Unfinished uploads by transfer. */
  readonly #slots = new Map<string, Slot>();
  /** Waiting, leased and dead files of all queues, in the order in which they were stored. */
  #files: Item[] = [];
  /** What was collected, by transfer, oldest first. */
  readonly #tombstones = new Map<string, Tombstone>();
  /** Tokens that were acked, oldest first, so that repeating an ack is harmless. */
  readonly #acked = new Set<string>();
  readonly #listeners = new Set<{ readonly queue: string; readonly call: () => void }>();

  constructor({ now, createDigest, digests = ["blake3", "sha256"], epoch = "memory", limits }: MemorySpoolOptions) {
    this.now = now;
    this.digests = digests;
    this.limits = { ...SPOOL_LIMITS, ...limits };
    this.#createDigest = createDigest;
    this.#leases = new Leases(epoch, this.limits.leaseMs);
  }

  async offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> {
    safeName(offer.name);
    if (!this.digests.includes(offer.algorithm)) throw new FilespoolError("digest-unsupported");
    const tombstone = this.#tombstones.get(offer.transfer);
    const known = tombstone?.file ?? this.#files.find(({ file }) => file.transfer === offer.transfer)?.file;
    if (known) {
      checkSame(known, offer);
      return { kind: "stored", digest: known.digest, collected: tombstone !== undefined };
    }
    const slot = this.#slots.get(offer.transfer) ?? this.#newSlot(offer);
    checkSame(slot.offer, offer);
    slot.holder?.supersede();
    slot.holder = new MemoryUpload(this, slot, watcher);
    return { kind: "upload", upload: slot.holder };
  }

  /** Room is reserved here, before the first byte: an upload that was begun must not fail for want of it. */
  #newSlot(offer: Offer): Slot {
    const { fileBytesMax, uploadsMax, queueFilesMax, spoolBytesMax } = this.limits;
    if (offer.size > fileBytesMax) throw new FilespoolError("file-too-large");
    if (this.#slots.size >= uploadsMax) throw new FilespoolError("uploads-full");
    const unfinished = [...this.#slots.values()].filter((slot) => slot.offer.queue === offer.queue).length;
    if (this.waiting(offer.queue) + unfinished >= queueFilesMax) throw new FilespoolError("queue-full");
    if (this.bytesUsed() + offer.size > spoolBytesMax) throw new FilespoolError("spool-full");
    const digest = this.#createDigest(offer.algorithm);
    const slot: Slot = { offer, parts: [], digest, taken: 0, touchedAtMs: this.now(), holder: null };
    this.#slots.set(offer.transfer, slot);
    return slot;
  }

  /** For MemoryUpload: the upload ends, and its reservation with it. */
  dismiss(slot: Slot): void {
    this.#slots.delete(slot.offer.transfer);
  }

  /** For MemoryUpload: the content is verified, so the upload becomes a file, in one step that nobody can see half of. */
  enqueue(slot: Slot, digest: string): void {
    const { transfer, queue, name, size, algorithm } = slot.offer;
    const none = { failures: 0, reason: "", firstFailedAtMs: 0, lastFailedAtMs: 0 };
    this.#files.push({
      file: { transfer, queue, name, size, algorithm, digest },
      content: joinParts(slot.parts),
      state: "waiting",
      sinceMs: this.now(),
      ...none,
    });
    this.#arrived(queue);
  }

  async lease(queue: string): Promise<Delivery | null> {
    const item = this.#files.find(({ file, state }) => state === "waiting" && file.queue === queue);
    if (!item) return null;
    item.state = "leased";
    const attempt = item.failures + 1;
    const { item: _, ...delivery } = this.#leases.grant((token) => ({ ...item.file, token, attempt, item }), this.now());
    return delivery;
  }

  async read(token: string, offset: number, into: Uint8Array): Promise<number> {
    const piece = this.#leases.get(token).item.content.subarray(offset, offset + into.length);
    into.set(piece);
    return piece.length;
  }

  renew(token: string): boolean {
    return this.#leases.renew(token, this.now());
  }

  async ack(token: string): Promise<void> {
    if (this.#acked.has(token)) return;
    const lent = this.#leases.end(token);
    if (!lent) throw new FilespoolError("lease-lost");
    this.#collect(lent.item);
    this.#acked.add(token);
    const [oldest = token] = this.#acked;
    if (this.#acked.size > ACKS_REMEMBERED) this.#acked.delete(oldest);
  }

  /** Takes a file out for ever. Its tombstone stays, so that a repeated offer does not store it once more. */
  #collect(item: Item): void {
    this.#files = this.#files.filter((other) => other !== item);
    this.#tombstones.set(item.file.transfer, { file: item.file, collectedAtMs: this.now() });
  }

  async nack(token: string, reason: string): Promise<boolean> {
    const lent = this.#leases.end(token);
    if (!lent) throw new FilespoolError("lease-lost");
    const { item } = lent;
    item.failures++;
    item.reason = reason;
    item.lastFailedAtMs = this.now();
    item.firstFailedAtMs ||= item.lastFailedAtMs;
    const dead = item.failures >= this.limits.failuresMax;
    if (!dead) this.#giveBack(item);
    else {
      // To the end of the list: dead letters are listed, and expire, in the order in which they died.
      this.#files = [...this.#files.filter((other) => other !== item), item];
      item.state = "dead";
      item.sinceMs = item.lastFailedAtMs;
    }
    return dead;
  }

  release(token: string): void {
    const lent = this.#leases.end(token);
    if (lent) this.#giveBack(lent.item);
  }

  /** Its place in the list is the one it had, so it comes before everything that was stored later. */
  #giveBack(item: Item): void {
    item.state = "waiting";
    this.#arrived(item.file.queue);
  }

  #arrived(queue: string): void {
    for (const listener of [...this.#listeners]) if (listener.queue === queue) listener.call();
  }

  onArrival(queue: string, call: () => void): () => void {
    const listener = { queue, call };
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  waiting(queue: string): number {
    return this.#files.filter(({ file, state }) => state !== "dead" && file.queue === queue).length;
  }

  /** Counted anew each time: a sum that is kept can be wrong, one that is made cannot. */
  bytesUsed(): number {
    const sizes = [...this.#files.map(({ file }) => file.size), ...[...this.#slots.values()].map((s) => s.offer.size)];
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async dead(queue: string): Promise<DeadLetter[]> {
    return this.#files
      .filter(({ file, state }) => state === "dead" && file.queue === queue)
      .slice(0, SWEEP_MAX)
      .map(({ file, failures, reason, firstFailedAtMs, lastFailedAtMs }) => {
        return { ...file, failures, reason, firstFailedAtMs, lastFailedAtMs };
      });
  }

  async sweep(): Promise<Swept> {
    const nowMs = this.now();
    const { uploadTtlMs, fileTtlMs, tombstoneTtlMs } = this.limits;
    // All of them end at once: waiting between two would let a holder renew one that is on the list.
    const leases = await Promise.all(
      this.#leases.expired(nowMs, SWEEP_MAX).map(async (token) => {
        const { item: _, ...delivery } = this.#leases.get(token);
        return { ...delivery, dead: await this.nack(token, LEASE_EXPIRED) };
      }),
    );
    const uploads = [...this.#slots.values()]
      .filter((slot) => !slot.holder && slot.touchedAtMs + uploadTtlMs < nowMs)
      .slice(0, SWEEP_MAX);
    for (const slot of uploads) this.dismiss(slot);
    const files = this.#files
      .filter((item) => item.state !== "leased" && item.sinceMs + fileTtlMs < nowMs)
      .slice(0, SWEEP_MAX);
    for (const item of files) this.#collect(item);
    const tombstones = [...this.#tombstones]
      .filter(([, { collectedAtMs }]) => collectedAtMs + tombstoneTtlMs < nowMs)
      .slice(0, SWEEP_MAX);
    for (const [transfer] of tombstones) this.#tombstones.delete(transfer);
    return { uploads: uploads.length, files: files.length, tombstones: tombstones.length, leases };
  }

  async close(): Promise<void> {
    for (const { holder } of this.#slots.values()) holder?.supersede();
    for (const token of this.#leases.tokens()) this.release(token);
  }
}

/** One sender's grip on a slot. Whoever has lost it, to a newer offer or by ending it, can do nothing any more. */
class MemoryUpload implements Upload {
  readonly offset: number;
  readonly #spool: MemorySpool;
  readonly #slot: Slot;
  readonly #watcher: UploadWatcher;

  constructor(spool: MemorySpool, slot: Slot, watcher: UploadWatcher) {
    this.#spool = spool;
    this.#slot = slot;
    this.#watcher = watcher;
    this.offset = slot.taken;
  }

  #check(): void {
    if (this.#slot.holder !== this) throw new FilespoolError("superseded");
  }

  append(offset: number, parts: readonly Uint8Array[]): undefined {
    this.#check();
    const slot = this.#slot;
    const length = parts.reduce((bytes, part) => bytes + part.length, 0);
    for (const part of dropBytes(parts, overlap(slot.taken, slot.offer.size, { offset, length }))) {
      slot.parts.push(part);
      slot.digest.update(part);
      slot.taken += part.length;
    }
    slot.touchedAtMs = this.#spool.now();
    this.#watcher.onDurable(slot.taken);
  }

  async finish(digest: string): Promise<void> {
    this.#check();
    const { offer, taken } = this.#slot;
    this.#slot.holder = null;
    this.#spool.dismiss(this.#slot);
    if (taken !== offer.size) throw new FilespoolError("size-mismatch", `finished after ${taken} of ${offer.size} bytes`);
    const found = this.#slot.digest.hex();
    if (found !== digest) throw new FilespoolError("digest-mismatch", `the content has the digest ${found}`);
    this.#spool.enqueue(this.#slot, digest);
  }

  async suspend(): Promise<void> {
    if (this.#slot.holder !== this) return;
    this.#slot.holder = null;
    if (this.#slot.taken === 0) this.#spool.dismiss(this.#slot); // nothing to keep room for
  }

  async cancel(): Promise<void> {
    this.#check();
    this.#slot.holder = null;
    this.#spool.dismiss(this.#slot);
  }

  /** A newer offer has come, or the spool closes. */
  supersede(): void {
    this.#watcher.onSuperseded();
    void this.suspend();
  }
}
