/**
 * How long a receiver waits after a hook that failed, and when it stops trying a file in this run.
 *
 * A server counts failed attempts, and after some twenty of them it sets the file aside. A hook that is broken (a disk that
 * is full, a service that is down) fails in milliseconds: without a pause, one bad minute would make dead letters of a
 * whole queue, and people would have to bring them back. So:
 *
 *   failures in a row    1     2     3     4     5      6      7 and more
 *   pause before         1 s   2 s   4 s   8 s   16 s   32 s   60 s          the next file, whichever it is
 *
 * In a row, because what fails for one file after another is the hook, and what fails for one among many is that file.
 * A run waits no longer for its hook than it would wait for a file: one that takes what is there tries each file once, and
 * leaves what failed in the queue. Never here: attempts, which only the server can count. Why: adr/0051.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { ReceiveOptions } from "../../options.ts";

const FIRST_MS = 1000;
/** The longest pause, in first pauses. */
const LONGEST = 60;

export class HookBackoff {
  readonly #signal: AbortSignal;
  readonly #firstMs: number;
  /** What this run would wait for a file to arrive. */
  readonly #patienceMs: number;
  #failures = 0;
  /** When the hook may run again, on the clock of `performance`. */
  #untilMs = 0;

  constructor({ follow, waitMs, count, hookPauseMs }: ReceiveOptions, signal: AbortSignal) {
    this.#signal = signal;
    this.#firstMs = hookPauseMs ?? FIRST_MS;
    this.#patienceMs = follow ? Infinity : (waitMs ?? (count === undefined ? 0 : Infinity));
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** @returns after how many milliseconds it is tried again; Infinity: not in this run */
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
