/**
 * `filespool config check`, `show` and `init`: what is wrong with a config file, what holds, and a file to begin with.
 *
 * A server that is started with a wrong file stops at the first mistake, because it has to stop anyway. Whoever writes the
 * file wants to hear of all of them at once, and before it is put into force. Both look at the same table and use the same
 * parsers, so what is found right here is right there.
 *
 *   check   nothing but the file: no variable, no flag. Exit code 0, or 2 with a sentence for each mistake
 *   show    what a command would be started with here and now, and for each setting which source had the last word
 *   init    writes a file where one is read without being named, with the settings that were given as flags
 *
 * Secrets are never shown, not even their length.
 */
import { open } from "node:fs/promises";
import { dirname, resolve as resolvePath } from "node:path";
import { makeFolders } from "../../disk/files.ts";
import { describe } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { Context } from "../command.ts";
import { withInvite } from "../credentials/client.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import { SCHEMA } from "../package-files.ts";
import { allowHost } from "../prompts/prompts.ts";
import { counted, line } from "../report/escape.ts";
import { configPlaces, userConfig } from "../settings/base-directories.ts";
import { COMMAND_NAMES, type Command, inspects } from "../settings/command-names.ts";
import {
  type ConfigFile,
  isKey,
  loadConfig,
  readConfig,
  type Surroundings,
  tellOfConfig,
  unknownKeys,
} from "../settings/config-file.ts";
import { parseValue, resolve } from "../settings/resolve.ts";
import { SETTING_NAMES, SETTINGS, type SettingName, settingOf, settingsOn, valueTypeOf } from "../settings/settings.ts";
import { brokenRules } from "./serve-rules.ts";

/** Runs one of them. @returns the exit code @throws UsageError */
export function config([action, command]: readonly string[], context: Context): Promise<number> {
  if (action === "show") return show(command ?? "serve", context);
  if (command !== undefined)
    throw new UsageError(`config ${action} takes no ${JSON.stringify(command)}; --config names a file`);
  return action === "init" ? init(context) : check(context);
}

/**
 * Where the file is, by the rule of every command: the flag, else the variable. An empty variable is as good as none,
 * because that is how shells unset them.
 */
const pathOf = ({ typed, environment }: Context): string | undefined =>
  typed.config ?? (environment.env.FILESPOOL_CONFIG || undefined);

/** What decides where the file is; the signal ends the waiting for one that comes by a pipe. */
const surroundingsOf = ({ environment, signal }: Context): Surroundings => ({
  env: environment.env,
  folder: environment.folder,
  signal,
});

/**
 * `config check`. No file is no mistake: all settings have defaults, and a script that checks before it starts a
 * server must not fail for that.
 */
async function check(context: Context): Promise<number> {
  const { report, environment } = context;
  const file = await readConfig(pathOf(context), surroundingsOf(context));
  tellOfConfig(file, pathOf(context), environment, report);
  if (file === null) {
    const places = configPlaces(environment.env).join(", ");
    report.say(line`There is no config file (${places}), so there is nothing to check; --config names one.`);
    return EXIT.done;
  }
  // All of them before the end: whoever mends one would otherwise have to come back for the next.
  const mistakes = await mistakesIn(file);
  for (const message of mistakes) {
    if (!report.row({ event: "mistake", message }, null)) report.complain(`mistake   ${message}`);
  }
  if (mistakes.length > 0) throw new UsageError(`${counted(mistakes.length, "mistake")} in ${file.path}`);
  const known = Object.keys(file.values).length;
  report.done({ settings: known }, line`${file.path} is right: ${counted(known, "setting")}.`);
  return EXIT.done;
}

/**
 * Everything that is wrong with a file, in sentences. First each setting by itself, then together, command by command;
 * each sentence once, however many commands would say it.
 */
export async function mistakesIn(file: ConfigFile): Promise<string[]> {
  const mistakes = new Set(unknownKeys(file));
  const right: Record<string, unknown> = {};
  for (const name of SETTING_NAMES.filter((name) => Object.hasOwn(file.values, name))) {
    const mistake = mistakeOf(file, name);
    if (mistake === null) right[name] = file.values[name];
    else mistakes.add(mistake);
  }
  // What is right by itself may still exclude each other; what is wrong already is left out, to be told of once.
  for (const command of COMMAND_NAMES) {
    try {
      // A command is asked about its own settings only; a value that it cannot take is another command's.
      const usable = Object.fromEntries(
        Object.entries(right).filter(([name]) => isTakenBy(command, name, right[name])),
      );
      const settings = resolve(command, { flags: {}, env: {}, file: { ...file, values: usable } });
      if (command !== "serve" || !isForServer(file)) continue;
      for (const rule of brokenRules(settings)) mistakes.add(rule);
      await allowHost(settings, null);
    } catch (error) {
      // Whatever else is thrown is a bug of ours, and no mistake in anybody's file.
      if (!(error instanceof UsageError)) throw error;
      mistakes.add(error.message);
    }
  }
  return [...mistakes];
}

/**
 * Whether a file is meant for a server: the host in a file for clients is one that they go to, and nobody listens there.
 */
const isForServer = ({ values }: ConfigFile): boolean =>
  /^(0\.0\.0\.0|\[?::\]?)(:|$)/.test(String(values.host)) ||
  SETTING_NAMES.filter((name) => Object.hasOwn(values, name)).some((name) => {
    const { on } = settingOf(name);
    return on.includes("serve") && !on.includes("send") && !on.includes("receive");
  });

