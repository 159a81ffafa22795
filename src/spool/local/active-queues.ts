/**
 * Active queues: the queues of which something is in memory, and those who wait for files to come.
 *
 * A queue is active while one of its files is in flight (queue-order.ts) or while somebody listens.
 * Names of queues come from the wire, so all others are forgotten at once: the memory grows with
 * what is going on, and not with the names that were ever heard. A queue that is forgotten needs no
 * memory of what came back, because its next order begins at the head and finds those files again.
 *
 * Never here: leases and verdicts (queues.ts).
 */
import type { LocalIndex } from "./index.ts";
import { QueueOrder } from "./queue-order.ts";

/** What is in memory of one queue. */
export interface ActiveQueue {
  readonly order: QueueOrder;
  /** Failures that are being written down. After each of them its file may be free again. */
  readonly returning: Set<Promise<unknown>>;
  /** Called whenever there may be a file to lease that was not there before. */
  readonly listeners: Set<() => void>;
}

export class ActiveQueues {
  readonly #index: LocalIndex;
  /**
   * By home: the name of a queue, or the place of its dead letters, which the sweep and
   * operators may claim.
   */
  readonly #queues = new Map<string, ActiveQueue>();

  constructor(index: LocalIndex) {
    this.#index = index;
  }

  /** How many queues are active, and how many failures of theirs are being written down. */
  underWay(): Record<"queues" | "returning", number> {
    const returning = [...this.#queues.values()].reduce((sum, queue) => sum + queue.returning.size, 0);
    return { queues: this.#queues.size, returning };
  }

  /** A queue, which becomes active. Whoever changes nothing in it calls `forgetIdle` afterwards. */
  of(home: string): ActiveQueue {
    let queue = this.#queues.get(home);
    if (queue) return queue;
    const order = new QueueOrder(this.#index, home);
    queue = { order, returning: new Set(), listeners: new Set() };
    this.#queues.set(home, queue);
    return queue;
  }

  /** Forgets a queue that is not active any more. */
  forgetIdle(home: string): void {
    const { order, listeners } = this.of(home);
    if (order.isIdle && listeners.size === 0) this.#queues.delete(home);
  }

  /** The order of a queue, only if the queue is active: a look must not make it so. */
  orderOf(home: string): QueueOrder | undefined {
    return this.#queues.get(home)?.order;
  }

  listen(home: string, listener: () => void): () => void {
    this.of(home).listeners.add(listener);
    return () => {
      this.of(home).listeners.delete(listener);
      this.forgetIdle(home);
    };
  }

  /**
   * Calls who listens. The list is copied first: a listener may lease, release, or stop listening.
   */
  arrived(home: string): void {
    for (const listener of [...(this.#queues.get(home)?.listeners ?? [])]) listener();
  }

  /** A file in flight has left its home for ever. */
  leave(home: string, sequence: number): void {
    this.of(home).order.leave(sequence);
    this.forgetIdle(home);
  }

  /**
   * A file in flight is free again. It is free first and told of then: a listener may lease
   * it at once.
   */
  giveBack(home: string, sequence: number): void {
    this.of(home).order.giveBack(sequence);
    this.arrived(home);
    this.forgetIdle(home);
  }
}
