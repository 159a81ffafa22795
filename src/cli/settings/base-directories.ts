/**
 * Where a user's settings and state are: the XDG base directory rules, and for settings the machine's own place after it.
 *
 *   settings   $XDG_CONFIG_HOME/filespool/config.json, else ~/.config/filespool/config.json; then /etc/filespool/config.json
 *   state      FILESPOOL_STATE, else $XDG_STATE_HOME/filespool, else ~/.local/state/filespool
 *
 * A variable that holds a relative path is as good as none, as those rules say. Taken as it is, it would lead into the
 * working folder, where the files of strangers land. Never here: reading what is there. Why these places: adr/0068.
 */
import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

const isWindows = process.platform === "win32";

/** The folder of the whole machine, which only its administrator can write. Windows has no such place by that name. */
export const SYSTEM_FOLDER = "/etc/filespool";
/** What a config file is called in the folders of its own. */
const FILE = "config.json";
/** What the key of a sender is called in the folder of its state. */
export const KEY_FILE = "sender-key";
/** The user's own, as texts call it. */
export const USER_CONFIG_SHOWN = `$XDG_CONFIG_HOME/filespool/${FILE} (~/.config/filespool/${FILE})`;

/**
 * The home of the user, or null: a user without a name, as containers have them, may have none. HOME may be empty or
 * relative by mistake; then the system's list of users is asked.
 */
export function homeOf({ HOME }: Env): string | null {
  try {
    if (!isWindows && HOME !== undefined && isAbsolute(HOME)) return HOME;
    const home = isWindows ? homedir() : userInfo().homedir;
    return isAbsolute(home) ? home : null;
  } catch {
    return null;
  }
}

/** A base directory by its variable, else by its place in the home; null where there is no home. */
function baseOf(env: Env, variable: string, ...inHome: readonly string[]): string | null {
  const named = env[variable];
  if (named !== undefined && isAbsolute(named)) return named;
  const home = homeOf(env);
  return home === null ? null : join(home, ...inHome);
}

/** The config file of this user; null where there is no home. */
export function userConfig(env: Env): string | null {
  const base = baseOf(env, "XDG_CONFIG_HOME", ".config");
  return base === null ? null : join(base, "filespool", FILE);
}

/** The config files that are read without being named, the user's own first. The first that is there is the only one. */
export function configPlaces(env: Env): string[] {
  const own = userConfig(env);
  return [...(own === null ? [] : [own]), ...(isWindows ? [] : [join(SYSTEM_FOLDER, FILE)])];
}

/** The folder for what should outlive a run; null where there is no home. */
export function stateFolder(env: Env): string | null {
  if (env.FILESPOOL_STATE) return env.FILESPOOL_STATE;
  const base = baseOf(env, "XDG_STATE_HOME", ".local", "state");
  return base === null ? null : join(base, "filespool");
}