/**
 * Why none of the commands that have this setting would take its value, or null when one would. The first refusal is
 * the one that is told.
 */
function mistakeOf(file: ConfigFile, name: SettingName): string | null {
  let mistake: string | null = null;
  const origin = { kind: "file", label: `"${name}" in ${file.path}` } as const;
  for (const command of settingOf(name).on) {
    try {
      parseValue(command, name, { raw: file.values[name], origin });
      return null;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistake ??= error.message;
    }
  }
  return mistake;
}

/** A server's port 0 is no mistake because a sender cannot use it. */
const isTakenBy = (command: Command, name: string, raw: unknown): boolean =>
  valueTypeOf(name as SettingName, command).parse(String(raw)) !== null;

/**
 * `config show COMMAND`.
 * @throws UsageError for a command that has no settings, and for whatever the command itself would refuse
 */
async function show(name: string, context: Context): Promise<number> {
  const { report, environment, typed } = context;
  const command = COMMAND_NAMES.find((candidate) => candidate === name && !inspects(candidate));
  if (command === undefined) {
    const known = COMMAND_NAMES.filter((candidate) => !inspects(candidate)).join(", ");
    throw new UsageError(`there is no command ${JSON.stringify(name)} with settings to show; there are ${known}`);
  }
  // Exactly what the command itself would do, its errors included: a setting that it would refuse cannot be shown.
  const file = await loadConfig(pathOf(context), surroundingsOf(context));
  tellOfConfig(file, pathOf(context), environment, report);
  const resolved = resolve(command, { flags: typed.flags, env: environment.env, file });
  const isClient = settingOf("invite-file").on.includes(command);
  const task = { settings: resolved, operands: [] };
  const { values, origins } = (isClient ? await withInvite(task, null, report) : task).settings;
  // In the order of the help, defaults included: what was not set is often what explains a surprise.
  const names = settingsOn(command);
  const widest = Math.max(...names.map((setting) => setting.length));
  for (const setting of names) {
    const { show: text, unset, secret } = SETTINGS[setting] as ReturnType<typeof settingOf>;
    // What is not set has no value to show, and what that means is said in its place.
    const value = values[setting];
    const isSet = value !== undefined;
    const shown = !isSet ? null : secret ? "(secret)" : text(value);
    const { kind, label } = origins[setting];
    const event = { event: "setting", name: setting, value: shown, origin: kind, from: label };
    const origin = kind === "default" ? "" : `, from ${label}`;
    report.row(event, () => line`${setting.padEnd(widest)}  ${shown ?? `(${unset})`}${origin}`);
  }
  return EXIT.done;
}

/** Flags that say how this very run talks, and are no wish for later ones. */
const OF_THIS_RUN: readonly SettingName[] = ["json", "quiet", "verbose", "yes", "no-input"];

/**
 * `config init`. Never over a file that is there. What it makes is its owner's alone, since settings may hold a token, and
 * since no other file would be read.
 * @throws UsageError; FilespoolError folder-unusable
 */
async function init(context: Context): Promise<number> {
  const { report, environment, typed } = context;
  const named = pathOf(context);
  const path = named === undefined ? userConfig(environment.env) : resolvePath(environment.folder, named);
  if (path === null) throw new UsageError("there is no home folder to put a config file in; --config says where");
  const settings = settingsIn(typed.flags, environment.folder);
  const text = `${JSON.stringify({ $schema: SCHEMA, ...settings }, null, 2)}\n`;
  try {
    await makeFolders(dirname(path), 0o700);
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && syscall === "open")
      throw new UsageError(
        `there is something at ${path} already, and it stays as it is; --config names another place`,
      );
    throw new FilespoolError("folder-unusable", `cannot write ${path}: ${describe(error)}`, { cause: error });
  }
  report.result({ event: "written", path, settings: Object.keys(settings).length }, path);
  report.aside(line`This file is read by every later run of yours${named === undefined ? "" : " that names it"}.`);
  // The folders before it may be open to others: better heard now than by the next run.
  if (named === undefined)
    await readConfig(undefined, environment).catch((error: Error) => report.complain(error.message));
  return EXIT.done;
}

/**
 * Flags as keys of a file: judged as a file would be, numbers as numbers, and paths as they are meant here, since the
 * file is read in other working folders.
 * @throws UsageError for what a file may not say, or no command would take
 */
function settingsIn(
  flags: Readonly<Record<string, string | true>>,
  folder: string,
): Record<string, string | number | true> {
  const names = SETTING_NAMES.filter((name) => flags[name] !== undefined && !OF_THIS_RUN.includes(name));
  const settings: Record<string, string | number | true> = {};
  for (const name of names) {
    if (!isKey(name)) throw new UsageError(`--${name} is a flag and nothing else; a config file cannot say it`);
    const raw = flags[name] as string | true;
    const isNumber = JSON.stringify(settingOf(name).schema).includes('"integer"') && /^\d+$/.test(String(raw));
    const isPath = ["file", "folder"].includes(settingOf(name).argument ?? "") && raw !== "-";
    settings[name] = isNumber ? Number(raw) : isPath ? resolvePath(folder, String(raw)) : raw;
    const mistake = mistakeOf({ path: "the flags", values: settings }, name);
    if (mistake !== null) throw new UsageError(mistake.replace(`"${name}" in the flags`, `--${name}`));
  }
  return settings;
}
