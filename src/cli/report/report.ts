/**
 * Tells what happens in a run: to people in lines, to programs in NDJSON.
 *
 *   for people    results on stdout; errors, warnings and progress on stderr (bars on a terminal, else a line now and then)
 *   --json        every event as one JSON object per line on stdout, and nothing else there
 *   --quiet       errors on stderr; with --json, the `refused` and `error` objects
 *
 * The same send for people and for a program. A verb begins the line of a file; a failure goes to stderr:
 *
 *   stored    a.txt, 12.0 KiB
 *   failed    cannot send b.txt: permission denied (EACCES)
 *   Done: 1 file stored, 1 failed; 12.0 KiB in 8 ms.
 *
 *   {"event":"stored","transfer":"6f2a...","queue":"default","name":"a.txt","size":12288,...}
 *   {"event":"refused","path":"b.txt","code":"file-unreadable",...}
 *   {"event":"done","stored":1,"repeated":0,"bytes":12288,"failed":1}
 *   {"event":"error","code":"file-unreadable","message":"...","exitCode":7}
 *
 * A run ends with `done` (what it achieved), or `error` (why it failed), or both when some files failed. Errors go to stderr
 * for people in every mode, because a person may read the log of a script whose stdout goes to a program. Warnings begin
 * with the word "warning", with and without colours.
 *
 * Never here: what an event means in words (event-text.ts), what to do about an error (error-hints.ts), and which exit
 * code it has (exit-codes.ts). This file decides whether a line is printed, on which stream, and in which colour.
 */
import type { ServerEvent, TransferEvent } from "../../net/events.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { EXIT, errorFacts } from "../exit-codes.ts";
import { coloured, colouredBar, wantsColour } from "./colours.ts";
import { hintFor, type Situation } from "./error-hints.ts";
import { escapeText, wrapped } from "./escape.ts";
import { address, type Line, type OperateEvent, serverLine, type Tone, transferLine } from "./event-text.ts";
import type { Output } from "./output.ts";
import { type Expected, Progress } from "./progress.ts";
import { ProgressBars, wrapsAnew } from "./progress-bars.ts";
import { Unfinished } from "./unfinished.ts";

/** Where a report goes, and how much it says. The three switches are the flags of the same names. */
export interface ReportOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** For NO_COLOR, FORCE_COLOR and FILESPOOL_DEBUG. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds that never go backwards, for rates. */
  readonly now: () => number;
}

/** What a run achieved; it becomes the `done` event. */
export interface Done {
  readonly [count: string]: number;
}

/** Events that --quiet does not suppress. */
const isTrouble = (event: string): boolean => ["error", "refused", "reload-failed", "mistake"].includes(event);

/** Time between two progress lines where there is no terminal. */
const LOGGED_MS = 30_000;
/** Width of those lines. */
const LOG_COLUMNS = 120;

/** First column: wide enough for "collected" and a space. */
const VERB_CELLS = 10;

/**
 * All output of one run. Every line goes through it, so no line gets between the objects of `--json`, and none is
 * written across the bars.
 */
export class Report {
  readonly #options: ReportOptions;
  /** Null with --json and --quiet, which show no progress. */
  readonly #progress: Progress | null;
  readonly #bars: ProgressBars | null;
  /** Time of the last progress line where there is no terminal. */
  #loggedMs: number;
  /** Codes whose hint was printed. */
  readonly #hinted = new Set<string>();
  readonly #corked = new Set<Output>();
  readonly #unfinished = new Unfinished();
  #situation: Situation = { server: null };
  #hasConnected = false;

