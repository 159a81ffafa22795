/**
 * How many files a receiver may still ask for, and whether its run is over.
 *
 * "Take 5" must take neither 4 nor 6, whatever fails in between. That needs two numbers. `#credit`
 * is how many files the server may deliver before it is asked again. `#promised` counts every file
 * of this run that has landed, is on its way, or may come for that credit. A file that fails is
 * taken off `#promised`, and so there is room for another.
 *
 *   credit <= WINDOW - open,   promised <= count
 *
 * Never here: what becomes of a file that failed (setbacks.ts).
 */
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ReceiveOptions } from "../options.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";

/** Most deliveries without a verdict, those that wait to land included. */
export const WINDOW = LIMITS.windowFiles / 2;

/** The window of one connection. The next connection begins with no credit. */
export class ReceiveWindow {
  readonly #count: number;
  readonly #options: ReceiveOptions;
  readonly #end: () => void;
  /**
   * Deliveries that were asked for and have not come. `ask` adds to it; each delivery takes one.
   */
  #credit = 0;
  /** Files that count towards `count`, or still may. At first, those of earlier connections. */
  #promised: number;
  /**
   * The server has said that nothing is waiting, and has delivered nothing since. A nack clears it
   * too, because its file will come again or the server will say so anew.
   */
  isEmpty = false;
  /** Ends the run after `waitMs` without a delivery. Runs only while the queue is empty. */
  #idle: NodeJS.Timeout | undefined;

  /**
   * @param done files that landed or were skipped over earlier connections
   * @param end called when the run is over
   */
  constructor(options: ReceiveOptions, done: number, end: () => void) {
    this.#options = options;
    this.#count = options.count ?? Infinity;
    this.#promised = done;
    this.#end = end;
  }

  /**
   * How many files to ask for now; 0 for none. It asks in portions, so that a `want` is not sent
   * for every file.
   * @param open deliveries without a verdict
   */
  ask(open: number): number {
    const files = Math.min(WINDOW - this.#credit - open, this.#count - this.#promised);
    if (files <= 0 || (files < WINDOW / 4 && this.#credit > 0)) return 0;
    this.#credit += files;
    this.#promised += files;
    return files;
  }

  /**
   * A delivery has come, and uses up one file of the credit.
   * @throws FilespoolError flood: there was no credit left
   */
  delivered(): void {
    if (--this.#credit < 0) throw new FilespoolError("flood", "a delivery that was not asked for");
    this.isEmpty = false;
    clearTimeout(this.#idle);
  }

  /**
   * A delivery will not land, or had landed before. It does not count, so another may be asked for.
   */
  failed(): void {
    this.#promised--;
  }

  /**
   * Ends the run when it has what the options ask for. Called whenever nothing is under way.
   * @param done files that landed or were skipped
   * @param held deliveries that may not land here, and keep their lease
   */
  endIfDone(done: number, held: number): void {
    const { follow, waitMs } = this.#options;
    // A window full of files that may not land here leaves no room for any other.
    if (done >= this.#count || held >= WINDOW) return this.#end();
    if (!this.isEmpty || follow) return;
    clearTimeout(this.#idle);
    if (waitMs !== undefined) this.#wait(waitMs);
    else if (this.#count === Infinity) this.#end();
  }

  /** Waits in steps: a timer of Node holds 24.8 days, and ends at once where it is given more. */
  #wait(ms: number): void {
    const isLast = ms <= TIMER_MAX_MS;
    this.#idle = setTimeout(isLast ? this.#end : () => this.#wait(ms - TIMER_MAX_MS), Math.min(ms, TIMER_MAX_MS));
  }

  close(): void {
    clearTimeout(this.#idle);
  }
}
