/**
 * One of the two standard streams, and what became of the lines that went to it.
 *
 * A line that is lost is no error of the work that it tells of, and no success of a command that was run for its lines. So an
 * outlet never throws. It notes the first write that failed, and lets the rest of the run ask:
 *
 *   commands that print      stop when their output is lost (`failure`), and wait for a slow reader (`drained`)
 *   commands that work       go on: files matter more than lines. At the end the exit code says that lines are missing
 *   programs that stay       a server, a follower (`staysOn`): they drop lines and go on, and say so once
 *
 * A pipe takes what its reader has not read into our memory, so that is bounded as well: see WAITING_BYTES_MAX.
 *
 * Never here: which exit code that is (exit-codes.ts, program.ts), and what a line says. Why: adr/0094.
 */
import type { Writable } from "node:stream";
import { describe } from "../../disk/system-errors.ts";
import type { Output } from "./output.ts";

/** What may wait for a reader, bytes. Lines that come while there is more are lost. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** The same for programs that stay: their lines are news, and old news is worth little. */
const STAYING_BYTES_MAX = 1024 * 1024;
/** Below it, a command that prints a long list goes on printing. */
const DRAINED_BYTES = 256 * 1024;
/** How long the end of a program waits for a reader who reads nothing, when there is no reason to wait for ever. */
const SETTLE_MS = 2000;

/** A stream with what Node's terminals have besides. */
type Stream = Writable & Pick<Output, "isTTY" | "columns" | "rows"> & { readonly isNull?: boolean };
/** Node's handle of a terminal; without this call a write waits while somebody holds the screen (Ctrl-S). */
type Terminal = { readonly _handle?: { setBlocking?(isBlocking: boolean): unknown } };

/** Why lines are missing. */
export interface Loss {
  /** Whoever read has gone away, or their terminal has. That is how `| head` ends, and nobody's mistake. */
  readonly isReaderGone: boolean;
  /** For a sentence, after a colon. */
  readonly why: string;
}

export class Outlet implements Output {
  readonly #stream: Stream;
  readonly #signal: AbortSignal;
  /** The first write that was lost, or null. */
  failure: Loss | null = null;
  /** It has been said that lines are lost. */
  isTold = false;
  #tell: ((sentence: string) => void) | null = null;
  #linesLost = 0;

  /** @param signal the run is to end, and waits for no reader any more */
  constructor(stream: Stream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on("error", (error) => this.#lose(error));
  }

  get isTTY(): boolean | undefined {
    return this.#stream.isTTY;
  }
  // A terminal that nobody has given a size says 0.
  get columns(): number | undefined {
    return this.#stream.columns || undefined;
  }
  get rows(): number | undefined {
    return this.#stream.rows || undefined;
  }

  /** Whether lines are only news here, as `staysOn` says. */
  get isStaying(): boolean {
    return this.#tell !== null;
  }

  /** Whether nobody would ever see what is written: it is /dev/null, or was closed. */
  get isNull(): boolean {
    return this.#stream.isNull === true;
  }

  /** Bytes that wait for the reader. */
  get waiting(): number {
    return this.#stream.writableLength;
  }

  /** Writes text, or loses it. */
  write(text: string): void {
    // What there is should be the beginning of what was said, without holes, unless it never ends anyway.
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
   * From here on lines are only news: no reader can hold the program up, and none can end it.
   * @param tell is told in a sentence when lines are lost for the first time, and at the end how many nobody read
   */
  staysOn(tell: (sentence: string) => void): void {
    this.#tell = tell;
    if (this.isTTY) (this.#stream as Terminal)._handle?.setBlocking?.(false);
    if (this.failure !== null) this.#sayLost(this.failure);
  }

  /** Resolves when a reader has read most of what waits. A command that prints without end prints no faster than that. */
  async drained(): Promise<void> {
    while (this.waiting > DRAINED_BYTES && this.failure === null && !this.#signal.aborted) await this.#flushed();
  }

  /**
   * Resolves when everything that was written is with the system, or is lost. It waits for a slow reader as long as that
   * takes, as pagers need it, unless the run was told to end or is one that stays.
   * @returns false when it has given up waiting
   */
  async settled(): Promise<boolean> {
    this.sayLeftOut();
    return await this.#flushed(this.#tell !== null);
  }

  /** Of a program that stays: tells how many lines were left out. Each is told of once. */
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

/** What a failed write means. Of a terminal, EIO says that it is gone; of a disk, that it is ill. */
function lossOf(error: NodeJS.ErrnoException | null, isTTY: boolean): Loss {
  if (error === null) return { isReaderGone: false, why: "its reader is too slow" };
  const { code = "" } = error;
  const isReaderGone = ["EPIPE", "ECONNRESET"].includes(code) || (code === "EIO" && isTTY);
  return { isReaderGone, why: isReaderGone ? `its reader is gone (${code})` : describe(error) };
}

/**
 * For a command that stays: none of the two streams can end it or hold it up.
 * @param tell where it is said that lines are lost; the other stream, a log
 */
export function staysOn(
  outlets: { readonly stdout: Outlet; readonly stderr: Outlet },
  tell: (sentence: string) => void,
) {
  outlets.stdout.staysOn((sentence) => tell(`standard output: ${sentence}`));
  outlets.stderr.staysOn((sentence) => tell(`standard error: ${sentence}`));
}
