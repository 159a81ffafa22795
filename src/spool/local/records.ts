/**
 * The records of the index of a local spool, and where they lie.
 *
 * They are on people's disks. So a field may be added, and never changes its meaning. A field that
 * older versions did not write is optional here, and who reads it has to do without it.
 *
 * A *home* is a place for files in the index: the name of a queue, or the place of its dead
 * letters. Read next: index.ts.
 */
import type { Ending, Offer, StoredFile } from "../files.ts";

/**
 * The home of the dead letters of a queue. No name on the wire begins with "!", so it is no queue.
 */
export const deadQueue = (queue: string): string => `!dead/${queue}`;
const DEAD = deadQueue("");
/** Whether a home is one of dead letters. */
export const isDeadHome = (home: string): boolean => home.startsWith(DEAD);
/** The queue that a home belongs to. */
export const queueOf = (home: string): string => (isDeadHome(home) ? home.slice(DEAD.length) : home);

/** An unfinished upload of which something is durable. The content is in a file. */
export interface UploadRecord extends Offer {
  /**
   * Bytes from the beginning on that are known to be on disk. What lies behind them
   * is worth nothing.
   */
  readonly durable: number;
  /** When `durable` last moved, ms since the epoch. */
  readonly touchedAtMs: number;
}

/**
 * A waiting file or a dead letter. Times are ms since the epoch; 0 and "" while nothing has failed.
 */
export interface Entry extends StoredFile {
  /**
   * When it was stored, became a dead letter, or was put back by an operator: expiry
   * counts from here.
   */
  readonly storedAtMs: number;
  readonly failures: number;
  readonly firstFailedAtMs: number;
  readonly lastFailedAtMs: number;
  readonly reason: string;
  /** Small content. Larger content is in a file (contents.ts), and this field is absent. */
  readonly content?: Uint8Array | undefined;
}

/** Of a file that has just come. */
export const NEVER_FAILED = { failures: 0, firstFailedAtMs: 0, lastFailedAtMs: 0, reason: "" } as const;

/**
 * What is known of a transfer by its id: it is a file or a dead letter, or it has ended. Fields
 * that may be absent were not noted by earlier versions.
 */
export interface Place extends StoredFile {
  /**
   * It has ended and this is its tombstone, whether a receiver has it or not: `ending` says that.
   */
  readonly collected: boolean;
  /** Of a file or dead letter: its number in its home, and which of the two homes that is. */
  readonly sequence?: number;
  readonly isDead?: boolean;
  readonly ending?: Ending;
  readonly endedAtMs?: number;
}

/** Where a file lies in the index. The number is unique in the whole spool. `queue` is a home. */
export type Position = [queue: string, sequence: number];
