/**
 * The queues with the most files, for whoever watches: found by a walk over all queues, a slice at a time.
 *
 * Queues are named by senders, so there may be a million of them, and a scrape must neither show all nor hold up a
 * transfer while it looks for the fullest. A slice takes some milliseconds; between two, everybody else has a turn. Where
 * one slice is all there is, each scrape walks anew. Where it takes more, what the last walk found serves for a while:
 * the numbers are looked up at each scrape, only which queues are shown may be as old as that.
 *
 * Sums are kept by the spool and not made here, so what is left over for "(other)" is right however old the walk is. It
 * refuses to know what a metric is (metrics.ts) and where the numbers come from.
 */
import { setImmediate } from "node:timers/promises";

/** Queues with lines of their own; more are summed up. */
export const QUEUES_SHOWN = 100;
/** "(other)" cannot be the name of a queue. */
export const OTHER = "(other)";
/** Rows that are looked at without a pause. */
export const SLICE = 10_000;
/** How long the result of a walk that took more than one slice is used, ms: so scraping costs a bounded share of time. */
const WALK_MS = 15_000;
/** Before the name of a queue, where the index keeps its dead letters. */
const DEAD = "!dead/";

export type Total = readonly [files: number, bytes: number];
export type Kind = "waiting" | "dead";

/** What a spool tells of its queues. A home is the name of a queue, or `!dead/` and the name. */
export interface QueueSource {
  /** Homes behind one, by name, at most `limit`. */
  rows(after: string | null, limit: number): readonly { readonly home: string; readonly total: Total }[];
  /** What a home has at this moment. */
  of(home: string): Total;
  readonly sums: Readonly<Record<Kind, { readonly files: number; readonly bytes: number }>>;
}

/** What one walk found: homes of the fullest queues, and whether there were others. */
type Found = Readonly<Record<Kind, { homes: string[]; hasOthers: boolean }>>;

export class FullestQueues {
  readonly #source: QueueSource;
  readonly #now: () => number;
  #walking: Promise<Found> | null = null;
  #found: Found | null = null;
  #foundAtMs = 0;

  /** @param now milliseconds that never go backwards */
  constructor(source: QueueSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  /** The fullest queues with what they have now, and the sum of all others, if there are others. */
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
    // A file that came in the middle may be in one of the two numbers only.
    return [...named, [OTHER, [Math.max(0, files - sum(0)), Math.max(0, bytes - sum(1))]]];
  }

  /** What is known, if it is not too old; else a walk, and one for all who ask meanwhile. */
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

/** Keeps the homes with the most files of all that it sees. */
class Fullest {
  #homes: [home: string, files: number][] = [];
  #seen = 0;
  /** With no more than this, a home is none of the fullest. */
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
