/**
 * Reload: a running server takes over what can be changed without cutting anybody off.
 *
 * On SIGHUP the settings are read again from where they came from: the same flags, the same variables, and the config
 * file as it is now. It happens in three steps, and only the last changes anything:
 *
 *   1. read      a file that is broken, or a value that is not accepted, ends it here
 *   2. prepare   every hook reads and checks what it needs (a certificate, a file of tokens)
 *   3. commit    none of them can fail any more, so either all of it holds or none
 *
 * Whoever has something that can be exchanged while the server runs adds a hook; serve.ts has the list. A setting that
 * no hook claims needs a restart, and is named as such. Why on SIGHUP, and why all or nothing: adr/0043.
 */
import { errorFacts } from "../exit-codes.ts";
import type { OperateEvent } from "../report/event-text.ts";
import type { Settings } from "../settings/origins.ts";
import { type SettingName, settingsOn, type Values } from "../settings/settings.ts";

/** Something that can be exchanged while the server runs. */
export interface ReloadHook {
  /** The settings that it puts into force. Empty for one that only reads its files again. */
  readonly settings: readonly SettingName[];
  /**
   * Reads and checks, and changes nothing. It is called at each reload, also when none of its settings changed, because a
   * certificate may be new under the same path.
   * @returns what puts it into force, which must not throw
   * @throws Error with a sentence for people; nothing at all is reloaded then
   */
  readonly prepare: (values: Values) => Commit | Promise<Commit>;
}

export type Commit = () => void;

export interface ReloaderOptions {
  /** What the server was started with. */
  readonly settings: Settings;
  /** Reads all sources again. @throws UsageError */
  readonly reread: () => Promise<Settings>;
  readonly hooks: readonly ReloadHook[];
  readonly tell: (event: OperateEvent) => void;
}

export class Reloader {
  readonly #options: ReloaderOptions;
  #settings: Settings;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** What is in force now. */
  get values(): Values {
    return this.#settings.values;
  }

  /** Reloads. Asked for while a reload is under way, it does so once more after it. Never throws: it tells. */
  reload(): Promise<void> {
    if (this.#running !== null) this.#again = true;
    this.#running ??= this.#untilDone().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /**
   * A signal that comes while a reload is under way means that the file has changed once more, so it is read once
   * more; ten of them mean the same as one.
   */
  async #untilDone(): Promise<void> {
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again);
  }

  /**
   * Reads, prepares, commits. Nothing before the third step has changed anything, so an error in the first two leaves
   * all as it was. Never throws: a server must not end over a config file.
   */
  async #once(): Promise<void> {
    const { reread, hooks, tell } = this.#options;
    try {
      const next = withAnswersOf(this.#settings, await reread()); // 1. read
      const commits: Commit[] = [];
      for (const { prepare } of hooks) commits.push(await prepare(next.values)); // 2. prepare
      for (const commit of commits) commit(); // 3. commit
      const live = new Set(hooks.flatMap(({ settings }) => settings));
      const changed = settingsOn("serve").filter((name) => next.values[name] !== this.values[name]);
      const [applied, restart] = [changed.filter((n) => live.has(n)), changed.filter((n) => !live.has(n))];
      // What needs a restart is not in force, so it is told of at each reload until the restart.
      this.#settings = { ...next, values: { ...next.values, ...pick(this.#options.settings.values, restart) } };
      tell({ event: "reloaded", applied, restart });
    } catch (error) {
      const { code, message } = errorFacts(error);
      tell({ event: "reload-failed", code, message });
    }
  }
}

/** What a person answered at the start holds until a stronger source says something else: nobody asks a second time. */
function withAnswersOf(before: Settings, now: Settings): Settings {
  const answered = settingsOn("serve").filter(
    (name) => before.origins[name].kind === "answer" && now.origins[name].kind === "default",
  );
  return {
    values: { ...now.values, ...pick(before.values, answered) },
    origins: { ...now.origins, ...pick(before.origins, answered) },
  };
}

const pick = <T extends object, K extends keyof T>(from: T, names: readonly K[]): Partial<T> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as unknown as Partial<T>;
