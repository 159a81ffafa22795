/**
 * `filespool config check`, `show` and `init`: find mistakes in a config file, show the settings in force, write a file.
 *
 * A server that starts with a wrong file stops at the first mistake. The author of the file wants to see all mistakes at
 * once, before the file is used. Both use the same table and the same parsers, so a file that passes here works there.
 *
 *   check   looks only at the file: no variable, no flag. Exit code 0, or 2 with a sentence for each mistake
 *   show    the settings with which a command would start here and now, each with its source
 *   init    writes the user's own config file, with the settings that were given as flags
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
    throw new UsageError(`config ${action} takes no further word; to name a file: --config ${command}`);
  return action === "init" ? init(context) : check(context);
}

/**
 * The path of the file, as for every command: the flag, else the variable. An empty variable counts as not set.
 */
const pathOf = ({ typed, environment }: Context): string | undefined =>
  typed.config ?? (environment.env.FILESPOOL_CONFIG || undefined);

/** What decides where the file is. The signal ends the wait for a file that is a pipe. */
const surroundingsOf = ({ environment, signal }: Context): Surroundings => ({
  env: environment.env,
  folder: environment.folder,
  signal,
});

/**
 * `config check`. A missing file is no mistake: all settings have defaults, and a script that checks before it starts a
 * server must not fail.
 */
async function check(context: Context): Promise<number> {
  const { report, environment } = context;
  const file = await readConfig(pathOf(context), surroundingsOf(context));
  tellOfConfig(file, pathOf(context), environment, report);
  if (file === null) {
    const places = configPlaces(environment.env).join(" or ");
    report.say(line`There is no config file at ${places}, so there is nothing to check; --config names another one.`);
    return EXIT.done;
  }
  // Prints all mistakes, so the person can correct them in one go.
  const mistakes = await mistakesIn(file);
  for (const message of mistakes) {
    if (!report.row({ event: "mistake", message }, null)) report.mistake(message);
  }
  if (mistakes.length > 0) throw new UsageError(`${counted(mistakes.length, "mistake")} in ${file.path}`);
  const known = Object.keys(file.values).length;
  report.done({ settings: known }, line`${file.path} has no mistakes: ${counted(known, "setting")}.`);
  return EXIT.done;
}

/**
 * All mistakes in a file, in sentences. First each setting alone, then all together, command by command. Each sentence comes
 * once, even if several commands would print it.
 */
export async function mistakesIn(file: ConfigFile): Promise<string[]> {
  const mistakes = new Set(unknownKeys(file));
  const right: Record<string, unknown> = {};
  for (const name of SETTING_NAMES.filter((name) => Object.hasOwn(file.values, name))) {
    const mistake = mistakeOf(file, name);
    if (mistake === null) right[name] = file.values[name];
    else mistakes.add(mistake);
  }
  // Valid settings may still exclude each other. Invalid ones are left out here, because they have their sentence.
  for (const command of COMMAND_NAMES) {
    try {
      // Only values that this command accepts; another command may accept the others.
      const usable = Object.fromEntries(
        Object.entries(right).filter(([name]) => isTakenBy(command, name, right[name])),
      );
      const settings = resolve(command, { flags: {}, env: {}, file: { ...file, values: usable } });
      if (command !== "serve" || !isForServer(file)) continue;
      for (const rule of brokenRules(settings)) mistakes.add(rule);
      await allowHost(settings, null);
    } catch (error) {
      // Anything else is our bug, and no mistake in the file.
      if (!(error instanceof UsageError)) throw error;
      mistakes.add(error.message);
    }
  }
  return [...mistakes];
}

/**
 * Whether a file is meant for a server. In a file for clients, the host is the server to which they connect, so the rule
 * about listening does not apply.
 */
const isForServer = ({ values }: ConfigFile): boolean =>
  /^(0\.0\.0\.0|\[?::\]?)(:|$)/.test(String(values.host)) ||
  SETTING_NAMES.filter((name) => Object.hasOwn(values, name)).some((name) => {
    const { on } = settingOf(name);
    return on.includes("serve") && !on.includes("send") && !on.includes("receive");
  });

