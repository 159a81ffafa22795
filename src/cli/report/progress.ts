/**
 * How far a run is: which files are under way, how much of them is acknowledged, and how much of all there is.
 *
 *   holiday.raw     [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s  0.8 s left
 *   3 of 12 files   [##--------]  21 %  1.20 GiB of 5.60 GiB  31.2 MiB/s  2 m 20 s left
 *
 * Only acknowledged bytes count: durable at the server when sending, written and synced here when receiving. A bar
 * that shows what was handed to the kernel is at 100 % and then waits for a minute: it has lied for a minute.
 *
 * The life of a file, as events tell it, and what is shown of it:
 *
 *   offered, delivered    under way from here on; a line of its own when it has been so for a moment
 *   resumed               its bar begins where the other end is, and that is not counted as speed
 *   progress              the bar moves, and the rate is that of the last seconds
 *   retrying              the bars stand still, and a line says when it goes on
 *   stored, landed        it leaves the bars for the line of results above them, and counts for the whole
 *   refused               the same, without its bytes
 *
 * An event costs a few lines of arithmetic and no text. Text is made when a frame is asked for, which is a few times
 * a second whatever happens; of 20,000 small files most come and go between two frames and never have a line.
 *
 * Never here: the terminal (progress-bars.ts), the layout of a line (progress-line.ts), and a clock: time comes in with each call.
 */
import type { TransferEvent } from "../../net/events.ts";
import { humanDuration } from "../settings/units.ts";
import { clip, counted, line } from "./escape.ts";
import { barLine, nameCells, type Subject } from "./progress-line.ts";
import { PAUSE_MS, RateMeter } from "./rate-meter.ts";

/** What is known of the whole before it begins. */
export interface Expected {
  readonly files: number;
  /** Bytes of all files, or null when some have no size yet. Asked once, and only if it is going to be shown. */
  readonly bytes: () => Promise<number | null>;
}

/** A file that was offered or delivered, and is not finished. */
interface Open {
  readonly name: string;
  /** Null for a stream that ends when it ends. */
  readonly size: number | null;
  readonly sinceMs: number;
  readonly meter: RateMeter;
  offset: number;
}

/** Files with a line of their own, at most: the eldest. One connection moves one large file at a time. */
const FILES_MAX = 3;
/** A file that is over sooner needs no line: it would only flicker. */
const SHOWN_AFTER_MS = 300;
/** Less than the room that a screen of five lines has for them beside the result above. */
const LINES_MAX = FILES_MAX + 2;

/**
 * The state of one run, fed by its events and asked for frames. Neither waits for the other, so a slow terminal holds
 * up no file.
 */
export class Progress {
  readonly #open = new Map<string, Open>();
  /** What was under way when the connection ended; it comes again, or others have it. */
  readonly #before = new Map<string, Open>();
  #meter: RateMeter | null = null;
  #expected: Expected | null = null;
  #bytesInAll: number | null | undefined;
  /** Files that are over, well or not, and the bytes of those that are over well. */
  #files = 0;
  #bytes = 0;
  /** The next attempt, while there is no connection. */
  #retry: { readonly atMs: number; readonly attempt: number; readonly message: string } | null = null;

  expects(expected: Expected): void {
    this.#expected = expected;
  }

  /** Whether there is anything to show; a receiver that waits for files has nothing. */
  get isBusy(): boolean {
    return this.#open.size > 0 || this.#retry !== null;
  }

  /** Takes note of an event of `send` or `receive`. */
  take(event: TransferEvent, nowMs: number): void {
    switch (event.event) {
      case "connected":
        this.#retry = null;
        for (const [transfer, file] of this.#open) this.#before.set(transfer, file);
        return this.#open.clear();
      case "offered":
      case "delivered":
        return this.#begin(event, nowMs);
      case "resumed":
        // Bytes that were there before must not count as speed: a resume at 90 % would look like a miracle.
        return this.#reach(event.transfer, event.offset, nowMs, false);
      case "progress":
        return this.#reach(event.transfer, event.offset, nowMs, true);
      case "stored":
      case "landed":
        return this.#end(event.transfer, event.size, nowMs);
      case "refused":
        return this.#end(event.transfer, null, nowMs);
      case "retrying":
        // Without a pause it is one file that comes again, and not the connection.
        if (event.delayMs > 0) this.#retry = { ...event, atMs: nowMs + event.delayMs };
        return;
      default:
    }
  }

  /** The first of them starts the meter of the whole: waiting for a server is no slow transfer. */
  #begin({ transfer, name, size: told }: { transfer: string; name: string; size: number }, nowMs: number): void {
    this.#meter ??= new RateMeter(nowMs);
    const size = Number.isFinite(told) ? told : null;
    const fresh = { name, size, sinceMs: nowMs, meter: new RateMeter(nowMs), offset: 0 };
    // After a lost connection it goes on from where it was, and its bar does not jump back for a moment.
    this.#open.set(transfer, this.#before.get(transfer) ?? fresh);
    this.#before.delete(transfer);
  }

