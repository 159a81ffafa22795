/**
 * The command line as it was typed: which command, which flags, which other words.
 *
 * commander splits the words, writes the help and guesses what a mistyped word should have been. It does not read
 * values: flags stay text here, and resolve.ts reads them together with the other sources. So commander's own defaults,
 * parsers and variables stay unused; commands/table.ts and settings.ts are the only tables.
 *
 *   filespool send --port 7000 --again a.txt b.txt
 *
 *   { verb: "send", flags: { port: "7000", again: true }, operands: ["a.txt", "b.txt"], config: undefined }
 *
 * Another library that splits words could replace it without a change elsewhere.
 *
 * Never here: reading the environment, asking questions, ending the process. Read next: resolve.ts.
 */
import {
  Argument,
  Command as Commander,
  type Command as CommanderCommand,
  CommanderError,
  Help,
  Option,
} from "commander";
import type { CommandRow, Example, Typed, Verb } from "./command.ts";
import { COMMANDS, OVERVIEW } from "./commands/table.ts";
import { EXIT_CODES, UsageError } from "./exit-codes.ts";
import { wrapped } from "./report/escape.ts";
import { SYSTEM_FOLDER, USER_CONFIG_SHOWN } from "./settings/base-directories.ts";
import { COMMAND_NAMES, type CommandKind, inspects, KINDS } from "./settings/command-names.ts";
import {
  helpOf,
  SETTING_NAMES,
  type SettingName,
  settingOf,
  settingsOn,
  shownFallback,
  variableOf,
} from "./settings/settings.ts";

/** Where the help goes, and how wide it may be. */
export interface HelpOutput {
  write(text: string): unknown;
  /** Cells of a line; 80 where nothing is known, as for a pipe. */
  readonly columns?: number | undefined;
}

/** A command that the help does not show. It asks for a role, and then becomes send or receive. */
const CLIENT = {
  about: "ask for host, port, and whether to send or to receive",
  examples: [["be asked", "filespool client"]],
} as const satisfies Pick<CommandRow, "about" | "examples">;

/** The row of a command; `client` has none in the table. */
const rowOf = (verb: Verb): Pick<CommandRow, "about" | "examples" | "operands"> & Partial<CommandRow> =>
  verb === "client" ? CLIENT : COMMANDS[verb];

/** Beginners and operators both read the list of commands; each finds their own heading. */
const HEADINGS = {
  server: "Commands:",
  client: "Commands:",
  operator: "Looking after a running server:",
  local: "On this machine, without a connection:",
} as const satisfies Record<CommandKind, string>;

/** Each purpose has its own line above the command, so both may be long and fit 80 columns. */
const examplesOf = (examples: readonly Example[]): string =>
  `\nExamples:\n${examples.map(([purpose, command]) => `  # ${purpose}\n  ${command}\n`).join("")}`;

/** The table of exit-codes.ts, in the place where authors of scripts look first. */
const EXIT_TABLE = `
Exit codes (man filespool says more):
${EXIT_CODES.map(({ code, short }) => `  ${String(code).padStart(3)}  ${short}\n`).join("")}`;

/** Which config file is read; also for the manual. */
export const CONFIG_RULE =
  "--config or FILESPOOL_CONFIG names the config file. If neither is given, filespool reads the first that exists of " +
  `${USER_CONFIG_SHOWN} and ${SYSTEM_FOLDER}/config.json, provided that only you and root can write to it. ` +
  "A config file in the working folder is read only if you name it.";

/** Said once, below the options. */
const SOURCES = [
  `You can also set each option by an environment variable (--buffer-size: ${variableOf("buffer-size")}) or in a config ` +
    'file ("buffer-size": "1MiB"). An option on the command line beats the variable; the variable beats the file.',
  CONFIG_RULE,
  "Write sizes as 1000, 64KiB, 1MiB or 10GB, and durations as 500ms, 30s, 5m or 7d.",
] as const;

/** Longer lines are hard to read, even on a wide screen. */
const PROSE_COLUMNS_MAX = 80;

const proseOf = (paragraphs: readonly string[], columns: number): string =>
  `\n${paragraphs.map((text) => wrapped(text, Math.min(columns, PROSE_COLUMNS_MAX), 0)).join("\n")}\n`;

/**
 * An option or a command with its sentence. On a screen too narrow for two columns, the library lets the terminal break
 * lines in the middle of words. There, this function puts the sentence below.
 */
function itemOf(this: Help, term: string, termCells: number, sentence: string, help: Help): string {
  const columns = help.helpWidth ?? 80;
  const isWide = columns - termCells - 4 >= help.minWidthToWrap;
  if (isWide || sentence === "") return Help.prototype.formatItem.call(this, term, termCells, sentence, help);
  return `  ${term}\n${wrapped(`      ${sentence}`, columns, 6)}`;
}

/**
 * Reads the words after the program's name.
 *
 * By default commander prints errors and ends the process. Here it does neither: an error must pass through the report
 * like any other, and become an object with `--json` and the exit code 2.
 *
 * @returns null when the words asked for help or the version, which is then written to `output`
 * @throws UsageError for words that it does not understand
 */
