/**
 * Leases: who holds which file, and until when. In memory only, on purpose.
 *
 * A restart of the server ends all leases, and each file is simply delivered again. It ends the
 * connections of their receivers as well, so a lease on disk would protect nobody. It would also
 * cost a sync with each renewal (croc --store rewrites and syncs its metadata with every chunk it
 * reads). What has to survive are the verdicts, and they go to the index.
 *
 * The token is a *fencing* token: it names one delivery, not one file. A receiver that was away
 * while its file went to another one cannot ack that other delivery (Kleppmann, "How to do
 * distributed locking", 2016; JetStream accepts such a stale ack).
 *
 * Invariants: a token is granted once, ever; and the map is in the order in which leases run out.
 *
 * Never here: files and queues; a lease is on any item. The clock is handed in. Why: adr/0014.
 */
import { FilespoolError } from "../protocol/errors.ts";

interface Held<T> {
  readonly item: T;
  expiresAtMs: number;
}

export class Leases<T> {
  /**
   * By token. The lease time is the same for all, so that the last one granted or renewed is the
   * last to run out: to add at the end keeps the map in order.
   */
  readonly #held = new Map<string, Held<T>>();
  readonly #epoch: string;
  readonly #leaseMs: number;
  /** Leases granted so far: the second half of the next token. */
  #granted = 0;

  /** @param epoch the first half of each token; it differs between any two runs of a server */
  constructor(epoch: string, leaseMs: number) {
    this.#epoch = epoch;
    this.#leaseMs = leaseMs;
  }

  // region: grant
  /** Grants a lease on the item that `make` returns for a new token. */
  grant(make: (token: string) => T, nowMs: number): T {
    const token = `${this.#epoch}-${++this.#granted}`;
    const item = make(token);
    this.#held.set(token, { item, expiresAtMs: nowMs + this.#leaseMs });
    return item;
  }

  /** Leases that have not ended, those included whose time is over. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * What a lease is on, whether its time is over or not: only an end ends it.
   * @throws FilespoolError lease-lost
   */
  get(token: string): T {
    const held = this.#held.get(token);
    if (!held) throw new FilespoolError("lease-lost");
    return held.item;
  }
  // endregion: grant

  /** Starts the time of a lease anew. False when it has ended. */
  renew(token: string, nowMs: number): boolean {
    const held = this.#held.get(token);
    if (!held) return false;
    // Deleted and set again, it moves to the end of the map, as `expired` needs it.
    this.#held.delete(token);
    held.expiresAtMs = nowMs + this.#leaseMs;
    this.#held.set(token, held);
    return true;
  }

  /**
   * Ends a lease and returns what it was on; null when it had ended before. The first of
   * two verdicts wins.
   */
  end(token: string): T | null {
    const held = this.#held.get(token);
    this.#held.delete(token);
    return held?.item ?? null;
  }

  /**
   * Tokens of leases whose time is over, at most `limit`. Looks at one lease more than it returns.
   */
  expired(nowMs: number, limit = Infinity): string[] {
    const tokens: string[] = [];
    for (const [token, held] of this.#held) {
      if (held.expiresAtMs > nowMs || tokens.length >= limit) break;
      tokens.push(token);
    }
    return tokens;
  }

  /** All tokens, in the order in which their leases run out. */
  tokens(): string[] {
    return [...this.#held.keys()];
  }
}
