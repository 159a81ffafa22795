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
import { Leases } from "./leases.ts";
import { deadQueue, type Entry, type LocalIndex } from "./local-index.ts";
import {
  ACKS_REMEMBERED,
  type DeadLetter,
  type Delivery,
  LEASE_EXPIRED,
  type SpoolLimits,
  SWEEP_MAX,
  type Swept,
} from "./spool.ts";

/** What a lease is on: a file at its place in the index. It stays open between two reads. */
interface Lent {
  readonly delivery: Delivery;
  readonly home: string;
  readonly sequence: number;
  readonly content: Uint8Array | undefined;
  handle: Promise<FileHandle> | null;
}

interface QueueState {
  cursor: number;
  /** Sequence numbers of what came back, in order. */
  readonly returned: number[];
  /** Sequence numbers of what is leased or being taken off. */
  readonly busy: Set<number>;
  readonly listeners: Set<() => void>;
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
    const state = this.#queues.get(name) ?? { cursor: 0, returned: [], busy: new Set(), listeners: new Set() };
    this.#queues.set(name, state);
    return state;
  }

  /** Forgets a queue that nobody uses: names come from the wire, so the map must not grow with them. */
  #forgetIdle(name: string): void {
    const { busy, listeners, returned } = this.#queue(name);
    if (busy.size + listeners.size + returned.length === 0) this.#queues.delete(name);
  }

  async lease(queue: string): Promise<Delivery | null> {
    const next = this.#next(queue);
    if (!next) this.#forgetIdle(queue);
    return next && this.#lend(queue, next.sequence, next.entry);
  }

  /** The first file that nobody holds. */
  #next(home: string): { sequence: number; entry: Entry } | null {
    const { returned, cursor } = this.#queue(home);
    const entry = returned[0] === undefined ? undefined : this.index.entry(home, returned[0]);
    return entry ? { sequence: returned[0] as number, entry } : this.index.after(home, cursor);
  }

  #lend(home: string, sequence: number, entry: Entry): Delivery {
    const state = this.#queue(home);
    state.returned.shift(); // where anything came back, this is the first of it
    state.busy.add(sequence);
    state.cursor = Math.max(state.cursor, sequence);
    const { transfer, queue, name, size, algorithm, digest, kind, content } = entry;
    const file = { transfer, queue, name, size, algorithm, digest, kind, attempt: entry.failures + 1 };
    const lend = (token: string) => ({ delivery: { ...file, token }, home, sequence, content, handle: null });
    return this.#leases.grant(lend, this.#ticks()).delivery;
  }

  async read(token: string, offset: number, into: Uint8Array): Promise<number> {
    const lent = this.#leases.get(token);
    if (lent.content) {
      const piece = lent.content.subarray(offset, offset + into.length);
      into.set(piece);
      return piece.length;
    }
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
    const ack = this.#collect(token);
    this.#acks.set(token, ack);
    ack.catch(() => this.#acks.delete(token));
    const [oldest] = this.#acks.keys();
    if (oldest && this.#acks.size > ACKS_REMEMBERED) this.#acks.delete(oldest);
    return ack;
  }

  async #collect(token: string): Promise<void> {
    const lent = this.#endLease(token);
    if (!lent) throw new FilespoolError("lease-lost");
    try {
      await this.index.collect(lent.delivery, [lent.home, lent.sequence], this.now()); // 1. off the queue, durably
    } catch (error) {
      this.#giveBack(lent);
      throw error;
    }
    this.#leave(lent);
    if (lent.content) return;
    // 2. Only then may its content go, in the background. Should a crash come first, the next `open` finds it.
    const removal = rm(this.dataPath(lent.delivery.transfer), { force: true }).catch(() => {});
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  #endLease(token: string): Lent | null {
    const lent = this.#leases.end(token);
    void lent?.handle?.then((handle) => handle.close()).catch(() => {});
    return lent;
  }

  #leave({ home, sequence }: Lent): void {
    this.#queue(home).busy.delete(sequence);
    this.#forgetIdle(home);
  }

  #giveBack({ home, sequence }: Lent): void {
    const { busy, returned } = this.#queue(home);
    busy.delete(sequence);
    const at = returned.findIndex((other) => other > sequence);
    returned.splice(at < 0 ? returned.length : at, 0, sequence);
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
    if (dead) this.#leave(lent);
    else this.#giveBack(lent);
    return dead;
  }

  release(token: string): void {
    const lent = this.#endLease(token);
    if (lent) this.#giveBack(lent);
  }

  async dead(queue: string): Promise<DeadLetter[]> {
    const letters = this.index.list(deadQueue(queue), SWEEP_MAX);
    return letters.map(({ content: _, storedAtMs: __, ...letter }) => letter);
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
        files.push(this.#collect(this.#lend(home, next.sequence, next.entry).token));
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
