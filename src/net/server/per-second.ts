/**
 * Says the same thing at most once a second, however often it happens, and how often that was.
 *
 * What anybody can make happen, somebody makes happen three thousand times a second, and a log that takes a line each
 * time is a disk that fills, a server that does little else, and a line that matters that nobody finds. So the first few
 * are told at once, each by itself; the others of that second are counted, and told as one at its end, by their number
 * and by the last of them. Nothing is lost for whoever counts.
 *
 *   keys come from a closed table (codes of errors), so that there are few;   one timer for each, while its second runs
 */
const PAUSE_MS = 1000;

/** So many refusals of one connection, for the same reason, are told one by one in each second: what a person could read. */
export const TOLD_AT_ONCE = 100;

/** An event that stands for `count` of its kind. */
export const withMore = <E extends object>(event: E, count: number): E =>
  count > 1 ? { ...event, more: count - 1 } : event;

interface Second<T> {
  told: number;
  /** Those that are not told yet, and the last of them. */
  untold: number;
  last: T;
  readonly timer: NodeJS.Timeout;
}

export class PerSecond<T> {
  readonly #tell: (last: T, count: number) => void;
  readonly #atOnce: number;
  readonly #seconds = new Map<string, Second<T>>();

  /** @param atOnce how many of a kind are told by themselves in one second; `tell` is called with how many it stands for */
  constructor(tell: (last: T, count: number) => void, atOnce = 1) {
    this.#tell = tell;
    this.#atOnce = atOnce;
  }

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

  /** A second is over. Where something was left to be told, the next one has had its share by that. */
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
