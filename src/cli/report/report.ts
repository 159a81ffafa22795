/**
 * Tells whoever runs a command what happens: people in lines, programs in NDJSON.
 *
 *   for people    results on stdout; troubles and progress on stderr: bars on a terminal, elsewhere now and then a line
 *   --json        every event as one JSON object per line on stdout, and nothing else there
 *   --quiet       errors on stderr; with --json, the `refused` and `error` objects
 *
 * The same send, told to people (a verb opens the line of a file; what failed goes to stderr) and to a program:
 *
 *   stored    a.txt, 12.0 KiB
 *   failed    b.txt: cannot send b.txt: it is a directory
 *   Done: 1 file stored, 1 failed; 12.0 KiB in 8 ms.
 *
 *   {"event":"stored","transfer":"6f2a...","queue":"default","name":"a.txt","size":12288,...}
 *   {"event":"refused","path":"b.txt","code":"file-unreadable",...}
 *   {"event":"done","stored":1,"repeated":0,"bytes":12288,"failed":1}
 *   {"event":"error","code":"file-unreadable","message":"...","exitCode":7}
 *
 * A run ends with `done` (what was achieved), or `error` (why it failed), or both when some files failed. Errors are told to
 * people on stderr in every mode: a script that keeps stdout for its programs still has somebody who reads its log.
 *
 * Never here: what an event means in words (event-text.ts), what to do about an error (error-hints.ts), and which exit
 * code it has (exit-codes.ts). This file decides where a line goes, whether it goes at all, and how it is dressed.
 */
import type { ServerEvent, TransferEvent } from "../../net/events.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { EXIT, errorFacts } from "../exit-codes.ts";
import { coloured, colouredBar, wantsColour } from "./colours.ts";
import { hintFor } from "./error-hints.ts";
import { escapeText, wrapped } from "./escape.ts";
import { address, type Line, type OperateEvent, serverLine, type Tone, transferLine } from "./event-text.ts";
import { type Expected, Progress } from "./progress.ts";
import { ProgressBars, wrapsAnew } from "./progress-bars.ts";

/** The part of a stream that a report needs; `process.stdout` is one. */
export interface Output {
  write(text: string): unknown;
  /** Holds back what is written until `uncork`, as streams do. */
  cork?(): void;
  uncork?(): void;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** Where a report goes, and how much of it there is. The three switches are the flags of the same names. */
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

/** What a completed run achieved; it becomes the `done` event. */
export interface Done {
  readonly [count: string]: number;
}

/** What is told under --quiet as well. */
const isTrouble = (event: string): boolean => ["error", "refused", "reload-failed", "mistake"].includes(event);

/** How often a log file hears of a transfer that goes on and on. */
const LOGGED_MS = 30_000;
/** As wide as the lines in a log may be. */
const LOG_COLUMNS = 120;

/** First column: wide enough for "collected" and a space. */
const VERB_CELLS = 10;

/**
 * The voice of one run. Everything that a run tells anybody goes through it, so that no line can get between
 * the objects of `--json`, and none can be written across the bars.
 */
export class Report {
  readonly #options: ReportOptions;
  /** Null where nobody wants to know: a program reads the events, and --quiet means it. */
  readonly #progress: Progress | null;
  readonly #bars: ProgressBars | null;
  /** When progress was last told without a terminal. */
  #loggedMs: number;
  /** Codes whose advice has been given. */
  readonly #advised = new Set<string>();
  readonly #corked = new Set<Output>();
  /** host:port of the server that a client talks to. */
  #server: string | null = null;
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

  /** What is known of the whole before it begins, for the shares of it. */
  expects(expected: Expected): void {
    this.#progress?.expects(expected);
  }

  /** Names the server that a client talks to, for errors that come from there. */
  talksTo(host: string, port: number): void {
    this.#server = address(host, port);
  }

  /** Whether a server has let a client in: from then on, a run that begins again repeats itself. */
  get hasConnected(): boolean {
    return this.#hasConnected;
  }

