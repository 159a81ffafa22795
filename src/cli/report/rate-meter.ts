/**
 * The present speed of a transfer: a rate over a sliding window of a few seconds.
 *
 * An average since the beginning is wrong: after a pause of ten minutes, it would promise hours for what takes seconds. The
 * speed between the last two acknowledgements is wrong, too, because they come in steps. So the meter keeps a few samples.
 * Between calls this holds: it keeps at least the newest sample, at most one that is older than the window, and never
 * more than SAMPLES_MAX.
 *
 * Acknowledgements of 4 MiB come at seconds 1, 2 and 3. The answers at different times:
 *
 *   at 3.0 s    4 MiB/s      from the beginning to the newest step
 *   at 3.9 s    4 MiB/s      the next step is not due yet
 *   at 9.0 s    1.3 MiB/s    nothing has come for so long that it is a pause
 *   after an hour of pause   nearly zero; when the transfer goes on, the pause soon leaves the window
 *
 * Never here: a clock. Each call brings the time, so tests can let an hour pass.
 */

/** Long enough for several steps on a slow link, short enough to show that a link has become slow. */
const WINDOW_MS = 10_000;
/** Samples that are closer to each other become one. */
const APART_MS = 100;
const SAMPLES_MAX = 1 + WINDOW_MS / APART_MS;
/** Over less time, a rate is noise. */
const RATE_AFTER_MS = 400;
/** After this time without progress, it is a pause and not the gap between two steps. */
export const PAUSE_MS = 5_000;

export class RateMeter {
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #lastMs: number;

  constructor(nowMs: number) {
    this.#samples.push({ atMs: nowMs, bytes: 0 });
    this.#lastMs = nowMs;
  }

  /** Adds acknowledged bytes. */
  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    this.#lastMs = nowMs;
    const newest = this.#samples.at(-1);
    // The first sample is the beginning and never moves.
    if (newest !== undefined && this.#samples.length > 1 && nowMs - newest.atMs < APART_MS) this.#samples.pop();
    this.#samples.push({ atMs: nowMs, bytes: this.#bytes });
    while ((this.#samples[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS || this.#samples.length > SAMPLES_MAX) {
      this.#samples.shift();
    }
  }

  /** Milliseconds since the last acknowledgement. */
  idleMs(nowMs: number): number {
    return nowMs - this.#lastMs;
  }

  /** Bytes per millisecond; null as long as there are no samples to compare. */
  rate(nowMs: number): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.bytes === first.bytes) return null;
    // While steps come, up to the last step. In a pause, up to now, so that the pause lowers the rate.
    const untilMs = this.idleMs(nowMs) < PAUSE_MS ? last.atMs : nowMs;
    const tookMs = untilMs - first.atMs;
    return tookMs < RATE_AFTER_MS ? null : (last.bytes - first.bytes) / tookMs;
  }
}
