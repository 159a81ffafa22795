/**
 * The messages of an operator: what an operator may ask a running server, and how the server
 * answers.
 *
 * No answer grows with the number of files. A list comes in pages: a bounded number of `row` or
 * `tally` frames, and a `page` frame that says where the next page begins. That place is a cursor,
 * a mark of the server's own that means nothing to anybody else. It stays valid while files come
 * and go, because it names a place and not a count.
 *
 * The conversation around these messages is in operate.ts. messages.ts adds them to the one table
 * of schemas.
 */
import * as v from "valibot";
import { FIELDS } from "./fields.ts";
import { LIMITS } from "./limits.ts";

const { algorithm, bytes, count, digest, id, kind, name, queue, text } = FIELDS;

// Both directions are in one table, as in messages.ts. The first four messages are the operator's,
// the others are answers. An answer to an order needs no number, because there is one order at a
// time. An answer to a look has the number of the look.

/**
 * A server's mark in a list. It has room for the longest queue name, because in a list of queues
 * the mark is a name.
 */
const cursor = text(200);

/**
 * Where a transfer can be. "leased" means that a receiver has it and has given no verdict; "dead"
 * is a dead letter. The last three are ends. A server remembers them for a while, so that it can
 * tell of them.
 */
export const TRANSFER_STATES = [
  "unknown",
  "uploading",
  "waiting",
  "leased",
  "dead",
  "collected",
  "expired",
  "cancelled",
] as const;
export type TransferState = (typeof TRANSFER_STATES)[number];

/**
 * One transfer, whatever its state. A field that means nothing in that state is left out. Times are
 * in milliseconds since the beginning of 1970.
 */
const transfer = {
  transfer: id,
  state: v.picklist(TRANSFER_STATES),
  queue: v.optional(queue),
  name: v.optional(name),
  /** Bytes of the content. Left out for a stream that has not ended, because nobody knows it. */
  size: v.optional(bytes),
  /** What the content is a form of, as in an offer. */
  kind,
  algorithm: v.optional(algorithm),
  digest: v.optional(digest),
  /**
   * For an upload: the bytes that are durable on the server, and whether its sender is connected
   * now.
   */
  offset: v.optional(bytes),
  isActive: v.optional(v.boolean()),
  /**
   * When the transfer came into this state; for an upload, when it last made progress. Left out
   * when nobody noted it.
   */
  atMs: v.optional(bytes),
  /**
   * Deliveries that failed, the reason of the last one, and when the first and the last one failed.
   */
  failures: v.optional(bytes),
  reason: v.optional(text(LIMITS.textCharsMax)),
  firstFailedAtMs: v.optional(bytes),
  lastFailedAtMs: v.optional(bytes),
};

export const OPERATE_SCHEMAS = {
  /**
   * Asks for one page. A list of queues names no queue; a list of uploads names one, or means those
   * of all queues.
   */
  list: v.object({
    what: v.picklist(["queues", "files", "dead", "uploads"]),
    queue: v.optional(queue),
    cursor: v.optional(cursor),
    rows: v.optional(count(LIMITS.pageFiles)),
  }),
  /**
   * Asks about one transfer. With `waitMs`, the server answers when the transfer has come to an
   * end, or when that time is over. Many looks may be open at once; `look` is the operator's own
   * number for this one, and comes back in the answer.
   */
  show: v.object({ transfer: id, look: bytes, waitMs: v.optional(bytes) }),
  /**
   * Puts one dead letter, or all dead letters of a queue, back to the tail of their queue. Exactly
   * one of the two fields is given.
   */
  requeue: v.object({ transfer: v.optional(id), queue: v.optional(queue) }),
  /**
   * Removes files of a queue for ever: its dead letters and, unless `deadOnly` is set, all its
   * other files.
   */
  purge: v.object({ queue, deadOnly: v.boolean() }),

  /**
   * One queue of a list. `files` includes those that are with a receiver, but no dead letters and
   * no uploads.
   */
  tally: v.object({ queue, files: bytes, bytes, dead: bytes, uploads: bytes }),
  /** One transfer of a list. */
  row: v.object(transfer),
  /** The page is complete. Without `next`, the list is complete as well. */
  page: v.object({ next: v.optional(cursor) }),
  /** The answer to `show`. */
  state: v.object({ ...transfer, look: bytes }),
  /**
   * The order is carried out and durable, for so many files; 0 when there was nothing left to do.
   */
  done: v.object({ files: bytes }),
} as const;
