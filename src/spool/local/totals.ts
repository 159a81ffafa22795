/**
 * What the queues of a local spool hold, in numbers: files and bytes of each queue, and the sums
 * over all queues.
 *
 * The numbers of a queue are a row of the index, and are read there when somebody asks. Only queues
 * with a change under way are in memory: the index does not know yet what was asked for them. So a
 * million queues cost no memory, and a start reads their rows once, to add them up (adr/0072).
 *
 * A change goes through two steps. It is asked for; then it is on disk, or it has failed. Both
 * steps are counted so that no bound is ever exceeded, whatever fails (adr/0074):
 *
 *   a file that comes   counts from the moment it is asked for, until its commit has failed
 *   a file that goes    counts for the bounds (`occupied`, `bytes`) until its removal is on disk
 *
 * A *home* is a place for files in the index: a queue, or the dead letters of a queue.
 *
 * Invariant: a home without a change under way has exactly the row that its numbers say.
 */
import type { Database } from "lmdb";
import type { Move, Step } from "./group-commit.ts";
import { deadQueue, isDeadHome, queueOf } from "./records.ts";

/** Files and their bytes. */
export type Total = readonly [files: number, bytes: number];

/** A home with a change under way. */
interface Changing {
  /** Files and bytes as all changes asked for will leave them. */
  files: number;
  bytes: number;
  /**
   * Files whose removal is asked for and is not on disk. They are not in `files`, but
   * they are there.
   */
  leaving: number;
  /** Moves under way that concern this home. At 0 its row says all, and this object goes. */
  moves: number;
}

export class QueueTotals {
  /** As of the last commit. A home without files has no row. */
  readonly #rows: Database<Total, string>;
  readonly #changing = new Map<string, Changing>();
  /**
   * Unfinished uploads of each queue. In memory only, since there are `uploadsMax` of them at most.
   */
  readonly #unfinished = new Map<string, number>();
  /** Bytes of all files and dead letters, also of those whose removal is not on disk yet. */
  bytes = 0;
  /** How many queues have a file, a dead letter or an unfinished upload. */
  queues = 0;
  /** Over all queues: waiting files, and dead letters. */
  readonly sums = { waiting: { files: 0, bytes: 0 }, dead: { files: 0, bytes: 0 } };

  /**
   * @internal: types of LMDB stay out of the declarations of the package, since not every compiler
   * can read them.
   */
  constructor(rows: Database<Total, string>) {
    this.#rows = rows;
  }

