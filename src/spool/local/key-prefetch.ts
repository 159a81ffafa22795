/**
 * What is known of a queue in memory, with a look ahead: the next sequence numbers, read many at a time.
 *
 * To find one key in the index costs as much as to read the many that follow it, and a receiver asks for one after the
 * other. What was read stays true for as long as it is used: sequence numbers only grow, so nothing can come in between,
 * and who finds that one of them is gone goes on with the next.
 */
const KEYS = 64;

/** Gone after a restart, when everything is delivered from the head again. */
export interface QueueState {
  /** The highest sequence number that was ever leased. */
  cursor: number;
  readonly ahead: KeyPrefetch;
  /** Sequence numbers of what came back, in order; see `placeIn`. */
  readonly returned: number[];
  /** Sequence numbers of what is leased or being taken off, with the token of the lease or of the one it had. */
  readonly busy: Map<number, string>;
  /** Failures that are being written down: each file among them may be free again after that. */
  readonly returning: Set<Promise<unknown>>;
  readonly listeners: Set<() => void>;
}

/** Where a number is, or belongs, in a list in order. A halving, since a thousand receivers that are cut off return a lot. */
export function placeIn(sorted: readonly number[], number: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class KeyPrefetch {
  /** All that there were behind `#from` when it was read, KEYS at most, in order. */
  #keys: readonly number[] = [];
  #from = Infinity;
  /** Where the last answer is among them: the next question is nearly always about it or the one behind it. */
  #at = 0;

  /** The first behind `sequence`, or undefined. `read` returns so many that are behind a number, in order. */
  after(sequence: number, read: (sequence: number, limit: number) => number[]): number | undefined {
    // Asked from further back than before.
    if (sequence < (this.#keys[this.#at - 1] ?? 0)) this.#at = 0; // an operator held some, and may have let go
    while ((this.#keys[this.#at] ?? Infinity) <= sequence) this.#at++;
    // What lies before the first of them was not read, nor what came after the last.
    if (sequence < this.#from || this.#at >= this.#keys.length) {
      this.#keys = read(sequence, KEYS);
      this.#from = sequence;
      this.#at = 0;
    }
    return this.#keys[this.#at];
  }
}
