/**
 * Shared limit: what all connections of a server may hold together, divided fairly without asking anybody to give back.
 *
 * A limit for each connection is no limit for a server: a thousand connections that each stay within theirs hold a
 * thousand times as much. A fixed share for each (the limit divided by the most connections there may be) would slow
 * down the two that are usually there. So the share is dynamic:
 *
 *   a connection may hold as much as is still free for all;   and one piece always
 *
 * One that is alone gets half of the limit. With `k` that take all they can, each holds 1/(k+1) of it, and as much is left
 * for the next that comes. Nobody is refused anything: who is over the share waits until something of its own has gone,
 * and that wakes it. The rule is the dynamic threshold of switches whose ports share one memory (Choudhury and Hahne,
 * "Dynamic queue length thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking, 1998).
 *
 *   sum of what is held <= max + one piece for each connection
 *
 * Never here: what is counted, and what a piece is. Why: adr/0077.
 */
export class SharedLimit {
  readonly #max: () => number;
  /** Held by all together. */
  held = 0;
  /** Those who wait for others to give back, the one that waits longest first. */
  readonly #waiting = new Set<() => void>();

  /** @param max is asked each time, so that it may change while a server runs */
  constructor(max: () => number) {
    this.#max = max;
  }

  /** What nobody holds; less than nothing where pieces went over the limit. */
  get free(): number {
    return this.#max() - this.held;
  }

  /** Whether one who holds `own` may take more. */
  allows(own: number): boolean {
    return own === 0 || own < this.free;
  }

  take(amount: number): void {
    this.held += amount;
  }

  /** Gives back, and wakes one of those who wait: it looks whether that is enough for it, and else waits behind the others. */
  give(amount: number): void {
    this.held -= amount;
    const [first] = this.#waiting;
    if (!first || this.free <= 0) return;
    this.#waiting.delete(first);
    first();
  }

  /** Calls back, once, when others have given back. Whoever holds something must not rely on it: see above. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  /** It does not wait any more. */
  leave(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
