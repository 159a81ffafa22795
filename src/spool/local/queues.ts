/**
 * The way out of the local spool: who has which file, and what becomes of it.
 *
 * A file goes through these states. Only the verdicts are on disk, and a restart
 * begins at "waiting":
 *
 *   waiting  --lease-->  leased  --ack-->      being collected  --on disk-->  gone for ever
 *                                --nack-->     being noted      --on disk-->  waiting, or a dead letter
 *                                --release-->                                 waiting
 *
 * Two things end at different times, and everything here depends on the difference:
 *
 *   the lease    ends in the moment in which the verdict comes. A second verdict, a renewal or an
 *                operator finds no lease and is told so.
 *   in flight    a file is out of everybody's reach until the verdict is on disk, or has failed
 *                (queue-order.ts). So nobody is handed a file whose record is moving.
 *
 * A verdict that cannot be written down gives the file back: to deliver it once more can be
 * repaired by a receiver, and to lose it cannot. Why leases are in memory only: adr/0014.
 *
 * Never here: which file is next (queue-order.ts), connections and frames (net/server).
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { ACKS_REMEMBERED, LEASE_EXPIRED, type SpoolLimits, SWEEP_MAX } from "../contract.ts";
import type { EndWatch } from "../end-watch.ts";
import type { Delivery } from "../files.ts";
import { Leases } from "../leases.ts";
import { ActiveQueues } from "./active-queues.ts";
import type { Contents } from "./contents.ts";
import type { LocalIndex } from "./index.ts";
import type { Next, QueueOrder } from "./queue-order.ts";
import { deadQueue, type Entry, type Position } from "./records.ts";

/** What queues use of their spool. */
export interface QueuesOptions {
  readonly index: LocalIndex;
  readonly contents: Contents;
  /** Told of every transfer that leaves its queue for ever or becomes a dead letter. */
  readonly ends: EndWatch;
  readonly limits: SpoolLimits;
  /** Milliseconds since the epoch, for what is written down. */
  readonly now: () => number;
  /** Milliseconds for leases. Unlike `now`, this clock is never set and never jumps. */
  readonly ticks: () => number;
}

/** What a lease is on: a file at its place in the index. */
interface LeasedFile {
  readonly delivery: Delivery;
  readonly home: string;
  readonly sequence: number;
  /** When the file was stored, ms since the epoch: its row by age has this time. */
  readonly sinceMs: number;
  /** The content is in the index; else it is in a file. */
  readonly isInline: boolean;
  /** The content file, which stays open between two reads; null until the first of them. */
  handle: Promise<FileHandle> | null;
}

export class LocalQueues {
  readonly #options: QueuesOptions;
  /** Queues of which a file is in flight, or to which somebody listens. */
  readonly #active: ActiveQueues;
  readonly #leases: Leases<LeasedFile>;
  /**
   * Acks by token, the oldest first, also those that are not durable yet: an ack that is repeated
   * gets the promise of the first. An ack that failed is forgotten, since its file is free again.
   */
  readonly #acks = new Map<string, Promise<void>>();

  constructor(options: QueuesOptions) {
    this.#options = options;
    this.#active = new ActiveQueues(options.index);
    this.#leases = new Leases(randomBytes(6).toString("hex"), options.limits.leaseMs);
  }

  /**
   * What is in memory of deliveries, in numbers: 0 of each when nobody receives, listens or waits.
   */
  underWay(): Record<"queues" | "returning" | "leases", number> {
    return { ...this.#active.underWay(), leases: this.#leases.size };
  }

  /** Calls whoever listens to this queue: a file has come. */
  arrived(queue: string): void {
    this.#active.arrived(queue);
  }

  /** See the contract of the spool, here and for all methods without a comment. */
  onArrival(queue: string, listener: () => void): () => void {
    return this.#active.listen(queue, listener);
  }

  lease(queue: string): Delivery | null | Promise<Delivery | null> {
    const { order, returning } = this.#active.of(queue);
    const next = order.next();
    if (next) return this.#grant(queue, order, next);
    // A file whose failure is being written down may be free in a moment: "nothing is waiting"
    // could be a lie.
    if (returning.size > 0) return Promise.race(returning).then(() => this.lease(queue));
    this.#active.forgetIdle(queue);
    return null;
  }

  #grant(home: string, order: QueueOrder, { sequence, entry, isInline, content }: Next): Delivery {
    const { transfer, queue, name, size, algorithm, digest, kind, mode, mtime } = entry;
    const attempt = entry.failures + 1;
    const leased = (token: string): LeasedFile => ({
      // Field by field: to spread the entry would cost a microsecond for each file.
      delivery: { transfer, queue, name, size, algorithm, digest, kind, mode, mtime, attempt, token, content },
      ...{ home, sequence, sinceMs: entry.storedAtMs, isInline, handle: null },
    });
    const { delivery } = this.#leases.grant(leased, this.#options.ticks());
    order.handOut(sequence, delivery.token);
    return delivery;
  }

  inFlight(queue: string, mine: Iterable<string>): number {
    return this.#active.orderOf(queue)?.inFlight(mine) ?? 0;
  }

