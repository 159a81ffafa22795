/**
 * What operators need of a spool: to see what is in it, and to take things out of it by hand.
 *
 * It is apart from the contract of the spool because a server that only moves files needs none of
 * it (adr/0108). It promises:
 *
 *   - what `cancel`, `requeue` and `purge` answer is durable, and happens once, however often it is
 *     asked for;
 *   - a file can be taken from the receiver that holds it: its lease ends, and a later verdict is
 *     `lease-lost`;
 *   - a list is read in pages, and a page costs the same wherever it begins. What is there from the
 *     first page to the last is listed once, whatever comes and goes meanwhile;
 *   - how a transfer ended is told for as long as its tombstone lives (`tombstoneTtlMs`).
 *
 * The laws: test/spool/contract-looking.ts and contract-operate.ts. No node: imports here. Read
 * next: memory.ts, then local.ts.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { Spool } from "../contract.ts";
import type { DeadLetter, Ending, Offer, StoredFile } from "../files.ts";

/** One transfer, in the state that it is in. */
export type Known =
  /** `offset` is durable. `isActive`: a sender holds it at this moment. */
  | (Offer & {
      readonly state: "uploading";
      readonly offset: number;
      readonly isActive: boolean;
      readonly atMs: number;
    })
  /**
   * `atMs`: when it was stored, died, or was put back by an operator. `failures` and `reason` are
   * of failed deliveries.
   */
  | (DeadLetter & { readonly state: "waiting" | "leased" | "dead"; readonly atMs: number })
  /**
   * `atMs`: when it ended; null if an older version noted that. `digest` is "" for an upload that
   * was cancelled unfinished.
   */
  | (StoredFile & { readonly state: Ending; readonly atMs: number | null });

/**
 * What a queue holds. `files` counts leased files as well; dead letters and unfinished
 * uploads are apart.
 */
export interface Tally {
  readonly queue: string;
  readonly files: number;
  /** Bytes of `files`. */
  readonly bytes: number;
  readonly dead: number;
  readonly uploads: number;
}

/** A part of a list. `next` is the cursor of the following part; null at the end. */
export interface Page<T> {
  readonly rows: readonly T[];
  readonly next: string | null;
}

/** Where a page begins (null: at the beginning), and how many rows it may have. */
export interface From {
  readonly cursor: string | null;
  readonly rows: number;
}

/**
 * How many files an order has changed. It is no list, which would grow with the queue. 0 is
 * an answer like any other, so that an order whose answer was lost can be given once more
 * without a surprise.
 */
export interface Changed {
  readonly files: number;
}

/** A spool that operators can look into. A server that only moves files knows it as a `Spool`. */
export interface ManagedSpool extends Spool {
  readonly operate: SpoolOperations;
}

export interface SpoolOperations {
  /**
   * Every queue that has anything, by name.
   * @throws FilespoolError message-invalid for a cursor that is none, as all lists
   */
  queues(from: From): Promise<Page<Tally>>;
  /**
   * Waiting and leased files of a queue from its head, in the order in which they are delivered.
   */
  files(queue: string, from: From): Promise<Page<Known>>;
  /** Dead letters of a queue, in the order in which they died. */
  dead(queue: string, from: From): Promise<Page<Known>>;
  /** Unfinished uploads of one queue or of all, by transfer. */
  uploads(queue: string | null, from: From): Promise<Page<Known>>;
  /** What is known of a transfer. Null: nothing, or its tombstone is gone. */
  find(transfer: string): Promise<Known | null>;

  /**
   * Removes a file or an unfinished upload for ever, wherever it is. It is remembered as cancelled,
   * and an offer of the same transfer is refused. 0 files when it was cancelled before.
   * @throws FilespoolError transfer-unknown; transfer-ended when it was collected or has expired
   */
  cancel(transfer: string): Promise<Changed>;
  /**
   * Puts a dead letter back at the *tail* of its queue, as if it had been stored now: its failures
   * are counted anew, and its time to live begins anew. 0 files when it is in its queue already.
   * @throws FilespoolError transfer-unknown, transfer-ended, queue-full
   */
  requeue(transfer: string): Promise<Changed>;
  /**
   * The same for the dead letters that a queue has now, in the order in which they died. Stops
   * between two batches when `shouldContinue` says no.
   * @throws FilespoolError queue-full: those that were put back until then stay in their queue
   */
  requeueAll(queue: string, shouldContinue: () => boolean): Promise<Changed>;
  /**
   * Removes the dead letters that a queue has now and, unless `deadOnly`, all its other files,
   * leased ones included. Unfinished uploads stay, since they are no files yet. Stops between two
   * batches when `shouldContinue` says no.
   */
  purge(queue: string, deadOnly: boolean, shouldContinue: () => boolean): Promise<Changed>;
}

/**
 * Files that are changed by one commit: many, so that they share a sync; and few enough to be held
 * in memory with the small contents that the index keeps beside them.
 */
export const BATCH_FILES = 100;

/** The error of an order that comes too late. It says what has become of the transfer. */
export function tooLate({ state }: { readonly state: string }): FilespoolError {
  return new FilespoolError("transfer-ended", `the transfer is ${state} already`);
}

/**
 * The number that a cursor was made of; 0 for the first page.
 * @throws FilespoolError message-invalid
 */
export function numberOf(cursor: string | null): number {
  if (cursor === null) return 0;
  if (!/^\d{1,15}$/.test(cursor)) throw new FilespoolError("message-invalid", "that is no cursor of this list");
  return Number(cursor);
}

/**
 * The order of the index, which compares bytes of UTF-8. JavaScript compares units of UTF-16: not
 * the same for rare characters.
 */
export function inByteOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === length) return a.length - b.length;
  // Surrogates stand for characters beyond all that a single unit can say, so they
  // come after those.
  const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
  return rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
}

/**
 * A page of keys that are in no order: the smallest keys behind the cursor, each once. It
 * looks at all keys and sorts no more than a page. So it is for what is bounded by a small
 * number, as uploads are.
 */
export function pageOfKeys(keys: Iterable<string>, { cursor, rows }: From): Page<string> {
  const first: string[] = [];
  let hasMore = false;
  for (const key of keys) {
    if (cursor !== null && inByteOrder(key, cursor) <= 0) continue;
    if (first.length === rows && inByteOrder(key, first[rows - 1] as string) > 0) {
      hasMore = true;
      continue;
    }
    const at = first.findIndex((other) => inByteOrder(other, key) >= 0);
    if (first[at] === key) continue;
    first.splice(at < 0 ? first.length : at, 0, key);
    if (first.length > rows) {
      first.pop();
      hasMore = true;
    }
  }
  return { rows: first, next: hasMore ? (first[rows - 1] as string) : null };
}
