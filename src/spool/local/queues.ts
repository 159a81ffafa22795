/**
 * The way out of the local spool: which file is next, who has it, and what became of it.
 *
 * Each queue has a cursor. Behind it, towards the head, every file is leased or came back; those that came
 * back go out first, in order. Before it are the files that nobody has seen. So finding the next file costs
 * the same in a queue of ten and of ten million, and none of it has to survive a restart: then the cursor
 * starts at the head, and what was leased is simply delivered again. Why: adr/0014.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { ACKS_REMEMBERED, LEASE_EXPIRED, type SpoolLimits, SWEEP_MAX } from "../contract.ts";
import { EndWatch } from "../end-watch.ts";
import type { Delivery, Ending } from "../files.ts";
import { Leases } from "../leases.ts";
import type { Glance } from "./entry-views.ts";
import type { LocalIndex } from "./index.ts";
import { KeyPrefetch, placeIn, type QueueState } from "./key-prefetch.ts";
import { deadQueue, type Entry } from "./records.ts";

/** What is next in a queue. */
type Next = Glance & { readonly sequence: number };

/** What a lease is on: a file at its place in the index. It stays open between two reads. */
interface Lent {
  readonly delivery: Delivery;
  readonly home: string;
  readonly sequence: number;
  /** When it was stored, ms since the epoch. */
  readonly sinceMs: number;
  readonly isInline: boolean;
  handle: Promise<FileHandle> | null;
}

export class LocalQueues {
  readonly index: LocalIndex;
  readonly folder: string;
  readonly limits: SpoolLimits;
  readonly now: () => number;
  /** What leases are measured by: unlike `now`, it is never set and never jumps. */
  readonly #ticks: () => number;
  readonly #queues = new Map<string, QueueState>();
  readonly #leases: Leases<Lent>;
  /** Also those that are not durable yet: repeating an ack waits for the first. */
  readonly #acks = new Map<string, Promise<void>>();
  readonly #removals = new Set<Promise<void>>();
  /** Who waits for what to leave its queue. */
  readonly ends = new EndWatch();

  constructor(index: LocalIndex, folder: string, limits: SpoolLimits, now: () => number, ticks: () => number) {
    this.index = index;
    this.folder = folder;
    this.limits = limits;
    this.now = now;
    this.#ticks = ticks;
    this.#leases = new Leases(randomBytes(6).toString("hex"), limits.leaseMs);
  }

  dataPath(transfer: string): string {
    return join(this.folder, "data", transfer);
  }

