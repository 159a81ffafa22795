/**
 * The order of one queue: which file is next, and which files are out of the queue's hands for now.
 *
 * Files lie in the index by sequence number, and the smallest number is the head of the queue. Only
 * the numbers of a few files are in memory:
 *
 *   head of the queue                                                            tail
 *   1  2  3  4  5  6  7  8 | 9  10  11  12 ...
 *         ^     ^          ^ cursor: the highest number that was ever handed out
 *         redelivery: came back          in flight: handed out, without a verdict on disk
 *
 * Up to the cursor, each file is in flight, is in the redelivery list, or is gone for ever. Behind
 * the cursor are files that no receiver has seen. So the next file is the first of the redelivery
 * list, or else the first behind the cursor. To find it costs the same in a queue of ten files and
 * of ten million.
 *
 * Invariant: a sequence number is in flight, or in the redelivery list, or in neither; never in
 * both, and never twice in one. A file is in flight from `handOut` or `claim` until `leave` or
 * `giveBack`, whatever happens to its lease in between: while a verdict is being written down,
 * nobody can get the file. test/spool/moving.test.ts tries all orders.
 *
 * Nothing of this survives a restart, and nothing has to: then the cursor starts at the head, and
 * what was in flight is delivered again. Why: adr/0014. Who calls this: local/queues.ts.
 */
import type { Glance } from "./entry-views.ts";
import type { LocalIndex } from "./index.ts";
import { KeyPrefetch } from "./key-prefetch.ts";

/** The next file of a queue, at its place in the index. */
export type Next = Glance & { readonly sequence: number };

/** The "token" of a file that the sweep or an operator has claimed. No lease has it. */
const CLAIMED = "";

export class QueueOrder {
  readonly #index: LocalIndex;
  /** Where the files lie in the index: the name of the queue, or the home of its dead letters. */
  readonly #home: string;
  /**
   * The highest sequence number that was ever handed out. It only grows, also when its file comes
   * back: such a file is found by the redelivery list.
   */
  #cursor = 0;
  readonly #ahead = new KeyPrefetch();
  /**
   * Numbers up to the cursor that came back, in ascending order, so that they go out in the order
   * they came in.
   */
  readonly #redelivery: number[] = [];
  /**
   * Each number that is in flight, with the token of its delivery. The token stays when its lease
   * has ended and the verdict is being written down. It is CLAIMED where no receiver has the file.
   */
  readonly #inFlight = new Map<number, string>();

  /** The tokens in `#inFlight`, so that a count without some of them need not look at all. */
  readonly #tokens = new Set<string>();

  constructor(index: LocalIndex, home: string) {
    this.#index = index;
    this.#home = home;
  }

  /**
   * The first file that is not in flight, or null. The caller must hand it out, or must not wait
   * before the next call.
   */
  next(): Next | null {
    // 1. what came back, from the head on
    for (let [first] = this.#redelivery; first !== undefined; [first] = this.#redelivery) {
      const found = this.#index.views.glance(this.#home, first);
      if (found) return { sequence: first, ...found };
      this.#redelivery.shift(); // it is not in the index any more, so it cannot come back
    }
    // 2. what nobody has seen. The look ahead may name files that are gone by now, or
    // that were claimed.
    for (let at = this.#cursor; ; ) {
      const next = this.#ahead.after(at, (behind, limit) => this.#index.sequences(this.#home, behind, limit));
      if (next === undefined) return null;
      const found = this.#inFlight.has(next) ? undefined : this.#index.views.glance(this.#home, next);
      if (found) return { sequence: next, ...found };
      at = next;
    }
  }

  /** What `next` returned goes to a receiver, under this token. */
  handOut(sequence: number, token: string): void {
    if (this.#redelivery[0] === sequence) this.#redelivery.shift();
    this.#cursor = Math.max(this.#cursor, sequence);
    this.#inFlight.set(sequence, token);
    this.#tokens.add(token);
  }

  /**
   * Takes hold of a file for the sweep or an operator. The caller has ended its lease, if
   * it had one.
   */
  claim(sequence: number): void {
    const at = placeIn(this.#redelivery, sequence);
    if (this.#redelivery[at] === sequence) this.#redelivery.splice(at, 1);
    this.#land(sequence); // its receiver has lost it
    this.#inFlight.set(sequence, CLAIMED);
  }

  /**
   * The token under which a file is in flight, CLAIMED included; undefined where it is
   * not in flight.
   */
  tokenOf(sequence: number): string | undefined {
    return this.#inFlight.get(sequence);
  }

  /** A file has left the queue for ever. */
  leave(sequence: number): void {
    this.#land(sequence);
  }

  /** A file is free again, and next unless an older one is free as well. */
  giveBack(sequence: number): void {
    this.#land(sequence);
    // A file behind the cursor, which only the sweep or an operator can have held, is found
    // by the cursor.
    if (sequence <= this.#cursor) this.#redelivery.splice(placeIn(this.#redelivery, sequence), 0, sequence);
  }

  #land(sequence: number): void {
    this.#tokens.delete(this.#inFlight.get(sequence) ?? CLAIMED);
    this.#inFlight.delete(sequence);
  }

  /** Files in flight, but for those under the tokens of `mine`. */
  inFlight(mine: Iterable<string>): number {
    let files = this.#inFlight.size;
    for (const token of mine) if (this.#tokens.has(token)) files--;
    return files;
  }

  /** Whether nothing is in flight. */
  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }
}

/**
 * Where a number is in an ascending list, or where it belongs. By halving: when a thousand
 * receivers lose their connections at once, a hundred thousand files come back.
 */
function placeIn(sorted: readonly number[], number: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