  /** Never backwards: what was acknowledged once is not taken back, even if a late message says less. */
  #reach(transfer: string, offset: number, nowMs: number, isNew: boolean): void {
    const file = this.#open.get(transfer);
    if (file === undefined || offset <= file.offset) return;
    if (isNew) {
      file.meter.add(offset - file.offset, nowMs);
      this.#meter?.add(offset - file.offset, nowMs);
    }
    file.offset = offset;
  }

  /** @param bytes what it turned out to have, or null when it failed */
  #end(transfer: string | undefined, bytes: number | null, nowMs: number): void {
    const file = transfer === undefined ? undefined : this.#open.get(transfer);
    this.#files += 1;
    if (file !== undefined && transfer !== undefined) this.#open.delete(transfer);
    if (bytes === null || !Number.isFinite(bytes)) return;
    this.#bytes += bytes;
    this.#meter?.add(Math.max(0, bytes - (file?.offset ?? 0)), nowMs);
  }

  /** The lines of this moment, none wider than the terminal; empty when there is nothing to show yet. */
  frame(columns: number, nowMs: number): string[] {
    const subjects = this.#subjects(nowMs);
    const pad = nameCells(subjects.map(({ name }) => name));
    const lines = subjects.map((subject) => barLine(subject, columns, pad));
    return [...lines, ...this.#retryLine(columns, nowMs)].slice(0, LINES_MAX);
  }

  /**
   * What deserves a line at this moment: a few files that have been under way for long enough, and the whole where
   * there is more than one file.
   */
  #subjects(nowMs: number): Subject[] {
    const subjects: Subject[] = [];
    // While there is no connection, a pause and a rate would say the same as the line about it, and less well.
    const moving = (meter: RateMeter) => {
      const idle = meter.idleMs(nowMs);
      const isOff = this.#retry !== null;
      return { rate: isOff ? null : meter.rate(nowMs), idleMs: isOff || idle < PAUSE_MS ? null : idle };
    };
    for (const { name, size, offset, meter, sinceMs } of this.#open.values()) {
      if (subjects.length === FILES_MAX) break;
      if (nowMs - sinceMs >= SHOWN_AFTER_MS) subjects.push({ name, size, offset, ...moving(meter) });
    }
    const all = this.#expected?.files;
    const isOne = all === undefined ? this.#files + this.#open.size < 2 : all < 2;
    if (this.#meter === null || isOne) return subjects;
    const name = all === undefined ? `${counted(this.#files, "file")} so far` : `${this.#files} of ${all} files`;
    let offset = this.#bytes;
    for (const file of this.#open.values()) offset += file.offset;
    subjects.push({ name, size: this.#wholeSize(), offset, ...moving(this.#meter) });
    return subjects;
  }

  /** Bytes of all files, if they can be known and have been found out. */
  #wholeSize(): number | null {
    if (this.#bytesInAll === undefined) {
      this.#bytesInAll = null;
      // A share of the whole is a courtesy; that it cannot be found out is told where the files are read.
      void this.#expected?.bytes().then(
        (bytes) => {
          this.#bytesInAll = bytes;
        },
        () => {},
      );
    }
    return this.#bytesInAll;
  }

  /** In tenths of a second, rounded up: a countdown that says 0 and does nothing looks broken. */
  #retryLine(columns: number, nowMs: number): string[] {
    if (this.#retry === null) return [];
    const { atMs, attempt, message } = this.#retry;
    const when = atMs > nowMs ? `in ${humanDuration(Math.ceil((atMs - nowMs) / 100) * 100)}` : "now";
    const name = line`connecting again ${when} (attempt ${attempt}): ${message}`;
    return [clip(name, columns - 1)];
  }
}
