/**
 * Leases: who holds which file, until when. In memory only, on purpose.
 *
 * A lease that outlives the server would protect a receiver whose connection did not outlive it; so a
 * restart ends them all, and each file is simply delivered again. And a lease renewed on disk costs a sync
 * per renewal (croc --store rewrites and syncs its metadata with every chunk it reads). What must survive,
 * the verdicts, goes to the index.
 *
 * The token is a *fencing* token: it names one delivery, not one file, so a receiver that was away while
 * its file went to somebody else cannot ack the other's delivery (Kleppmann, "How to do distributed
 * locking", 2016; JetStream accepts such a stale ack). Pure: the clock is handed in.
 */
import { FilespoolError } from "../protocol/errors.ts";

interface Held<T> {
  readonly item: T;
  expiresAtMs: number;
}

export class Leases<T> {
  readonly #held = new Map<string, Held<T>>();
  readonly #epoch: string;
  readonly #leaseMs: number;
  #granted = 0;

  /** @param epoch differs between any two runs of a server, so that no token is ever granted twice */
  constructor(epoch: string, leaseMs: number) {
    this.#epoch = epoch;
    this.#leaseMs = leaseMs;
  }

  // region: grant
  /** Grants a lease on what `make` returns for its token. */
  grant(make: (token: string) => T, nowMs: number): T {
    const token = `${this.#epoch}-${++this.#granted}`;
    const item = make(token);
    this.#held.set(token, { item, expiresAtMs: nowMs + this.#leaseMs });
    return item;
  }

  get size(): number {
    return this.#held.size;
  }

  /** @throws FilespoolError lease-lost */
  get(token: string): T {
    const held = this.#held.get(token);
    if (!held) throw new FilespoolError("lease-lost");
    return held.item;
  }
  // endregion: grant

  renew(token: string, nowMs: number): boolean {
    const held = this.#held.get(token);
    if (!held) return false;
    // Deleted and set again, it moves to the end: the map stays in order of expiry, which `expired` relies on.
    this.#held.delete(token);
    held.expiresAtMs = nowMs + this.#leaseMs;
    this.#held.set(token, held);
    return true;
  }

  /** Ends a lease and returns what it was on; null when it had ended already. */
  end(token: string): T | null {
    const held = this.#held.get(token);
    this.#held.delete(token);
    return held?.item ?? null;
  }

  /** The tokens whose time is over, at most `limit`. Looks at no more than those and one. */
  expired(nowMs: number, limit = Infinity): string[] {
    const tokens: string[] = [];
    for (const [token, held] of this.#held) {
      if (held.expiresAtMs > nowMs || tokens.length >= limit) break;
      tokens.push(token);
    }
    return tokens;
  }

  /** All tokens, oldest expiry first. */
  tokens(): string[] {
    return [...this.#held.keys()];
  }
}