  /** What is held of deliveries: 0 of each when nobody receives, listens or waits. */
  protected deliveriesUnderWay(): Record<"queues" | "returning" | "leases" | "removals", number> {
    const returning = [...this.#queues.values()].reduce((sum, queue) => sum + queue.returning.size, 0);
    return { queues: this.#queues.size, returning, leases: this.#leases.size, removals: this.#removals.size };
  }

  /** Calls whoever waits for this queue. */
  arrived(queue: string): void {
    for (const listener of [...(this.#queues.get(queue)?.listeners ?? [])]) listener();
  }

  onArrival(queue: string, listener: () => void): () => void {
    this.#queue(queue).listeners.add(listener);
    return () => {
      this.#queue(queue).listeners.delete(listener);
      this.#forgetIdle(queue);
    };
  }

  #queue(name: string): QueueState {
    let state = this.#queues.get(name);
    if (state) return state;
    const ahead = new KeyPrefetch();
    state = { cursor: 0, ahead, returned: [], busy: new Map(), returning: new Set(), listeners: new Set() };
    this.#queues.set(name, state);
    return state;
  }

  /**
   * Forgets a queue that nobody uses: names come from the wire, so the map must not grow with them. What came back need not
   * be remembered for that: without a cursor, it is found from the head again, in order.
   */
  #forgetIdle(name: string): void {
    const { busy, listeners } = this.#queue(name);
    if (busy.size + listeners.size === 0) this.#queues.delete(name);
  }

  lease(queue: string): Delivery | null | Promise<Delivery | null> {
    const next = this.#next(queue);
    if (next) return this.#lend(queue, next);
    const { returning } = this.#queue(queue);
    // Nobody holds those files, and nobody knows yet whether they come again: "nothing is waiting" could be a lie.
    if (returning.size > 0) return Promise.race(returning).then(() => this.lease(queue));
    this.#forgetIdle(queue);
    return null;
  }

  /** The first file that nobody holds. */
  #next(home: string): Next | null {
    const { returned, cursor, busy, ahead } = this.#queue(home);
    const first = returned[0] === undefined ? undefined : this.index.views.glance(home, returned[0]);
    if (first) return { sequence: returned[0] as number, ...first };
    for (let at = cursor; ; ) {
      const next = ahead.after(at, (behind, limit) => this.index.sequences(home, behind, limit));
      if (next === undefined) return null;
      const found = busy.has(next) ? undefined : this.index.views.glance(home, next); // an operator has hold of it, or took it off
      if (found) return { sequence: next, ...found };
      at = next;
    }
  }

  #lend(home: string, { sequence, entry, isInline, content }: Next): Delivery {
    const state = this.#queue(home);
    state.returned.shift(); // where anything came back, this is the first of it
    state.cursor = Math.max(state.cursor, sequence);
    const { transfer, queue, name, size, algorithm, digest, kind, mode, mtime } = entry;
    const attempt = entry.failures + 1;
    const lend = (token: string): Lent => ({
      // Spreading costs a microsecond.
      delivery: { transfer, queue, name, size, algorithm, digest, kind, mode, mtime, attempt, token, content },
      ...{ home, sequence, sinceMs: entry.storedAtMs, isInline, handle: null },
    });
    const { delivery } = this.#leases.grant(lend, this.#ticks());
    state.busy.set(sequence, delivery.token);
    return delivery;
  }

  /** Whether a file is with a receiver, or on its way out. */
  isBusy(home: string, sequence: number): boolean {
    return this.#queues.get(home)?.busy.has(sequence) ?? false;
  }

  /**
   * For operators and the sweep: takes hold of a file, from its receiver if need be, so that nobody else can until `letGo`.
   * False: what becomes of it is being written down at this moment, and it may be gone or free after that.
   */
  claim(home: string, sequence: number): boolean {
    const { busy, returned } = this.#queue(home);
    const token = busy.get(sequence);
    if (token !== undefined && !this.#endLease(token)) return false;
    const at = placeIn(returned, sequence);
    if (returned[at] === sequence) returned.splice(at, 1);
    busy.set(sequence, "");
    return true;
  }

  letGo(home: string, sequence: number, isGone: boolean): void {
    if (isGone) this.#leave({ home, sequence });
    else this.#giveBack({ home, sequence });
  }

  async read(token: string, offset: number, into: Uint8Array): Promise<number> {
    const lent = this.#leases.get(token);
    if (lent.isInline) return this.index.views.read(lent.home, lent.sequence, offset, into);
    const path = this.dataPath(lent.delivery.transfer);
    try {
      lent.handle ??= open(path, "r");
      return (await (await lent.handle).read(into, 0, into.length, offset)).bytesRead;
    } catch (error) {
      throw fileError(error, path);
    }
  }

  renew(token: string): boolean {
    return this.#leases.renew(token, this.#ticks());
  }

  ack(token: string): Promise<void> {
    const before = this.#acks.get(token);
    if (before) return before;
    const ack = this.#collect(token, "collected");
    this.#acks.set(token, ack);
    ack.catch(() => this.#acks.delete(token));
    const [oldest] = this.#acks.keys();
    if (oldest && this.#acks.size > ACKS_REMEMBERED) this.#acks.delete(oldest);
    return ack;
  }

  #collect(token: string, ending: Ending): Promise<void> {
    const lent = this.#endLease(token);
    if (!lent) return Promise.reject(new FilespoolError("lease-lost"));
    const { delivery, home, sequence, sinceMs } = lent;
    // 1. off the queue, durably
    return this.index.collect(delivery, [home, sequence], sinceMs, this.now(), ending).then(
      () => {
        this.#leave(lent);
        this.ends.ended(delivery.transfer);
        if (!lent.isInline) this.removeContent(delivery.transfer); // 2. only then may its content go
      },
      (error: unknown) => {
        this.#giveBack(lent);
        throw error;
      },
    );
  }

  /** In the background, after the index has let go of it. Should a crash come first, the next `open` finds it. */
  removeContent(transfer: string): void {
    const removal = rm(this.dataPath(transfer), { force: true }).catch(() => {});
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  #endLease(token: string): Lent | null {
    const lent = this.#leases.end(token);
    void lent?.handle?.then((handle) => handle.close()).catch(() => {});
    return lent;
  }

  #leave({ home, sequence }: Pick<Lent, "home" | "sequence">): void {
    this.#queue(home).busy.delete(sequence);
    this.#forgetIdle(home);
  }

  #giveBack({ home, sequence }: Pick<Lent, "home" | "sequence">): void {
    const { busy, returned, cursor } = this.#queue(home);
    busy.delete(sequence);
    // What lies before the cursor is found by it; only an operator or the sweep takes hold of such a file.
    if (sequence <= cursor) returned.splice(placeIn(returned, sequence), 0, sequence);
    this.arrived(home);
    this.#forgetIdle(home);
  }

  nack(token: string, reason: string): Promise<boolean> {
    const lent = this.#endLease(token);
    const entry = lent && this.index.entry(lent.home, lent.sequence);
    if (!entry) return Promise.reject(new FilespoolError("lease-lost"));
    const { returning } = this.#queue(lent.home);
    const written = this.#fail(lent, entry, reason);
    const over = written.then(
      () => {},
      () => {},
    );
    returning.add(over);
    return written.finally(() => returning.delete(over));
  }

  /** Writes a failure down; then the file is free again, or a dead letter. True for the latter. */
  async #fail(lent: Lent, entry: Entry, reason: string): Promise<boolean> {
    const position: [string, number] = [lent.home, lent.sequence];
    const failures = entry.failures + 1;
    const nowMs = this.now();
    const times = { firstFailedAtMs: entry.firstFailedAtMs || nowMs, lastFailedAtMs: nowMs };
    const failed = { ...entry, failures, reason, ...times };
    const dead = failures >= this.limits.failuresMax;
    try {
      if (dead) await this.index.move(entry, position, deadQueue(lent.home), { ...failed, storedAtMs: nowMs });
      else await this.index.update(failed, position);
    } catch (error) {
      this.#giveBack(lent);
      throw error;
    }
    if (!dead) this.#giveBack(lent);
    else {
      this.#leave(lent);
      this.ends.ended(lent.delivery.transfer);
    }
    return dead;
  }

  release(token: string): void {
    const lent = this.#endLease(token);
    if (lent) this.#giveBack(lent);
  }

  /**
   * Ends the leases that ran out, at most SWEEP_MAX. All at once: waiting between two would let a holder renew one that is
   * on the list. What comes of each is a promise of its own, since one may fail where others do not.
   */
  endLeases(): Promise<Delivery & { readonly dead: boolean }>[] {
    return this.#leases.expired(this.#ticks(), SWEEP_MAX).map(async (token) => {
      const { delivery } = this.#leases.get(token);
      return { ...delivery, dead: await this.nack(token, LEASE_EXPIRED) };
    });
  }

  protected async closeQueues(): Promise<void> {
    for (const token of this.#leases.tokens()) this.release(token);
    await Promise.allSettled([...this.#acks.values(), ...this.#removals]);
  }
}
