/**
 * Standard output or standard error, and whether lines that went to it were lost.
 *
 * A lost line is no error for a command that moves files, and no success for a command that prints a list. So an outlet
 * never throws. It notes the first write that failed, and the rest of the run can ask:
 *
 *   commands that print      stop when their output is lost (`failure`), and wait for a slow reader (`drained`)
 *   commands that work       go on, because files matter more than lines. At the end the exit code tells of missing lines
 *   programs that stay       a server, a follower (`staysOn`): they drop lines, go on, and say so once
 *
 * Lines that the reader of a pipe has not read are in our memory, so they are bounded: see WAITING_BYTES_MAX.
 *
 * Never here: which exit code that is (exit-codes.ts, program.ts), and what a line says. Why: adr/0094.
 */
import type { Writable } from "node:stream";
import { describe } from "../../disk/system-errors.ts";
import type { Output } from "./output.ts";

/** Most bytes that wait for a reader. While there are more, new lines are lost. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** The same for programs that stay: old lines of theirs are worth little. */
const STAYING_BYTES_MAX = 1024 * 1024;
/** A command that prints a long list goes on when fewer bytes wait. */
const DRAINED_BYTES = 256 * 1024;
/** How long a program that was told to end waits for a reader that reads nothing. */
const SETTLE_MS = 2000;

/** A stream; Node's terminals have the other fields, too. */
type Stream = Writable & Pick<Output, "isTTY" | "columns" | "rows"> & { readonly isNull?: boolean };
/** Node's handle of a terminal. Without setBlocking(false), a write waits while the screen is on hold (Ctrl-S). */
type Terminal = { readonly _handle?: { setBlocking?(isBlocking: boolean): unknown } };

/** Why lines are missing. */
export interface Loss {
  /** The reader has ended, or the terminal is gone. `| head` ends like that, and it is nobody's mistake. */
  readonly isReaderGone: boolean;
  /** The end of a sentence, after a colon. */
  readonly why: string;
}

export class Outlet implements Output {
  readonly #stream: Stream;
  readonly #signal: AbortSignal;
  /** The first write that was lost, or null. */
  failure: Loss | null = null;
  /** The person was told that lines are lost. */
  isTold = false;
  #tell: ((sentence: string) => void) | null = null;
  #linesLost = 0;

  /** @param signal ends the run, which then waits for no reader */
  constructor(stream: Stream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on("error", (error) => this.#lose(error));
  }

  get isTTY(): boolean | undefined {
    return this.#stream.isTTY;
  }
  // A terminal without a size says 0.
  get columns(): number | undefined {
    return this.#stream.columns || undefined;
  }
  get rows(): number | undefined {
    return this.#stream.rows || undefined;
  }

  /** Whether lines may be dropped, as `staysOn` says. */
  get isStaying(): boolean {
    return this.#tell !== null;
  }

  /** Whether nobody can ever see the output: it is /dev/null, or was closed. */
  get isNull(): boolean {
    return this.#stream.isNull === true;
  }

  /** Bytes that wait for the reader. */
  get waiting(): number {
    return this.#stream.writableLength;
  }

  /** Writes text, or loses it. */
  write(text: string): void {
    // After a lost line, a command prints nothing more: its output is the beginning of the whole, without gaps.
    const isOver = this.failure !== null && this.#tell === null;
    if (isOver || this.waiting > (this.#tell === null ? WAITING_BYTES_MAX : STAYING_BYTES_MAX)) {
      this.#linesLost++;
      if (!isOver) this.#lose(null);
    } else this.#stream.write(text);
  }

  cork(): void {
    this.#stream.cork();
  }
  uncork(): void {
    this.#stream.uncork();
  }

  /**
   * From here on lines may be dropped: no reader can delay the program or end it.
   * @param tell gets a sentence when the first line is lost, and at the end one with the number of lost lines
   */
  staysOn(tell: (sentence: string) => void): void {
    this.#tell = tell;
    if (this.isTTY) (this.#stream as Terminal)._handle?.setBlocking?.(false);
    if (this.failure !== null) this.#sayLost(this.failure);
  }

  /** Resolves when the reader has read most of what waits. It keeps a long list from filling the memory. */
  async drained(): Promise<void> {
    while (this.waiting > DRAINED_BYTES && this.failure === null && !this.#signal.aborted) await this.#flushed();
  }

  /**
   * Resolves when the system has taken everything, or it is lost. It waits for a slow reader, such as a pager, without limit,
   * unless the run was told to end or is one that stays.
   * @returns false when it has stopped waiting
   */
  async settled(): Promise<boolean> {
    this.sayLeftOut();
    return await this.#flushed(this.#tell !== null);
  }

  /** For a program that stays: reports how many lines were left out since the last report. */
  sayLeftOut(): void {
    if (this.#linesLost > 0) this.#tell?.(`${this.#linesLost} lines were left out, because nobody read them`);
    this.#linesLost = 0;
  }

  #flushed(isBounded = false): Promise<boolean> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const bound = () => {
        timer ??= setTimeout(() => end(false), SETTLE_MS);
      };
      const end = (isFlushed: boolean) => {
        clearTimeout(timer);
        this.#signal.removeEventListener("abort", bound);
        resolve(isFlushed);
      };
      if (isBounded || this.#signal.aborted) bound();
      else this.#signal.addEventListener("abort", bound, { once: true });
      // An 'error' event comes a moment after the callback of the write.
      this.#stream.write("", () => setImmediate(end, true));
    });
  }

  /** @param error null: the reader is too slow */
  #lose(error: NodeJS.ErrnoException | null): void {
    if (this.failure !== null) return;
    this.failure = lossOf(error, this.isTTY === true);
    this.#sayLost(this.failure);
  }

  #sayLost({ why }: Loss): void {
    if (this.#tell === null || this.isTold) return;
    this.isTold = true;
    this.#tell(`lines are left out: ${why}`);
  }
}

/** What a failed write means. EIO means that a terminal is gone, or that a disk has failed. */
function lossOf(error: NodeJS.ErrnoException | null, isTTY: boolean): Loss {
  if (error === null) return { isReaderGone: false, why: "its reader is too slow" };
  const { code = "" } = error;
  const isReaderGone = ["EPIPE", "ECONNRESET"].includes(code) || (code === "EIO" && isTTY);
  return { isReaderGone, why: isReaderGone ? `its reader is gone (${code})` : describe(error) };
}

/**
 * For a program that stays: neither of the two streams can end or delay it.
 * @param tell gets the sentence that lines are lost, for the other stream or a log
 */
export function staysOn(
  outlets: { readonly stdout: Outlet; readonly stderr: Outlet },
  tell: (sentence: string) => void,
) {
  outlets.stdout.staysOn((sentence) => tell(`standard output: ${sentence}`));
  outlets.stderr.staysOn((sentence) => tell(`standard error: ${sentence}`));
}
