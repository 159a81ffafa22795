/**
 * A free list: pieces of memory that are not needed now and will be soon, so that they need not be
 * made again.
 *
 * It is a stack, because the piece that was used last is the one that a processor's caches still
 * hold. It is bounded, because the memory of the busiest minute would otherwise be kept for ever;
 * what is over goes to the collector.
 */
export class FreeList<T> {
  readonly #items: T[] = [];
  readonly #max: number;

  /** @param max how many pieces it keeps */
  constructor(max: number) {
    this.#max = max;
  }

  /** The piece that was given back last, with its old content; undefined when there is none. */
  take(): T | undefined {
    return this.#items.pop();
  }

  /** Gives a piece back. From now on, nobody else may read or write it. */
  give(item: T): void {
    if (this.#items.length < this.#max) this.#items.push(item);
  }
}