  /** Adds up the rows, at the start. Nothing may be under way. */
  load(): void {
    this.bytes = 0;
    this.queues = 0;
    Object.assign(this.sums, { waiting: { files: 0, bytes: 0 }, dead: { files: 0, bytes: 0 } });
    for (const { key, value } of this.#rows.getRange()) {
      this.#add(key, ...value);
      this.bytes += value[1];
      // A queue that has both kinds of files has two rows, and is one queue.
      if (!isDeadHome(key) || !this.#rows.get(queueOf(key))) this.queues++;
    }
    for (const queue of this.#unfinished.keys()) if (!this.#hasFiles(queue)) this.queues++;
  }

  /** Files and bytes of a home, as all changes asked for will leave them. */
  of(home: string): Total {
    const changing = this.#changing.get(home);
    return changing ? [changing.files, changing.bytes] : (this.#rows.get(home) ?? [0, 0]);
  }

  /** Files of a home as they count for a bound: with those whose removal is not on disk yet. */
  occupied(home: string): number {
    return this.of(home)[0] + (this.#changing.get(home)?.leaving ?? 0);
  }

  /** Unfinished uploads of a queue. */
  unfinished(queue: string): number {
    return this.#unfinished.get(queue) ?? 0;
  }

  /** Whether a queue has a file, a dead letter or an unfinished upload. */
  has(queue: string): boolean {
    return this.#unfinished.has(queue) || this.#hasFiles(queue);
  }

  /**
   * Names of queues that may have no row yet, some of them twice: unfinished uploads and
   * changes under way.
   */
  *inMemory(): Iterable<string> {
    yield* this.#unfinished.keys();
    for (const home of this.#changing.keys()) yield queueOf(home);
  }

  /**
   * At most `limit` rows behind the home `after` and before the home `end`, by name, as of
   * the last commit.
   */
  rows(after: string | null, limit: number, end?: string): { home: string; total: Total }[] {
    const from = after === null ? {} : { start: after, exclusiveStart: true };
    const found = this.#rows.getRange({ ...from, ...(end !== undefined && { end }), limit });
    return [...found].map(({ key, value }) => ({ home: key, total: value }));
  }

  /** What is in memory of changes and uploads, in numbers: 0 of each when nothing is under way. */
  underWay(): Record<"changing" | "uploading", number> {
    return { changing: this.#changing.size, uploading: this.#unfinished.size };
  }

  /** Counts an unfinished upload in (1) or out (-1). */
  countUpload(queue: string, times: 1 | -1): void {
    const before = this.unfinished(queue);
    if (before + times > 0) this.#unfinished.set(queue, before + times);
    else this.#unfinished.delete(queue);
    if ((before === 0) !== (before + times === 0) && !this.#hasFiles(queue)) this.queues += times;
  }

  /** Counts a move: once when it is asked for, and once when it is on disk or has failed. */
  count(move: Move, step: Step): void {
    const { into, from, size } = move;
    const times = step === "asked" ? 1 : step === "failed" ? -1 : 0;
    // `into` comes first: a file that goes from one home of a queue to the other must not make the
    // queue look empty.
    if (into !== undefined) this.#change(into, times, times * size, 0, step);
    if (from !== undefined) this.#change(from, -times, -times * size, step === "asked" ? 1 : -1, step);
    if (from === undefined) this.bytes += times * size;
    else if (into === undefined && step === "done") this.bytes -= size;
    // In the same step: the room of a reservation passes to the file, and is never counted twice or
    // not at all.
    if (times !== 0) move.onCounted?.(times);
  }

  /** Applies one step of a move to one home, with the sums over all homes. */
  #change(home: string, files: number, bytes: number, leaving: number, step: Step): void {
    let changing = this.#changing.get(home);
    if (!changing) {
      const [filesNow, bytesNow] = this.of(home);
      changing = { files: filesNow, bytes: bytesNow, leaving: 0, moves: 0 };
      this.#changing.set(home, changing);
    }
    const wasThere = changing.files + changing.leaving > 0;
    changing.files += files;
    changing.bytes += bytes;
    changing.leaving += leaving;
    changing.moves += step === "asked" ? 1 : -1;
    this.#add(home, files, bytes);
    const isThere = changing.files + changing.leaving > 0;
    if (wasThere !== isThere && !this.#hasOther(home)) this.queues += isThere ? 1 : -1;
    if (changing.moves === 0) this.#changing.delete(home);
  }

  /** To the sums over all queues. */
  #add(home: string, files: number, bytes: number): void {
    const sum = isDeadHome(home) ? this.sums.dead : this.sums.waiting;
    sum.files += files;
    sum.bytes += bytes;
  }

  /** Whether the queue of a home has anything outside of this home. */
  #hasOther(home: string): boolean {
    const queue = queueOf(home);
    if (this.#unfinished.has(queue)) return true;
    return this.occupied(isDeadHome(home) ? queue : deadQueue(queue)) > 0;
  }

  #hasFiles(queue: string): boolean {
    return this.occupied(queue) > 0 || this.occupied(deadQueue(queue)) > 0;
  }

  /** Inside a transaction: writes the rows of all homes that its moves concern. */
  put(moves: readonly Move[]): void {
    for (const home of new Set(moves.flatMap(({ into, from }) => [into, from]))) {
      if (home === undefined) continue;
      const [files, bytes] = this.of(home);
      if (files > 0) this.#rows.put(home, [files, bytes]);
      else this.#rows.remove(home);
    }
  }

  /**
   * At the start, inside a transaction: makes the rows anew from all files that there are.
   * `load` comes next.
   */
  mend(files: Iterable<{ readonly home: string; readonly size: number }>): void {
    const counted = new Map<string, [files: number, bytes: number]>();
    for (const { home, size } of files) {
      const [filesNow, bytesNow] = counted.get(home) ?? [0, 0];
      counted.set(home, [filesNow + 1, bytesNow + size]);
    }
    for (const home of this.#rows.getKeys()) if (!counted.has(home)) this.#rows.remove(home);
    for (const [home, total] of counted) this.#rows.put(home, total);
  }
}
