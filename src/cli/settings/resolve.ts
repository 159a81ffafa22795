/**
 * Which value a setting has, and where it came from.
 *
 *   flag  >  environment variable  >  config file  >  answer at a prompt  >  default
 *
 * The nearer a source is to the person and the moment, the more it counts: a flag is typed for this one run,
 * a variable holds for a session or a container, a file for a project. Every value remembers its origin, for
 * two reasons: an error can name the very place that has to be changed, and the prompts can tell what nobody
 * has said yet from what somebody set to the value that happens to be the default.
 *
 * With "port": 6000 in the file, FILESPOOL_PORT=7000 and --port 8000, the port is 8000. Take the flag away, and it
 * is 7000; take the variable away as well, and it is 6000; without the file, a terminal is asked, and a script
 * gets 5011. Only the strongest source is read; if what it says is wrong, that is
 * an error, and no weaker one steps in:
 *
 *   --port does not accept "x": it takes a whole number from 0 to 65535
 *   FILESPOOL_PORT does not accept "x": ...
 *   "port" in /etc/filespool/config.json does not accept "x": ...
 *
 * Never here: the settings themselves (settings.ts), where the file is (config-file.ts), and how questions look (terminal-prompter.ts). Why this order: adr/0022.
 */
import { INVITE_SCHEME } from "../../net/extensions/trust/invite.ts";
import { UsageError } from "../exit-codes.ts";
import type { Command } from "./command-names.ts";
import type { ConfigFile } from "./config-file.ts";
import { withPorts } from "./host-port.ts";
import { ORIGINS, type Origin, type Settings } from "./origins.ts";
import { SETTINGS, type SettingName, settingOf, settingsOn, valueTypeOf, variableOf } from "./settings.ts";

/** All that was said by anybody before the first question is asked. */
export interface Sources {
  /** What arguments.ts found. By setting name; `true` for a switch. Only what was really typed, no defaults. */
  readonly flags: Readonly<Record<string, string | true>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What `loadConfig` found, or null if there is no file. */
  readonly file: ConfigFile | null;
}

/**
 * Resolves every setting of one command.
 * @throws UsageError for a value that is not accepted, and for settings that exclude each other
 */
export function resolve(command: Command, sources: Sources): Settings {
  // Every setting has a value, also those of other commands: whoever reads `values` need not know which is which.
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    values[name] = settingOf(name).fallback;
    origins[name] = { kind: "default", label: "the default" };
  }
  // Only this command's own settings are read and judged. A container sets variables for all three programs at
  // once, and a sender must not fail because of a limit that is meant for a server.
  for (const name of settingsOn(command)) {
    const isFlagOnly = settingOf(name).flagOnly?.includes(command) ?? false;
    const said = firstRawValue(name, isFlagOnly ? { ...sources, env: {}, file: null } : sources);
    if (said === null) continue;
    values[name] = parseValue(command, name, said);
    origins[name] = said.origin;
  }
  // The table has just given every name a value of its own type; the compiler cannot see that through a loop.
  return withPorts(command, withoutConflict({ values, origins } as unknown as Settings));
}

/** What one source says, as it was written. From a JSON file it may be of any type. */
export interface RawValue {
  readonly raw: unknown;
  readonly origin: Origin;
}

/** The strongest source that has something to say, or null. */
function firstRawValue(name: SettingName, { flags, env, file }: Sources): RawValue | null {
  if (flags[name] !== undefined) return { raw: flags[name], origin: { kind: "flag", label: `--${name}` } };
  const variable = variableOf(name);
  // An empty variable is how shells and container files write "not set".
  if (env[variable]) return { raw: env[variable], origin: { kind: "variable", label: variable } };
  if (file !== null && Object.hasOwn(file.values, name)) {
    return { raw: file.values[name], origin: { kind: "file", label: `"${name}" in ${file.path}`, path: file.path } };
  }
  return null;
}

/**
 * Reads one value.
 * @throws UsageError that names the place where it came from, the value, and what is accepted
 */
export function parseValue(command: Command, name: SettingName, { raw, origin }: RawValue): unknown {
  const { parse, accepts } = valueTypeOf(name, command);
  // JSON numbers and booleans mean what their text means. A list, an object or null means nothing here.
  const text = ["string", "number", "boolean"].includes(typeof raw) ? String(raw) : null;
  const value = text === null ? null : parse(text);
  if (value !== null) return value;
  // A secret that was mistyped is nearly the secret.
  const isSecret = settingOf(name).secret || String(raw).includes(INVITE_SCHEME);
  const shown = isSecret ? "what it holds" : JSON.stringify(raw);
  throw new UsageError(`${origin.label} does not accept ${shown}: it takes ${accepts}`);
}

/**
 * `--follow` (never end) contradicts `--count` and `--wait` (end when ...). The stronger source wins, so that
 * a flag can overrule a config file; of two equally strong ones neither can be meant, and that is an error.
 */
function withoutConflict(settings: Settings): Settings {
  let { values, origins } = settings;
  // The lower the number, the stronger the source.
  const rank = (name: SettingName) => ORIGINS.indexOf(origins[name].kind);
  for (const name of ["count", "wait"] as const) {
    if (!values.follow || values[name] === undefined) continue;
    if (rank("follow") === rank(name)) {
      throw new UsageError(
        `${origins.follow.label} and ${origins[name].label} exclude each other: follow never ends; leave one of them out`,
      );
    }
    values = rank("follow") < rank(name) ? { ...values, [name]: undefined } : { ...values, follow: false };
  }
  return { values, origins };
}
