/**
 * The queues with the most files, for a scrape: found by a walk over all queues, one slice at a
 * time.
 *
 * Senders name queues, so there may be a million of them. A scrape must not show all, nor hold up a
 * transfer while it looks for the fullest. A slice takes some milliseconds; between two slices,
 * other work has a turn. If one slice is all there is, each scrape walks anew. If it takes more,
 * the result of the last walk is used for a while: each scrape looks up the numbers anew, and only
 * the choice of queues may be that old.
 *
 * The spool keeps the sums, so the rest in "(other)" is right however old the walk is. Never here:
 * what a metric is (metrics.ts), and where the numbers come from.
 */
import { setImmediate } from "node:timers/promises";

/** Most queues with a line of their own; the others are summed up. */
export const QUEUES_SHOWN = 100;
/** The name of the line for the others. No queue can have it. */
export const OTHER = "(other)";
/** Rows of one slice, looked at without a pause. */
export const SLICE = 10_000;
/** How long the result of a walk of several slices is used, ms. It bounds the cost of scrapes. */
const WALK_MS = 15_000;
/** What the index puts before the name of a queue for its dead letters. */
const DEAD = "!dead/";

export type Total = readonly [files: number, bytes: number];
export type Kind = "waiting" | "dead";

/** What a spool tells about its queues. A home is the name of a queue, or `!dead/` and the name. */
export interface QueueSource {
  /** At most `limit` homes after one, in the order of their names; null: from the first. */
  rows(after: string | null, limit: number): readonly { readonly home: string; readonly total: Total }[];
  /** What a home holds at this moment. */
  of(home: string): Total;
  readonly sums: Readonly<Record<Kind, { readonly files: number; readonly bytes: number }>>;
}

/** What one walk found: the homes of the fullest queues, and whether there were others. */
type Found = Readonly<Record<Kind, { homes: string[]; hasOthers: boolean }>>;

/** The fullest queues of one spool. */
export class FullestQueues {
  readonly #source: QueueSource;
  readonly #now: () => number;
  /** The walk that is under way; all callers share it. */
  #walking: Promise<Found> | null = null;
  /** The result of the last walk, if it took several slices. */
  #found: Found | null = null;
  #foundAtMs = 0;

  /** @param now milliseconds that never go backwards */
  constructor(source: QueueSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  /** The fullest queues with what they hold now, then the sum of the others, if there are any. */
  async of(kind: Kind): Promise<[queue: string, total: Total][]> {
    const { homes, hasOthers } = (await this.#look())[kind];
    const shown = homes
      .map((home): [string, Total] => [home, this.#source.of(home)])
      .filter(([, [files]]) => files > 0);
    const named = shown.map(([home, total]): [string, Total] => [
      kind === "dead" ? home.slice(DEAD.length) : home,
      total,
    ]);
    if (!hasOthers) return named;
    const { files, bytes } = this.#source.sums[kind];
    const sum = (at: 0 | 1) => shown.reduce((all, [, total]) => all + total[at], 0);
    // A file that came in between may be in one of the two numbers only.
    return [...named, [OTHER, [Math.max(0, files - sum(0)), Math.max(0, bytes - sum(1))]]];
  }

  /** The last result, if it is not too old; otherwise a walk, one for all who ask meanwhile. */
  #look(): Promise<Found> {
    if (this.#found && this.#now() - this.#foundAtMs < WALK_MS) return Promise.resolve(this.#found);
    this.#walking ??= this.#walk().finally(() => {
      this.#walking = null;
    });
    return this.#walking;
  }

  async #walk(): Promise<Found> {
    const fullest = { waiting: new Fullest(), dead: new Fullest() };
    let slices = 0;
    for (let after: string | null = null; ; slices++) {
      const rows: ReturnType<QueueSource["rows"]> = this.#source.rows(after, SLICE);
      for (const { home, total } of rows) fullest[home.startsWith(DEAD) ? "dead" : "waiting"].see(home, total[0]);
      if (rows.length < SLICE) break;
      after = rows.at(-1)?.home ?? null;
      await setImmediate();
    }
    const found = { waiting: fullest.waiting.result(), dead: fullest.dead.result() };
    this.#found = slices > 0 ? found : null;
    this.#foundAtMs = this.#now();
    return found;
  }
}

/** Keeps the homes with the most files of all that it sees, in bounded memory. */
class Fullest {
  #homes: [home: string, files: number][] = [];
  #seen = 0;
  /** A home with no more files than this is not among the fullest. */
  #least = 0;

  see(home: string, files: number): void {
    this.#seen++;
    if (files <= this.#least) return;
    this.#homes.push([home, files]);
    if (this.#homes.length >= 2 * QUEUES_SHOWN) this.#cut();
  }

  #cut(): void {
    this.#homes.sort(([, a], [, b]) => b - a);
    this.#homes.length = Math.min(this.#homes.length, QUEUES_SHOWN);
    if (this.#homes.length === QUEUES_SHOWN) this.#least = this.#homes[QUEUES_SHOWN - 1]?.[1] ?? 0;
  }

  result(): { homes: string[]; hasOthers: boolean } {
    this.#cut();
    return { homes: this.#homes.map(([home]) => home), hasOthers: this.#seen > this.#homes.length };
  }
}
