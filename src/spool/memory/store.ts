/**
 * The memory spool: the whole contract with plain arrays and maps, and nothing that survives.
 *
 * It is the version to read first. What local/store.ts does with an index, a cursor and files, this does by looking
 * through a list: a file keeps its place in `#files` until it is acked, so "back to the head, in order" needs
 * no code at all. In return most calls take time in proportion to the number of files; that is fine for a
 * test, a demonstration or a page in a browser, and for nothing else.
 *
 * Clock, digests and the epoch of the tokens are handed in, so that a run can be repeated exactly. Every call has done its
 * work when it returns, and promises only because the contract does. The laws: test/spool/contract.ts. Next: local/store.ts.
 */
import type { Digest } from "../../disk/digest.ts";
import { joinParts } from "../../protocol/decoder.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { safeName } from "../../protocol/names.ts";
import type { OfferAnswer, Spool, SpoolLimits, Swept } from "../contract.ts";
import * as contract from "../contract.ts";
import { EndWatch } from "../end-watch.ts";
import type { DeadLetter, Delivery, Ending, Offer, StoredFile } from "../files.ts";
import { Leases } from "../leases.ts";
import type { MemorySpoolOptions } from "./options.ts";
import { type Item, type Leased, type MemoryState, NEVER_FAILED, type Tombstone } from "./records.ts";
import { sweepMemory } from "./sweep.ts";
import { MemoryUpload, type Slot } from "./upload.ts";

export class MemoryStore implements Spool, MemoryState {
  readonly durability = "memory";
  readonly limits: SpoolLimits;
  readonly digests: readonly string[];
  readonly now: () => number;
  readonly #ticks: () => number;
  readonly #createDigest: (algorithm: string) => Digest;
  readonly trouble = null; // memory can always be written
  readonly #leases: Leases<Leased>;
  /** Unfinished uploads by transfer. This and what follows are for operate/memory.ts as well. */
  readonly slots = new Map<string, Slot>();
  /** Files of all queues, waiting, leased and dead, in the order in which they were stored. */
  files: Item[] = [];
  #sequence = 0;
  /** How transfers ended, and when. */
  readonly tombstones = new Map<string, Tombstone>();
  readonly #ends = new EndWatch();
  /** Tokens that were acked, oldest first: repeating an ack must be harmless. */
  readonly #acked = new Set<string>();
  readonly #listeners = new Set<{ readonly queue: string; readonly call: () => void }>();

  constructor({
    now,
    ticks = now,
    createDigest,
    digests = ["blake3", "sha256"],
    epoch = "memory",
    limits,
  }: MemorySpoolOptions) {
    this.digests = digests;
    this.limits = { ...contract.SPOOL_LIMITS, ...limits };
    this.now = now;
    this.#ticks = ticks;
    this.#createDigest = createDigest;
    this.#leases = new Leases(epoch, this.limits.leaseMs);
  }

  /**
   * An offer is answered from what is known of its transfer id, and that is all it takes to make it repeatable: a
   * sender that lost the answer, the connection or its own process just asks again.
   *
   *   known as    collected    expired, cancelled    a file in a queue    an unfinished upload    nothing
   *   answer      stored       an error              stored               upload from `taken`     upload from 0
   */
  async offer(offer: Offer, watcher: contract.UploadWatcher): Promise<OfferAnswer> {
    safeName(offer.name);
    if (!this.digests.includes(offer.algorithm)) throw new FilespoolError("digest-unsupported");
    // A repeated offer finds the file that the first one became, even when it was collected since.
    const tombstone = this.tombstones.get(offer.transfer);
    const known = tombstone ?? this.files.find(({ file }) => file.transfer === offer.transfer);
    if (known) {
      contract.checkSame(known.file, offer);
      // Nobody has it, and nobody will: to say "stored" would be a lie. The sender may store it as a new transfer.
      if (tombstone && tombstone.ending !== "collected") throw new FilespoolError(tombstone.ending);
      return { kind: "stored", digest: known.file.digest, collected: tombstone !== undefined };
    }
    // Or an unfinished upload. Nobody asks whether its holder is still alive: the newest offer is right.
    const before = this.slots.get(offer.transfer);
    if (before) contract.checkSame(before.offer, offer);
    before?.holder?.supersede();
    const slot = this.slots.get(offer.transfer) ?? this.#newSlot(offer);
    const upload = new MemoryUpload(slot, watcher, {
      now: this.now,
      drop: () => void this.slots.delete(offer.transfer),
      admit: (taken, bytes) => this.#admit(taken, bytes),
      enqueue: (digest) => this.#enqueue(slot, digest),
    });
    slot.holder = upload;
    return { kind: "upload", upload };
  }

