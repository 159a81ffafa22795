/**
 * The files and folders that our own programs read. No received file may land there.
 *
 * A receiver knows more than its own settings: variables and the config file also name the spool of a server or a key of the
 * same user. A file that lands there would take effect in those programs. So each setting that is the path of a file names
 * such a place, whichever command has the setting. The table of settings says which those are.
 *
 * The default ./spool counts only if a spool is there, because others may use that name, too.
 * Never here: what it means to land there (net/receiver/landing-names.ts). Why: adr/0069.
 */
import { dirname, join, resolve } from "node:path";
import { isSpool } from "../../net/receiver/landing-names.ts";
import type { Environment } from "../environment.ts";
import { configPlaces, KEY_FILE, stateFolder } from "./base-directories.ts";
import type { ConfigFile } from "./config-file.ts";
import type { Settings } from "./origins.ts";
import { SETTING_NAMES, SETTINGS, type SettingName, settingOf, variableOf } from "./settings.ts";

/** Whether a setting names something that our programs read or keep, and not a folder for received files. */
const isPlace = (name: SettingName): boolean => settingOf(name).argument === "file" || name === "spool";

/** The absolute paths of these files and folders. */
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
  // Another run of this user, such as a service or a nightly job, may have other variables, or none.
  const { HOME, FILESPOOL_CONFIG } = env;
  const runs = [env, { ...env, FILESPOOL_STATE: undefined }, { HOME }, {}];
  const folders = runs.flatMap((run) => [...configPlaces(run).map((path) => dirname(path)), stateFolder(run)]);
  // A folder that FILESPOOL_STATE names may hold other files as well; only the key in it is ours.
  const keys = runs.map(stateFolder).map((state) => state && join(state, KEY_FILE));
  const ours = [...folders.filter((path) => path !== env.FILESPOOL_STATE), ...keys, file?.path, FILESPOOL_CONFIG];
  const paths = [...ours, ...others].filter((path) => path != null && path !== "");
  return [...new Set(paths.map((path) => resolve(folder, path as string)))];
}
