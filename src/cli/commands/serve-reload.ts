/**
 * Reload: a running server takes over new settings without closing a connection.
 *
 * On SIGHUP the settings are read again: the same flags, the same variables, and the config file as it is now. That takes
 * three steps, and only the last changes anything:
 *
 *   1. read      a broken file or a value that is not accepted ends the reload here
 *   2. prepare   every hook reads and checks what it needs (a certificate, a log file)
 *   3. commit    no hook can fail any more, so all changes come into force, or none
 *
 * Each thing that can change while the server runs has a hook; serve.ts has the list. A setting without a hook needs a
 * restart, and the reload says so. Why on SIGHUP, and why all or nothing: adr/0043.
 */
import { errorFacts } from "../exit-codes.ts";
import type { OperateEvent } from "../report/event-text.ts";
import type { Settings } from "../settings/origins.ts";
import { type SettingName, settingsOn, type Values } from "../settings/settings.ts";

/** Something that can change while the server runs. */
export interface ReloadHook {
  /** The settings that it applies; empty if it only reads its files again. */
  readonly settings: readonly SettingName[];
  /**
   * Reads and checks, and changes nothing. It is called at each reload, even if none of its settings changed, because the
   * same path may hold a new certificate.
   * @returns a function that applies the change and does not throw
   * @throws Error with a sentence for people; then nothing at all is reloaded
   */
  readonly prepare: (values: Values) => Commit | Promise<Commit>;
}

export type Commit = () => void;

export interface ReloaderOptions {
  /** The settings with which the server started. */
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

  /** The values that are in force now. */
  get values(): Values {
    return this.#settings.values;
  }

  /** Reloads. A call during a reload causes one more after it. Never throws: it reports failures as events. */
  reload(): Promise<void> {
    if (this.#running !== null) this.#again = true;
    this.#running ??= this.#untilDone().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /**
   * A signal during a reload means that the file may have changed again, so it is read once more; ten signals mean the same
   * as one.
   */
  async #untilDone(): Promise<void> {
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again);
  }

  /**
   * Reads, prepares, commits. Only the third step changes anything, so an error in the first two has no effect. Never throws:
   * a server must not end because of a config file.
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
      // A setting that needs a restart keeps its old value, so each reload names it until the restart.
      this.#settings = { ...next, values: { ...next.values, ...pick(this.#options.settings.values, restart) } };
      tell({ event: "reloaded", applied, restart });
    } catch (error) {
      const { code, message } = errorFacts(error);
      tell({ event: "reload-failed", code, message });
    }
  }
}

/** The answers that a person gave at the start stay valid until a stronger source has a value; no question comes again. */
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
