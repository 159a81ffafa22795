/**
 * What a command is: the types that the program, the prompts and the commands share.
 *
 * Never here: the names of commands (settings/command-names.ts), and what they do (commands/).
 */
import type { Environment } from "./environment.ts";
import type { Prompter } from "./prompter.ts";
import type { Outlet } from "./report/outlet.ts";
import type { Report } from "./report/report.ts";
import type { Command } from "./settings/command-names.ts";
import type { ConfigFile } from "./settings/config-file.ts";
import type { Settings } from "./settings/origins.ts";

/** `client` asks whether to send or to receive; the others are what they say. */
export type Verb = Command | "client";

/**
 * What was typed, without any default. A default that looks like a typed value would beat the environment and the config
 * file, and would suppress the question.
 */
export interface Typed {
  readonly verb: Verb;
  /** By setting name, as text; `true` for a switch. */
  readonly flags: Readonly<Record<string, string | true>>;
  /** Words that are no flags: paths to send, ids of transfers. */
  readonly operands: readonly string[];
  /** Path from `--config`, the only option that is no setting: it says where settings are. */
  readonly config: string | undefined;
}

/** A purpose, and the command for it. */
export type Example = readonly [purpose: string, command: string];

/** The settings of a command, and the words that are no flags. */
export interface Task {
  readonly settings: Settings;
  /** Paths to send, ids of transfers, or the name of a queue. */
  readonly operands: readonly string[];
}

/** What a command can use while it runs. */
export interface Context {
  readonly report: Report;
  /** The two streams. All lines go through the report; a command asks these whether lines were lost. */
  readonly stdout: Outlet;
  readonly stderr: Outlet;
  readonly environment: Environment;
  /** The typed words, for `config`, which resolves settings itself. */
  readonly typed: Typed;
  /** The config file that was read; null if there was none, and for `config`. */
  readonly file: ConfigFile | null;
  /** Resolves the settings again, with the config file as it is now. @throws UsageError */
  readonly reread: () => Promise<Settings>;
  /** Ends the command, on either of the two signals. */
  readonly signal: AbortSignal;
}

export interface CommandRow {
  /** One line: the summary in the overview, and the beginning of the command's own help. */
  readonly about: string;
  /** Words that are no flags, in commander's notation: `[file...]` is optional, `<file>` is not. */
  readonly operands?: readonly {
    readonly syntax: string;
    readonly help: string;
    readonly choices?: readonly string[];
  }[];
  /** People copy examples before they read options, so each example is a common task. */
  readonly examples: readonly Example[];
  /**
   * Asks for what is missing, and refuses what is not allowed. It runs before anything is touched, and touches nothing.
   * @param prompter null when no question can be asked
   * @throws UsageError when something is missing or not allowed
   */
  readonly prepare?: (task: Task, prompter: Prompter | null) => Promise<Task>;
  /** @returns the exit code */
  readonly run: (task: Task, around: Context) => Promise<number>;
}
