/**
 * Which value a setting has, and where it came from.
 *
 *   flag  >  environment variable  >  config file  >  answer at a prompt  >  default
 *
 * The closer a source is to this one run, the more it counts: a flag is typed for one run, a variable is set for a
 * session or a container, a file for a project. Every value remembers its origin, for two reasons. An error can name the
 * place that has to change. And the prompts ask only for settings that nobody has given; somebody may have given the
 * value that is also the default.
 *
 * With "port": 6000 in the file, FILESPOOL_PORT=7000 and --port 8000, the port is 8000. Without the flag, it is 7000.
 * Without the variable as well, it is 6000. Without the file, a person at a terminal is asked, and a script gets 5011.
 * Only the strongest source is read. If its value is wrong, that is an error; no weaker source replaces it:
 *
 *   --port does not accept "x": it takes a whole number from 0 to 65535
 *   FILESPOOL_PORT does not accept "x": ...
 *   "port" in /etc/filespool/config.json does not accept "x": ...
 *
 * Never here: the settings themselves (settings.ts), where the file is (config-file.ts), how questions look
 * (terminal-prompter.ts). Why this order: adr/0022.
 */
import { INVITE_SCHEME } from "../../net/extensions/trust/invite.ts";
import { UsageError } from "../exit-codes.ts";
import type { Command } from "./command-names.ts";
import type { ConfigFile } from "./config-file.ts";
import { withPorts } from "./host-port.ts";
import { ORIGINS, type Origin, type Settings } from "./origins.ts";
import { SETTINGS, type SettingName, settingOf, settingsOn, valueTypeOf, variableOf } from "./settings.ts";

/** All sources of values except the answers at prompts. */
export interface Sources {
  /** From arguments.ts, by setting name; `true` for a switch. Only what was typed, no defaults. */
  readonly flags: Readonly<Record<string, string | true>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From `loadConfig`; null if there is no file. */
  readonly file: ConfigFile | null;
}

/**
 * Resolves every setting of one command.
 * @throws UsageError for a value that is not accepted, and for settings that exclude each other
 */
export function resolve(command: Command, sources: Sources): Settings {
  // Settings of other commands have their default, so code that reads `values` never meets a hole.
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    values[name] = settingOf(name).fallback;
    origins[name] = { kind: "default", label: "the default" };
  }
  // Only the settings of this command are read and checked. A container sets variables for several programs at once,
  // and a sender must not fail because of a limit that is meant for a server.
  for (const name of settingsOn(command)) {
    const isFlagOnly = settingOf(name).flagOnly?.includes(command) ?? false;
    const said = firstRawValue(name, isFlagOnly ? { ...sources, env: {}, file: null } : sources);
    if (said === null) continue;
    values[name] = parseValue(command, name, said);
    origins[name] = said.origin;
  }
  // Every name now has a value of its own type; the compiler cannot see that through a loop.
  return withPorts(command, withoutConflict({ values, origins } as unknown as Settings));
}

/** The value of one source, as it was written. In a JSON file it can have any type. */
export interface RawValue {
  readonly raw: unknown;
  readonly origin: Origin;
}

/** The value of the strongest source that has one, or null. */
function firstRawValue(name: SettingName, { flags, env, file }: Sources): RawValue | null {
  if (flags[name] !== undefined) return { raw: flags[name], origin: { kind: "flag", label: `--${name}` } };
  const variable = variableOf(name);
  // Shells and container files write "not set" as an empty variable.
  if (env[variable]) return { raw: env[variable], origin: { kind: "variable", label: variable } };
  if (file !== null && Object.hasOwn(file.values, name)) {
    return { raw: file.values[name], origin: { kind: "file", label: `"${name}" in ${file.path}`, path: file.path } };
  }
  return null;
}

/**
 * Reads one value.
 * @throws UsageError that names the source, the value, and the accepted values
 */
export function parseValue(command: Command, name: SettingName, { raw, origin }: RawValue): unknown {
  const { parse, accepts } = valueTypeOf(name, command);
  // A JSON number or boolean counts as its text. Lists, objects and null are not accepted.
  const text = ["string", "number", "boolean"].includes(typeof raw) ? String(raw) : null;
  const value = text === null ? null : parse(text);
  if (value !== null) return value;
  // A mistyped secret is nearly the secret, so it is not shown.
  const isSecret = settingOf(name).secret || String(raw).includes(INVITE_SCHEME);
  const shown = isSecret ? "what it holds" : JSON.stringify(raw);
  throw new UsageError(`${origin.label} does not accept ${shown}: it takes ${accepts}`);
}

/**
 * `--follow` (never end) contradicts `--count` and `--wait` (end when ...). The stronger source wins, so a flag can
 * overrule a config file. Two equally strong sources are an error.
 */
function withoutConflict(settings: Settings): Settings {
  let { values, origins } = settings;
  // The lower the number, the stronger the source.
  const rank = (name: SettingName) => ORIGINS.indexOf(origins[name].kind);
  for (const name of ["count", "wait"] as const) {
    if (!values.follow || values[name] === undefined) continue;
    if (rank("follow") === rank(name)) {
      throw new UsageError(
        `${origins.follow.label} and ${origins[name].label} exclude each other: --follow never ends; leave one of them out`,
      );
    }
    values = rank("follow") < rank(name) ? { ...values, [name]: undefined } : { ...values, follow: false };
  }
  return { values, origins };
}