  /**
   * Whether a receiver, the sweep or an operator has a file, or its verdict is being written down.
   */
  isInFlight(home: string, sequence: number): boolean {
    return this.#active.orderOf(home)?.tokenOf(sequence) !== undefined;
  }

  /**
   * For the sweep and operators: takes hold of a file, from its receiver if need be. Nobody else
   * can have it until `letGo`.
   * @returns false while a verdict or another claim is being written down; look again after that
   */
  claim(home: string, sequence: number): boolean {
    const { order } = this.#active.of(home);
    const token = order.tokenOf(sequence);
    // In flight without a lease: what becomes of the file is decided already, and not known yet.
    if (token !== undefined && !this.#endLease(token)) return false;
    order.claim(sequence);
    return true;
  }

  /** Ends a claim. `isGone`: the file has left this home, durably; else it is free again. */
  letGo(home: string, sequence: number, isGone: boolean): void {
    if (isGone) this.#active.leave(home, sequence);
    else this.#active.giveBack(home, sequence);
  }

  async read(token: string, offset: number, into: Uint8Array): Promise<number> {
    const { index, contents } = this.#options;
    const leased = this.#leases.get(token);
    if (leased.isInline) return index.views.read(leased.home, leased.sequence, offset, into);
    const path = contents.path(leased.delivery.transfer);
    try {
      leased.handle ??= open(path, "r");
      return (await (await leased.handle).read(into, 0, into.length, offset)).bytesRead;
    } catch (error) {
      throw fileError(error, path);
    }
  }

  renew(token: string): boolean {
    return this.#leases.renew(token, this.#options.ticks());
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

  #collect(token: string): Promise<void> {
    const leased = this.#endLease(token);
    if (!leased) return Promise.reject(new FilespoolError("lease-lost"));
    const { index, contents, ends, now } = this.#options;
    const { delivery, home, sequence, sinceMs, isInline } = leased;
    // 1. off the queue, durably
    return index.collect(delivery, [home, sequence], sinceMs, now(), "collected").then(
      () => {
        this.#active.leave(home, sequence); // 2. out of flight: now the number may be forgotten
        ends.ended(delivery.transfer);
        if (!isInline) contents.removeLater(delivery.transfer); // 3. only then may its content go
      },
      (error: unknown) => {
        this.#giveBack(leased);
        throw error;
      },
    );
  }

  /**
   * Ends a lease, and closes its content file. Null: it had ended before. The file stays in flight.
   */
  #endLease(token: string): LeasedFile | null {
    const leased = this.#leases.end(token);
    void leased?.handle?.then((handle) => handle.close()).catch(() => {});
    return leased;
  }

  #giveBack({ home, sequence }: LeasedFile): void {
    this.#active.giveBack(home, sequence);
  }

  nack(token: string, reason: string): Promise<boolean> {
    const leased = this.#endLease(token);
    const entry = leased && this.#options.index.entry(leased.home, leased.sequence);
    if (!entry) return Promise.reject(new FilespoolError("lease-lost"));
    const { returning } = this.#active.of(leased.home);
    const written = this.#fail(leased, entry, reason);
    // The same without its outcome, for those who wait in `lease`.
    const over = written.then(
      () => {},
      () => {},
    );
    returning.add(over);
    return written.finally(() => returning.delete(over));
  }

  /**
   * Writes a failure down. After that the file is free again, or a dead letter; true
   * for the latter.
   */
  async #fail(leased: LeasedFile, entry: Entry, reason: string): Promise<boolean> {
    const { index, ends, limits, now } = this.#options;
    const position: Position = [leased.home, leased.sequence];
    const failures = entry.failures + 1;
    const nowMs = now();
    const times = { firstFailedAtMs: entry.firstFailedAtMs || nowMs, lastFailedAtMs: nowMs };
    const failed = { ...entry, failures, reason, ...times };
    const dead = failures >= limits.failuresMax;
    try {
      if (dead) await index.move(entry, position, deadQueue(leased.home), { ...failed, storedAtMs: nowMs });
      else await index.update(failed, position);
    } catch (error) {
      this.#giveBack(leased); // as if nobody had failed: nothing was noted
      throw error;
    }
    if (!dead) this.#giveBack(leased);
    else {
      this.#active.leave(...position);
      ends.ended(leased.delivery.transfer);
    }
    return dead;
  }

  release(token: string): void {
    const leased = this.#endLease(token);
    if (leased) this.#giveBack(leased);
  }

  /**
   * Ends the leases that ran out, at most SWEEP_MAX. It ends all of them before it waits for one:
   * else a receiver could renew a lease that is on the list. Each has a promise of its own, since
   * one may fail where others do not.
   */
  endLeases(): Promise<Delivery & { readonly dead: boolean }>[] {
    return this.#leases.expired(this.#options.ticks(), SWEEP_MAX).map(async (token) => {
      const { delivery } = this.#leases.get(token);
      return { ...delivery, dead: await this.nack(token, LEASE_EXPIRED) };
    });
  }

  /** Gives everything back, and waits for the verdicts that are being written down. */
  async close(): Promise<void> {
    for (const token of this.#leases.tokens()) this.release(token);
    await Promise.allSettled(this.#acks.values());
  }
}
