/**
 * The memory store: the whole contract with plain arrays and maps, and nothing that survives.
 *
 * It is the version to read first. What local/store.ts does with an index, a cursor and files, this
 * file does by looking through a list. A file keeps its place in `files` until it has ended, so
 * "back to the head, in the old order" needs no code at all. In return most calls take time in
 * proportion to the number of files. That is fine for a test, a demonstration or a page in a
 * browser, and for nothing else.
 *
 * Clock, digests and the epoch of the tokens are handed in, so that a run can be repeated exactly.
 * Every call has done its work when it returns. It returns a promise only because the contract says
 * so. The laws: test/spool/contract.ts. Read next: local/store.ts.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { OfferAnswer, Spool, SpoolLimits, Swept } from "../contract.ts";
import * as contract from "../contract.ts";
import { EndWatch } from "../end-watch.ts";
import type { DeadLetter, Delivery, Ending, Offer, StoredFile } from "../files.ts";
import { Leases } from "../leases.ts";
import type { MemorySpoolOptions } from "./options.ts";
import { type Item, type Leased, type MemoryState, NEVER_FAILED, type Tombstone } from "./records.ts";
import { sweepMemory } from "./sweep.ts";
import type { Slot } from "./upload.ts";
import { MemoryUploads } from "./uploads.ts";

export class MemoryStore implements Spool, MemoryState {
  readonly durability = "memory";
  readonly limits: SpoolLimits;
  readonly digests: readonly string[];
  readonly now: () => number;
  readonly #ticks: () => number;
  readonly #uploads: MemoryUploads;
  readonly trouble = null; // memory can always be written
  readonly #leases: Leases<Leased>;
  /**
   * Unfinished uploads by transfer. What is public beside the contract is for the sweep
   * and operators (MemoryState).
   */
  readonly slots = new Map<string, Slot>();
  /** Files of all queues, waiting, leased and dead, in the order in which they were stored. */
  files: Item[] = [];
  /** The last place that was given out; see Item. */
  #sequence = 0;
  /**
   * How transfers ended, and when. In the order of ending, so that the oldest are forgotten first.
   */
  readonly tombstones = new Map<string, Tombstone>();
  /** Who waits for the end of which transfer. */
  readonly #ends = new EndWatch();
  /** Tokens that were acked, the oldest first: to repeat an ack must be harmless. */
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
    this.#uploads = new MemoryUploads(this, createDigest);
    this.#leases = new Leases(epoch, this.limits.leaseMs);
  }

  offer(offer: Offer, watcher: contract.UploadWatcher): Promise<OfferAnswer> {
    return this.#uploads.offer(offer, watcher);
  }

  /** Puts a verified file at the end of the list, in one step of which nobody can see the half. */
  add(file: StoredFile, content: Uint8Array): void {
    const known = { file, content, failed: NEVER_FAILED };
    this.files.push({ ...known, sequence: this.nextPlace(), state: "waiting", sinceMs: this.now() });
    this.arrived(file.queue);
  }

  /** The first file that nobody has. It stays in the list; only its state says that it is away. */
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

  /**
   * Progress of any kind keeps a lease, so that leases can be short and a large file may still
   * take its time.
   */
  renew(token: string): boolean {
    return this.#leases.renew(token, this.#ticks());
  }

  /**
   * The receiver has the file, and the file leaves its queue for ever. An ack whose answer was lost
   * comes once more, and its lease has ended by then. That must not look like `lease-lost`, so the
   * tokens of acks are remembered for a while.
   */
  async ack(token: string): Promise<void> {
    if (this.#acked.has(token)) return;
    this.collect(this.#end(token), "collected");
    this.#acked.add(token);
    const [oldest = token] = this.#acked;
    if (this.#acked.size > contract.ACKS_REMEMBERED) this.#acked.delete(oldest);
  }

  /**
   * The first verdict on a lease ends it, and says what becomes of the file. Each later one
   * finds it lost.
   */
  #end(token: string): Item {
    const leased = this.#leases.end(token);
    if (!leased) throw new FilespoolError("lease-lost");
    return leased.item;
  }

  /**
   * Takes a file out for ever. A tombstone stays, so that a repeated offer does not store the
   * file once more.
   */
  collect(item: Item, ending: Ending): void {
    this.files = this.files.filter((other) => other !== item);
    this.leaveTombstone(item.file, ending);
  }

  /** Notes how a transfer ended, and tells those who wait for that. */
  leaveTombstone(file: StoredFile, ending: Ending): void {
    this.tombstones.set(file.transfer, { file, sinceMs: this.now(), ending });
    this.#ends.ended(file.transfer);
  }

  /** A place behind all that were given out. */
  nextPlace(): number {
    return ++this.#sequence;
  }

  /** Moves an item to the end of the list, where the latest is. */
  toEnd(item: Item): void {
    item.sequence = this.nextPlace();
    this.files = [...this.files.filter((other) => other !== item), item];
  }

  /**
   * Takes a file from the receiver that holds it, if any does. A verdict that comes later
   * finds no lease.
   */
  seize(item: Item): void {
    for (const token of this.#leases.tokens()) if (this.#leases.get(token).item === item) this.#leases.end(token);
  }

  /**
   * A failed attempt. The count stays with the file. So a file that no receiver can land ends as a
   * dead letter, and does not block its queue for ever. The times of the first and the last failure
   * tell a person whether it was one bad day or is a bad file.
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

  /**
   * Makes a file a dead letter, at the end of the list: dead letters are listed in the order in
   * which they died.
   */
  die(item: Item): void {
    Object.assign(item, { state: "dead", sinceMs: this.now() });
    this.toEnd(item);
    this.#ends.ended(item.file.transfer);
  }

  /**
   * Ends all leases that ran out before it waits for anything: else a receiver could renew one that
   * is on the list.
   */
  endLeases(): Promise<Delivery & { readonly dead: boolean }>[] {
    return this.#leases.expired(this.#ticks(), contract.SWEEP_MAX).map(async (token) => {
      const { delivery } = this.#leases.get(token);
      return { ...delivery, dead: await this.nack(token, contract.LEASE_EXPIRED) };
    });
  }

  /** The receiver went away without a verdict. That is nobody's fault, so nothing is counted. */
  release(token: string): void {
    const leased = this.#leases.end(token);
    if (leased) this.#giveBack(leased.item);
  }

  /**
   * A file is free again. It kept its place in the list, so it comes before everything that
   * was stored later.
   */
  #giveBack(item: Item): void {
    item.state = "waiting";
    this.arrived(item.file.queue);
  }

  /**
   * Calls who listens to a queue. The list is copied first: a listener may lease, release,
   * or stop listening.
   */
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

  /**
   * Added up anew each time. A sum that is kept can be wrong, and this is what to compare it with.
   */
  bytesUsed(): number {
    const files = this.files.reduce((sum, { file }) => sum + file.size, 0);
    const reserved = ({ offer, taken }: Slot) => (offer.size === Infinity ? taken : offer.size);
    return [...this.slots.values()].reduce((sum, slot) => sum + reserved(slot), files);
  }

  /**
   * Files that were given up, the oldest first. They keep their room until they expire or are
   * removed by an operator.
   */
  async dead(queue: string): Promise<DeadLetter[]> {
    const dead = this.files.filter(({ file, state }) => state === "dead" && file.queue === queue);
    return dead.slice(0, contract.SWEEP_MAX).map(({ file, failed }) => ({ ...file, ...failed }));
  }

  sweep(): Promise<Swept> {
    return sweepMemory(this);
  }

  /**
   * Takes everything back from senders and receivers. The files stay for as long as
   * the object does.
   */
  async close(): Promise<void> {
    for (const { holder } of this.slots.values()) holder?.supersede();
    for (const token of this.#leases.tokens()) this.release(token);
  }
}