export function parseArguments(words: readonly string[], version: string, output: HelpOutput): Typed | null {
  let typed: Typed | null = null;
  const program = new Commander("filespool")
    .description("Send a file now, collect it later.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .addHelpText("after", examplesOf(OVERVIEW) + EXIT_TABLE);
  // Commands inherit these settings, so they come before the commands.
  program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      // The help that commander prints with an error would hide the sentence; the error itself arrives below.
      writeErr: () => {},
      getOutHelpWidth: () => output.columns ?? 80,
    })
    .configureHelp({ sortOptions: false, formatItem: itemOf });
  // The action only notes what was typed. All commands are added only where the list of all, or a guess at a mistyped
  // word, needs them.
  const verbs = [...COMMAND_NAMES, "client"] as const;
  const named = verbs.filter((verb) => verb === words[0]);
  for (const verb of named.length > 0 ? named : verbs) {
    const command = addCommand(program, verb, output.columns ?? 80);
    command.action(() => {
      const operands = command.args;
      typed = { verb, flags: flagsOf(command), operands, config: command.opts().config as string | undefined };
    });
  }
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version also end the parsing by such an error, with exit code 0.
    if (error.exitCode === 0) return null;
    // "help nope" gets the same error as "nope".
    if (error.code === "commander.help" && words[0] === "help") return parseArguments(words.slice(1), version, output);
    throw new UsageError(sentenceOf(error, words[0]));
  }
  return typed;
}

/**
 * The error of commander as one sentence. It ends with commander's guess where there is one, else with the command that
 * prints the help. "error: unknown option '--prot'\n(Did you mean --port?)" loses its beginning and its line end.
 */
function sentenceOf({ code, message }: CommanderError, verb = ""): string {
  const said = message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(
      /^command-argument value (.*) is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/,
      "$2 cannot be $1; it must be one of $3",
    )
    .replace(/^option (.*) argument missing$/, "option $1 needs a value")
    .replace(/^missing required argument '(.*)'$/, "<$1> is missing")
    .replace(/^too many arguments for .*$/, "too many words")
    .replace(/\. Expected .*$/, "");
  const isHelped = said.includes("Did you mean") || code === "commander.invalidArgument";
  const isKnown = (COMMAND_NAMES as readonly string[]).includes(verb);
  return isHelped ? said : `${said}; see filespool ${isKnown ? `${verb} ` : ""}--help`;
}

/** Writes the help of the whole program, for a run without words in which no question can be asked. */
export function overview(version: string, output: HelpOutput): void {
  parseArguments(["--help"], version, output);
}

/**
 * One command with the flags of its settings. `client` is hidden: it exists for `npm run client`, and a reader of the
 * help has better choices.
 */
function addCommand(program: CommanderCommand, verb: Verb, columns: number): CommanderCommand {
  const command = program.command(verb, { hidden: verb === "client" });
  const { about, examples, operands = [] } = rowOf(verb);
  command.description(`${about[0]?.toUpperCase()}${about.slice(1)}.`).summary(about);
  if (verb !== "client") command.helpGroup(HEADINGS[KINDS[verb]]);
  for (const { syntax, help, choices } of operands) {
    const argument = new Argument(syntax, help);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  const own = settingsOf(verb);
  // `config` accepts the flags of all commands. Its help shows only its own.
  const taken = verb !== "client" && inspects(verb) ? SETTING_NAMES : own;
  for (const name of taken.filter((name) => !settingOf(name).secret)) {
    // The default is part of the sentence and not of the option, for the reason given at `Typed`.
    const { argument } = settingOf(name);
    const help = verb === "client" ? settingOf(name).help : helpOf(name, verb);
    const fallback = shownFallback(name, verb === "client" ? undefined : verb);
    const flags = argument === null ? `--${name}` : `--${name} <${argument}>`;
    const option = new Option(flags, fallback === null ? help : `${help} (default: ${fallback})`);
    command.addOption(option.hideHelp(!own.includes(name)));
  }
  // Not in the table of settings: it names the file in which settings are.
  command.option("--config <file>", "config file (default: see below)").helpOption("-h, --help", "print this help");
  return command.addHelpText("after", proseOf(SOURCES, columns) + examplesOf(examples));
}

/** `client` accepts the settings of both roles, because the role is not known when the flags are read. */
function settingsOf(verb: Verb): SettingName[] {
  return verb === "client" ? [...new Set([...settingsOn("send"), ...settingsOn("receive")])] : settingsOn(verb);
}

/** The flags that were typed, by setting name. Of a flag that was typed twice, the last value counts. */
function flagsOf(command: CommanderCommand): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  for (const option of command.options) {
    const key = option.attributeName();
    if (option.long === "--config" || command.getOptionValueSource(key) !== "cli") continue;
    const value: unknown = command.getOptionValue(key);
    // commander reads "--no-input" as the opposite of "--input" and stores false; here it is a switch like any other.
    flags[(option.long as string).slice(2)] = typeof value === "string" ? value : true;
  }
  return flags;
}