  /**
   * Room is reserved before the first byte: two uploads that each fit, but not together, would otherwise fill the
   * spool and block each other half-way (tusd #176). Every bound has its own error, since who can help differs.
   */
  #newSlot(offer: Offer): Slot {
    const { uploadsMax, queueFilesMax, queuesMax } = this.limits;
    const { queue } = offer;
    if (offer.size !== Infinity) this.#admit(0, offer.size);
    if (this.slots.size >= uploadsMax) throw new FilespoolError("uploads-full");
    const unfinished = [...this.slots.values()].filter((slot) => slot.offer.queue === queue);
    if (this.waiting(queue) + unfinished.length >= queueFilesMax) throw new FilespoolError("queue-full");
    const queues = this.#queues();
    if (queues.size >= queuesMax && !queues.has(queue)) throw new FilespoolError("queues-full");
    const digest = this.#createDigest(offer.algorithm);
    const slot: Slot = { offer, parts: [], digest, taken: 0, touchedAtMs: this.now(), holder: null };
    this.slots.set(offer.transfer, slot);
    return slot;
  }

  /** Names of queues that have anything. */
  #queues(): Set<string> {
    const uploads = [...this.slots.values()].map(({ offer }) => offer.queue);
    return new Set([...this.files.map(({ file }) => file.queue), ...uploads]);
  }

  /** Room for `bytes` more of a file; where nobody knows its size, it is asked for as they arrive. */
  #admit(taken: number, bytes: number): void {
    if (taken + bytes > this.limits.fileBytesMax) throw new FilespoolError("file-too-large");
    if (this.bytesUsed() + bytes > this.limits.spoolBytesMax) throw new FilespoolError("spool-full");
  }

  /** The content is verified, so the upload becomes a file, in one step that nobody can see half of. */
  #enqueue({ offer, parts, taken: size }: Slot, digest: string): void {
    const { transfer, queue, name, algorithm, kind, mode, mtime } = offer;
    const file = { transfer, queue, name, size, algorithm, digest, kind, mode, mtime };
    const known = { file, content: joinParts(parts), failed: NEVER_FAILED };
    this.files.push({ ...known, sequence: this.nextPlace(), state: "waiting", sinceMs: this.now() });
    this.arrived(queue);
  }

  /** The first file that is nobody's. It stays in the list; only its state says that it is away. */
  async lease(queue: string): Promise<Delivery | null> {
    const item = this.files.find(({ file, state }) => state === "waiting" && file.queue === queue);
    if (!item) return null;
    item.state = "leased";
    const attempt = item.failed.failures + 1;
    const leased = (token: string) => ({ delivery: { ...item.file, token, attempt }, item });
    return this.#leases.grant(leased, this.#ticks()).delivery;
  }

  /** Copies: a receiver must never hold the stored bytes themselves. */
  async read(token: string, offset: number, into: Uint8Array): Promise<number> {
    const piece = this.#leases.get(token).item.content.subarray(offset, offset + into.length);
    into.set(piece);
    return piece.length;
  }

  /** Progress of any kind keeps a lease, so that it can be short and a large file may still take its time. */
  renew(token: string): boolean {
    return this.#leases.renew(token, this.#ticks());
  }

  /**
   * The receiver has the file: it leaves the queue for ever. An ack whose answer was lost comes again, when the lease
   * has ended by it; that must not look like `lease-lost`, so tokens of acks are remembered for a while.
   */
  async ack(token: string): Promise<void> {
    if (this.#acked.has(token)) return;
    this.collect(this.#end(token), "collected");
    this.#acked.add(token);
    const [oldest = token] = this.#acked;
    if (this.#acked.size > contract.ACKS_REMEMBERED) this.#acked.delete(oldest);
  }

  /** Whoever ends a lease has the right to say what becomes of the file; everybody later is told that it is lost. */
  #end(token: string): Item {
    const leased = this.#leases.end(token);
    if (!leased) throw new FilespoolError("lease-lost");
    return leased.item;
  }

  /** Takes a file out for ever. Its tombstone stays, so that a repeated offer does not store it once more. */
  collect(item: Item, ending: Ending): void {
    this.files = this.files.filter((other) => other !== item);
    this.leaveTombstone(item.file, ending);
  }

  leaveTombstone(file: StoredFile, ending: Ending): void {
    this.tombstones.set(file.transfer, { file, sinceMs: this.now(), ending });
    this.#ends.ended(file.transfer);
  }

  nextPlace(): number {
    return ++this.#sequence;
  }

  /** Moves an item to the end of the list, where the latest is. */
  toEnd(item: Item): void {
    item.sequence = this.nextPlace();
    this.files = [...this.files.filter((other) => other !== item), item];
  }

  /** Takes a file from whoever holds it: a verdict that comes later is about nothing. */
  seize(item: Item): void {
    for (const token of this.#leases.tokens()) if (this.#leases.get(token).item === item) this.#leases.end(token);
  }

  /**
   * A failed attempt. The count stays with the file, so that one which no receiver can land ends as a dead letter
   * instead of blocking its queue for ever; the first and last time tell a person whether it is one bad day or a
   * bad file.
   */
  async nack(token: string, reason: string): Promise<boolean> {
    const item = this.#end(token);
    const nowMs = this.now();
    const failures = item.failed.failures + 1;
    item.failed = { failures, reason, firstFailedAtMs: item.failed.firstFailedAtMs || nowMs, lastFailedAtMs: nowMs };
    const dead = failures >= this.limits.failuresMax;
    if (dead) this.die(item);
    else this.#giveBack(item);
    return dead;
  }

  /** To the end of the list: dead letters are listed, and expire, in the order in which they died. */
  die(item: Item): void {
    Object.assign(item, { state: "dead", sinceMs: this.now() });
    this.toEnd(item);
    this.#ends.ended(item.file.transfer);
  }

  /** Ends the leases that ran out, all at once: waiting between two would let a holder renew one that is on the list. */
  endLeases(): Promise<Delivery & { readonly dead: boolean }>[] {
    return this.#leases.expired(this.#ticks(), contract.SWEEP_MAX).map(async (token) => {
      const { delivery } = this.#leases.get(token);
      return { ...delivery, dead: await this.nack(token, contract.LEASE_EXPIRED) };
    });
  }

  /** The receiver went away without a verdict: nobody's fault, nothing is counted. */
  release(token: string): void {
    const leased = this.#leases.end(token);
    if (leased) this.#giveBack(leased.item);
  }

  /** It kept its place in the list, so it comes before everything that was stored later. */
  #giveBack(item: Item): void {
    item.state = "waiting";
    this.arrived(item.file.queue);
  }

  /** The list is copied first: a listener may lease, release, or stop listening. */
  arrived(queue: string): void {
    for (const listener of [...this.#listeners]) if (listener.queue === queue) listener.call();
  }

  onArrival(queue: string, call: () => void): () => void {
    const listener = { queue, call };
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onEnded(transfer: string, listener: () => void): () => void {
    return this.#ends.add(transfer, listener);
  }

  waiting(queue: string): number {
    return this.files.filter(({ file, state }) => state !== "dead" && file.queue === queue).length;
  }

  /** A verdict is known at once here, so what is in flight is what is leased. */
  inFlight(queue: string, mine: Iterable<string>): number {
    const own = new Set(mine);
    const others = this.#leases.tokens().filter((token) => !own.has(token));
    return others.filter((token) => this.#leases.get(token).item.file.queue === queue).length;
  }

  /** Made anew each time: a sum that is kept up to date can be wrong. */
  bytesUsed(): number {
    const files = this.files.reduce((sum, { file }) => sum + file.size, 0);
    const reserved = ({ offer, taken }: Slot) => (offer.size === Infinity ? taken : offer.size);
    return [...this.slots.values()].reduce((sum, slot) => sum + reserved(slot), files);
  }

  /** Files that were given up, oldest first. They keep their room until they expire: nothing that was stored is lost. */
  async dead(queue: string): Promise<DeadLetter[]> {
    const dead = this.files.filter(({ file, state }) => state === "dead" && file.queue === queue);
    return dead.slice(0, contract.SWEEP_MAX).map(({ file, failed }) => ({ ...file, ...failed }));
  }

  sweep(): Promise<Swept> {
    return sweepMemory(this);
  }

  /** Nobody holds anything any more. What is here stays here, for as long as the object does. */
  async close(): Promise<void> {
    for (const { holder } of this.slots.values()) holder?.supersede();
    for (const token of this.#leases.tokens()) this.release(token);
  }
}
