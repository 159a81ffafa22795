/**
 * Asks for settings that nobody has given: which questions, in which order, with which defaults.
 *
 * The original program asked for everything it needed, and that is still the quickest way to learn this one. But a question
 * that nobody can answer blocks a script forever. So questions come only if stdin and stdout are terminals, stdout is for
 * people, and `--yes` was not given. The rest is plain logic on a `Prompter`, which tests replace.
 *
 * The questions, with the default answers:
 *
 *   serve     Port to listen on? 5011     Host to listen on? localhost     Buffer size? 1MiB
 *   send      Host of the server, or an invite? localhost     Port of the server? 5011     Which file? (a list)
 *   receive   Host ...     Port ...     Folder to put the files in? .
 *   client    Host ...     Port ...     Queue? default     Buffer size? 1MiB     Sender or receiver?
 *             and then the other questions of that role
 *   (nothing) Serve, send or receive?     and then the questions of serve, or those of client
 *
 * An invite answers all questions about the server. Only the server knows whether it wants a token or encryption; that
 * question comes when the server says so (ask-when-refused.ts).
 *
 * Never here: drawing and keys (terminal-prompter.ts), and listing files (file-picker.ts). Which of several sources wins:
 * adr/0022.
 */
import { missingProtection } from "../../net/server/access.ts";
import { filledBy, isInvite, isInvited, problemOf } from "../credentials/client.ts";
import { exposureOf } from "../credentials/server.ts";
import { UsageError } from "../exit-codes.ts";
import type { Prompter } from "../prompter.ts";
import type { Command } from "../settings/command-names.ts";
import { isGiven, type Settings, withAnswer } from "../settings/origins.ts";
import { placeOf } from "../settings/place.ts";
import {
  type SettingName,
  settingOf,
  settingsOn,
  shownFallback,
  type Values,
  valueTypeOf,
} from "../settings/settings.ts";

/** The two streams that must be terminals for a question. */
export interface Situation {
  readonly stdin: { readonly isTTY?: boolean | undefined };
  readonly stdout: { readonly isTTY?: boolean | undefined };
}

/** True when questions may be asked at all. */
export function mayAsk({ stdin, stdout }: Situation, values: Values): boolean {
  // With --json stdout is for a program, and --quiet asks for silence; a question would break both.
  const isWelcome = !values.yes && !values["no-input"] && !values.json && !values.quiet;
  return isWelcome && stdout.isTTY === true && stdin.isTTY === true; // last, because reading stdin.isTTY opens stdin
}

/**
 * Asks for each setting of a command that has a question and no value yet.
 * @param isGuided whether the command itself was chosen at a question; then a client asks for more settings
 */
export async function askSettings(
  command: Command,
  settings: Settings,
  prompter: Prompter,
  isGuided = false,
): Promise<Settings> {
  const isClient = command !== "serve";
  let filled = settings;
  const names = settingsOn(command).filter((name) => questionOf(command, name, isGuided && isClient) !== undefined);
  // In the order of the table, except that the original server asked for the port before the host.
  if (!isClient) names.sort((a, b) => Number(b === "port") - Number(a === "port"));
  for (const name of names) {
    // One answer may answer several questions: an invite answers all about the server.
    if (isGiven(filled, name)) continue;
    if (isInvited(filled, "host") && settingOf(name).ask?.[command] === undefined) continue;
    filled =
      isClient && name === "host"
        ? await askPlace(command, filled, prompter)
        : await askSetting(command, name, filled, prompter);
  }
  return filled;
}

/** The question for a setting, if this command asks one. */
const questionOf = (command: Command, name: SettingName, isGuided: boolean): string | undefined =>
  settingOf(name).ask?.[command] ?? (isGuided ? settingOf(name).ask?.guided : undefined);

/** One question. The prompter repeats it until the answer is accepted. */
async function askSetting(
  command: Command,
  name: SettingName,
  settings: Settings,
  prompter: Prompter,
): Promise<Settings> {
  const { parse, accepts } = valueTypeOf(name, command);
  // The same parser and the same sentence as for a flag, so the ranges are the same.
  const check = (answer: string) => (parse(answer) === null ? `Please give ${accepts}.` : undefined);
  const answer = await prompter.text(questionOf(command, name, true) as string, shownFallback(name) as string, check);
  return withAnswer(settings, name, parse(answer) as Values[SettingName]);
}

