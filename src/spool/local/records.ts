/**
 * What the index of the local spool holds: its records, and where one is. They are on people's disks, so a field may be
 * added but never change its meaning; what an older version did not write is optional here. Read next: local/index.ts.
 */
import type { Ending, Offer, StoredFile } from "../files.ts";

/** Where the dead letters of a queue are: "!" cannot begin a queue name on the wire. */
export const deadQueue = (queue: string): string => `!dead/${queue}`;
const DEAD = deadQueue("");
/** Whether a home, which is a place for files in the index, is that of dead letters. */
export const isDeadHome = (home: string): boolean => home.startsWith(DEAD);
/** The queue whose files or dead letters a home has. */
export const queueOf = (home: string): string => (isDeadHome(home) ? home.slice(DEAD.length) : home);

export interface UploadRecord extends Offer {
  /** Bytes known to be on disk. */
  readonly durable: number;
  readonly touchedAtMs: number;
}

/** A waiting file or dead letter. Times in milliseconds since the epoch; 0 and "" while nothing failed. */
export interface Entry extends StoredFile {
  readonly storedAtMs: number;
  readonly failures: number;
  readonly firstFailedAtMs: number;
  readonly lastFailedAtMs: number;
  readonly reason: string;
  /** Only files up to the inline threshold; larger content is in data/<transfer>. */
  readonly content?: Uint8Array | undefined;
}

/** Of a file that has just come. */
export const NEVER_FAILED = { failures: 0, firstFailedAtMs: 0, lastFailedAtMs: 0, reason: "" } as const;

/**
 * Where a transfer is: in a queue, dead letters included, or taken off for ever (`collected`, however it ended). What
 * may be absent was not noted by earlier versions.
 */
export interface Place extends StoredFile {
  readonly collected: boolean;
  /** In a queue: where in it, and whether in that of the dead letters. */
  readonly sequence?: number;
  readonly isDead?: boolean;
  readonly ending?: Ending;
  readonly endedAtMs?: number;
}

export type Position = [queue: string, sequence: number];
