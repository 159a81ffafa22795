/**
 * Asking for what nobody has said yet: which questions, in which order, with which defaults.
 *
 * The program that this one descends from asked for everything it needed, and that is still the quickest way
 * to learn it. But a question that nobody can answer hangs a script for ever, so there is one gate: both
 * ends must be terminals, stdout must be for people, and nobody said `--yes`. Everything else is plain
 * logic on an `Asker`, which tests play by themselves.
 *
 * What the questions are, and what they offer:
 *
 *   serve     Port to listen on? 5011     Host to listen on? localhost     Buffer size? 256KiB
 *   send      Host of the server? localhost     Port of the server? 5011     Which file? (a list)
 *   receive   Host of the server? localhost     Port of the server? 5011     Folder to put the files in? .
 *   client    Host ...     Port ...     Sender or receiver?     and then what that one still needs
 *   (nothing) Serve, send or receive?     and then its questions
 *
 * Never here: drawing and keys (terminal.ts), and listing files (picker.ts). Which of several sources wins:
 * adr/0022.
 */

import { missingProtection } from "../net/access.ts";
import type { Command } from "./commands.ts";
import { isGiven, type Settings, withAnswer } from "./config.ts";
import { UsageError } from "./exit.ts";
import { type KnobName, knobOf, knobsOn, shapeOf, shownFallback, type Values } from "./knobs.ts";
import { exposureOf } from "./protection.ts";

/** One of several answers. */
export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
  readonly hint: string;
}

/** Somebody who answers questions. Each of them throws FilespoolError "interrupted" when told to stop asking. */
export interface Asker {
  /** A line of text; Enter alone gives `fallback`. `check` says what is wrong with an answer, or nothing. */
  text(message: string, fallback: string, check: (answer: string) => string | undefined): Promise<string>;
  /** One of a few; Enter alone takes the first. */
  choose<T extends string>(message: string, choices: readonly Choice<T>[]): Promise<T>;
  /** Yes or no; Enter alone is no. */
  confirm(message: string): Promise<boolean>;
  /** A word that must not be seen while it is typed. */
  secret(message: string): Promise<string>;
  /** The path of an existing file, picked from a list that starts in the working folder. */
  file(message: string): Promise<string>;
}

/** What decides whether anybody can be asked: both ends, since a question needs eyes as well as hands. */
export interface Situation {
  readonly stdin: { readonly isTTY?: boolean | undefined };
  readonly stdout: { readonly isTTY?: boolean | undefined };
}

/** True when questions may be asked at all. */
export function mayAsk({ stdin, stdout }: Situation, values: Values): boolean {
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  // With --json, stdout belongs to a program, and --quiet asks for silence; a question breaks both.
  return isTerminal && !values.yes && !values["no-input"] && !values.json && !values.quiet;
}

/** Asks for each setting of a command that has a question and that nobody has set. */
export async function askSettings(command: Command, settings: Settings, asker: Asker): Promise<Settings> {
  // What is answered does not change what is asked: whether a setting was given is looked up in the original.
  let filled = settings;
  const names = knobsOn(command).filter((name) => knobOf(name).ask?.[command] !== undefined);
  // In the order of the table, except that the original's server asked for the port before the host.
  if (command === "serve") names.sort((a, b) => Number(b === "port") - Number(a === "port"));
  for (const name of names) {
    if (!isGiven(settings, name)) filled = await askSetting(command, name, filled, asker);
  }
  return filled;
}

/** One question. The asker repeats it until the answer is accepted. */
async function askSetting(command: Command, name: KnobName, settings: Settings, asker: Asker): Promise<Settings> {
  const { parse, accepts } = shapeOf(name, command);
  // The same parser and the same sentence as for a flag: a range cannot be one thing here and another there.
  const check = (answer: string) => (parse(answer) === null ? `Please give ${accepts}.` : undefined);
  const answer = await asker.text(knobOf(name).ask?.[command] as string, shownFallback(name) as string, check);
  return withAnswer(settings, name, parse(answer) as Values[KnobName]);
}

/** The first question of a bare `filespool`: which of the three programs. Who operates a server types the command. */
export function askCommand(asker: Asker): Promise<"serve" | "send" | "receive"> {
  return asker.choose("Serve, send or receive?", [
    { value: "serve", label: "serve", hint: "keep files on this machine until they are collected" },
    { value: "send", label: "send", hint: "put a file into a queue" },
    { value: "receive", label: "receive", hint: "collect what is waiting in a queue" },
  ]);
}

/**
 * The question of the original's client, after host and port. It says "sender or receiver" where a command says
 * "send or receive", because that is what the original asked for.
 */
export function askRole(asker: Asker): Promise<"send" | "receive"> {
  return asker.choose("Sender or receiver?", [
    { value: "send", label: "sender", hint: "put a file into a queue" },
    { value: "receive", label: "receiver", hint: "collect what is waiting in a queue" },
  ]);
}

/**
 * Lets a server listen beyond this machine only if it is protected, or if somebody said in as many words that it need not
 * be: else whoever reaches the port may take every file that waits there.
 * @param asker null when nobody can be asked
 * @throws UsageError when it was not allowed
 */
export async function allowHost(settings: Settings, asker: Asker | null): Promise<Settings> {
  const missing = missingProtection(exposureOf(settings.values));
  if (missing === null) return settings;
  const { host } = settings.values;
  const risk = `Without ${missing}, everybody who can reach ${host} could send files, or take or read those of others.`;
  if (asker !== null && (await asker.confirm(`${risk} Listen there all the same?`))) {
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
  for (const name of knobsOn(command)) {
    const { show, argument, fallback } = knobOf(name);
    const { kind } = settings.origins[name];
    const value = settings.values[name];
    // What a variable or a file says will be said by it again, and --yes stands for the defaults.
    if ((kind !== "flag" && kind !== "answer") || value === fallback) continue;
    words.push(`--${name}`, ...(argument === null ? [] : [show(value)]));
  }
  return [...words, ...operands].map(forShell).join(" ");
}

/** A word as a POSIX shell takes it back: in single quotes unless it is harmless. */
const forShell = (word: string): string => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
