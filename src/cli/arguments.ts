/**
 * The command line as it was typed: which command, which flags, which other words.
 *
 * commander splits the words, writes the help and guesses what a mistyped word was meant to be. It is not
 * asked what a value means: flags stay text here, and resolve.ts reads them together with the other sources.
 * So its own defaults, parsers and variables stay unused, and the tables (commands/table.ts, settings.ts) remain the only ones.
 *
 *   filespool send --port 7000 --again a.txt b.txt
 *
 *   { verb: "send", flags: { port: "7000", again: true }, operands: ["a.txt", "b.txt"], config: undefined }
 *
 * Any other library that splits words could take its place without the rest noticing.
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

/** What is hidden in the help and does not run by itself: it becomes one of its two roles. */
const CLIENT = {
  about: "ask for host, port, and whether to send or to receive",
  examples: [["be asked", "filespool client"]],
} as const satisfies Pick<CommandRow, "about" | "examples">;

/** A row of the table, or what stands for one. */
const rowOf = (verb: Verb): Pick<CommandRow, "about" | "examples" | "operands"> & Partial<CommandRow> =>
  verb === "client" ? CLIENT : COMMANDS[verb];

/** The list of commands is read by who has just begun, and by who looks after a server; each finds a heading. */
const HEADINGS = {
  server: "Commands:",
  client: "Commands:",
  operator: "Looking after a running server:",
  local: "On this machine:",
} as const satisfies Record<CommandKind, string>;

/** Purpose above command, so that both may be long and still fit 80 columns. */
const examplesOf = (examples: readonly Example[]): string =>
  `\nExamples:\n${examples.map(([purpose, command]) => `  # ${purpose}\n  ${command}\n`).join("")}`;

/** The promise of exit-codes.ts, where whoever writes a script looks first. */
const EXIT_TABLE = `
Exit codes (man filespool says more):
${EXIT_CODES.map(({ code, short }) => `  ${String(code).padStart(3)}  ${short}\n`).join("")}`;

/** Which file that is; also for the manual. */
export const CONFIG_RULE =
  "The config file is the one that --config or FILESPOOL_CONFIG names; else the first of " +
  `${USER_CONFIG_SHOWN} and ${SYSTEM_FOLDER}/config.json that is there, if nobody but you and root can write it. ` +
  "None in the working folder is read unless it is named.";

/** Said once, so that the list of options can stay short. */
const SOURCES = [
  `Every option is also a variable (--buffer-size: ${variableOf("buffer-size")}) and a key in a config file ` +
    '("buffer-size": "1MiB"). A flag beats a variable, which beats the file.',
  CONFIG_RULE,
  "Sizes: 1000, 64KiB, 1MiB, 10GB. Durations: 500ms, 30s, 5m, 7d.",
] as const;

/** Lines that are longer than this are hard to read, however wide the screen is. */
const PROSE_COLUMNS_MAX = 80;

const proseOf = (paragraphs: readonly string[], columns: number): string =>
  `\n${paragraphs.map((text) => wrapped(text, Math.min(columns, PROSE_COLUMNS_MAX), 0)).join("\n")}\n`;

/**
 * An option or a command with its sentence. Where there is no room for two columns, the library would leave it to the
 * terminal to break the lines, in the middle of words; there, the sentence stands below.
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
 * commander would print errors and end the process by itself. Both are taken from it: an error has to pass
 * through the report like any other, to become an object with `--json` and the exit code 2.
 *
 * @returns null when the words asked for help or the version, which has been written to `output`
 * @throws UsageError for anything that cannot be understood
 */
export function parseArguments(words: readonly string[], version: string, output: HelpOutput): Typed | null {
  let typed: Typed | null = null;
  const program = new Commander("filespool")
    .description("Send a file now, collect it later.")
    .version(version, "-V, --version")
    .addHelpText("after", examplesOf(OVERVIEW) + EXIT_TABLE);
  // These are inherited by the commands, so they come before them.
  program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      // The help that commander adds to an error would hide the sentence; the error itself arrives below.
      writeErr: () => {},
      getOutHelpWidth: () => output.columns ?? 80,
    })
    .configureHelp({ sortOptions: false, formatItem: itemOf });
  // The action only takes notes: what to do with them is decided when everything is read.
  // The others are needed by the list of all, and for a guess at what was meant.
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
    // Help and version end the parsing as well, by an "error" that is none.
    if (error.exitCode === 0) return null;
    // "help nope": what is wrong with that word is said as for the word by itself.
    if (error.code === "commander.help" && words[0] === "help") return parseArguments(words.slice(1), version, output);
    throw new UsageError(sentenceOf(error, words[0]));
  }
  return typed;
}

/**
 * What commander found wrong, as one sentence that ends with something to type: its own guess where it has one, else the
 * way to the help. "error: unknown option '--prot'\n(Did you mean --port?)" loses its head and its line end.
 */
function sentenceOf({ code, message }: CommanderError, verb = ""): string {
  const said = message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(
      /^command-argument value (.*) is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/,
      "$2 cannot be $1: it is one of $3",
    )
    .replace(/^option (.*) argument missing$/, "option $1 needs a value")
    .replace(/\. Expected .*$/, "");
  const isHelped = said.includes("Did you mean") || code === "commander.invalidArgument";
  const isKnown = (COMMAND_NAMES as readonly string[]).includes(verb);
  return isHelped ? said : `${said}; see filespool ${isKnown ? `${verb} ` : ""}--help`;
}

/** The help of the whole program, on a stream of choice, for those who typed nothing where nobody can be asked. */
export function overview(version: string, output: HelpOutput): void {
  parseArguments(["--help"], version, output);
}

/**
 * One command with the flags of its settings. `client` is hidden: it is there for `npm run client`, and who
 * reads the help has a choice of better words.
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
  // Whoever looks at settings takes the flags of all commands, which would drown its own in the help.
  const taken = verb !== "client" && inspects(verb) ? SETTING_NAMES : own;
  for (const name of taken.filter((name) => !settingOf(name).secret)) {
    // The default is part of the sentence and not of the option, for the reason given at `Typed`.
    const { argument, help } = settingOf(name);
    const fallback = shownFallback(name);
    const flags = argument === null ? `--${name}` : `--${name} <${argument}>`;
    const option = new Option(flags, fallback === null ? help : `${help} (default: ${fallback})`);
    command.addOption(option.hideHelp(!own.includes(name)));
  }
  // Not in the table: its value says where the table's values are.
  command.option("--config <file>", "config file (default: your own, else the machine's; see below)");
  return command.addHelpText("after", proseOf(SOURCES, columns) + examplesOf(examples));
}

/** `client` takes what either of its two roles takes, since the role is not known when the flags are read. */
function settingsOf(verb: Verb): SettingName[] {
  return verb === "client" ? [...new Set([...settingsOn("send"), ...settingsOn("receive")])] : settingsOn(verb);
}

/** The flags that were typed, by setting name. A flag that is typed twice has its last value, as usual. */
function flagsOf(command: CommanderCommand): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  for (const option of command.options) {
    const key = option.attributeName();
    if (option.long === "--config" || command.getOptionValueSource(key) !== "cli") continue;
    const value: unknown = command.getOptionValue(key);
    // commander takes "--no-input" for the opposite of "--input" and stores false; here it is a switch like others.
    flags[(option.long as string).slice(2)] = typeof value === "string" ? value : true;
  }
  return flags;
}
