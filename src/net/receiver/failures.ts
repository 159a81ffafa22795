/**
 * Files that did not land: what the server hears of each, and when this run tries it again.
 *
 *   why                what the server hears   tried again
 *   digest-mismatch    a failed attempt        at once: the line damaged it, or it becomes a dead
 *                                              letter soon
 *   archive-refused    a failed attempt        after a pause, if the run waits for files so long
 *   target-refused     a failed attempt        the same
 *   command-failed     a failed attempt        as the hook says (hook-backoff.ts)
 *   disk-full          nothing, it is held     after a pause; while the disk is too small, only if
 *                                              the run waits for files
 *   all others         nothing, it is held     by the next run, or by another receiver
 *
 * A failed attempt brings a file nearer to the dead letters. There a person sees it, and it is out
 * of the way of the files behind it. A held file keeps its lease until the connection ends, so that
 * it is not offered again and again. Each file has its own pauses, and they grow (1 s, 2 s, 4 s,
 * ... 60 s): what fails in milliseconds would otherwise be a dead letter within a second. A run
 * that takes what is there and ends has no time for pauses, and tries each such file once.
 *
 * Never here: leases and verdicts on the wire (setbacks.ts).
 */
import type { ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import type { ReceiveOptions } from "../options.ts";

/** The errors that the server hears as a failed attempt. */
const COUNTED: ReadonlySet<ErrorCode> = new Set([
  ...(["digest-mismatch", "archive-refused", "target-refused", "command-failed"] as const),
]);

/** The first pause of a file, and the longest, ms. Each is twice the one before. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/**
 * How many failures are remembered. A run that follows its queue may go on for years, so the oldest
 * are forgotten.
 */
const FAILURES_MAX = 10_000;

/** What is known of one file that failed. */
interface Failure {
  readonly error: FilespoolError;
  /** Pauses so far, and their sum, ms. The sum is bounded by the patience of the run. */
  readonly pauses: number;
  readonly pausedMs: number;
  /** When it may be tried again, on the clock of `performance`; Infinity: not in this run. */
  readonly untilMs: number;
  /** A `refused` event was reported for it. Kept when the file fails again. */
  isTold: boolean;
}

/** Whether the server hears of this error as a failed attempt. */
export const counts = ({ code }: FilespoolError): boolean => COUNTED.has(code);

/** The failures of one run, over all of its connections. */
export class Failures {
  /** By transfer id; the one that failed last is at the end. */
  readonly #byTransfer = new Map<string, Failure>();
  /** How long this run waits for a file to arrive, ms: 0 for one that takes what is there. */
  readonly #patienceMs: number;
  /** How long it waits for trouble that may pass, ms. Never less. */
  readonly #retryMs: number;

  constructor({ follow, waitMs, count, retryMs }: ReceiveOptions & { readonly retryMs: number }) {
    this.#patienceMs = follow ? Infinity : (waitMs ?? (count === undefined ? 0 : Infinity));
    this.#retryMs = Math.max(this.#patienceMs, retryMs);
  }

  /**
   * Notes that a file did not land.
   * @param isWritten the disk failed while it was written, not only when it was looked at
   * @param delayMs until it is tried again, if something else has decided that
   * @returns the wait until it is tried again, ms; Infinity: not in this run
   */
  add(transfer: string, error: FilespoolError, isWritten: boolean, delayMs?: number): number {
    const { pauses, pausedMs } = this.#byTransfer.get(transfer) ?? { pauses: 0, pausedMs: 0 };
    if (delayMs !== undefined) {
      this.set(transfer, error, delayMs === Infinity ? Infinity : 0);
      return delayMs;
    }
    const { code } = error;
    const isTried = code === "archive-refused" || code === "target-refused" || code === "disk-full";
    if (!isTried) {
      this.set(transfer, error);
      return code === "digest-mismatch" ? 0 : Infinity;
    }
    // The pauses of a file have a bound if the patience of the run has one.
    const patienceMs = code === "disk-full" && isWritten ? this.#retryMs : this.#patienceMs;
    const nextMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** pauses);
    const pauseMs = pausedMs + nextMs > patienceMs ? Infinity : nextMs;
    this.#put(transfer, {
      error,
      pauses: pauses + 1,
      pausedMs: pausedMs + nextMs,
      untilMs: performance.now() + pauseMs,
    });
    return pauseMs;
  }

  /**
   * Notes why a file failed, and forgets its pauses.
   * @param untilMs when it may be tried again, on the clock of `performance`
   */
  set(transfer: string, error: FilespoolError, untilMs = 0): void {
    this.#put(transfer, { error, pauses: 0, pausedMs: 0, untilMs });
  }

  #put(transfer: string, failure: Omit<Failure, "isTold">): void {
    const isTold = this.#byTransfer.get(transfer)?.isTold ?? false;
    this.#byTransfer.delete(transfer); // it moves to the end
    this.#byTransfer.set(transfer, { ...failure, isTold });
    const [oldest] = this.#byTransfer.size > FAILURES_MAX ? this.#byTransfer.keys() : [];
    if (oldest !== undefined) this.#byTransfer.delete(oldest);
  }

  /** Why a file is not tried now, and for how long; null if it may be tried. */
  pausing(transfer: string): { readonly error: FilespoolError; readonly leftMs: number } | null {
    const failure = this.#byTransfer.get(transfer);
    const leftMs = (failure?.untilMs ?? 0) - performance.now();
    return failure && leftMs > 0 ? { error: failure.error, leftMs } : null;
  }

  /** Whether a `refused` event is due for a file: true the first time, then false. */
  isNews(transfer: string): boolean {
    const failure = this.#byTransfer.get(transfer);
    if (!failure || failure.isTold) return false;
    failure.isTold = true;
    return true;
  }

  /** A later attempt has landed it after all. */
  landed(transfer: string): void {
    this.#byTransfer.delete(transfer);
  }

  /** The errors of all files that have not landed since, oldest first. */
  list(): FilespoolError[] {
    return Array.from(this.#byTransfer.values(), ({ error }) => error);
  }
}
