/**
 * Key prefetch: the next sequence numbers of a queue, read from the index many at a time.
 *
 * To find one key in the index costs as much as to read the many that follow it, and receivers ask
 * for one file after the other. So 64 keys are read at once and given out one by one.
 *
 * A key that was read may be stale in one way only: its file may be gone. Nothing can come in
 * between two keys later, because a new file always gets a higher number than all before it. So the
 * caller looks whether the file is there, and asks for the next key where it is not.
 *
 * Never here: which files may be handed out (local/queue-order.ts).
 */
const KEYS = 64;

export class KeyPrefetch {
  /** All keys behind `#from` at the time of reading, in ascending order, but at most KEYS. */
  #keys: readonly number[] = [];
  /** The keys were read from here on. Infinity: nothing was read, so any question reads. */
  #from = Infinity;
  /**
   * Where the last answer is in `#keys`. The next question is nearly always about it or the
   * key after it.
   */
  #at = 0;

  /**
   * The first key behind `sequence`, or undefined when there is none now.
   * @param read returns at most `limit` keys that are behind a number, in ascending order
   */
  after(sequence: number, read: (sequence: number, limit: number) => number[]): number | undefined {
    // The question goes back in the list: an operator had claimed some files, and has let
    // go of them.
    if (sequence < (this.#keys[this.#at - 1] ?? 0)) this.#at = 0;
    while ((this.#keys[this.#at] ?? Infinity) <= sequence) this.#at++;
    // Keys before the first and after the last of the list are unknown, so they are read.
    if (sequence < this.#from || this.#at >= this.#keys.length) {
      this.#keys = read(sequence, KEYS);
      this.#from = sequence;
      this.#at = 0;
    }
    return this.#keys[this.#at];
  }
}
