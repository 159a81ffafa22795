/**
 * The bars on a terminal, with the lines of results above them.
 *
 * log-update draws: it rewrites what changed, cuts to the height, and lets terminals show a frame in one piece. This file
 * adds three things that no library of this kind does:
 *
 *   a new size             a terminal that becomes narrower wraps the lines on it. So before the bars are erased, this file
 *                          counts how many lines they have become, and erases nothing above them
 *   no wrapping            while a frame is written, because a terminal may draw a letter wider than expected
 *   held back lines        results wait for the next frame; a thousand results a second would make the bars flicker
 *
 * The screen between two frames, and the cursor:
 *
 *   stored    a.txt, 12.0 KiB                                              results: never touched again
 *   holiday.raw   [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s     bars: rewritten in place
 *   1 of 3 files  [####------]  42 %  24.0 MiB of 57.0 MiB  31.2 MiB/s
 *   _                                                                      the cursor
 *
 * The cursor is on the line below the bars, because terminals keep it there when they wrap lines again. It is never hidden,
 * so a killed program leaves nothing to repair. A timer draws at most one frame in FRAME_MS, and runs only while files are
 * moved.
 *
 * Never here: what the bars say (progress.ts), and which line goes to which stream (report.ts).
 */
import type { createLogUpdate } from "log-update";
import { cells, letters } from "./escape.ts";
import type { Progress } from "./progress.ts";

/** The part of a terminal that the bars need. */
export interface Screen {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** Ten frames a second look alive; more would only load a terminal on a slow link. */
export const FRAME_MS = 100;
/** A run that ends sooner needs no bars, and does not load log-update. */
const AFTER_MS = 400;
/** With this many characters held back, all lines are written at once. */
const HELD_MAX = 64 * 1024;

/**
 * Moves to the first column and deletes all lines from there on. "Erase to the end of the screen" does not work as well: on
 * the first line, tmux takes it for a new page and moves the old text to its history.
 */
const ERASE = "\r\u001b[999M";
const WRAP_OFF = "\u001b[?7l";
const WRAP_ON = "\u001b[?7h";
const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : "");

/** Emoji, and flags made of two letters: terminals disagree about their width. */
const PICTURE = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;

/**
 * The fewest lines that a text takes on a screen of that width. A wide letter that does not fit begins the next line. The
 * fewest: if the count is wrong, a line of the bars stays on the screen, but no result above them is lost.
 */
function linesOf(text: string, columns: number): number {
  let [lines, used] = [1, 0];
  for (const letter of letters(text)) {
    const width = PICTURE.test(letter) ? 1 : cells(letter);
    if (used + width > columns) [lines, used] = [lines + 1, 0];
    used += width;
  }
  return lines;
}

/**
 * Whether the terminal wraps its lines again when its width changes, as nearly all do. The others cut lines off; there, the
 * count would erase results above the bars.
 */
export const wrapsAnew = ({ TMUX, STY, TERM, XTERM_VERSION }: Readonly<Record<string, string | undefined>>): boolean =>
  Boolean(TMUX) || !(STY || XTERM_VERSION || TERM === "linux");

type LogUpdate = ReturnType<typeof createLogUpdate>;

export interface ProgressBarsOptions {
  /** Adds colour to a line. */
  readonly dress: (line: string) => string;
  readonly wrapsAnew: boolean;
}

export class ProgressBars {
  readonly #screen: Screen;
  readonly #progress: Progress;
  readonly #now: () => number;
  readonly #options: ProgressBarsOptions;
  #timer: NodeJS.Timeout | null = null;
  #sinceMs = 0;
  /** Loaded after AFTER_MS: a short run never loads it. */
  #draw: LogUpdate | null = null;
  #loading: Promise<LogUpdate> | null = null;
  /** The text that log-update has written for this frame. */
  #written = "";
  /** The lines on the screen, and the size of the screen when they were drawn. */
  #lines: readonly string[] = [];
  #columns = 0;
  #rows = 0;
  #held: { readonly output: Screen; text: string }[] = [];
  #heldLength = 0;

  /** @param now a clock in milliseconds that never goes backwards */
  constructor(screen: Screen, progress: Progress, now: () => number, options: ProgressBarsOptions) {
    this.#screen = screen;
    this.#progress = progress;
    this.#now = now;
    this.#options = options;
  }

  /** Starts drawing if there is something to draw. It is called for each event, so it must be cheap. */
  wake(): void {
    if (this.#timer !== null || !this.#progress.isBusy) return;
    this.#sinceMs = this.#now();
    this.#timer = setInterval(() => void this.tick().catch(() => this.stop()), FRAME_MS);
    // The end of the process does not wait for the next frame.
    this.#timer.unref();
  }

  /** Takes a line for the place above the bars. It appears with the next frame, or by `flush`. */
  line(output: Screen, text: string): void {
    const last = this.#held.at(-1);
    if (last?.output === output) last.text += text;
    else this.#held.push({ output, text });
    this.#heldLength += text.length;
    if (this.#timer === null || this.#heldLength > HELD_MAX) this.flush();
  }

  /** Removes the bars and prints the lines that were held back. The next frame, if any, draws the bars again. */
  flush(): void {
    const { columns = 80 } = this.#screen;
    if (this.#lines.length > 0) {
      const isWrapped = this.#options.wrapsAnew && columns < this.#columns;
      const lines = this.#lines.reduce((sum, text) => sum + (isWrapped ? linesOf(text, columns) : 1), 0);
      this.#screen.write(up(lines) + ERASE);
    }
    this.#draw?.done();
    this.#lines = [];
    for (const { output, text } of this.#held.splice(0)) output.write(text);
    this.#heldLength = 0;
  }

  /** Ends or pauses drawing, and removes the bars. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.flush();
  }

  /** One frame. */
  async tick(): Promise<void> {
    if (!this.#progress.isBusy) return this.stop();
    if (this.#draw === null && this.#now() - this.#sinceMs < AFTER_MS) return this.flush();
    if (this.#draw === null) {
      // During the load, other ticks come, and the run may end.
      this.#loading ??= this.#load();
      this.#draw = await this.#loading;
      if (this.#timer === null) return;
    }
    const { columns = 80, rows = 24 } = this.#screen;
    const lines = this.#progress.frame(columns, this.#now()).slice(0, Math.max(0, rows - 1));
    // After new lines above the bars, or after a new size, the bars are drawn from scratch.
    const isNewSize = columns !== this.#columns || rows !== this.#rows;
    if (this.#held.length > 0 || isNewSize || lines.length === 0) this.flush();
    [this.#columns, this.#rows] = [columns, rows];
    if (lines.length === 0) return;
    this.#written = "";
    this.#draw(lines.map(this.#options.dress).join("\n"));
    this.#lines = lines;
    // log-update writes nothing if nothing has changed.
    if (this.#written !== "") this.#screen.write(WRAP_OFF + this.#written + WRAP_ON);
  }

  /** Loads log-update with a stream that collects its output, so that each frame is written in one piece. */
  async #load(): Promise<LogUpdate> {
    const { createLogUpdate } = await import("log-update");
    const screen = this.#screen;
    const stream = {
      isTTY: true,
      write: (text: string) => {
        this.#written += text;
      },
      get columns() {
        return screen.columns ?? 80;
      },
      get rows() {
        return screen.rows ?? 24;
      },
    };
    return createLogUpdate(stream as unknown as NodeJS.WriteStream, { showCursor: true });
  }
}
