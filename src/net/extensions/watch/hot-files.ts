/**
 * The files of a watched folder, by name, and how far each of them is on its way. No disk and no clock: both are asked by
 * hot-folder.ts, which tells this file what it saw and when.
 *
 *             looks the same for long enough        handed out            sent, kept or gone
 *   settling --------------------------> ready ------------------> taken ------------------> (not here)
 *      ^                                                             |
 *      +------------- changed meanwhile, or not sent after all ------+----> refused, until it changes
 *
 * Invariant: a name is in one of the four at most, and one that is taken stays so until its taker has answered for it.
 */

/** What is known of a file that waits. */
interface Waiting {
  readonly identity: string;
  /** Its time of change, by which the line is ordered. */
  readonly mtimeNs: bigint;
  /** When it will be complete unless it changes, in milliseconds of the monotonic clock. */
  readonly dueMs: number;
}

/** What was seen of a file. */
export interface Seen extends Waiting {
  /** It had been left alone for long enough before it appeared. */
  readonly isStill: boolean;
}

/** Names that are kept in memory. What is beyond them waits until some of these are gone. */
export const HOT_FILES_MAX = 1_000_000;

/** See above. Every method is told the name of a file and, where it matters, the time. */
export class HotFiles {
  /** In the order in which they began, which is that in which they will be complete. */
  readonly #settling = new Map<string, Waiting>();
  /** Complete, and not handed out. */
  readonly #ready = new Map<string, Waiting>();
  /** Names that have become ready since the last `lineUp`. */
  #found: string[] = [];
  /** The names of `#ready`, in groups that became ready together, the next one last in each; and some that have left it. */
  readonly #line: string[][] = [];
  /** By name, the identity under which each was handed out, or refused. */
  readonly #taken = new Map<string, string>();
  readonly #refused = new Map<string, string>();

  /** Nothing waits to become complete, to be sent, or for an answer. */
  get isIdle(): boolean {
    return this.#settling.size + this.#ready.size + this.#taken.size === 0;
  }

  /** `take` has something. */
  get hasReady(): boolean {
    return this.#ready.size > 0;
  }

  /** When the first of those that settle will have done so. */
  get dueMs(): number {
    for (const { dueMs } of this.#settling.values()) return dueMs;
    return Infinity;
  }

  /** The names of those that have to be looked at now, to see whether they are still the same. */
  due(nowMs: number): string[] {
    const names: string[] = [];
    for (const [name, { dueMs }] of this.#settling) {
      if (dueMs > nowMs) break;
      names.push(name);
    }
    return names;
  }

  /** Whether it waits, for whatever. */
  has(name: string): boolean {
    return this.#settling.has(name) || this.#ready.has(name) || this.#taken.has(name);
  }

  /** Somebody answers for it: what the folder says of it meanwhile is not ours to judge. */
  isTaken(name: string): boolean {
    return this.#taken.has(name);
  }

  /** A file is there, and looks like this. `lineUp` comes after the last of a look. */
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
    this.#settling.delete(name); // behind those that began before it
    if (seen.isStill && !before) this.#makeReady(name, seen);
    else this.#settling.set(name, seen);
  }

  #makeReady(name: string, { identity, mtimeNs, dueMs }: Waiting): void {
    this.#ready.set(name, { identity, mtimeNs, dueMs });
    this.#found.push(name);
  }

  /** Those that have become complete get in line by their times, behind those that stand there. */
  lineUp(): void {
    if (this.#found.length === 0) return;
    const timeOf = (name: string) => this.#ready.get(name)?.mtimeNs ?? 0n;
    this.#line.push(this.#found.sort((a, b) => Number(timeOf(b) - timeOf(a)) || (a < b ? 1 : -1)));
    this.#found = [];
  }

  /** The next complete file, which is then the caller's to answer for; null if there is none. */
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

  /** What a name was taken as. */
  takenAs(name: string): string | undefined {
    return this.#taken.get(name);
  }

  /** It was sent, or is gone. */
  settle(name: string): void {
    this.#taken.delete(name);
  }

  /** It cannot be sent as long as it looks like this. */
  refuse(name: string): void {
    const identity = this.#taken.get(name);
    this.#taken.delete(name);
    if (identity !== undefined) this.#refused.set(name, identity);
  }

  /** It is not there any more. Of one that is taken, its taker finds that out. */
  lose(name: string): void {
    for (const map of [this.#settling, this.#ready, this.#refused]) map.delete(name);
  }

  /** All names but those that are taken. */
  *names(): Generator<string> {
    for (const map of [this.#settling, this.#ready, this.#refused]) yield* map.keys();
  }
}
