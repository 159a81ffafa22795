/**
 * The files of a local spool by age: which of them are due, whatever queue they are in.
 *
 *   database   key                      value
 *   ages       [storedAtMs, sequence]   the home of the file: its queue, or that of its dead letters
 *
 * A sweep reads the rows from the oldest on and stops at the first that is not due. So its work
 * grows with what expires, and not with the number of queues. Rows are in the order of times
 * and not of places: a file that was stored while the clock was wrong has a wrong time, and
 * holds up no other.
 *
 * A row is written and removed in the same commit as its file. But an index that an older version
 * wrote has no rows, or lacks some. They are added while the server runs, a batch with each sweep,
 * so that a start does not take longer the more files wait (adr/0072). An older version writes
 * "format" into `meta` at each start, and ours removes it when all rows are there; by that we know.
 *
 * Invariant, once complete: every file has its row. A row without a file may be left over; it is
 * removed when it is due.
 */
import type { Database } from "lmdb";
import type { GroupCommit } from "./group-commit.ts";
import type { Entry, Position } from "./records.ts";

/** When a file was stored, ms since the epoch, and its sequence number, which no other file has. */
export type Age = [sinceMs: number, sequence: number];

/**
 * Most files whose rows one commit of the building adds, and bytes of small content that are
 * read for it.
 */
const BATCH_FILES = 500;
const BATCH_BYTES = 4 * 1024 * 1024;

export class Ages {
  readonly #rows: Database<string, Age>;
  readonly #entries: Database<Entry, Position>;
  readonly #meta: Database<number, string>;
  readonly #commits: GroupCommit;
  /** The last file whose row was added by the building; null when every file has its row. */
  #builtTo: Position | null;

  /**
   * @internal: types of LMDB stay out of the declarations of the package, since not every compiler
   * can read them.
   */
  constructor(
    rows: Database<string, Age>,
    entries: Database<Entry, Position>,
    meta: Database<number, string>,
    commits: GroupCommit,
  ) {
    this.#rows = rows;
    this.#entries = entries;
    this.#meta = meta;
    this.#commits = commits;
    const isComplete = meta.get("ages") === 1 && meta.get("format") === undefined;
    this.#builtTo = isComplete ? null : ["", 0];
  }

  /** Whether some files have no row yet. They do not expire until they have one. */
  get isBuilding(): boolean {
    return this.#builtTo !== null;
  }

  /** Inside a transaction: a file has come to a home. */
  put(sinceMs: number, [home, sequence]: Position): void {
    this.#rows.put([sinceMs, sequence], home);
  }

  /** Inside a transaction: a file has left its place. */
  remove(sinceMs: number, [, sequence]: Position): void {
    this.#rows.remove([sinceMs, sequence]);
  }

  /**
   * Rows of files that were stored before `beforeMs`, the oldest first: at most `limit`, behind
   * the row `after`.
   */
  due(beforeMs: number, after: Age | null, limit: number): { age: Age; home: string }[] {
    const start: Age = after ? [after[0], after[1] + 1] : [0, 0];
    const rows = this.#rows.getRange({ start, end: [beforeMs, 0], limit });
    return [...rows].map(({ key, value }) => ({ age: key, home: value }));
  }

  /** Removes rows whose files are gone. */
  async forget(ages: readonly Age[]): Promise<void> {
    if (ages.length > 0) await this.#commits.write(() => ages.forEach((age) => void this.#rows.remove(age)));
  }

  /**
   * Goes on with the building by one commit. Files that come and go meanwhile have their rows by
   * themselves. A file that goes between our look and our commit leaves a row without a file.
   * @throws FilespoolError disk-full, spool-unusable: it is tried again with the next sweep
   */
  async build(): Promise<void> {
    if (!this.#builtTo) return;
    const [home, sequence] = this.#builtTo;
    const found: { key: Position; sinceMs: number }[] = [];
    let bytes = 0;
    for (const { key, value } of this.#entries.getRange({ start: [home, sequence + 1], limit: BATCH_FILES })) {
      found.push({ key, sinceMs: value.storedAtMs });
      bytes += value.content?.length ?? 0;
      if (bytes > BATCH_BYTES) break;
    }
    const last = found.at(-1)?.key ?? null;
    await this.#commits.write(
      () => {
        for (const { key, sinceMs } of found) this.put(sinceMs, key);
        if (last) return;
        // Nothing was found behind the last one: all files have their rows.
        this.#meta.put("ages", 1);
        this.#meta.remove("format");
      },
      undefined,
      found.length * ROW_BYTES,
    );
    this.#builtTo = last;
  }
}

/** About what a row takes, for the look at the room on the disk. */
const ROW_BYTES = 100;
