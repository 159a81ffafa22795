/**
 * Files that did not land: what the server hears of each, and when this run tries it again.
 *
 *   why                what the server hears    tried again
 *   digest-mismatch    a failed attempt         at once: it was the line, or it fails again and is a dead letter soon
 *   archive-refused    a failed attempt         after a pause, if the run waits for files for so long
 *   target-refused     a failed attempt         the same
 *   command-failed     a failed attempt         as the hook says (hook-backoff.ts)
 *   disk-full          nothing, it is held      after a pause; while the disk is too small, only if the run waits for files
 *   all others         nothing, it is held      by the next run, or by another receiver
 *
 * A failed attempt brings the file nearer to the dead letters, where a person sees it, and out of the way of those behind it.
 * What is held keeps its lease until the run ends, so that it is not offered again and again. The pauses are of one file and
 * grow (1 s, 2 s, 4 s, ... 60 s): what fails in milliseconds would otherwise be a dead letter within a second. A run that
 * takes what is there and ends has no time for pauses, so it tries each such file once.
 */
import type { ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import type { ReceiveOptions } from "../options.ts";

const COUNTED: ReadonlySet<ErrorCode> = new Set([
  ...(["digest-mismatch", "archive-refused", "target-refused", "command-failed"] as const),
]);

const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** More are not remembered: a run that follows its queue may go on for years. The oldest are forgotten first. */
const FAILURES_MAX = 10_000;

interface Failure {
  readonly error: FilespoolError;
  /** Pauses so far, and how long they were together, ms. */
  readonly pauses: number;
  readonly pausedMs: number;
  /** When it may be tried again, on the clock of `performance`; Infinity: not in this run. */
  readonly untilMs: number;
  isTold: boolean;
}

/** Whether it counts as a failed attempt. */
export const counts = ({ code }: FilespoolError): boolean => COUNTED.has(code);

export class Failures {
  readonly #byTransfer = new Map<string, Failure>();
  /** What this run would wait for a file to arrive, ms, and what it waits for things that may pass. */
  readonly #patienceMs: number;
  readonly #retryMs: number;

  constructor({ follow, waitMs, count, retryMs }: ReceiveOptions & { readonly retryMs: number }) {
    this.#patienceMs = follow ? Infinity : (waitMs ?? (count === undefined ? 0 : Infinity));
    this.#retryMs = Math.max(this.#patienceMs, retryMs);
  }

  /**
   * Notes that a file did not land.
   * @param isWritten the disk said so while it was written, and not only a look at it
   * @param delayMs until it is tried again, where somebody else decides that
   * @returns the same; Infinity: not in this run
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
    // What is waited for has a bound, where the run has one; a run that has all time tries it for ever.
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

  /** Notes why; nothing more is known, or somebody else knows it. @param untilMs when it may be tried again */
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

  /** Why it is not tried now, and for how long; null when it may be. */
  pausing(transfer: string): { readonly error: FilespoolError; readonly leftMs: number } | null {
    const failure = this.#byTransfer.get(transfer);
    const leftMs = (failure?.untilMs ?? 0) - performance.now();
    return failure && leftMs > 0 ? { error: failure.error, leftMs } : null;
  }

  /** Whether people have not been told yet that this run leaves it; from now on they have. */
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

  list(): FilespoolError[] {
    return Array.from(this.#byTransfer.values(), ({ error }) => error);
  }
}
