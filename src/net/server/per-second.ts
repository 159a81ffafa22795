/**
 * Says the same thing at most once a second, however often it happens, and how often that was.
 *
 * A stranger can make some events happen three thousand times a second. A log with a line for each
 * fills its disk, keeps the server busy, and hides the line that matters. So the first few of a
 * second are told at once, each by itself. The others are counted and told as one at the end of the
 * second, by their number and by the last of them. The numbers add up to all that happened.
 *
 *   keys come from a closed table (codes of errors), so there are few
 *   each key has one timer, while its second runs
 */
/** How long one second lasts. */
const PAUSE_MS = 1000;

/**
 * Refusals of one connection for one reason that are told one by one in each second: what a person
 * could read.
 */
export const TOLD_AT_ONCE = 100;

/** An event that stands for `count` of its kind. */
export const withMore = <E extends object>(event: E, count: number): E =>
  count > 1 ? { ...event, more: count - 1 } : event;

/**
 * The second of one key. It begins with the first event and is forgotten when nothing is left to
 * tell.
 */
interface Second<T> {
  told: number;
  /** How many are not told yet, and the last of them. */
  untold: number;
  last: T;
  readonly timer: NodeJS.Timeout;
}

export class PerSecond<T> {
  readonly #tell: (last: T, count: number) => void;
  readonly #atOnce: number;
  readonly #seconds = new Map<string, Second<T>>();

  /**
   * @param atOnce how many of a kind are told by themselves in one second; `tell` is called with
   * how many it stands for
   */
  constructor(tell: (last: T, count: number) => void, atOnce = 1) {
    this.#tell = tell;
    this.#atOnce = atOnce;
  }

  /** Something of this kind has happened: tells it now, or counts it for the end of the second. */
  note(kind: string, what: T): void {
    const second = this.#seconds.get(kind) ?? this.#begin(kind, what);
    if (second.told < this.#atOnce) {
      second.told++;
      return this.#tell(what, 1);
    }
    second.untold++;
    second.last = what;
  }

  #begin(kind: string, last: T): Second<T> {
    const timer = setTimeout(() => this.#end(kind), PAUSE_MS).unref();
    const second = { told: 0, untold: 0, last, timer };
    this.#seconds.set(kind, second);
    return second;
  }

  /**
   * A second is over. What was left is told as one, and takes all places of the second after it.
   */
  #end(kind: string): void {
    const second = this.#seconds.get(kind);
    this.#seconds.delete(kind);
    if (!second || second.untold === 0) return;
    this.#begin(kind, second.last).told = this.#atOnce;
    this.#tell(second.last, second.untold);
  }

  /** Tells what is left; nothing more will come. */
  close(): void {
    for (const [kind, { timer, untold, last }] of this.#seconds) {
      clearTimeout(timer);
      this.#seconds.delete(kind);
      if (untold > 0) this.#tell(last, untold);
    }
  }
}
