/**
 * What a command is, for those who run it, those who ask before it, and the commands themselves.
 *
 * Never here: any command by its name (settings/command-names.ts), and what one does (commands/).
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
 * What was typed, and nothing else: no default is mixed in, because a default that looks like a typed value
 * would beat the environment and the config file, and nobody would be asked for it.
 */
export interface Typed {
  readonly verb: Verb;
  /** By setting name, as text; `true` for a switch. */
  readonly flags: Readonly<Record<string, string | true>>;
  /** Words that are no flags: paths to send, ids of transfers. */
  readonly operands: readonly string[];
  /** The one option that is no setting, since it says where settings are. Path from `--config`. */
  readonly config: string | undefined;
}

/** What one would want to do, and the command for it. */
export type Example = readonly [purpose: string, command: string];

/** What is to be done: the settings of the command, and the words that were no flags. */
export interface Task {
  readonly settings: Settings;
  /** Paths to send, ids of transfers, the name of a queue: what the command takes. */
  readonly operands: readonly string[];
}

/** What a command can use while it runs. */
export interface Context {
  readonly report: Report;
  /** What became of the lines that were printed; all of them go through the report. */
  readonly stdout: Outlet;
  readonly stderr: Outlet;
  readonly environment: Environment;
  /** What was typed, for a command that looks at settings itself. */
  readonly typed: Typed;
  /** The config file that was read, if there was one; null as well for a command that looks at settings itself. */
  readonly file: ConfigFile | null;
  /** Reads flags, variables and config file once more, as they are now. @throws UsageError */
  readonly reread: () => Promise<Settings>;
  /** Ends the command, whichever of the two signals came: a client has nothing to drain. */
  readonly signal: AbortSignal;
}

export interface CommandRow {
  /** One line: its summary in the overview, and the beginning of its own help. */
  readonly about: string;
  /** Words that are no flags, in commander's notation: `[file...]` may be left out, `<file>` may not. */
  readonly operands?: readonly {
    readonly syntax: string;
    readonly help: string;
    readonly choices?: readonly string[];
  }[];
  /** People copy examples sooner than they read options, so each of these does something that is wanted often. */
  readonly examples: readonly Example[];
  /**
   * Settles what is not settled yet, by asking or by a refusal. Nothing has been touched before it, nor is by it.
   * @param prompter null when nobody can be asked
   * @throws UsageError when it cannot be settled
   */
  readonly prepare?: (task: Task, prompter: Prompter | null) => Promise<Task>;
  /** @returns the exit code */
  readonly run: (task: Task, around: Context) => Promise<number>;
}
