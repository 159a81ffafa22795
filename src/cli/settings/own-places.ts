/**
 * Where our own programs keep what they read: the places on which no received file may land.
 *
 * A receiver knows its own settings, and more: the variables and the config file also speak of other programs of this user
 * (the spool of a server, a key), and a file that lands there would be theirs. So every setting that is the path of
 * a file is such a place, whichever command has it; a new one is so by itself, from the table of settings.
 *
 * The default spool is one only where there is a spool: "spool" is a name like any other.
 * Never here: what it means to land there (net/receiver/landing-names.ts). Why: adr/0069.
 */
import { dirname, join, resolve } from "node:path";
import { isSpool } from "../../net/receiver/landing-names.ts";
import type { Environment } from "../environment.ts";
import { configPlaces, KEY_FILE, stateFolder } from "./base-directories.ts";
import type { ConfigFile } from "./config-file.ts";
import type { Settings } from "./origins.ts";
import { SETTING_NAMES, SETTINGS, type SettingName, settingOf, variableOf } from "./settings.ts";

/** Settings that are the path of what a program of ours reads or keeps, and not of where files go. */
const isPlace = (name: SettingName): boolean => settingOf(name).argument === "file" || name === "spool";

/** Absolute paths of files and folders. */
export function ownPlaces(
  { values }: Settings,
  { env, folder }: Pick<Environment, "env" | "folder">,
  file: ConfigFile | null,
): string[] {
  const said = SETTING_NAMES.filter(isPlace).flatMap((name) => [
    values[name],
    env[variableOf(name)],
    file?.values[name],
  ]);
  // "-" is standard output.
  const named = said.filter((path) => typeof path === "string" && path !== "" && path !== "-") as string[];
  const spool = resolve(folder, SETTINGS.spool.fallback);
  const others = named.filter((path) => resolve(folder, path) !== spool || isSpool(spool));
  // Another run of this user may have other variables, or none: a service, a job at night.
  const { HOME, FILESPOOL_CONFIG } = env;
  const runs = [env, { ...env, FILESPOOL_STATE: undefined }, { HOME }, {}];
  const folders = runs.flatMap((run) => [...configPlaces(run).map((path) => dirname(path)), stateFolder(run)]);
  // A folder that a variable names may hold much else; what is ours in there is the key.
  const keys = runs.map(stateFolder).map((state) => state && join(state, KEY_FILE));
  const ours = [...folders.filter((path) => path !== env.FILESPOOL_STATE), ...keys, file?.path, FILESPOOL_CONFIG];
  const paths = [...ours, ...others].filter((path) => path != null && path !== "");
  return [...new Set(paths.map((path) => resolve(folder, path as string)))];
}
