/**
 * The config file: which one is read, and what it holds.
 *
 *   named          by --config or FILESPOOL_CONFIG: that one and no other; it must be there
 *   not named      the first that exists: the user's own, then the machine's (base-directories.ts); and only if nobody
 *                  but the user and root could have written it (own-files.ts)
 *
 * A file in the working folder is read only if it is named. Received files land there, and settings run commands: the
 * next run would obey a file that arrived as "filespool.config.json". A warning says that such a file is not read.
 *
 * A file that exists and cannot be used ends the run. To go on would be to run without the settings that a person
 * believes to have made. Never here: what the values mean (resolve.ts). Why: adr/0068.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { CONFIG_NAME } from "../../protocol/names.ts";
import type { Environment } from "../environment.ts";
import { UsageError } from "../exit-codes.ts";
import { line } from "../report/escape.ts";
import type { Report } from "../report/report.ts";
import { configPlaces } from "./base-directories.ts";
import { jsonMistake } from "./json-mistake.ts";
import { Distrusted, readNamed, readOwn } from "./own-files.ts";
import { SETTINGS, type SettingName, settingOf } from "./settings.ts";

/** Largest config file, bytes. It is read into memory as a whole; all settings together take a few KiB. */
const CONFIG_BYTES_MAX = 1024 * 1024;

/** A config file that was read. Nobody has checked a value yet. `path` is the path that messages show. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What decides where a config file is. `signal` ends the wait for a file that is a pipe. */
export type Surroundings = Pick<Environment, "env" | "folder"> & { readonly signal?: AbortSignal };

/**
 * Reads the config file that was named, else the first of the others that exists.
 * @param named path from `--config` or FILESPOOL_CONFIG
 * @throws UsageError when it cannot be read or trusted, is not a JSON object, or has an unknown key
 */
export async function loadConfig(named: string | undefined, around: Surroundings): Promise<ConfigFile | null> {
  const file = await readConfig(named, around);
  // An unknown key is a mistyped one. To ignore it would be to run without a setting that a person believes to have
  // made. Unknown variables are no mistake: other programs may use the prefix for their own purposes.
  const [first] = file === null ? [] : unknownKeys(file);
  if (first !== undefined) throw new UsageError(first);
  return file;
}

/** The same without a check of the keys. @throws UsageError when it cannot be read or trusted, or is not a JSON object */
export async function readConfig(named: string | undefined, around: Surroundings): Promise<ConfigFile | null> {
  const { env, folder, signal } = around; // reading `folder` throws if the working folder was removed
  if (named !== undefined) {
    // Messages show the path as the person gave it.
    const text = await readText(named, () => readNamed(resolve(folder, named), CONFIG_BYTES_MAX, signal));
    return { path: named, values: valuesOf(named, text ?? "") };
  }
  for (const path of configPlaces(env)) {
    const text = await readText(path, () => readOwn(path, CONFIG_BYTES_MAX));
    if (text !== null) return { path, values: valuesOf(path, text) };
  }
  return null;
}

/** @throws UsageError that names the file and why it cannot be read */
async function readText(path: string, read: () => Promise<string | null>): Promise<string | null> {
  try {
    return await read();
  } catch (error) {
    if ((error as Error).name === "AbortError") throw new FilespoolError("interrupted");
    if (error instanceof Distrusted)
      throw new UsageError(
        `the config file ${path} is not read: ${error.message}; to read it as it is, name it: --config ${path}`,
      );
    throw new UsageError(`the config file ${path} cannot be read: ${describe(error)}`);
  }
}

/** What a text says. @throws UsageError unless it is one JSON object, with each key once */
function valuesOf(path: string, text: string): Readonly<Record<string, unknown>> {
  // People name /dev/null to say "no config file".
  if (text === "" && path === "/dev/null") return {};
  if (text.trim() === "") throw new UsageError(`the config file ${path} is empty; write {} into it for no settings`);
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the config file ${path} is not valid JSON: ${jsonMistake(text, (error as Error).message)}`);
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new UsageError(`the config file ${path} must hold one JSON object, such as {"port": 5011}`);
  }
  // JSON takes the last of two equal keys; a person who looks finds the first.
  const twice = repeatedKey(text);
  if (twice !== null)
    throw new UsageError(`the config file ${path} has the key ${JSON.stringify(twice)} twice; remove one of them`);
  // "$schema" tells editors where filespool.schema.json is; it is no setting.
  const { $schema: _, ...settings } = values as Record<string, unknown>;
  return settings;
}

/** The first key that the outermost object has twice, in a text that is valid JSON; null when there is none. */
function repeatedKey(text: string): string | null {
  const seen = new Set<string>();
  let depth = 0;
  // Matches whole strings, each with the colon that makes it a key, and brackets; nothing else matters.
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (string === undefined) depth += "{[".includes(token) ? 1 : -1;
    if (depth !== 1 || colon === undefined) continue;
    const key = JSON.parse(string as string) as string;
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return null;
}

/**
 * With --verbose, says which file is read. Always warns of a config file in the working folder that is not read.
 * @param named path from `--config` or FILESPOOL_CONFIG
 */
export function tellOfConfig(
  file: ConfigFile | null,
  named: string | undefined,
  { env, folder }: Surroundings,
  report: Pick<Report, "remark" | "warn">,
): void {
  const places = configPlaces(env);
  report.remark(file ? line`settings come from ${file.path}` : line`no config file in ${places.join(" or ")}`);
  if (named !== undefined || !existsSync(join(folder, CONFIG_NAME))) return;
  const own = places[0] === undefined ? "" : `, or move it to ${places[0]}`;
  report.warn(
    `${CONFIG_NAME} in this folder is not read, because a received file could have that name; ` +
      `to use it, add --config ${CONFIG_NAME}${own}`,
  );
}

/** One sentence for each unknown key. */
export function unknownKeys({ path, values }: ConfigFile): string[] {
  const unknown = Object.keys(values).filter((key) => !Object.hasOwn(SETTINGS, key) || !isKey(key as SettingName));
  return unknown.map((key) => {
    const near = closest(key, Object.keys(SETTINGS));
    const hint = near === null ? "keys are named like flags, without the leading --" : `did you mean "${near}"?`;
    return `the config file ${path} has the unknown key ${JSON.stringify(key)}: ${hint}`;
  });
}

/** Whether a config file may hold this setting, for one command at least. */
export const isKey = (name: SettingName): boolean =>
  settingOf(name).on.some((command) => !settingOf(name).flagOnly?.includes(command));

/** The candidate that differs least from `word`, or null when none is close enough. */
export function closest(word: string, candidates: readonly string[]): string | null {
  // People write camelCase in JSON: bufferSize is another spelling of buffer-size, not a mistake of distance 2.
  const kebab = word
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();
  let best: string | null = null;
  // Two exchanged letters are two edits. A suggestion that shares no letter would confuse.
  let bestDistance = Math.min(kebab.length - 1, Math.max(2, Math.floor(kebab.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(kebab, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * Levenshtein distance: the fewest insertions, deletions and replacements that turn one word into the other. The cost is
 * quadratic, which is fine for words of a dozen letters.
 */
function editDistance(from: string, to: string): number {
  // The usual table, one row at a time: `row[j]` is the distance between the letters read so far and to[0, j).
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
