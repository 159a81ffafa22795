/**
 * End watch: who waits for the end of which transfer. In memory only, and the same for every
 * implementation of the spool.
 *
 * A listener is called once, when its transfer has left its queue for ever or has become a dead
 * letter. It is told nothing but that: whoever wants to know more looks into the spool. So a call
 * that comes too often does no harm, and a restart of the server loses nothing: a client that still
 * wants to know asks again, and is answered from the tombstone.
 *
 * Invariant: a transfer has an entry here only for as long as somebody waits for its end.
 */
export class EndWatch {
  readonly #listeners = new Map<string, Set<() => void>>();

  /**
   * Calls back once at the end of a transfer. Returns the way to stop that, which may be used
   * at any time.
   */
  add(transfer: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(transfer) ?? new Set();
    this.#listeners.set(transfer, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      // After a call there may be a newer set for the same transfer, which is not ours to remove.
      if (listeners.size === 0 && this.#listeners.get(transfer) === listeners) this.#listeners.delete(transfer);
    };
  }

  /**
   * A transfer has ended. Its listeners are forgotten before they are called: one that asks again
   * becomes a new one.
   */
  ended(transfer: string): void {
    const listeners = this.#listeners.get(transfer);
    if (!listeners) return;
    this.#listeners.delete(transfer);
    for (const listener of listeners) listener();
  }
}
