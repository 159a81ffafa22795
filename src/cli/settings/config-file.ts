/**
 * The config file: which one is read, and what it holds.
 *
 *   named          by --config or FILESPOOL_CONFIG: that one and no other; it must be there
 *   not named      the first that is there: the user's own, then the machine's (base-directories.ts), and only if nobody
 *                  but the user and root could have written it (own-files.ts)
 *
 * Never one in the working folder that was not named. Files of strangers land there, and settings run commands: a file
 * that arrived as "filespool.config.json" would have been obeyed by the next run. Who has one there is told in a line.
 *
 * A file that is there and cannot be used ends the run, also one that nobody named: to go on without it would be to run
 * without the settings that somebody believes to have made. Never here: what the values mean (resolve.ts). Why: adr/0068.
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
import { Distrusted, readNamed, readOwn } from "./own-files.ts";
import { SETTINGS, type SettingName, settingOf } from "./settings.ts";

/** Bytes of a config file. All settings that there are take some KiB; this is to be read into memory as a whole. */
const CONFIG_BYTES_MAX = 1024 * 1024;

/** A config file that was read: every key is known, no value has been looked at yet. `path` is as messages show it. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What decides where a config file is looked for. `signal` ends the waiting for one that comes by a pipe. */
export type Surroundings = Pick<Environment, "env" | "folder"> & { readonly signal?: AbortSignal };

/**
 * The config file that was named, else the first of the others.
 * @param named path from `--config` or FILESPOOL_CONFIG
 * @throws UsageError when it cannot be read or trusted, is not a JSON object, or has a key that nothing knows
 */
export async function loadConfig(named: string | undefined, around: Surroundings): Promise<ConfigFile | null> {
  const file = await readConfig(named, around);
  // A key that nothing knows is a mistyped one, and to ignore it would be to run without the setting that somebody
  // believes to have made. Variables are not judged like that: others may use the prefix for things of their own.
  const [first] = file === null ? [] : unknownKeys(file);
  if (first !== undefined) throw new UsageError(first);
  return file;
}

/** The same, whatever its keys are. @throws UsageError when it cannot be read or trusted, or is not a JSON object */
export async function readConfig(named: string | undefined, around: Surroundings): Promise<ConfigFile | null> {
  const { env, folder, signal } = around; // the folder first: a run in one that was removed ends here
  if (named !== undefined) {
    // Messages show the path as it was given: that is the one that the person knows.
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
        `the config file ${path} is not read: ${error.message}, or name the file to read it as it is: --config ${path}`,
      );
    throw new UsageError(`the config file ${path} cannot be read: ${describe(error)}`);
  }
}

/** What a text says. @throws UsageError unless it is one JSON object, with each key once */
function valuesOf(path: string, text: string): Readonly<Record<string, unknown>> {
  // /dev/null is how people say "none" where a file has to be named.
  if (text === "" && path === "/dev/null") return {};
  if (text.trim() === "") throw new UsageError(`the config file ${path} is empty; {} in it means no settings`);
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`the config file ${path} is not JSON: ${(error as Error).message}`);
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new UsageError(`the config file ${path} must hold one JSON object, such as {"port": 5011}`);
  }
  // JSON takes the last of two, and a person who looks finds the first.
  const twice = repeatedKey(text);
  if (twice !== null)
    throw new UsageError(`the config file ${path} has the key ${JSON.stringify(twice)} twice; leave one of them out`);
  // For editors: it says where filespool.schema.json is, and is no setting.
  const { $schema: _, ...settings } = values as Record<string, unknown>;
  return settings;
}

/** The first key of the outermost object that comes twice in a text that is JSON; null when there is none. */
function repeatedKey(text: string): string | null {
  const seen = new Set<string>();
  let depth = 0;
  // Strings whole, with the colon that makes one a key; of all the rest only the brackets count.
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
 * Says which file holds, with --verbose; and once, to everybody, that one which lies in the working folder does not.
 * @param named path from `--config` or FILESPOOL_CONFIG
 */
export function tellOfConfig(
  file: ConfigFile | null,
  named: string | undefined,
  { env, folder }: Surroundings,
  report: Pick<Report, "remark" | "complain">,
): void {
  const places = configPlaces(env);
  report.remark(file ? line`settings are read from ${file.path}` : line`no config file: ${places.join(", ")}`);
  if (named !== undefined || !existsSync(join(folder, CONFIG_NAME))) return;
  const own = places[0] === undefined ? "" : `; what is to hold without being named is in ${places[0]}`;
  report.complain(
    `the ${CONFIG_NAME} in this folder is not read, because files of others may land here; ` +
      `to use it: --config ${CONFIG_NAME}${own}`,
  );
}

/** A sentence for each key that nothing knows. */
export function unknownKeys({ path, values }: ConfigFile): string[] {
  const unknown = Object.keys(values).filter((key) => !Object.hasOwn(SETTINGS, key) || !isKey(key as SettingName));
  return unknown.map((key) => {
    const near = closest(key, Object.keys(SETTINGS));
    const hint =
      near === null ? "its keys are named like the flags, without the dashes in front" : `did you mean "${near}"?`;
    return `the config file ${path} has the unknown key ${JSON.stringify(key)}: ${hint}`;
  });
}

/** Whether a config file may say it, for one command at least. */
export const isKey = (name: SettingName): boolean =>
  settingOf(name).on.some((command) => !settingOf(name).flagOnly?.includes(command));

/** The candidate that differs least from `word`, or null when none is close enough to be what was meant. */
export function closest(word: string, candidates: readonly string[]): string | null {
  // People who write JSON write camelCase: bufferSize is a spelling of buffer-size, not a mistake of distance 2.
  const kebab = word
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();
  let best: string | null = null;
  // Two letters exchanged are two edits. A suggestion that shares no letter would only confuse.
  let bestDistance = Math.min(kebab.length - 1, Math.max(2, Math.floor(kebab.length / 3))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(kebab, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/**
 * Levenshtein distance: the fewest insertions, deletions and replacements that turn one word into the other. It is
 * quadratic, and the words are a dozen letters long.
 */
function editDistance(from: string, to: string): number {
  // One row of the usual table at a time: `row[j]` is the distance between the letters read so far and to[0, j).
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
