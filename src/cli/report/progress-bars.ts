/**
 * The bars on a terminal, with the lines of results above them.
 *
 * log-update draws: it rewrites what changed, cuts to the height, and tells terminals that can to show a frame in one
 * piece. Context it, three things keep a screen whole that no library of this kind does:
 *
 *   a new size             a terminal that is made narrower wraps what stands on it; so it is counted into how many
 *                          lines the bars have become before they are erased, and nothing above them is
 *   no wrapping            while a frame is written: a terminal may draw a letter wider than we think
 *   held back lines        results wait for the next frame, else a thousand a second would blink the bars away
 *
 * What is on the screen between two frames, and where the cursor is:
 *
 *   stored    a.txt, 12.0 KiB                                              results: never touched again
 *   holiday.raw   [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s     bars: rewritten in place
 *   1 of 3 files  [####------]  42 %  24.0 MiB of 57.0 MiB  31.2 MiB/s
 *   _                                                                      the cursor
 *
 * The cursor waits on the line below the bars, because this is where terminals keep it when they wrap anew; some move
 * it with what is *below* it, too. It is never hidden: a program that is killed leaves nothing to be repaired.
 * A frame is drawn at most once in FRAME_MS, by a timer that runs only while something is under way.
 *
 * Never here: what the bars say (progress.ts), and which line goes to which stream (report.ts).
 */
import type { createLogUpdate } from "log-update";
import { cells, letters } from "./escape.ts";
import type { Progress } from "./progress.ts";

/** What the bars need to know of their terminal. */
export interface Screen {
  write(text: string): unknown;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** Ten frames a second look alive; more would only keep a terminal over a slow link busy. */
export const FRAME_MS = 100;
/** Loading what draws takes longer than many a run. What is over by then needs no bars. */
const AFTER_MS = 400;
/** Held back lines are let go at once when there are so many bytes of them. */
const HELD_MAX = 64 * 1024;

/**
 * To the first column, and delete all lines from there on. "Erase to the end of the screen" would do as well, were it
 * not that tmux takes it for a new page when it comes on the first line, and moves what was there to its history.
 */
const ERASE = "\r\u001b[999M";
const WRAP_OFF = "\u001b[?7l";
const WRAP_ON = "\u001b[?7h";
const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : "");

/** Pictures, and flags made of two letters: terminals disagree about how wide they are. */
const PICTURE = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;

/**
 * Lines that a text takes at least on a screen of that width. A wide letter that does not fit into a line begins the
 * next. At least: should the count be wrong, a line of the bars stays, and no result above them is lost.
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
 * Whether the terminal wraps anew what stands on it when its width changes, as nearly all do. The others cut it off;
 * there, counting would erase what is above the bars.
 */
export const wrapsAnew = ({ TMUX, STY, TERM, XTERM_VERSION }: Readonly<Record<string, string | undefined>>): boolean =>
  Boolean(TMUX) || !(STY || XTERM_VERSION || TERM === "linux");

type LogUpdate = ReturnType<typeof createLogUpdate>;

export interface ProgressBarsOptions {
  /** Puts a line in colour; the layout knows nothing of it. */
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
  /** Loaded when a run has lasted for a while: who sends one small file never pays for it. */
  #draw: LogUpdate | null = null;
  #loading: Promise<LogUpdate> | null = null;
  /** What log-update has written for this frame. */
  #written = "";
  /** What is on the screen, and how large it was when that was drawn. */
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

  /** Starts drawing if there is something to draw. Called with each event, so it has to cost nothing. */
  wake(): void {
    if (this.#timer !== null || !this.#progress.isBusy) return;
    this.#sinceMs = this.#now();
    this.#timer = setInterval(() => void this.tick().catch(() => this.stop()), FRAME_MS);
    // Whoever waits for the run to end does not wait for the next frame.
    this.#timer.unref();
  }

  /** Takes a line that is to stand above the bars. It is shown with the next frame, or by `flush`. */
  line(output: Screen, text: string): void {
    const last = this.#held.at(-1);
    if (last?.output === output) last.text += text;
    else this.#held.push({ output, text });
    this.#heldLength += text.length;
    if (this.#timer === null || this.#heldLength > HELD_MAX) this.flush();
  }

  /** Takes the bars away and prints what was held back. They return with the next frame, if there is one. */
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

  /** The end, or a pause: nothing of the bars is left on the screen. */
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
      // Other ticks come while it is being loaded, and the run may end.
      this.#loading ??= this.#load();
      this.#draw = await this.#loading;
      if (this.#timer === null) return;
    }
    const { columns = 80, rows = 24 } = this.#screen;
    const lines = this.#progress.frame(columns, this.#now()).slice(0, Math.max(0, rows - 1));
    // A line above the bars pushes them down, a new width has wrapped them, and a new height may have cut them off:
    // each begins with an empty place.
    const isNewSize = columns !== this.#columns || rows !== this.#rows;
    if (this.#held.length > 0 || isNewSize || lines.length === 0) this.flush();
    [this.#columns, this.#rows] = [columns, rows];
    if (lines.length === 0) return;
    this.#written = "";
    this.#draw(lines.map(this.#options.dress).join("\n"));
    this.#lines = lines;
    // Where nothing has changed, nothing is written.
    if (this.#written !== "") this.#screen.write(WRAP_OFF + this.#written + WRAP_ON);
  }

  /** log-update on a stream that collects, so that a frame leaves in one piece with what we add to it. */
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
