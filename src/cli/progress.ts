/**
 * The one line that is rewritten while a file is under way.
 *
 *   holiday.raw [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s  0.8 s left
 *
 * It shows acknowledged bytes, not bytes handed to the kernel: a bar at 100 % that then waits for a minute
 * has lied for a minute. It lives on stderr, so that stdout stays a list of results that can be piped, and
 * it exists only where stderr is a terminal: in a log file, a thousand rewritten lines are a thousand lines.
 *
 * Never here: what the events mean (lines.ts), and when a line is printed over it (report.ts).
 */
import { cells, clip, printable, shorten } from "./printable.ts";
import { humanDuration, humanSize } from "./sizes.ts";

/** What the line needs to know of its terminal. */
export interface Screen {
  write(text: string): unknown;
  readonly columns?: number | undefined;
}

/** A `progress` or `resumed` event: a file and how far it is. */
export interface Step {
  readonly transfer: string;
  readonly name: string;
  /** Bytes acknowledged so far, and of the whole file. */
  readonly offset: number;
  readonly size: number;
}

/** Redraws per second are bounded: a terminal over a slow link would otherwise hold the transfer up. */
const REDRAW_MS = 100;
/** A rate over less time than this is noise. */
const RATE_AFTER_MS = 500;
/** As wide as leaves room for a name on a screen of 80 columns. */
const BAR_CELLS = 10;

/**
 * The line on one terminal. Between calls it is either on the screen, as the last thing written, or not there
 * at all: whoever prints something else calls `clear` first.
 */
export class ProgressLine {
  readonly #screen: Screen;
  readonly #now: () => number;
  /** The file being shown, where and when it was first seen: the rate is measured from there. */
  #first: { transfer: string; offset: number; atMs: number } | null = null;
  /** When it was last drawn; long ago after a `clear`, so that the next step is drawn at once. */
  #drawnAtMs = -Infinity;
  #visible = false;

  /** @param now a clock in milliseconds that never goes backwards */
  constructor(screen: Screen, now: () => number) {
    this.#screen = screen;
    this.#now = now;
  }

  /** Shows how far a file is, at most every 100 ms; a new file is shown at once. */
  update(step: Step): void {
    const nowMs = this.#now();
    // Bytes that were there before must not count as speed: a resume at 90 % would look like a miracle.
    const first =
      this.#first?.transfer === step.transfer
        ? this.#first
        : { transfer: step.transfer, offset: step.offset, atMs: nowMs };
    if (first === this.#first && nowMs - this.#drawnAtMs < REDRAW_MS) return;
    this.#first = first;
    this.#drawnAtMs = nowMs;
    const text = progressText(step, step.offset - first.offset, nowMs - first.atMs, this.#screen.columns ?? 80);
    // To the first column and erase: the old line may have been longer than the new one.
    this.#screen.write(`\r\u001b[2K${text}`);
    this.#visible = true;
  }

  /** Forgets where a file was first seen: after a new connection the rate is measured anew. */
  restart(): void {
    this.#first = null;
  }

  /** Takes the line away, so that an ordinary line can be printed in its place. */
  clear(): void {
    if (this.#visible) this.#screen.write("\r\u001b[2K");
    this.#visible = false;
    this.#drawnAtMs = -Infinity;
  }
}

/**
 * The text of the line, never wider than the terminal: a line that wraps cannot be taken back.
 * @param movedBytes bytes acknowledged in the last `tookMs` milliseconds
 */
export function progressText(step: Step, movedBytes: number, tookMs: number, columns: number): string {
  if (step.size === Infinity) return streamText(step, movedBytes, tookMs, columns);
  // An empty file is complete, not "not a number".
  const share = step.size === 0 ? 1 : step.offset / step.size;
  const full = Math.floor(share * BAR_CELLS);
  const bar = `[${"#".repeat(full)}${"-".repeat(BAR_CELLS - full)}]`;
  let rest = ` ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${humanSize(step.offset)} of ${humanSize(step.size)}`;
  // Nothing acknowledged yet is no speed, and "for ever left" would be no help.
  if (tookMs >= RATE_AFTER_MS && movedBytes > 0) {
    const bytesPerMs = movedBytes / tookMs;
    rest += `  ${humanSize(bytesPerMs * 1000)}/s`;
    if (step.offset < step.size) rest += `  ${humanDuration((step.size - step.offset) / bytesPerMs)} left`;
  }
  return fitted(step.name, rest, columns);
}

/** A stream has no end to count down to: how much there is so far, and how fast it comes. */
function streamText(step: Step, movedBytes: number, tookMs: number, columns: number): string {
  const rate = tookMs >= RATE_AFTER_MS && movedBytes > 0 ? `  ${humanSize((movedBytes / tookMs) * 1000)}/s` : "";
  return fitted(step.name, `  ${humanSize(step.offset)}${rate}`, columns);
}

function fitted(name: string, rest: string, columns: number): string {
  // The last column stays empty: some terminals wrap as soon as it is written to. On a narrow screen the
  // end of the line goes first, and the name keeps eight cells.
  const nameCells = Math.max(8, columns - 1 - cells(rest));
  return clip(`${shorten(printable(name), nameCells)}${rest}`, columns - 1);
}
