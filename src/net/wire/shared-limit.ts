/**
 * Shared limit: what all connections of a server may hold together. It is divided fairly, and
 * nobody is ever asked to give something back.
 *
 * A limit for each connection is no limit for a server: a thousand connections that each keep
 * theirs hold a thousand times as much. A fixed share for each (the limit divided by the most
 * connections there may be) would slow down the two that are usually there. So the share changes
 * with the crowd:
 *
 *   a connection may hold as much as is still free for all;   and one piece always
 *
 * A connection that is alone gets half of the limit. When `k` connections take all they can, each
 * holds 1/(k+1) of it, and as much is left for the next one that comes. Nobody is refused anything.
 * A connection that is over its share waits until something of its own has gone, and that wakes it.
 * The rule is the dynamic threshold of switches whose ports share one memory (Choudhury and Hahne,
 * "Dynamic queue length thresholds for shared-memory packet switches", IEEE/ACM Transactions on
 * Networking, 1998).
 *
 *   sum of what is held <= max + one piece for each connection
 *
 * Never here: what is counted (bytes, or deliveries), and what a piece is. Why: adr/0077.
 */
export class SharedLimit {
  readonly #max: () => number;
  /** What all connections hold together. */
  held = 0;
  /**
   * Connections that wait for others to give something back. The one that has waited longest is
   * first.
   */
  readonly #waiting = new Set<() => void>();

  /** @param max the limit; it is asked each time, so that it may change while a server runs */
  constructor(max: () => number) {
    this.#max = max;
  }

  /**
   * What nobody holds. It is less than 0 while pieces that are always allowed went over the limit.
   */
  get free(): number {
    return this.#max() - this.held;
  }

  /** Whether a connection that holds `own` may take more. The first piece is always allowed. */
  allows(own: number): boolean {
    return own === 0 || own < this.free;
  }

  /** Counts in what a connection takes. It must have asked before; this does not refuse. */
  take(amount: number): void {
    this.held += amount;
  }

  /**
   * Counts out what a connection gives back, and wakes the one that has waited longest. That one
   * looks whether there is enough for it now; if not, it waits again, behind the others.
   */
  give(amount: number): void {
    this.held -= amount;
    const [first] = this.#waiting;
    if (!first || this.free <= 0) return;
    this.#waiting.delete(first);
    first();
  }

  /**
   * Calls `wake` once, when somebody else has given something back. It is meant for connections
   * that hold nothing. One that holds something is woken by what it gives back itself.
   */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  /** The connection does not wait any more. */
  leave(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
