/**
 * The manual page, made from the tables of commands, settings and exit codes. `npm run generate` writes it to
 * man/filespool.1.
 *
 * It holds all of the help in one piece, and sentences for which the help has no room. Nothing from a table is written a
 * second time here, so a new setting appears by itself, and defaults are always right.
 *
 * What a row of the tables becomes, in the language of man(7):
 *
 *   .TP                                        a hanging paragraph
 *   \\fB\\-\\-lease\\fR \\fIduration\\fR             the flag in bold, what it takes in italics
 *   How long a receiver may hold a file ...    the sentence of the help, with a capital and a full stop
 *   (default: 1m)
 *
 * Never here: installing it. npm links the file that package.json names as "man" when the package is installed globally.
 */
import { CONFIG_RULE } from "../arguments.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { COMMAND_NAMES, type Command } from "../settings/command-names.ts";
import { helpOf, type SettingName, settingOf, settingsOn, shownFallback, variableOf } from "../settings/settings.ts";
import { COMMANDS, OVERVIEW } from "./table.ts";

/** Escapes text: a line that begins with a dot or a quote is a command to the formatter, and a bare dash is a hyphen. */
const safe = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&");
/** Allows a line break after each slash, because a long path may not fit on a narrow screen. */
const breakable = (text: string): string => text.replaceAll("/", "/\\:");
const bold = (text: string): string => `\\fB${safe(text)}\\fR`;
const italic = (text: string): string => `\\fI${safe(text)}\\fR`;
/** The word in "fsync: a file is ..." is typed like that, so it gets no capital. */
const sentence = (text: string): string => `${/^\w+:/.test(text) ? text[0] : text[0]?.toUpperCase()}${text.slice(1)}.`;

/** Lines of at most 80 bytes, for formatters and for readable diffs. The formatter joins them again. */
const folded = (page: string): string =>
  page
    .split("\n")
    .map((line) => (line.startsWith(".") ? line : line.replaceAll(/(.{1,78})(?: +|$)/g, "$1\n").trimEnd()))
    .join("\n");

/** A setting with its default. The variable has the same name in other letters, so it is left out. */
function setting(name: SettingName, command: Command = COMMAND_NAMES[0]): string {
  const { argument } = settingOf(name);
  const [help, fallback] = [helpOf(name, command), shownFallback(name, command)];
  const value = argument === null ? "" : ` ${italic(argument)}`;
  return `.TP\n${bold(`--${name}`)}${value}\n${safe(sentence(help))}${fallback === null ? "" : `\n(default: ${safe(fallback)})`}`;
}

/**
 * The purpose, then the command on an unfilled line of its own: nobody can copy a command that is broken in two.
 */
const examples = (rows: readonly (readonly [purpose: string, command: string])[]): string =>
  rows
    .map(([purpose, command]) => `${safe(sentence(purpose))}\n.PP\n.RS 4\n.nf\n${safe(command)}\n.fi\n.RE`)
    .join("\n.PP\n");

/** @param version as in package.json */
export function manualPage(version: string): string {
  // The settings that all commands have are listed once, not with each command.
  const shared = settingsOn(COMMAND_NAMES[0]).filter((name) =>
    COMMAND_NAMES.every((c) => settingsOn(c).includes(name)),
  );
  const commands = COMMAND_NAMES.map((name) => {
    const { about, operands = [], examples: rows } = COMMANDS[name];
    const own = settingsOn(name).filter((setting) => !shared.includes(setting));
    const words = operands.map(({ syntax }) => ` ${safe(syntax)}`).join("");
    const notes = operands.map(({ syntax, help, choices = [] }) => {
      // Where the help does not list the choices, the manual does.
      const words = help.includes(choices[0] ?? "") ? "" : `: ${choices.join(", ")}`;
      return `.TP\n${safe(syntax)}\n${safe(sentence(help + words))}`;
    });
    return [
      `.SS ${bold(`filespool ${name}`)} [options]${words}`,
      safe(sentence(about)),
      ...notes,
      ...own.map((each) => setting(each, name)),
      `.PP\n${examples(rows)}`,
    ].join("\n");
  });
  // The order of the sections is that of man-pages(7).
  return folded(`.\\" Made by npm run generate from the tables in src/cli; not to be edited.
.TH FILESPOOL 1 "" "filespool ${version}" "User Commands"
.SH NAME
filespool \\- send a file now, collect it later
.SH SYNOPSIS
${COMMAND_NAMES.map((name) => `${bold("filespool")} ${bold(name)} [options]${(COMMANDS[name].operands ?? []).map(({ syntax }) => ` ${safe(syntax)}`).join("")}`).join("\n.br\n")}
.SH DESCRIPTION
A server keeps files in named queues on disk. Senders put files in, and receivers take them out, now or days later.
A sender or receiver that was killed, at any byte, continues where it stopped when you run the same command again. A file
that was reported stored is not lost.
.PP
Without a command, on a terminal,
${bold("filespool")}
asks what to do.
.SH COMMANDS
${commands.join("\n")}
.SH OPTIONS OF ALL COMMANDS
${shared.map((name) => setting(name)).join("\n")}
.TP
${bold("--config")} ${italic("file")}
${breakable(safe(CONFIG_RULE))}
.TP
${bold("--help")}, ${bold("--version")}
Print the help of a command; print the version.
.SH SETTINGS
You can also set each option by an environment variable
(${bold("--buffer-size")}: ${bold(variableOf("buffer-size"))})
or in the config file (${safe('"buffer-size": "1MiB"')}).
The first of these that holds the setting wins: the command line, the variable, the config file, an answer at a prompt, the
default.
.PP
Write sizes as 1000, 64KiB, 1MiB or 10GB, and durations as 500ms, 30s, 5m or 7d.
.SH PROGRAMS
With ${bold("--json")}, filespool prints each event as one JSON object on a line of its own on standard output. The last
event is ${safe('"done"')} or ${safe('"error"')}. The file filespool\\-events.schema.json in the package describes the fields of
each event.
.SH EXIT STATUS
${EXIT_CODES.map(({ code, sentence }) => `.TP\n${bold(String(code))}\n${safe(sentence)}`).join("\n")}
.SH ENVIRONMENT
.TP
${bold("NO_COLOR")}, ${bold("FORCE_COLOR")}
Switch colours off; switch colours on although the output is not a terminal.
.TP
${bold("FILESPOOL_DEBUG")}
Print the stack trace of an error.
.SH EXAMPLES
${examples(OVERVIEW)}
`);
}
