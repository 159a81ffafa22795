/**
 * The files of a watched folder, by name, and how far each of them is on its way. It asks no disk
 * and no clock: hot-folder.ts tells it what it saw, and when.
 *
 *           looks the same for long enough      handed out           sent, kept or gone
 *   settling --------------------> ready ------------------> taken ------------------> (not here)
 *      ^                                                       |
 *      +---------- changed meanwhile, or not sent after all ---+----> refused, until it changes
 *
 * Invariant: a name is in one of the four at most. A name that is taken stays so until its taker
 * has answered for it.
 */

/** What is known of a file that waits. */
interface Waiting {
  readonly identity: string;
  /** Its time of change. Files that become ready together are handed out in this order. */
  readonly mtimeNs: bigint;
  /** When it is complete unless it changes, on the clock of `performance`, ms. */
  readonly dueMs: number;
}

/** What was seen of a file. */
export interface Seen extends Waiting {
  /** Nobody had written to it for long enough before it appeared. */
  readonly isStill: boolean;
}

/** Most names in memory. More files wait until some of these are gone. */
export const HOT_FILES_MAX = 1_000_000;

/** See above. Every method is given the name of a file and, where it matters, the time. */
export class HotFiles {
  /** In the order in which they began, which is the order in which they become complete. */
  readonly #settling = new Map<string, Waiting>();
  /** Complete, and not handed out yet. */
  readonly #ready = new Map<string, Waiting>();
  /** Names that have become ready since the last `lineUp`. */
  #found: string[] = [];
  /**
   * The order of `#ready`: groups that became ready together, with the next name last in each. It
   * may hold names that are no longer ready; `take` passes them over.
   */
  readonly #line: string[][] = [];
  /** By name: the identity under which each was handed out, or refused. */
  readonly #taken = new Map<string, string>();
  readonly #refused = new Map<string, string>();

  /** Nothing waits to become complete, to be sent, or for an answer. */
  get isIdle(): boolean {
    return this.#settling.size + this.#ready.size + this.#taken.size === 0;
  }

  /** `take` would return a file. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** When the first of those that settle is due, ms; Infinity if none does. */
  get dueMs(): number {
    for (const { dueMs } of this.#settling.values()) return dueMs;
    return Infinity;
  }

  /** The names that have to be looked at now, to see whether they are still the same. */
  due(nowMs: number): string[] {
    const names: string[] = [];
    for (const [name, { dueMs }] of this.#settling) {
      if (dueMs > nowMs) break;
      names.push(name);
    }
    return names;
  }

  /** Whether a file waits for anything. */
  has(name: string): boolean {
    return this.#settling.has(name) || this.#ready.has(name) || this.#taken.has(name);
  }

  /** Whether a file is handed out. What the folder shows of it meanwhile does not count. */
  isTaken(name: string): boolean {
    return this.#taken.has(name);
  }

  /** A file is there, and looks like this. Call `lineUp` after the last of one look. */
  see(name: string, seen: Seen, nowMs: number): void {
    if (this.#taken.has(name) || this.#refused.get(name) === seen.identity) return;
    const before = this.#settling.get(name) ?? this.#ready.get(name);
    if (before?.identity === seen.identity) {
      if (nowMs >= before.dueMs && this.#settling.delete(name)) this.#makeReady(name, before);
      return;
    }
    if (!before && this.#settling.size + this.#ready.size >= HOT_FILES_MAX) return;
    this.#ready.delete(name);
    this.#refused.delete(name);
    this.#settling.delete(name); // it goes behind those that began before
    if (seen.isStill && !before) this.#makeReady(name, seen);
    else this.#settling.set(name, seen);
  }

  /** A file is complete. */
  #makeReady(name: string, { identity, mtimeNs, dueMs }: Waiting): void {
    this.#ready.set(name, { identity, mtimeNs, dueMs });
    this.#found.push(name);
  }

  /** Files that have become complete get in line by their times, behind those that are in it. */
  lineUp(): void {
    if (this.#found.length === 0) return;
    const timeOf = (name: string) => this.#ready.get(name)?.mtimeNs ?? 0n;
    this.#line.push(this.#found.sort((a, b) => Number(timeOf(b) - timeOf(a)) || (a < b ? 1 : -1)));
    this.#found = [];
  }

  /** Hands out the next complete file, for which the caller then answers; null if there is none. */
  take(): { readonly name: string; readonly identity: string } | null {
    for (let group = this.#line[0]; group; group = this.#line[0]) {
      const name = group.pop();
      const ready = name === undefined ? undefined : this.#ready.get(name);
      if (name === undefined) this.#line.shift();
      else if (ready) {
        this.#ready.delete(name);
        this.#taken.set(name, ready.identity);
        return { name, identity: ready.identity };
      }
    }
    return null;
  }

  /** The identity under which a name was handed out. */
  takenAs(name: string): string | undefined {
    return this.#taken.get(name);
  }

  /** The file was sent, or is gone. */
  settle(name: string): void {
    this.#taken.delete(name);
  }

  /** The file cannot be sent as long as it looks like this. */
  refuse(name: string): void {
    const identity = this.#taken.get(name);
    this.#taken.delete(name);
    if (identity !== undefined) this.#refused.set(name, identity);
  }

  /**
   * The file is not there any more. The taker of a file that is handed out finds that out itself.
   */
  lose(name: string): void {
    for (const map of [this.#settling, this.#ready, this.#refused]) map.delete(name);
  }

  /** All names except those that are handed out. */
  *names(): Generator<string> {
    for (const map of [this.#settling, this.#ready, this.#refused]) yield* map.keys();
  }
}
