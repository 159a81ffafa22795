/**
 * How many files a receiver may still ask for, and whether its run is over.
 *
 * Two numbers, so that "take 5" takes neither 4 nor 6 whatever fails in between: `#credit` is what the server may
 * deliver before it is asked again, `#promised` is every file of this run that landed, is on its way, or may come
 * for that credit. A failed one is taken back from it, and room for another appears.
 *
 *   credit <= WINDOW - open,   promised <= count
 */
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ReceiveOptions } from "../options.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";

/** Deliveries that may be without a verdict, those that wait to land included. */
export const WINDOW = LIMITS.windowFiles / 2;

export class ReceiveWindow {
  readonly #count: number;
  readonly #options: ReceiveOptions;
  readonly #end: () => void;
  #credit = 0;
  #promised: number;
  /** The server has said that nothing is waiting, and has sent nothing since. */
  isEmpty = false;
  /** Runs while the queue is empty and `waitMs` says to wait. */
  #idle: NodeJS.Timeout | undefined;

  /** @param done files that landed or were skipped over earlier connections; `end` is called when the run is over */
  constructor(options: ReceiveOptions, done: number, end: () => void) {
    this.#options = options;
    this.#count = options.count ?? Infinity;
    this.#promised = done;
    this.#end = end;
  }

  /** Files to ask for now, in portions rather than one by one; 0 for none. `open`: deliveries without a verdict. */
  ask(open: number): number {
    const files = Math.min(WINDOW - this.#credit - open, this.#count - this.#promised);
    if (files <= 0 || (files < WINDOW / 4 && this.#credit > 0)) return 0;
    this.#credit += files;
    this.#promised += files;
    return files;
  }

  /** A delivery has come for one of the files that were asked for. @throws FilespoolError flood: for none of them */
  delivered(): void {
    if (--this.#credit < 0) throw new FilespoolError("flood", "a delivery that was not asked for");
    this.isEmpty = false;
    clearTimeout(this.#idle);
  }

  /** It will not land, or had landed before: it is not one of the files that count. */
  failed(): void {
    this.#promised--;
  }

  /**
   * Ends the run when it has what the options ask for. Called whenever nothing is under way.
   * @param done files that landed or were skipped; `held`: deliveries that may not land here
   */
  endIfDone(done: number, held: number): void {
    const { follow, waitMs } = this.#options;
    // With a window full of files that may not land here, nothing more can come.
    if (done >= this.#count || held >= WINDOW) return this.#end();
    if (!this.isEmpty || follow) return;
    clearTimeout(this.#idle);
    if (waitMs !== undefined) this.#wait(waitMs);
    else if (this.#count === Infinity) this.#end();
  }

  /** A timer of Node holds 24.8 days, and ends at once where it is given more. */
  #wait(ms: number): void {
    const isLast = ms <= TIMER_MAX_MS;
    this.#idle = setTimeout(isLast ? this.#end : () => this.#wait(ms - TIMER_MAX_MS), Math.min(ms, TIMER_MAX_MS));
  }

  close(): void {
    clearTimeout(this.#idle);
  }
}
