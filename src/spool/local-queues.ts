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
import type { DeadLetter, Delivery, SpoolLimits, Swept } from "./spool.ts";

/** What a lease is on. The file stays open between two reads. */
interface Lent extends Delivery {
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

/** Entries looked at by one sweep, so that it never holds up transfers. */
const SWEEP_MAX = 1000;
/** Acks remembered, so that repeating one is harmless, also while the first is not durable yet. */
const ACKS_REMEMBERED = 4096;

export class LocalQueues {
  readonly index: LocalIndex;
  readonly folder: string;
  readonly limits: SpoolLimits;
  readonly now: () => number;
  readonly #queues = new Map<string, QueueState>();
  readonly #leases: Leases<Lent>;
  readonly #acks = new Map<string, Promise<void>>();
  readonly #removals = new Set<Promise<void>>();

  constructor(index: LocalIndex, folder: string, limits: SpoolLimits, now: () => number) {
    this.index = index;
    this.folder = folder;
    this.limits = limits;
    this.now = now;
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
    const state = this.#queue(queue);
    for (let sequence = state.returned.shift(); sequence !== undefined; sequence = state.returned.shift()) {
      const entry = this.index.entry(queue, sequence);
      if (entry) return this.#lend(state, entry, sequence);
    }
    const next = this.index.after(queue, state.cursor);
    if (!next) this.#forgetIdle(queue);
    return next && this.#lend(state, next.entry, next.sequence);
  }

  #lend(state: QueueState, entry: Entry, sequence: number): Delivery {
    state.busy.add(sequence);
    state.cursor = Math.max(state.cursor, sequence);
    const { transfer, queue, name, size, algorithm, digest, content } = entry;
    const file = { transfer, queue, name, size, algorithm, digest, attempt: entry.failures + 1 };
    return this.#leases.grant((token) => ({ ...file, token, sequence, content, handle: null }), this.now());
  }

  async read(token: string, offset: number, into: Uint8Array): Promise<number> {
    const lent = this.#leases.get(token);
    if (lent.content) {
      const piece = lent.content.subarray(offset, offset + into.length);
      into.set(piece);
      return piece.length;
    }
    const path = this.dataPath(lent.transfer);
    try {
      lent.handle ??= open(path, "r");
      return (await (await lent.handle).read(into, 0, into.length, offset)).bytesRead;
    } catch (error) {
      throw fileError(error, path);
    }
  }

  renew(token: string): boolean {
    return this.#leases.renew(token, this.now());
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
      await this.index.collect(lent, [lent.queue, lent.sequence], this.now()); // 1. off the queue, durably
    } catch (error) {
      this.#giveBack(lent);
      throw error;
    }
    this.#leave(lent);
    this.#remove(lent); // 2. only then may its content go
  }

  /** Removes content in the background. Should a crash come first, the next `open` finds that nothing points to it. */
  #remove({ transfer, content }: { transfer: string; content?: Uint8Array | undefined }): void {
    if (content) return;
    const removal = rm(this.dataPath(transfer), { force: true }).catch(() => {});
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  #endLease(token: string): Lent | null {
    const lent = this.#leases.end(token);
    void lent?.handle?.then((handle) => handle.close()).catch(() => {});
    return lent;
  }

  #leave({ queue, sequence }: Lent): void {
    this.#queue(queue).busy.delete(sequence);
    this.#forgetIdle(queue);
  }

  #giveBack({ queue, sequence }: Lent): void {
    const { busy, returned } = this.#queue(queue);
    busy.delete(sequence);
    const at = returned.findIndex((other) => other > sequence);
    returned.splice(at < 0 ? returned.length : at, 0, sequence);
    this.arrived(queue);
  }

  async nack(token: string, reason: string): Promise<boolean> {
    const lent = this.#endLease(token);
    const entry = lent && this.index.entry(lent.queue, lent.sequence);
    if (!entry) throw new FilespoolError("lease-lost");
    const position: [string, number] = [lent.queue, lent.sequence];
    const failures = entry.failures + 1;
    const nowMs = this.now();
    const failed = {
      ...entry,
      failures,
      reason,
      firstFailedAtMs: entry.firstFailedAtMs || nowMs,
      lastFailedAtMs: nowMs,
    };
    const dead = failures >= this.limits.failuresMax;
    try {
      await (dead ? this.index.store(failed, deadQueue(lent.queue), position) : this.index.update(failed, position));
    } finally {
      if (dead) this.#leave(lent);
      else this.#giveBack(lent);
    }
    return dead;
  }

  release(token: string): void {
    const lent = this.#endLease(token);
    if (lent) this.#giveBack(lent);
  }

  async dead(queue: string): Promise<DeadLetter[]> {
    return this.index.list(deadQueue(queue), SWEEP_MAX).map(({ entry }) => entry);
  }

  /** The part of `sweep` that is about queues: leases that ran out, files and tombstones that expired. */
  protected async sweepQueues(): Promise<Omit<Swept, "uploads">> {
    const nowMs = this.now();
    const leases: Swept["leases"][number][] = [];
    for (const token of this.#leases.expired(nowMs)) {
      const delivery = this.#leases.get(token);
      leases.push({ ...delivery, dead: await this.nack(token, "the lease ran out without a verdict") });
    }
    let files = 0;
    // Files expire in the order in which they came, so the heads of the queues tell all.
    for (const queue of this.limits.fileTtlMs === Infinity ? [] : this.index.queues()) {
      for (const { sequence, entry } of this.index.list(queue, SWEEP_MAX)) {
        if (entry.storedAtMs + this.limits.fileTtlMs >= nowMs) break;
        if (this.#queues.get(queue)?.busy.has(sequence)) continue;
        await this.index.collect(entry, [queue, sequence], nowMs);
        this.#remove(entry);
        files++;
      }
    }
    return { files, leases, tombstones: await this.index.forget(nowMs - this.limits.tombstoneTtlMs, SWEEP_MAX) };
  }

  protected async closeQueues(): Promise<void> {
    for (const token of this.#leases.tokens()) this.release(token);
    await Promise.allSettled([...this.#acks.values(), ...this.#removals]);
  }
}
