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
import { FilespoolError } from "../protocol/errors.ts";
import { fileError } from "./batch-writer.ts";
import type { Glance } from "./entry-views.ts";
import { Leases } from "./leases.ts";
import type { LocalIndex } from "./local-index.ts";
import { deadQueue } from "./local-records.ts";
import { LookAhead, type QueueState } from "./look-ahead.ts";
import type { Ending } from "./operate.ts";
import {
  ACKS_REMEMBERED,
  type DeadLetter,
  type Delivery,
  LEASE_EXPIRED,
  type SpoolLimits,
  SWEEP_MAX,
  type Swept,
} from "./spool.ts";

/** What is next in a queue. */
type Next = Glance & { readonly sequence: number };

/** What a lease is on: a file at its place in the index. It stays open between two reads. */
interface Lent {
  readonly delivery: Delivery;
  readonly home: string;
  readonly sequence: number;
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
  /** Told what left its queue, for ever or as a dead letter. */
  onEnded: (transfer: string) => void = () => {};

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

  waiting(queue: string): number {
    return this.index.count(queue);
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
    state = { cursor: 0, ahead: new LookAhead(), returned: [], busy: new Map(), listeners: new Set() };
    this.#queues.set(name, state);
    return state;
  }

  /** Forgets a queue that nobody uses: names come from the wire, so the map must not grow with them. */
  #forgetIdle(name: string): void {
    const { busy, listeners, returned } = this.#queue(name);
    if (busy.size + listeners.size + returned.length === 0) this.#queues.delete(name);
  }

  lease(queue: string): Delivery | null {
    const next = this.#next(queue);
    if (!next) this.#forgetIdle(queue);
    return next && this.#lend(queue, next);
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
    const { transfer, queue, name, size, algorithm, digest, kind } = entry;
    const attempt = entry.failures + 1;
    const lend = (token: string): Lent => ({
      // Spreading costs a microsecond.
      delivery: { transfer, queue, name, size, algorithm, digest, kind, attempt, token, content },
      ...{ home, sequence, isInline, handle: null },
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
   * For operators: takes hold of a file, from its receiver if need be, so that nobody else can until `letGo`.
   * False: what becomes of it is being written down at this moment, and it may be gone or free after that.
   */
  claim(home: string, sequence: number): boolean {
    const { busy, returned } = this.#queue(home);
    const token = busy.get(sequence);
    if (token !== undefined && !this.#endLease(token)) return false;
    const at = returned.indexOf(sequence);
    if (at >= 0) returned.splice(at, 1);
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
    const { delivery, home, sequence } = lent;
    // 1. off the queue, durably
    return this.index.collect(delivery, [home, sequence], this.now(), ending).then(
      () => {
        this.#leave(lent);
        this.onEnded(delivery.transfer);
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
    const at = returned.findIndex((other) => other > sequence);
    // What lies before the cursor is found by it; only an operator takes hold of such a file.
    if (sequence <= cursor) returned.splice(at < 0 ? returned.length : at, 0, sequence);
    this.arrived(home);
  }

  async nack(token: string, reason: string): Promise<boolean> {
    const lent = this.#endLease(token);
    const entry = lent && this.index.entry(lent.home, lent.sequence);
    if (!entry) throw new FilespoolError("lease-lost");
    const position: [string, number] = [lent.home, lent.sequence];
    const failures = entry.failures + 1;
    const nowMs = this.now();
    const times = { firstFailedAtMs: entry.firstFailedAtMs || nowMs, lastFailedAtMs: nowMs };
    const failed = { ...entry, failures, reason, ...times };
    const dead = failures >= this.limits.failuresMax;
    try {
      if (dead) await this.index.store({ ...failed, storedAtMs: nowMs }, deadQueue(lent.home), position);
      else await this.index.update(failed, position);
    } catch (error) {
      this.#giveBack(lent);
      throw error;
    }
    if (!dead) this.#giveBack(lent);
    else {
      this.#leave(lent);
      this.onEnded(lent.delivery.transfer);
    }
    return dead;
  }

  release(token: string): void {
    const lent = this.#endLease(token);
    if (lent) this.#giveBack(lent);
  }

  async dead(queue: string): Promise<DeadLetter[]> {
    const letters = this.index.list(deadQueue(queue), SWEEP_MAX);
    return letters.map(({ entry: { content: _, storedAtMs: __, ...letter } }) => letter);
  }

  /** The part of `sweep` that is about queues: leases that ran out, files and tombstones that expired. */
  protected async sweepQueues(): Promise<Omit<Swept, "uploads">> {
    const nowMs = this.now();
    const { fileTtlMs, tombstoneTtlMs } = this.limits;
    // The leases end all at once: waiting between two would let a holder renew one that is on the list.
    const tokens = this.#leases.expired(this.#ticks()).slice(0, SWEEP_MAX);
    const leases = tokens.map(async (token) => {
      const { delivery } = this.#leases.get(token);
      return { ...delivery, dead: await this.nack(token, LEASE_EXPIRED) };
    });
    // Files expire in the order in which they came, so the heads of the queues tell all. What expired is taken
    // and acked as a receiver would, so that nobody can lease it meanwhile.
    const files: Promise<void>[] = [];
    for (const home of fileTtlMs === Infinity ? [] : this.index.queues()) {
      let next = this.#next(home);
      for (; next && next.entry.storedAtMs + fileTtlMs < nowMs && files.length < SWEEP_MAX; next = this.#next(home))
        files.push(this.#collect(this.#lend(home, next).token, "expired"));
      this.#forgetIdle(home);
    }
    const [ended] = await Promise.all([Promise.all(leases), ...files]);
    const tombstones = await this.index.forget(nowMs - tombstoneTtlMs, SWEEP_MAX);
    return { files: files.length, leases: ended, tombstones };
  }

  protected async closeQueues(): Promise<void> {
    for (const token of this.#leases.tokens()) this.release(token);
    await Promise.allSettled([...this.#acks.values(), ...this.#removals]);
  }
}
