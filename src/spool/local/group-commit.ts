/**
 * Group commit: what is asked for while a commit is under way is gathered, and is the next commit.
 *
 * A sync costs the same for one change as for three hundred, so durable small changes get cheap when many share one. No
 * timer decides how many: the busier the disk, the larger the groups get by themselves (the idea is that of the group
 * commits of databases: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984). A group that
 * finds no commit under way waits for the end of this turn of the event loop. All of a group, or none, is on disk; groups
 * follow each other in the order in which they were begun, and changes in a group in the order of asking. adr/0032.
 */
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { DiskReserve } from "./disk-reserve.ts";

/** A file that comes into a queue, leaves one, or both; `size` counts in the sums. */
export interface Move {
  readonly into?: string | undefined;
  readonly from?: string | undefined;
  readonly size: number;
  /**
   * Called in the very step in which the move is counted (1), or taken back because its commit failed (-1). What was set
   * aside for the file elsewhere is given up and taken again there, so that nobody can come in between (adr/0074).
   */
  readonly onCounted?: (times: 1 | -1) => void;
}

/** What happened to a move: asked for; on disk; not written, and never will be. */
export type Step = "asked" | "done" | "failed";

export interface GroupCommitOptions {
  /** Runs puts and removes as one transaction; resolves when it is durable. */
  batch(work: () => void): Promise<unknown>;
  /** Inside the transaction, after the changes: writes what all of them share. */
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
  /** Bytes that the reserve was asked for. */
  asked: number;
  readonly done: Promise<void>;
}

export class GroupCommit {
  readonly options: GroupCommitOptions;
  /** The group that takes further changes, and the commit under way or due. */
  #gathering: Group | null = null;
  #committing: Promise<void> | null = null;
  /** Why nothing could be written when that was last tried; null once something was. */
  trouble: FilespoolError | null = null;

  constructor(options: GroupCommitOptions) {
    this.options = options;
  }

  /**
   * Makes a change; resolves when it is durable.
   * @param move counted at once @param adds bytes of content
   * @throws FilespoolError disk-full, spool-unusable, by the promise
   */
  write(change: () => void, move?: Move, adds = 0): Promise<void> {
    let asked: number;
    try {
      asked = this.options.reserve.ask(adds);
    } catch (error) {
      // That more content is refused in time is no trouble: what only notes or removes may still be written.
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
  #begin(): Group {
    const begin = this.#committing ?? new Promise<void>((begin) => setImmediate(begin));
    const done = begin.then(() => this.#commit());
    this.#follow(done);
    return { changes: [], moves: [], asked: 0, done };
  }
  // endregion: begin

  /** What comes next begins when this is over, however it ends. */
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
    this.#gathering = null;
    const { batch, conclude, count, reserve, file } = this.options;
    try {
      await batch(() => {
        for (const change of changes) change();
        conclude(moves);
      });
      for (const move of moves) count(move, "done");
      this.trouble = null;
    } catch (error) {
      for (const move of moves) count(move, "failed");
      // lmdb-js tells the reason by a second promise.
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

  /** Does something to the file while no commit is under way: after those that were begun, and before the next. */
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
