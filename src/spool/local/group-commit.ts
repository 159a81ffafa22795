/**
 * Group commit: changes that are asked for while a commit is under way are gathered, and are
 * the next commit.
 *
 * A sync costs the same for one change as for three hundred, so durable small changes get cheap
 * when many share one. No timer decides how many. The slower the disk, the larger the groups get by
 * themselves (an idea of databases: DeWitt et al., "Implementation Techniques for Main Memory
 * Database Systems", 1984). Where no commit is under way, a group waits for the end of this turn of
 * the event loop, so that all files of one read of a socket share it.
 *
 *   write write write | commit 1 ............ |
 *                     | write write ... write | commit 2 .......... |
 *
 * Invariants: all of a group is on disk, or none of it. Groups are committed in the order in which
 * they began, one at a time, and changes of a group in the order of asking.
 *
 * Never here: what a change does (index.ts). Why: adr/0032.
 */
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/** A file that comes into a home, leaves one, or both. `size` counts in the sums (totals.ts). */
export interface Move {
  readonly into?: string | undefined;
  readonly from?: string | undefined;
  readonly size: number;
  /**
   * Called in the very step in which the move is counted (1), or is taken back because its
   * commit failed (-1). There a reservation is given up and taken again, so that nobody gets
   * its room in between (adr/0074).
   */
  readonly onCounted?: (times: 1 | -1) => void;
}

/**
 * What has happened to a move: it is asked for; it is on disk; it failed, and will not
 * be tried again.
 */
export type Step = "asked" | "done" | "failed";

export interface GroupCommitOptions {
  /** Runs puts and removes as one transaction; resolves when it is durable. */
  batch(work: () => void): Promise<unknown>;
  /** Inside the transaction, after all changes: writes what they have changed together. */
  conclude(moves: readonly Move[]): void;
  /** Counts a move, from step to step. */
  count(move: Move, step: Step): void;
  readonly reserve: DiskReserve;
  /** For messages. */
  readonly file: string;
}

interface Group {
  readonly changes: (() => void)[];
  readonly moves: Move[];
  /** Bytes that the reserve was asked for, to be given back when the commit is over. */
  asked: number;
  readonly done: Promise<void>;
}

export class GroupCommit {
  readonly options: GroupCommitOptions;
  /**
   * The group that takes further changes; null until one is asked for, and from the start of
   * its commit on.
   */
  #gathering: Group | null = null;
  /**
   * Resolves when the last commit that was begun or is due is over, however it ends. Null when
   * nothing is under way. Each group waits for the one before it by this.
   */
  #committing: Promise<void> | null = null;
  /**
   * Why the last commit failed; null once one went well. The server tells of it, and a
   * sweep tries again.
   */
  trouble: FilespoolError | null = null;

  constructor(options: GroupCommitOptions) {
    this.options = options;
  }

  /**
   * Asks for a change. Resolves when the change is durable.
   * @param change runs later, inside the transaction; it must neither wait nor throw
   * @param move what the change means for the sums, counted at once
   * @param adds bytes of content that the change adds
   * @throws FilespoolError disk-full, spool-unusable, by the promise
   */
  write(change: () => void, move?: Move, adds = 0): Promise<void> {
    let asked: number;
    try {
      asked = this.options.reserve.ask(adds);
    } catch (error) {
      // Content that is refused in time is no trouble: other changes may still be written.
      if (adds === 0) this.trouble = error as FilespoolError;
      return Promise.reject(error);
    }
    this.#gathering ??= this.#begin();
    const group = this.#gathering;
    group.changes.push(change);
    group.asked += asked;
    if (move) {
      group.moves.push(move);
      this.options.count(move, "asked");
    }
    return group.done;
  }

  // region: begin
  /**
   * A new group. It is committed after the one under way, or else at the end of this turn of
   * the event loop.
   */
  #begin(): Group {
    const begin = this.#committing ?? new Promise<void>((begin) => setImmediate(begin));
    const done = begin.then(() => this.#commit());
    this.#follow(done);
    return { changes: [], moves: [], asked: 0, done };
  }
  // endregion: begin

  /** Whatever comes next begins when `done` is over, whether it went well or not. */
  #follow(done: Promise<void>): void {
    const over = done
      .catch(() => {})
      .then(() => {
        if (this.#committing === over) this.#committing = null;
      });
    this.#committing = over;
  }

  async #commit(): Promise<void> {
    const { changes, moves, asked } = this.#gathering as Group;
    this.#gathering = null; // what is asked for from here on is the next group
    const { batch, conclude, count, reserve, file } = this.options;
    try {
      await batch(() => {
        for (const change of changes) change();
        conclude(moves);
      });
      // Before anybody hears of it: whoever does finds sums that are right.
      for (const move of moves) count(move, "done");
      this.trouble = null;
    } catch (error) {
      for (const move of moves) count(move, "failed");
      // lmdb-js tells the reason by a second promise. The sums were put right before: others have
      // a turn meanwhile.
      const why = await (error as { commitError?: Promise<never> }).commitError?.catch((reason: unknown) => reason);
      const isFull = why !== undefined && reserve.isLow;
      this.trouble = isFull
        ? new FilespoolError("disk-full", undefined, { cause: why })
        : fileError(why ?? error, file);
      throw this.trouble;
    } finally {
      reserve.done(asked);
    }
  }

  /**
   * Does something to the file while no commit is under way: after all that were begun, and before
   * the next one.
   */
  async between(work: () => Promise<void>): Promise<void> {
    const done = (this.#committing ?? Promise.resolve()).then(work);
    this.#follow(done);
    await done;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#committing) await this.#committing;
  }
}
