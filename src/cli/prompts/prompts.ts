/**
 * Asking for what nobody has said yet: which questions, in which order, with which defaults.
 *
 * The program that this one descends from asked for everything it needed, and that is still the quickest way
 * to learn it. But a question that nobody can answer hangs a script for ever, so there is one gate: both
 * ends must be terminals, stdout must be for people, and nobody said `--yes`. Everything else is plain
 * logic on an `Prompter`, which tests play by themselves.
 *
 * What the questions are, and what they offer:
 *
 *   serve     Port to listen on? 5011     Host to listen on? localhost     Buffer size? 1MiB
 *   send      Host of the server, or an invite? localhost     Port of the server? 5011     Which file? (a list)
 *   receive   Host ...     Port ...     Folder to put the files in? .
 *   client    Host ...     Port ...     Queue? default     Buffer size? 1MiB     Sender or receiver?
 *             and then what that one still needs
 *   (nothing) Serve, send or receive?     and then the questions of serve, or those of client
 *
 * An invite answers all that is asked about the server. Whether it wants a token or encryption, only the server knows:
 * that is asked when it says so (ask-when-refused.ts).
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

/** What decides whether anybody can be asked: both ends, since a question needs eyes as well as hands. */
export interface Situation {
  readonly stdin: { readonly isTTY?: boolean | undefined };
  readonly stdout: { readonly isTTY?: boolean | undefined };
}

/** True when questions may be asked at all. */
export function mayAsk({ stdin, stdout }: Situation, values: Values): boolean {
  // With --json, stdout belongs to a program, and --quiet asks for silence; a question breaks both.
  const isWelcome = !values.yes && !values["no-input"] && !values.json && !values.quiet;
  return isWelcome && stdout.isTTY === true && stdin.isTTY === true; // last, since to look at stdin opens it
}

/**
 * Asks for each setting of a command that has a question and that nobody has set.
 * @param isGuided whether the command itself was asked for: who has typed less than a command is told of more
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
  // In the order of the table, except that the original's server asked for the port before the host.
  if (!isClient) names.sort((a, b) => Number(b === "port") - Number(a === "port"));
  for (const name of names) {
    // An answer may answer more than one question. Who was invited is asked nothing more about the server.
    if (isGiven(filled, name)) continue;
    if (isInvited(filled, "host") && settingOf(name).ask?.[command] === undefined) continue;
    filled =
      isClient && name === "host"
        ? await askPlace(command, filled, prompter)
        : await askSetting(command, name, filled, prompter);
  }
  return filled;
}

/** The question for a setting, if this command puts one. */
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
  // The same parser and the same sentence as for a flag: a range cannot be one thing here and another there.
  const check = (answer: string) => (parse(answer) === null ? `Please give ${accepts}.` : undefined);
  const answer = await prompter.text(questionOf(command, name, true) as string, shownFallback(name) as string, check);
  return withAnswer(settings, name, parse(answer) as Values[SettingName]);
}

/** Where the server is: a host, host:port as a server prints it, or an invite. */
async function askPlace(command: Command, settings: Settings, prompter: Prompter): Promise<Settings> {
  const [host, port] = [valueTypeOf("host", command), valueTypeOf("port", command)];
  const check = (answer: string) => {
    if (isInvite(answer)) return problemOf(answer, "an invite");
    const parts = placeOf(answer);
    if (parts === null || host.parse(parts.host) === null) return `Please give ${host.accepts}, or an invite.`;
    return parts.port !== undefined && port.parse(parts.port) === null ? `Its port is ${port.accepts}.` : undefined;
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

/** The first question of a bare `filespool`: which of the three programs. Who operates a server types the command. */
export function askCommand(prompter: Prompter): Promise<"serve" | "send" | "receive"> {
  return prompter.choose("Serve, send or receive?", [
    { value: "serve", label: "serve", hint: "keep files on this machine until they are collected" },
    { value: "send", label: "send", hint: "put a file into a queue" },
    { value: "receive", label: "receive", hint: "collect what is waiting in a queue" },
  ]);
}

/**
 * The question of the original's client, after host and port. It says "sender or receiver" where a command says
 * "send or receive", because that is what the original asked for.
 */
export function askRole(prompter: Prompter): Promise<"send" | "receive"> {
  return prompter.choose("Sender or receiver?", [
    { value: "send", label: "sender", hint: "put a file into a queue" },
    { value: "receive", label: "receiver", hint: "collect what is waiting in a queue" },
  ]);
}

/**
 * Lets a server listen beyond this machine only if it is protected, or if somebody said in as many words that it need not
 * be: else whoever reaches the port may take every file that waits there.
 * @param prompter null when nobody can be asked
 * @throws UsageError when it was not allowed
 */
export async function allowHost(settings: Settings, prompter: Prompter | null): Promise<Settings> {
  const missing = missingProtection(exposureOf(settings.values));
  if (missing === null) return settings;
  const { host } = settings.values;
  const risk = `Without ${missing}, everybody who can reach ${host} could send files, or take or read those of others.`;
  if (prompter !== null && (await prompter.confirm(`${risk} Listen there all the same?`))) {
    return withAnswer(settings, "insecure", true);
  }
  throw new UsageError(
    `${settings.origins.host.label} says ${host}, which other machines may reach, and this server has no ${missing}: ` +
      "add --tls and --tokens, or --insecure if you mean it, or listen on localhost",
  );
}

/**
 * The command that does the same without a question, for a person who will want to repeat it.
 * @param operands the words that are no flags, such as the paths of `send`
 */
export function sameWithoutQuestions(command: Command, settings: Settings, operands: readonly string[]): string {
  const words = ["filespool", command, "--yes"];
  const isAnswer = (name: SettingName) => settings.origins[name].kind === "answer";
  for (const name of settingsOn(command)) {
    const { show, argument, fallback, secret } = settingOf(name);
    const { kind } = settings.origins[name];
    const value = settings.values[name];
    // What a variable or a file says will be said by it again, and --yes stands for the defaults.
    if ((kind !== "flag" && kind !== "answer") || value === fallback) continue;
    // A secret is never shown, and what asks for one is a question.
    if (secret || name === "ask-token" || isInvited(settings, name)) continue;
    words.push(`--${name}`, ...(argument === null ? [] : [show(value)]));
  }
  if (isAnswer("host") && isInvited(settings, "host")) words.push("--invite-file", "FILE");
  else if (isAnswer("token")) words.push("--token-file", "FILE");
  return [...words, ...operands].map(forShell).join(" ");
}

/** A word as a POSIX shell takes it back: in single quotes unless it is harmless. */
const forShell = (word: string): string => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
