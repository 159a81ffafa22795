/**
 * The progress of a run: which files are being moved, how much of each is acknowledged, and how much of all of them.
 *
 *   holiday.raw     [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s  0.8 s left
 *   3 of 12 files   [##--------]  21 %  1.20 GiB of 5.60 GiB  31.2 MiB/s  2 m 20 s left
 *
 * Only acknowledged bytes count: durable at the server when sending, written and synced here when receiving. A bar that
 * counts bytes handed to the kernel reaches 100 % and then waits for a minute.
 *
 * What each event of a file changes:
 *
 *   offered, delivered    the file begins; it gets a line of its own after a moment
 *   resumed               its bar begins at the offset of the other end, which does not count as speed
 *   progress              the bar moves; the rate is that of the last seconds
 *   retrying              the bars stand still, and a line says when it goes on
 *   stored, landed        its bar goes away, a result line appears above, and the file counts for the whole
 *   refused               the same, without its bytes
 *
 * An event costs a little arithmetic and makes no text. Text is made for each frame, a few times a second. Most of 20,000
 * small files come and go between two frames and never have a line.
 *
 * Never here: the terminal (progress-bars.ts), the layout of a line (progress-line.ts), and a clock: each call brings the
 * time.
 */
import type { TransferEvent } from "../../net/events.ts";
import { humanDuration } from "../settings/units.ts";
import { clip, counted, line } from "./escape.ts";
import { barLine, nameCells, type Subject } from "./progress-line.ts";
import { PAUSE_MS, RateMeter } from "./rate-meter.ts";

/** The size of the whole run, as far as it is known at the beginning. */
export interface Expected {
  readonly files: number;
  /** Bytes of all files; null when some have no size yet. Called at most once, and only if it will be shown. */
  readonly bytes: () => Promise<number | null>;
}

/** A file that was offered or delivered and is not finished. */
interface Open {
  readonly name: string;
  /** Null for a stream, whose size nobody knows. */
  readonly size: number | null;
  readonly sinceMs: number;
  readonly meter: RateMeter;
  offset: number;
}

/** Most files with a line of their own: the oldest. One connection moves one large file at a time. */
const FILES_MAX = 3;
/** A file that ends sooner gets no line, because the line would flicker. */
const SHOWN_AFTER_MS = 300;
/** Most lines of a frame, so that a small screen still shows results. */
const LINES_MAX = FILES_MAX + 2;

/**
 * The state of one run. Events change it, and the terminal asks it for frames. Neither waits for the other, so a slow
 * terminal delays no file.
 */
export class Progress {
  readonly #open = new Map<string, Open>();
  /** Files that were open when the connection ended. Most of them come again. */
  readonly #before = new Map<string, Open>();
  #meter: RateMeter | null = null;
  #expected: Expected | null = null;
  #bytesInAll: number | null | undefined;
  /** The number of finished files, failed ones included, and the bytes of those that did not fail. */
  #files = 0;
  #bytes = 0;
  /** The next attempt, while there is no connection. */
  #retry: { readonly atMs: number; readonly attempt: number; readonly message: string } | null = null;

  expects(expected: Expected): void {
    this.#expected = expected;
  }

  /** Whether there is anything to show. A receiver that waits for files shows nothing. */
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
        // Bytes from an earlier run must not count as speed.
        return this.#reach(event.transfer, event.offset, nowMs, false);
      case "progress":
        return this.#reach(event.transfer, event.offset, nowMs, true);
      case "stored":
      case "landed":
        return this.#end(event.transfer, event.size, nowMs);
      case "refused":
        return this.#end(event.transfer, null, nowMs);
      case "retrying":
        // Without a pause it is about one file and not about the connection.
        if (event.delayMs > 0) this.#retry = { ...event, atMs: nowMs + event.delayMs };
        return;
      default:
    }
  }

  /** The first file starts the meter of the whole, so the time to connect does not count. */
  #begin({ transfer, name, size: told }: { transfer: string; name: string; size: number }, nowMs: number): void {
    this.#meter ??= new RateMeter(nowMs);
    const size = Number.isFinite(told) ? told : null;
    const fresh = { name, size, sinceMs: nowMs, meter: new RateMeter(nowMs), offset: 0 };
    // After a lost connection, the bar goes on from where it was.
    this.#open.set(transfer, this.#before.get(transfer) ?? fresh);
    this.#before.delete(transfer);
  }

  /** Never backwards: a late message with a smaller offset does not count. */
  #reach(transfer: string, offset: number, nowMs: number, isNew: boolean): void {
    const file = this.#open.get(transfer);
    if (file === undefined || offset <= file.offset) return;
    if (isNew) {
      file.meter.add(offset - file.offset, nowMs);
      this.#meter?.add(offset - file.offset, nowMs);
    }
    file.offset = offset;
  }

  /** @param bytes the size of the finished file; null when it failed */
  #end(transfer: string | undefined, bytes: number | null, nowMs: number): void {
    const file = transfer === undefined ? undefined : this.#open.get(transfer);
    this.#files += 1;
    if (file !== undefined && transfer !== undefined) this.#open.delete(transfer);
    if (bytes === null || !Number.isFinite(bytes)) return;
    this.#bytes += bytes;
    this.#meter?.add(Math.max(0, bytes - (file?.offset ?? 0)), nowMs);
  }

  /** The lines of a frame, none wider than the terminal; empty when there is nothing to show yet. */
  frame(columns: number, nowMs: number): string[] {
    const subjects = this.#subjects(nowMs);
    const pad = nameCells(subjects.map(({ name }) => name));
    const lines = subjects.map((subject) => barLine(subject, columns, pad));
    return [...lines, ...this.#retryLine(columns, nowMs)].slice(0, LINES_MAX);
  }

  /**
   * What gets a line: a few files that have taken long enough, and the whole if there is more than one file.
   */
  #subjects(nowMs: number): Subject[] {
    const subjects: Subject[] = [];
    // Without a connection there is no pause or rate to show; the retry line says it better.
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

  /** Bytes of all files; null if unknown so far. */
  #wholeSize(): number | null {
    if (this.#bytesInAll === undefined) {
      this.#bytesInAll = null;
      // An error here is ignored: it appears again when the file is read.
      void this.#expected?.bytes().then(
        (bytes) => {
          this.#bytesInAll = bytes;
        },
        () => {},
      );
    }
    return this.#bytesInAll;
  }

  /** In tenths of a second, rounded up, because a countdown that stays at 0 looks broken. */
  #retryLine(columns: number, nowMs: number): string[] {
    if (this.#retry === null) return [];
    const { atMs, attempt, message } = this.#retry;
    const when = atMs > nowMs ? `in ${humanDuration(Math.ceil((atMs - nowMs) / 100) * 100)}` : "now";
    const name = line`connecting again ${when} (attempt ${attempt}): ${message}`;
    return [clip(name, columns - 1)];
  }
}
