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
 * Every kind of failure of the protocol's error table has one code. A script can so tell "try again later" (3, 5) from
 * "it will fail again" (4) and "look at this machine" (7) without reading a sentence. The numbers are a promise: they
 * never change their meaning, and new kinds of failure get new numbers.
 *
 * Help, man page and site print the table below; test/e2e/exit-codes.test.ts provokes each of them.
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

/** A row of the table for people: the number, a few words for the help, a sentence for the manual. */
export interface ExitRow {
  readonly code: number;
  readonly short: string;
  readonly sentence: string;
}

/**
 * What each number means to the reader of a log, and whether the same command would fail again: that decides between
 * waiting, changing something, and asking somebody. In the order of the numbers.
 *
 * By name, so a new code does not compile without its row.
 */
const MEANING: Readonly<Record<keyof typeof EXIT, readonly [short: string, sentence: string]>> = {
  done: ["done", "Everything was done. An empty queue is no failure."],
  bug: ["a bug", "There is a bug in filespool. Please report it, with the output of --verbose."],
  usage: ["wrong usage", "The command, an option, a variable or the config file is wrong. Nothing was changed."],
  unreachable: ["no server reached", "No server answered. Check that it runs, and that host and port are right."],
  refused: [
    "refused for good",
    "Refused for good, because of a name, a size or a right. The same command will fail again.",
  ],
  temporary: [
    "temporary: try later",
    "Refused for now, for example because a disk is full, until the time to retry was over. Try again later.",
  ],
  integrity: [
    "integrity",
    "Content or protocol is broken: a digest does not match, or the other end is no filespool server.",
  ],
  local: [
    "local file problem",
    "A file, folder or address on this machine cannot be used, or the output cannot be written. The other files were sent or landed.",
  ],
  interrupted: ["interrupted", "A signal ended the run (128 + 2, as shells count). The same command continues."],
  unread: [
    "output not read",
    "The reader of the output, such as `head`, ended before the output did (128 + 13, as shells count). Files were still sent, collected or changed.",
  ],
};

/** The table of exit codes. When several files failed for different reasons, the first one decides. */
export const EXIT_CODES: readonly ExitRow[] = (Object.keys(EXIT) as (keyof typeof EXIT)[]).map((name) => {
  const [short, sentence] = MEANING[name];
  return { code: EXIT[name], short, sentence };
});

/**
 * The command itself is wrong, and the person has to change it. `message` names the flag, variable or key, the value, and
 * the accepted values.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "usage";
}

/**
 * The output of a command is lost, for example because the disk behind `>` is full. No file has failed. `message` says why,
 * and what happened to a secret that nobody has seen.
 */
export class OutputError extends Error {
  override readonly name = "OutputError";
  readonly code = "output-lost";
  readonly isReaderGone: boolean;

  /** @param isReaderGone the reader of the output has ended; false for a disk that fails */
  constructor(message: string, isReaderGone = false) {
    super(message);
    this.isReaderGone = isReaderGone;
  }
}

/** The runtime lacks something that the command needs. `message` says what, and which runtime has it. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code = "runtime-unsupported";
}

/** The person cancelled a question (Ctrl-C in a prompt). Nothing had been started yet. */
export const cancelled = (): FilespoolError => new FilespoolError("interrupted", "cancelled");

/**
 * The exit code for anything that a run threw. Whatever is neither a broken rule nor a wrong command is our bug, and must
 * not hide behind a code that asks somebody else to change something.
 */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof OutputError) return error.isReaderGone ? EXIT.unread : EXIT.local;
  if (error instanceof RuntimeError) return EXIT.local;
  if (!(error instanceof FilespoolError)) return EXIT.bug;
  // "interrupted" is temporary in the protocol's table, because the peer may try again. Here it answers Ctrl-C, and
  // scripts, `make` and shell loops stop at 130.
  return error.code === "interrupted" ? EXIT.interrupted : EXIT[error.kind];
}

/** The fields of the `error` event of `--json` for a thrown value. */
export interface ErrorFacts {
  /** A code of the protocol's table, "usage", "output-lost" or "runtime-unsupported". */
  readonly code: string;
  readonly message: string;
  readonly exitCode: number;
}

/** Errors of the command line itself, each with a code of its own. */
const OURS = [UsageError, OutputError, RuntimeError] as const;

/** Facts about anything thrown, even if it is not an `Error`. */
export function errorFacts(error: unknown): ErrorFacts {
  const exitCode = exitCodeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof FilespoolError || OURS.some((kind) => error instanceof kind))
    return { code: (error as UsageError).code, message, exitCode };
  return { code: "internal", message, exitCode };
}
