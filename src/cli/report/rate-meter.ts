/**
 * How fast something has been going of late: a rate over a sliding window of a few seconds.
 *
 * An average since the beginning answers the wrong question: after a pause of ten minutes it would promise hours
 * for what takes seconds. The speed between the last two acknowledgements is no better, because these come in
 * steps. So a few samples are kept, and this holds between calls: at least the newest, at most one that is older
 * than the window, and never more than SAMPLES_MAX.
 *
 * With acknowledgements of 4 MiB at seconds 1, 2 and 3, and the question put at different times:
 *
 *   asked at 3.0 s    4 MiB/s    from the beginning to the newest step
 *   asked at 3.9 s    4 MiB/s    the next step is not due yet, and that is no slowness
 *   asked at 9.0 s    1.3 MiB/s  nothing has come for so long that it is a pause
 *   asked after an hour without anything: nearly nothing, and soon forgotten when it goes on
 *
 * Never here: a clock. Time comes in with each call, which is how tests make an hour pass.
 */

/** Long enough for several steps of a slow link, short enough to notice that a link has become slow. */
const WINDOW_MS = 10_000;
/** Samples closer to each other than this are one sample. */
const APART_MS = 100;
const SAMPLES_MAX = 1 + WINDOW_MS / APART_MS;
/** A rate over less time than this is noise. */
const RATE_AFTER_MS = 400;
/** Without anything new for so long, it is a pause and no longer the gap between two steps. */
export const PAUSE_MS = 5_000;

export class RateMeter {
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #lastMs: number;

  constructor(nowMs: number) {
    this.#samples.push({ atMs: nowMs, bytes: 0 });
    this.#lastMs = nowMs;
  }

  /** So many bytes more are acknowledged. */
  add(bytes: number, nowMs: number): void {
    this.#bytes += bytes;
    this.#lastMs = nowMs;
    const newest = this.#samples.at(-1);
    // The first sample stands for the beginning, and is never moved.
    if (newest !== undefined && this.#samples.length > 1 && nowMs - newest.atMs < APART_MS) this.#samples.pop();
    this.#samples.push({ atMs: nowMs, bytes: this.#bytes });
    while ((this.#samples[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS || this.#samples.length > SAMPLES_MAX) {
      this.#samples.shift();
    }
  }

  /** Milliseconds since something was last acknowledged. */
  idleMs(nowMs: number): number {
    return nowMs - this.#lastMs;
  }

  /** Bytes per millisecond, or null while there is nothing to go by: nothing acknowledged yet is no speed. */
  rate(nowMs: number): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.bytes === first.bytes) return null;
    // From step to step while steps come; from then until now when they do not, so that a stall shows as one.
    const untilMs = this.idleMs(nowMs) < PAUSE_MS ? last.atMs : nowMs;
    const tookMs = untilMs - first.atMs;
    return tookMs < RATE_AFTER_MS ? null : (last.bytes - first.bytes) / tookMs;
  }
}
