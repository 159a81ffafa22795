/**
 * Simulated time: things happen in the order of their times, and nothing else decides.
 *
 * A discrete-event simulation: the clock jumps from one event to the next, and the next begins only when everything that
 * the last one started is done, promises included. Chance comes from one seed. Invariant: the same seed and the same
 * calls give the same run, on any machine. Refuses to know what happens; that is run.ts and the three programs.
 */

/** A number from 0 up to 1, the same row for the same seed (mulberry32, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** More than any run needs; a mistake in here must end in an error and not in a page that hangs. */
const EVENTS_MAX = 100_000;

export class World {
  nowMs = 0;
  readonly random: () => number;
  readonly #events: { readonly atMs: number; readonly work: () => void }[] = [];
  #count = 0;
  readonly #failures: unknown[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  after(ms: number, work: () => void): void {
    this.at(this.nowMs + ms, work);
  }

  at(ms: number, work: () => void): void {
    const event = { atMs: Math.max(ms, this.nowMs), work };
    this.#count++;
    // In order of time, and of asking where times are equal: few are waiting at any moment.
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.atMs ?? 0) > event.atMs) place--;
    this.#events.splice(place, 0, event);
  }

  /** A mistake of the simulation, or a broken rule: the run ends with it, whoever catches it on the way. */
  fail(error: unknown): void {
    this.#failures.push(error);
  }

  /** Lets time pass until `isOver`. Returns whether that came before `limitMs`. */
  async run(isOver: () => boolean, limitMs: number): Promise<boolean> {
    const { turn, close } = turns();
    try {
      await turn(); // two runs side by side must not begin in one
      for (let event = this.#events.shift(); event && !isOver(); event = this.#events.shift()) {
        if (event.atMs > limitMs || this.#count > EVENTS_MAX) return false;
        this.nowMs = event.atMs;
        event.work();
        await turn();
        if (this.#failures.length > 0) throw this.#failures[0];
      }
    } finally {
      close();
    }
    return isOver();
  }
}

/**
 * Waits until no promise has anything left to do. A message to oneself comes after all of them, and unlike a timer it
 * comes at once.
 */
function turns(): { turn: () => Promise<void>; close: () => void } {
  const { port1, port2 } = new MessageChannel();
  let wake = () => {};
  port1.onmessage = () => wake();
  const turn = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
      port2.postMessage(null);
    });
  return { turn, close: () => port1.close() };
}
