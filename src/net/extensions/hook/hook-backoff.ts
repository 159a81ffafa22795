/**
 * How long a receiver waits after a hook has failed, and when it stops trying a file in this run.
 *
 * A server counts failed attempts, and sets a file aside after `failuresMax` of them. A broken hook
 * (a full disk, a service that is down) fails in milliseconds. Without a pause, one bad minute
 * would make dead letters of a whole queue, and people would have to bring them back. So:
 *
 *   failures in a row    1     2     3     4     5      6      7 and more
 *   pause before         1 s   2 s   4 s   8 s   16 s   32 s   60 s          the next file
 *
 * Only failures in a row count: what fails for one file after another is the hook, and what fails
 * for one among many is that file. A run waits no longer for its hook than it would wait for a
 * file. A run that takes what is there tries each file once, and leaves what failed in the queue.
 * Never here: attempts, which only the server can count. Why: adr/0051.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { ReceiveOptions } from "../../options.ts";

/** The first pause, unless the options name another, ms. */
const FIRST_MS = 1000;
/** The longest pause, as a multiple of the first. */
const LONGEST = 60;

/** The pauses of one run. */
export class HookBackoff {
  readonly #signal: AbortSignal;
  readonly #firstMs: number;
  /** How long this run would wait for a file to arrive, ms. A longer pause ends the attempts. */
  readonly #patienceMs: number;
  /** Failures in a row; a success clears it. */
  #failures = 0;
  /** When the hook may run again, on the clock of `performance`. */
  #untilMs = 0;

  constructor({ follow, waitMs, count, hookPauseMs }: ReceiveOptions, signal: AbortSignal) {
    this.#signal = signal;
    this.#firstMs = hookPauseMs ?? FIRST_MS;
    this.#patienceMs = follow ? Infinity : (waitMs ?? (count === undefined ? 0 : Infinity));
  }

  /** The hook has succeeded: the next failure is the first again. */
  succeeded(): void {
    this.#failures = 0;
  }

  /**
   * The hook has failed.
   * @returns how long until the file is tried again, ms; Infinity: not in this run
   */
  failed(): number {
    const pauseMs = this.#firstMs * Math.min(LONGEST, 2 ** this.#failures++);
    if (pauseMs > this.#patienceMs) return Infinity;
    this.#untilMs = performance.now() + pauseMs;
    return pauseMs;
  }

  /** Resolves when the hook may run again. @throws FilespoolError interrupted */
  async over(): Promise<void> {
    const leftMs = this.#untilMs - performance.now();
    if (leftMs <= 0) return;
    await sleep(leftMs, undefined, { signal: this.#signal }).catch(() => {
      throw new FilespoolError("interrupted");
    });
  }
}