/**
 * The reason if no command accepts the value of a setting; null if one does. Of several reasons, the first.
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

/** Whether this command accepts a value: port 0 is valid for a server and not for a sender. */
const isTakenBy = (command: Command, name: string, raw: unknown): boolean =>
  valueTypeOf(name as SettingName, command).parse(String(raw)) !== null;

/**
 * `config show COMMAND`.
 * @throws UsageError for an unknown command, and for settings that the command itself would refuse
 */
async function show(name: string, context: Context): Promise<number> {
  const { report, environment, typed } = context;
  const command = COMMAND_NAMES.find((candidate) => candidate === name && !inspects(candidate));
  if (command === undefined) {
    const known = COMMAND_NAMES.filter((candidate) => !inspects(candidate)).join(", ");
    throw new UsageError(`config show does not know the command ${JSON.stringify(name)}; it knows ${known}`);
  }
  // Does what the command itself would do, including its errors: a refused setting cannot be shown.
  const file = await loadConfig(pathOf(context), surroundingsOf(context));
  tellOfConfig(file, pathOf(context), environment, report);
  const resolved = resolve(command, { flags: typed.flags, env: environment.env, file });
  const isClient = settingOf("invite-file").on.includes(command);
  const task = { settings: resolved, operands: [] };
  const { values, origins } = (isClient ? await withInvite(task, null, report) : task).settings;
  // In the order of the help, with defaults, because a default often explains a surprise.
  const names = settingsOn(command);
  const widest = Math.max(...names.map((setting) => setting.length));
  for (const setting of names) {
    const { show: text, unset, secret } = SETTINGS[setting] as ReturnType<typeof settingOf>;
    // A setting without a value shows what that means.
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

/** Flags about the output of this run; they do not go into the file. */
const OF_THIS_RUN: readonly SettingName[] = ["json", "quiet", "verbose", "yes", "no-input"];

/**
 * `config init`. It never overwrites a file. Only the owner can read and write the new file: settings may hold a token, and
 * a file that others can write would not be read.
 * @throws UsageError; FilespoolError folder-unusable
 */
async function init(context: Context): Promise<number> {
  const { report, environment, typed } = context;
  const named = pathOf(context);
  const path = named === undefined ? userConfig(environment.env) : resolvePath(environment.folder, named);
  if (path === null) throw new UsageError("there is no home folder for a config file; name a file with --config FILE");
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
      throw new UsageError(`${path} exists already and was not changed; to write another file, name it with --config`);
    throw new FilespoolError("folder-unusable", `cannot write ${path}: ${describe(error)}`, { cause: error });
  }
  report.result({ event: "written", path, settings: Object.keys(settings).length }, path);
  report.aside(`Your later runs read this file${named === undefined ? "" : " if you name it with --config"}.`);
  // If others can write to a folder of the path, the next run will refuse the file. Say so now.
  if (named === undefined) await readConfig(undefined, environment).catch((error: Error) => report.warn(error.message));
  return EXIT.done;
}

/**
 * Flags as keys of a file. Values are checked as in a file, numbers become JSON numbers, and paths become absolute, because
 * later runs have other working folders.
 * @throws UsageError for a flag that a file cannot hold, or a value that no command accepts
 */
function settingsIn(
  flags: Readonly<Record<string, string | true>>,
  folder: string,
): Record<string, string | number | true> {
  const names = SETTING_NAMES.filter((name) => flags[name] !== undefined && !OF_THIS_RUN.includes(name));
  const settings: Record<string, string | number | true> = {};
  for (const name of names) {
    if (!isKey(name))
      throw new UsageError(`--${name} can only be given on the command line; a config file cannot hold it`);
    const raw = flags[name] as string | true;
    const isNumber = JSON.stringify(settingOf(name).schema).includes('"integer"') && /^\d+$/.test(String(raw));
    const isPath = ["file", "folder"].includes(settingOf(name).argument ?? "") && raw !== "-";
    settings[name] = isNumber ? Number(raw) : isPath ? resolvePath(folder, String(raw)) : raw;
    const mistake = mistakeOf({ path: "the flags", values: settings }, name);
    if (mistake !== null) throw new UsageError(mistake.replace(`"${name}" in the flags`, `--${name}`));
  }
  return settings;
}