  /** An event of `send` or `receive`. @param shown makes of it what people see, where that differs */
  readonly transfer = (event: TransferEvent, shown?: (event: TransferEvent) => TransferEvent): void => {
    if (event.event === "connected") this.#hasConnected = true;
    if (this.#progress !== null) this.#watch(this.#progress, event);
    if (!this.#json(event)) this.#line(transferLine(shown?.(event) ?? event));
  };

  /** An event of `serve`. A field and not a method, like `transfer`: both are handed to the library as they are. */
  readonly server = (event: ServerEvent | OperateEvent): void => {
    if (!this.#json(event)) this.#line(serverLine(event));
  };

  /**
   * One row of a list. @param text for people, null when it is printed otherwise, in a table
   * @returns whether a program is reading
   */
  row(event: { readonly event: string; readonly [field: string]: unknown }, text: (() => string) | null): boolean {
    const isProgram = this.#json(event);
    if (!isProgram && text !== null) this.say(text());
    return isProgram;
  }

  /** A sentence of ours for people, on stdout. It is the caller who escapes what is not ours. */
  say(sentence: string): void {
    if (!this.#options.json && !this.#options.quiet) this.#print(this.#options.stdout, sentence);
  }

  /** A trouble that ends nothing, for people, on stderr. A field: it is handed to whoever may have one. */
  readonly complain = (sentence: string): void => {
    if (!this.#options.quiet) this.#trouble(escapeText(sentence));
  };

  /** What a command was run for: its line on stdout, alone enough to be piped on; for programs the object. Also with --quiet. */
  result(facts: { readonly event: string; readonly [field: string]: unknown }, text: string): void {
    const { json, stdout } = this.#options;
    if (json) this.#write(stdout, escapeText(JSON.stringify(facts)));
    else this.#print(stdout, text);
  }

  /** A sentence for the person that must not get into what is piped on: on stderr. */
  aside(sentence: string): void {
    if (!this.#options.json && !this.#options.quiet) this.#trouble(sentence);
  }

  /** A remark that helps to find out why something is as it is: on stderr, with `--verbose` only. */
  remark(sentence: string): void {
    if (this.#options.verbose) this.#trouble(sentence);
  }

  /**
   * The end of a run that was carried out, even if some files failed.
   * @param counts for programs, @param sentence the same for people
   */
  done(counts: Done, sentence: string): void {
    const { isTTY, columns = 80 } = this.#options.stdout;
    if (this.#json({ event: "done", ...counts }) || sentence === "") return;
    this.say(isTTY ? wrapped(sentence, columns, "Done: ".length) : sentence);
  }

  /**
   * The end of a run that failed, in a sentence; the stack trace only for those who asked for it.
   * @returns the exit code
   */
  fail(error: unknown): number {
    const facts = errorFacts(error);
    // Programs first: should printing for people fail, the object is out.
    this.#json({ event: "error", ...facts });
    const { stderr, verbose, env } = this.#options;
    // Who pressed Ctrl-C knows why it ended, and need not be told of an error.
    const isStop = facts.exitCode === EXIT.interrupted;
    const [tone, head] = isStop ? (["warn", "interrupted"] as const) : (["bad", "error"] as const);
    this.#trouble(`${head}: ${escapeText(this.#located(error, facts.message))}`, "error: ".length, tone, head);
    this.#advise(facts.code, "error: ".length);
    if ((verbose || env.FILESPOOL_DEBUG) && error instanceof Error) {
      // Line by line, because the line ends of a stack are wanted, but nothing else that a terminal obeys.
      this.#print(stderr, (error.stack ?? "").split("\n").map(escapeText).join("\n"));
    }
    return facts.exitCode;
  }

  /**
   * The end of a run in which some files failed. People have been told about each of them when it happened;
   * programs get one `error` object at the end as well, with the code and the exit code of the first.
   */
  failures([first]: readonly FilespoolError[]): void {
    if (first !== undefined) this.#json({ event: "error", ...errorFacts(first) });
  }

  /** Bars where there is a terminal to draw them on; elsewhere, a line now and then that shows it is alive. */
  #watch(progress: Progress, event: TransferEvent): void {
    const nowMs = this.#options.now();
    progress.take(event, nowMs);
    if (this.#bars !== null) return this.#bars.wake();
    if (event.event !== "progress" || nowMs - this.#loggedMs < LOGGED_MS) return;
    this.#loggedMs = nowMs;
    for (const text of progress.frame(LOG_COLUMNS, nowMs)) this.#print(this.#options.stderr, `progress  ${text}`);
  }

  /** Writes an object as a line, in `--json` mode. @returns whether this is that mode */
  #json(event: { readonly event: string }): boolean {
    const { json, quiet, stdout } = this.#options;
    if (json && (!quiet || isTrouble(event.event))) {
      // What JSON leaves unescaped (C1 controls, direction marks) has the same escapes in `printable`.
      this.#write(stdout, escapeText(JSON.stringify(event)));
    }
    return json;
  }

  /**
   * Prints the line of an event: results to stdout, troubles to stderr. A list of what was stored can so be
   * piped on, while what went wrong still reaches the person.
   */
  #line(told: Line | null): void {
    const { stdout, stderr, quiet, verbose } = this.#options;
    // Under --quiet, `bad` alone is an error; a `warn` is something that the program still means to mend.
    if (told === null || (told.verbose && !verbose) || (quiet && told.tone !== "bad")) return;
    const output = told.tone === "good" || told.tone === "plain" ? stdout : stderr;
    const rest = " ".repeat(Math.max(1, VERB_CELLS - told.verb.length)) + told.text();
    if (output === stderr) this.#trouble(told.verb + rest, VERB_CELLS, told.tone, told.verb);
    else this.#print(output, this.#paint(output, told.tone, told.verb) + rest);
    if (told.code !== undefined) this.#advise(told.code, VERB_CELLS);
  }

  /** The message, with the server's address in front if it is about that server and does not name it. */
  #located(error: unknown, message: string): string {
    const where = this.#server;
    const isElsewhere = error instanceof FilespoolError && !["local", "bug"].includes(error.kind);
    if (where === null || !isElsewhere || error.code === "interrupted" || message.includes(where)) return message;
    return `${where}: ${message}`;
  }

  /** What to do about an error, below it, and only once in a run: of 500 files, 500 may fail for one reason. */
  #advise(code: string, indentCells: number): void {
    const advice = hintFor(code, this.#server !== null);
    if (advice === null || this.#advised.has(code)) return;
    this.#advised.add(code);
    this.#trouble(`${" ".repeat(indentCells)}${advice}`, indentCells);
  }

  /**
   * A sentence on stderr, broken between words where that is a terminal: it is read there, by somebody in trouble.
   * @param indentCells of all lines but the first, @param head the beginning of it, which is painted in the tone
   */
  #trouble(text: string, indentCells = 0, tone: Tone = "bad", head = ""): void {
    const { stderr } = this.#options;
    const shown = stderr.isTTY ? wrapped(text, stderr.columns ?? 80, indentCells) : text;
    this.#print(stderr, this.#paint(stderr, tone, head) + shown.slice(head.length));
  }

  /** The one place that writes lines for people: on a terminal they stand above the bars. */
  #print(output: Output, text: string): void {
    if (this.#bars !== null && output.isTTY) this.#bars.line(output, `${text}\n`);
    else this.#write(output, text);
  }

  /** Lets go of all lines at once. What is said after it is said without bars. */
  flush(): void {
    this.#bars?.stop();
    this.#uncork();
  }

  /** All lines of one turn of the event loop leave by one system call; a terminal gets each at once. */
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

  /** Colours only where a terminal shows them, unless NO_COLOR forbids or FORCE_COLOR demands them. */
  #paint(output: Output, tone: Tone, text: string): string {
    return text && wantsColour(output, this.#options.env) ? coloured(tone, text) : text;
  }
}
