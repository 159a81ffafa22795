/**
 * Exit codes: the shortest summary of a run, and the only one that a script can read without parsing.
 *
 *   filespool send --yes report.pdf
 *   case $? in
 *     0)   echo stored ;; # and on disk
 *     3|5) echo try again later ;; # the server is away, full or shutting down
 *     *)   echo tell a person ;; # nothing will change by itself
 *   esac
 *
 * Every kind of failure of the protocol's error table has one code, so that a script can tell "try again
 * later" (3, 5) from "do not bother" (4) and "look at this machine" (7) without reading a sentence. The
 * numbers are a promise: they never change their meaning, and new kinds of failure get new numbers.
 *
 * Help, man page and site print the table below; test/e2e/exit-codes.test.ts makes each of them happen.
 */
import { type ErrorKind, FilespoolError } from "../protocol/errors.ts";

/** One code per kind of failure; `satisfies` makes a new kind without a code a compile error. */
export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  temporary: 5,
  integrity: 6,
  local: 7,
  interrupted: 130,
  unread: 141,
} as const satisfies Record<ErrorKind | "done" | "usage" | "interrupted" | "unread", number>;

/** A row of the table that people read: the number, a word or two for the help, a sentence for the manual. */
export interface ExitRow {
  readonly code: number;
  readonly short: string;
  readonly sentence: string;
}

/**
 * The sentences say what the number means to whoever reads a log in the morning, and whether the same command would
 * fail again: that decides between waiting, changing something, and asking somebody.
 *
 * By name, so that a new code does not compile without its row; in the order of the numbers. */
const MEANING: Readonly<Record<keyof typeof EXIT, readonly [short: string, sentence: string]>> = {
  done: ["done", "Everything was done. That nothing was waiting is an answer, and no failure."],
  bug: ["a bug", "A bug in filespool. Please report it, with what --verbose prints."],
  usage: ["wrong usage", "The command, a flag, a variable or the config file is wrong. Nothing was touched."],
  unreachable: ["no server reached", "No server answered. Is it running, and are host and port right?"],
  refused: ["refused for good", "Refused for good: a name, a size, a right. The same command will fail again."],
  temporary: [
    "temporary: try later",
    "Refused for now, such as by a full disk, and the patience is over. Try again later.",
  ],
  integrity: [
    "integrity",
    "Content or protocol is broken: a digest that does not match, or no filespool server at all.",
  ],
  local: [
    "local file problem",
    "A file or folder on this machine cannot be used, or the output cannot be written. The other files were sent or landed.",
  ],
  interrupted: ["interrupted", "Interrupted by a signal (128 + 2, as shells count). The same command continues."],
  unread: [
    "output not read",
    "The reader of the output went away before its end, as `head` does (128 + 13, as shells count). Files were sent, collected or changed as without it.",
  ],
};

/** The table of exit codes. When several files failed for different reasons, the first one decides. */
export const EXIT_CODES: readonly ExitRow[] = (Object.keys(EXIT) as (keyof typeof EXIT)[]).map((name) => {
  const [short, sentence] = MEANING[name];
  return { code: EXIT[name], short, sentence };
});

/**
 * The command was asked for in a way that it cannot be carried out: the person at the keyboard changes the
 * command, not what it met. `message` names the flag, variable or key, the value, and what would be accepted.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

/**
 * What a command has printed is lost: a full disk behind `>`, say. Lines are no files, so nothing else has failed.
 * `message` says why, and what became of a secret that nobody has seen.
 */
export class OutputError extends Error {
  override readonly name = "OutputError";
  readonly code = "output-lost";
  readonly isReaderGone: boolean;

  /** @param isReaderGone nobody wanted to read on, which is no trouble of a disk */
  constructor(message: string, isReaderGone = false) {
    super(message);
    this.isReaderGone = isReaderGone;
  }
}

/** What runs the program lacks something that the command needs. `message` says what, and where it would run. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code = "runtime-unsupported";
}

/** The person left a question unanswered (Ctrl-C in a prompt). Nothing had been started yet. */
export const cancelled = (): FilespoolError => new FilespoolError("interrupted", "cancelled");

/**
 * The exit code for whatever a run threw. Anything that is neither a broken rule nor a wrong command is a
 * bug of ours: it must not hide behind a code that asks somebody else to change something.
 */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof OutputError) return error.isReaderGone ? EXIT.unread : EXIT.local;
  if (error instanceof RuntimeError) return EXIT.local;
  if (!(error instanceof FilespoolError)) return EXIT.bug;
  // "interrupted" is temporary in the protocol's table, because the peer may try again; here it is the
  // answer to Ctrl-C, and scripts (and `make`, and shell loops) look for 130 to stop as well.
  return error.code === "interrupted" ? EXIT.interrupted : EXIT[error.kind];
}

/** What an `error` event of `--json` says about a thrown value. */
export interface ErrorFacts {
  /** A code of the protocol's table, "usage", "output-lost" or "runtime-unsupported". */
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

/** Errors of the command line itself, each with a code of its own. */
const OURS = [UsageError, OutputError, RuntimeError] as const;

/** Facts about anything thrown, also about what is not an `Error` at all. */
export function errorFacts(error: unknown): ErrorFacts {
  const exitCode = exitCodeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof FilespoolError || OURS.some((kind) => error instanceof kind))
    return { code: (error as UsageError).code, message, exitCode };
  return { code: "internal", message, exitCode };
}