/** Asks for the address of the server: a host, host:port as a server prints it, or an invite. */
async function askPlace(command: Command, settings: Settings, prompter: Prompter): Promise<Settings> {
  const [host, port] = [valueTypeOf("host", command), valueTypeOf("port", command)];
  const check = (answer: string) => {
    if (isInvite(answer)) return problemOf(answer, "an invite");
    const parts = placeOf(answer);
    if (parts === null || host.parse(parts.host) === null) return `Please give ${host.accepts}, or an invite.`;
    return parts.port !== undefined && port.parse(parts.port) === null
      ? `The port must be ${port.accepts}.`
      : undefined;
  };
  const answer = await prompter.text(
    settingOf("host").ask?.[command] as string,
    shownFallback("host") as string,
    check,
  );
  if (isInvite(answer)) return filledBy(answer, settings, "answer");
  const parts = placeOf(answer) ?? { host: answer, port: undefined };
  const filled = withAnswer(settings, "host", parts.host);
  if (parts.port === undefined || isGiven(settings, "port")) return filled;
  return withAnswer(filled, "port", port.parse(parts.port) as number);
}

/** The first question of `filespool` without words: which of the three main commands. */
export function askCommand(prompter: Prompter): Promise<"serve" | "send" | "receive"> {
  return prompter.choose("Serve, send or receive?", [
    { value: "serve", label: "serve", hint: "keep files on this machine until they are collected" },
    { value: "send", label: "send", hint: "send a file to a queue" },
    { value: "receive", label: "receive", hint: "collect the files that wait in a queue" },
  ]);
}

/**
 * The question of the original client, after host and port. It says "sender or receiver" because the original did.
 */
export function askRole(prompter: Prompter): Promise<"send" | "receive"> {
  return prompter.choose("Sender or receiver?", [
    { value: "send", label: "sender", hint: "send a file to a queue" },
    { value: "receive", label: "receiver", hint: "collect the files that wait in a queue" },
  ]);
}

/**
 * Lets a server listen on addresses that other machines can reach only if it is protected, or if a person accepts the risk:
 * anybody who reaches an unprotected port can take every file that waits there.
 * @param prompter null when no question can be asked
 * @throws UsageError when it is not allowed
 */
export async function allowHost(settings: Settings, prompter: Prompter | null): Promise<Settings> {
  const missing = missingProtection(exposureOf(settings.values));
  if (missing === null) return settings;
  const { host } = settings.values;
  const risk = `Without ${missing}, anybody who can reach ${host} can send files, and read or take the files of others.`;
  if (prompter !== null && (await prompter.confirm(`${risk} Listen there anyway?`))) {
    return withAnswer(settings, "insecure", true);
  }
  throw new UsageError(
    `${settings.origins.host.label} is ${host}, which other machines may reach, but this server has no ${missing}: ` +
      "add --tls and --tokens, add --insecure to accept that, or listen on localhost",
  );
}

/**
 * The command that does the same without a question, for a person who wants to repeat it.
 * @param operands the words that are no flags, such as the paths of `send`
 */
export function sameWithoutQuestions(command: Command, settings: Settings, operands: readonly string[]): string {
  const words = ["filespool", command, "--yes"];
  const isAnswer = (name: SettingName) => settings.origins[name].kind === "answer";
  for (const name of settingsOn(command)) {
    const { show, argument, fallback, secret } = settingOf(name);
    const { kind } = settings.origins[name];
    const value = settings.values[name];
    // Variables and config files will hold the same values again, and --yes covers the defaults.
    if ((kind !== "flag" && kind !== "answer") || value === fallback) continue;
    // --yes is there already. A secret is never shown, and --ask-token asks a question.
    if (name === "yes" || secret || name === "ask-token" || isInvited(settings, name)) continue;
    words.push(`--${name}`, ...(argument === null ? [] : [show(value)]));
  }
  if (isAnswer("host") && isInvited(settings, "host")) words.push("--invite-file", "FILE");
  else if (isAnswer("token")) words.push("--token-file", "FILE");
  return [...words, ...operands].map(forShell).join(" ");
}

/** A word for a POSIX shell: in single quotes if it needs them. */
const forShell = (word: string): string => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
