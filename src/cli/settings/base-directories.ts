/**
 * The places of a user's settings and state, by the XDG base directory rules; for settings, also the place of the machine.
 *
 *   settings   $XDG_CONFIG_HOME/filespool/config.json, else ~/.config/filespool/config.json; then /etc/filespool/config.json
 *   state      FILESPOOL_STATE, else $XDG_STATE_HOME/filespool, else ~/.local/state/filespool
 *
 * A variable with a relative path counts as not set, as those rules say. It would lead into the working folder, where
 * received files land. Never here: reading the files. Why these places: adr/0068.
 */
import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

const isWindows = process.platform === "win32";

/** The folder of the machine, which only its administrator can write. Windows has none. */
export const SYSTEM_FOLDER = "/etc/filespool";
/** The name of a config file in these folders. */
const FILE = "config.json";
/** The name of the sender key in the folder of the state. */
export const KEY_FILE = "sender-key";
/** The user's own config file, as texts name it. */
export const USER_CONFIG_SHOWN = `$XDG_CONFIG_HOME/filespool/${FILE} (~/.config/filespool/${FILE})`;

/**
 * The home folder of the user, or null: a user without a name, as in containers, may have none. If HOME is empty or
 * relative, the system's list of users is asked.
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

/** A base directory from its variable, else in the home folder; null without a home folder. */
function baseOf(env: Env, variable: string, ...inHome: readonly string[]): string | null {
  const named = env[variable];
  if (named !== undefined && isAbsolute(named)) return named;
  const home = homeOf(env);
  return home === null ? null : join(home, ...inHome);
}

/** The config file of this user; null without a home folder. */
export function userConfig(env: Env): string | null {
  const base = baseOf(env, "XDG_CONFIG_HOME", ".config");
  return base === null ? null : join(base, "filespool", FILE);
}

/** The config files that are read if none is named, the user's own first. Only the first that exists is read. */
export function configPlaces(env: Env): string[] {
  const own = userConfig(env);
  return [...(own === null ? [] : [own]), ...(isWindows ? [] : [join(SYSTEM_FOLDER, FILE)])];
}

/** The folder for data that outlives a run; null without a home folder. */
export function stateFolder(env: Env): string | null {
  if (env.FILESPOOL_STATE) return env.FILESPOOL_STATE;
  const base = baseOf(env, "XDG_STATE_HOME", ".local", "state");
  return base === null ? null : join(base, "filespool");
}