  constructor(options: ReportOptions) {
    const { stderr, json, quiet, now, env } = options;
    this.#options = options;
    this.#progress = json || quiet ? null : new Progress();
    const dress = (text: string) => (wantsColour(stderr, env) ? text.replace(/\[#+/, colouredBar) : text);
    this.#bars =
      this.#progress && stderr.isTTY
        ? new ProgressBars(stderr, this.#progress, now, { dress, wrapsAnew: wrapsAnew(env) })
        : null;
    this.#loggedMs = now();
  }

  /** The size of the whole run, if it is known in advance; progress shows the share that is done. */
  expects(expected: Expected): void {
    this.#progress?.expects(expected);
  }

  /** Names the server that a client talks to. Errors from there name it, and hints depend on it. */
  talksTo(host: string, port: number, how: Omit<Situation, "server"> = {}): void {
    this.#situation = { server: address(host, port), ...how };
  }

  /** Whether a server has let this client in. After that, a second attempt would repeat work that is done. */
  get hasConnected(): boolean {
    return this.#hasConnected;
  }

  /** An event of `send` or `receive`. @param shown returns the event as people see it, where that differs */
  readonly transfer = (event: TransferEvent, shown?: (event: TransferEvent) => TransferEvent): void => {
    if (event.event === "connected") this.#hasConnected = true;
    this.#unfinished.take(event);
    if (this.#progress !== null) this.#watch(this.#progress, event);
    if (this.#json(event)) return;
    const rest = event.event === "retrying" ? this.#unfinished.after(event.code) : "";
    this.#line(transferLine(shown?.(event) ?? event), rest);
  };

  /** An event of `serve`. A field like `transfer`: both are handed to the library. @param drainMs time that a stop allows */
  readonly server = (event: ServerEvent | OperateEvent, drainMs?: number): void => {
    if (!this.#json(event)) this.#line(serverLine(event, drainMs));
  };

  /**
   * One row of a list. @param text for people; null when the caller prints a table
   * @returns whether a program reads the output
   */
  row(event: { readonly event: string; readonly [field: string]: unknown }, text: (() => string) | null): boolean {
    const isProgram = this.#json(event);
    if (!isProgram && text !== null) this.say(text());
    return isProgram;
  }

  /** A sentence for people, on stdout. The caller escapes names and other foreign text in it. */
  say(sentence: string): void {
    if (!this.#options.json && !this.#options.quiet) this.#print(this.#options.stdout, sentence);
  }

  /** A warning for people, on stderr: something may surprise, and the run goes on. A field: it is handed to others. */
  readonly warn = (sentence: string): void => {
    if (!this.#options.quiet) this.#trouble(`warning: ${escapeText(sentence)}`, "warning: ".length, "warn", "warning");
  };

  /** A mistake in a config file, for people, on stderr. */
  mistake(sentence: string): void {
    if (!this.#options.quiet) this.#trouble(`mistake   ${escapeText(sentence)}`, VERB_CELLS, "bad", "mistake");
  }

  /** The result of a command, also with --quiet: one line on stdout that can be piped; for programs an object. */
  result(facts: { readonly event: string; readonly [field: string]: unknown }, text: string): void {
    const { json, stdout } = this.#options;
    if (json) this.#write(stdout, escapeText(JSON.stringify(facts)));
    else this.#print(stdout, text);
  }

  /** A sentence for the person that must not get into a pipe: on stderr. */
  aside(sentence: string): void {
    if (!this.#options.json && !this.#options.quiet) this.#trouble(sentence);
  }

  /** A remark that helps to explain a run: on stderr, only with `--verbose`. */
  remark(sentence: string): void {
    if (this.#options.verbose) this.#trouble(sentence);
  }

  /**
   * The end of a run that did its work, even if some files failed.
   * @param counts for programs, @param sentence the same for people
   */
  done(counts: Done, sentence: string): void {
    const { isTTY, columns = 80 } = this.#options.stdout;
    if (this.#json({ event: "done", ...counts }) || sentence === "") return;
    this.say(isTTY ? wrapped(sentence, columns, "Done: ".length) : sentence);
  }

  /**
   * The end of a run that failed, in a sentence. --verbose and FILESPOOL_DEBUG add the stack trace.
   * @returns the exit code
   */
  fail(error: unknown): number {
    const facts = errorFacts(error);
    // Programs first: if printing for people fails, the object is already out.
    this.#json({ event: "error", ...facts });
    const { stderr, verbose, env } = this.#options;
    // A person who pressed Ctrl-C knows why the run ended; that is no error.
    const isStop = facts.exitCode === EXIT.interrupted;
    const [tone, head] = isStop ? (["warn", "interrupted"] as const) : (["bad", "error"] as const);
    const message = `${this.#located(error, facts.message)}${this.#unfinished.after(facts.code)}`;
    this.#trouble(`${head}: ${escapeText(message)}`, "error: ".length, tone, head);
    this.#hint(facts.code, facts.message, "error: ".length);
    if ((verbose || env.FILESPOOL_DEBUG) && error instanceof Error) {
      // Escaped line by line, because the stack needs its line ends, but no other control character.
      this.#print(stderr, (error.stack ?? "").split("\n").map(escapeText).join("\n"));
    }
    return facts.exitCode;
  }

  /**
   * The end of a run in which some files failed, for programs: an `error` object with the code of the first failure.
   */
  failures([first]: readonly FilespoolError[]): void {
    if (first !== undefined) this.#json({ event: "error", ...errorFacts(first) });
  }

  /** Shows progress: bars on a terminal, elsewhere a line now and then. */
  #watch(progress: Progress, event: TransferEvent): void {
    const nowMs = this.#options.now();
    progress.take(event, nowMs);
    if (this.#bars !== null) return this.#bars.wake();
    if (event.event !== "progress" || nowMs - this.#loggedMs < LOGGED_MS) return;
    this.#loggedMs = nowMs;
    for (const text of progress.frame(LOG_COLUMNS, nowMs)) this.#print(this.#options.stderr, `progress  ${text}`);
  }

  /** With `--json`, writes an object as a line. @returns whether --json was given */
  #json(event: { readonly event: string }): boolean {
    const { json, quiet, stdout } = this.#options;
    if (json && (!quiet || isTrouble(event.event))) {
      // JSON leaves C1 controls and direction marks as they are; escapeText writes the same escapes as JSON would.
      this.#write(stdout, escapeText(JSON.stringify(event)));
    }
    return json;
  }

  /**
   * Prints the line of an event: results to stdout, errors and warnings to stderr. So the list of results can be piped,
   * and the person still sees what went wrong.
   */
  #line(told: Line | null, end = ""): void {
    const { stdout, stderr, quiet, verbose } = this.#options;
    // With --quiet only errors (`bad`) are printed; the program can still recover from a `warn`.
    if (told === null || (told.verbose && !verbose) || (quiet && told.tone !== "bad")) return;
    const output = told.tone === "good" || told.tone === "plain" ? stdout : stderr;
    const rest = " ".repeat(Math.max(1, VERB_CELLS - told.verb.length)) + told.text() + end;
    if (output === stderr) this.#trouble(told.verb + rest, VERB_CELLS, told.tone, told.verb);
    else this.#print(output, this.#paint(output, told.tone, told.verb) + rest);
    if (told.code !== undefined) this.#hint(told.code, "", VERB_CELLS);
  }

  /** The message, with the address of the server in front if the error is about that server and does not name it. */
  #located(error: unknown, message: string): string {
    const where = this.#situation.server;
    const isElsewhere = error instanceof FilespoolError && !["local", "bug"].includes(error.kind);
    if (where === null || !isElsewhere || error.code === "interrupted" || message.includes(where)) return message;
    return `${where}: ${message}`;
  }

  /** What to do about an error, below it, and only once in a run: 500 files may fail for one reason. */
  #hint(code: string, message: string, indentCells: number): void {
    const hint = hintFor(code, this.#situation, message);
    if (hint === null || this.#hinted.has(code)) return;
    this.#hinted.add(code);
    this.#trouble(`${" ".repeat(indentCells)}${hint}`, indentCells);
  }

  /**
   * A sentence on stderr. On a terminal, lines break between words.
   * @param indentCells of all lines but the first, @param head the beginning, which gets the colour of the tone
   */
  #trouble(text: string, indentCells = 0, tone: Tone = "bad", head = ""): void {
    const { stderr } = this.#options;
    const shown = stderr.isTTY ? wrapped(text, stderr.columns ?? 80, indentCells) : text;
    this.#print(stderr, this.#paint(stderr, tone, head) + shown.slice(head.length));
  }

  /** The only place that writes lines for people. On a terminal they go above the bars. */
  #print(output: Output, text: string): void {
    if (this.#bars !== null && output.isTTY) this.#bars.line(output, `${text}\n`);
    else this.#write(output, text);
  }

  /** Writes all lines that were held back, and removes the bars. */
  flush(): void {
    this.#bars?.stop();
    this.#uncork();
  }

  /** Writes all lines of one turn of the event loop by one system call; a terminal gets each at once. */
  #write(output: Output, text: string): void {
    if (!output.isTTY && output.cork && !this.#corked.has(output)) {
      this.#corked.add(output);
      output.cork();
      setImmediate(() => this.#uncork());
    }
    output.write(`${text}\n`);
  }

  #uncork(): void {
    for (const output of this.#corked) output.uncork?.();
    this.#corked.clear();
  }

  /** Adds colour on a terminal, unless NO_COLOR forbids it; FORCE_COLOR adds it everywhere. */
  #paint(output: Output, tone: Tone, text: string): string {
    return text && wantsColour(output, this.#options.env) ? coloured(tone, text) : text;
  }
}
