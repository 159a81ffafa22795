/**
 * The manual page, made of the tables: commands, settings, exit codes. `npm run generate` writes it to man/filespool.1.
 *
 * It is the help in one piece, with the sentences that a help has no room for. What is in a table is never written a
 * second time here, so that a setting that is added appears, and a default that changes is right.
 *
 * What a row of the tables becomes, in the language of man(7):
 *
 *   .TP                                        a hanging paragraph
 *   \\fB\\-\\-lease\\fR \\fIduration\\fR             the flag in bold, what it takes in italics
 *   A receiver that shows no progress ...      the sentence of the help, with a capital and a full stop
 *   (default: 30s)
 *
 * Never here: installing it. npm links what package.json names as "man" when the package is installed globally.
 */
import { CONFIG_RULE } from "../arguments.ts";
import { EXIT_CODES } from "../exit-codes.ts";
import { COMMAND_NAMES } from "../settings/command-names.ts";
import { type SettingName, settingOf, settingsOn, shownFallback, variableOf } from "../settings/settings.ts";
import { COMMANDS, OVERVIEW } from "./table.ts";

/** A line that begins with a dot or a quote is a request to the formatter; a dash is a hyphen unless it is said not to be. */
const safe = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&");
/** Long paths may be broken behind a slash, or a narrow screen could not take them. */
const breakable = (text: string): string => text.replaceAll("/", "/\\:");
const bold = (text: string): string => `\\fB${safe(text)}\\fR`;
const italic = (text: string): string => `\\fI${safe(text)}\\fR`;
/** "fsync: survives ..." explains a word, which stays as it is typed. */
const sentence = (text: string): string => `${/^\w+:/.test(text) ? text[0] : text[0]?.toUpperCase()}${text.slice(1)}.`;

/** Lines of at most 80 bytes, as formatters and people who look at differences like them; filling joins them again. */
const folded = (page: string): string =>
  page
    .split("\n")
    .map((line) => (line.startsWith(".") ? line : line.replaceAll(/(.{1,78})(?: +|$)/g, "$1\n").trimEnd()))
    .join("\n");

/** A setting with its default and, because that is the same name in other letters, no variable. */
function setting(name: SettingName): string {
  const { argument, help } = settingOf(name);
  const fallback = shownFallback(name);
  const value = argument === null ? "" : ` ${italic(argument)}`;
  return `.TP\n${bold(`--${name}`)}${value}\n${safe(sentence(help))}${fallback === null ? "" : `\n(default: ${safe(fallback)})`}`;
}

/**
 * What it is for, then the command as it is typed, set apart and not filled: a line that is broken cannot be copied.
 */
const examples = (rows: readonly (readonly [purpose: string, command: string])[]): string =>
  rows
    .map(([purpose, command]) => `${safe(sentence(purpose))}\n.PP\n.RS 4\n.nf\n${safe(command)}\n.fi\n.RE`)
    .join("\n.PP\n");

/** @param version as in package.json */
export function manualPage(version: string): string {
  // What all commands have is said once, and not at each of them.
  const shared = settingsOn(COMMAND_NAMES[0]).filter((name) =>
    COMMAND_NAMES.every((c) => settingsOn(c).includes(name)),
  );
  const commands = COMMAND_NAMES.map((name) => {
    const { about, operands = [], examples: rows } = COMMANDS[name];
    const own = settingsOn(name).filter((setting) => !shared.includes(setting));
    const words = operands.map(({ syntax }) => ` ${safe(syntax)}`).join("");
    const notes = operands.map(({ syntax, help }) => `.TP\n${safe(syntax)}\n${safe(sentence(help))}`);
    return [
      `.SS ${bold(`filespool ${name}`)} [options]${words}`,
      safe(sentence(about)),
      ...notes,
      ...own.map(setting),
      `.PP\n${examples(rows)}`,
    ].join("\n");
  });
  // The order of the parts is that of man-pages(7), by which people who read many of them find things.
  return folded(`.\\" Made by npm run generate from the tables in src/cli; not to be edited.
.TH FILESPOOL 1 "" "filespool ${version}" "User Commands"
.SH NAME
filespool \\- send a file now, collect it later
.SH SYNOPSIS
${COMMAND_NAMES.map((name) => `${bold("filespool")} ${bold(name)} [options]${(COMMANDS[name].operands ?? []).map(({ syntax }) => ` ${safe(syntax)}`).join("")}`).join("\n.br\n")}
.SH DESCRIPTION
A server keeps files in named queues on disk. Senders put files in, receivers take them out, and nobody has to be there at the
same time. Whoever is killed, at any byte, continues by the same command, and what was reported stored is not lost.
.PP
Without a command, on a terminal,
${bold("filespool")}
asks what to do.
.SH COMMANDS
${commands.join("\n")}
.SH OPTIONS OF ALL COMMANDS
${shared.map(setting).join("\n")}
.TP
${bold("--config")} ${italic("file")}
${breakable(safe(CONFIG_RULE))}
.TP
${bold("--help")}, ${bold("--version")}
What a command takes; which version this is.
.SH SETTINGS
Every option is also a variable
(${bold("--buffer-size")}: ${bold(variableOf("buffer-size"))})
and a key of the config file (${safe('"buffer-size": "1MiB"')}).
A flag beats a variable, which beats the file, which beats an answer at a prompt, which beats the default.
.PP
Sizes: 1000, 64KiB, 1MiB, 10GB. Durations: 500ms, 30s, 5m, 7d.
.SH PROGRAMS
With ${bold("--json")}, each event is one JSON object on a line of its own on standard output; the last is
${safe('"done"')} or ${safe('"error"')}. The fields of each are described in filespool\\-events.schema.json, which comes with the package.
.SH EXIT STATUS
${EXIT_CODES.map(({ code, sentence }) => `.TP\n${bold(String(code))}\n${safe(sentence)}`).join("\n")}
.SH ENVIRONMENT
.TP
${bold("NO_COLOR")}, ${bold("FORCE_COLOR")}
Switch colours off, or on where there is no terminal.
.TP
${bold("FILESPOOL_DEBUG")}
Prints the stack trace of an error.
.SH EXAMPLES
${examples(OVERVIEW)}
`);
}
