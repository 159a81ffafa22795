/**
 * The messages of an operator: what may be asked about a running server, and how it answers.
 *
 * No answer grows with the number of files: a list comes as a page, which is a bounded number of `row` or `tally`
 * frames and a `page` frame that says where the next one begins. A cursor is the server's own mark and means nothing
 * to anybody else; it stays valid while files come and go, because it names a place and not a count.
 *
 * The conversation around them is in operate.ts. They are part of the one table of schemas in messages.ts.
 */
import * as v from "valibot";
import { FIELDS } from "./fields.ts";
import { LIMITS } from "./limits.ts";

const { algorithm, bytes, count, digest, id, kind, name, queue, text } = FIELDS;

// Both directions in one table, as in messages.ts: the first four are the operator's, the others are answers. An answer to an order
// needs no number, because there is one order at a time; an answer to a look has the number that the look came with.

/** A server's mark in a list. Longer than the longest queue name, which is one. */
const cursor = text(200);

/** Where a transfer can be. The last three are ends that it can still be told about for a while. */
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

/** One transfer, whatever its state; a field that means nothing in a state is left out. Times in ms since the epoch. */
const transfer = {
  transfer: id,
  state: v.picklist(TRANSFER_STATES),
  queue: v.optional(queue),
  name: v.optional(name),
  /** Absent while nobody knows it: an upload of a stream. */
  size: v.optional(bytes),
  /** As in an offer: what the content is a form of. */
  kind,
  algorithm: v.optional(algorithm),
  digest: v.optional(digest),
  /** uploading: bytes that are durable here, and whether a sender is connected to it at this moment. */
  offset: v.optional(bytes),
  isActive: v.optional(v.boolean()),
  /** When it came into this state, or (uploading) last made progress; absent when nobody noted it. */
  atMs: v.optional(bytes),
  /** Deliveries that failed; with the last reason, and when the first and the last of them failed. */
  failures: v.optional(bytes),
  reason: v.optional(text(LIMITS.textCharsMax)),
  firstFailedAtMs: v.optional(bytes),
  lastFailedAtMs: v.optional(bytes),
};

export const OPERATE_SCHEMAS = {
  /** One page. `queues` has no queue; `uploads` has one or means those of all queues. */
  list: v.object({
    what: v.picklist(["queues", "files", "dead", "uploads"]),
    queue: v.optional(queue),
    cursor: v.optional(cursor),
    rows: v.optional(count(LIMITS.pageFiles)),
  }),
  /**
   * With `waitMs`, answered when the transfer has come to an end, or when the time is over. A window of them may be open;
   * `look` is the operator's own number for this one, and comes back in the answer.
   */
  show: v.object({ transfer: id, look: bytes, waitMs: v.optional(bytes) }),
  /** A dead letter, or all of a queue, back to the tail of that queue. Exactly one of the two is given. */
  requeue: v.object({ transfer: v.optional(id), queue: v.optional(queue) }),
  /** Removes what is in a queue for ever: its dead letters, and unless `deadOnly` all its other files. */
  purge: v.object({ queue, deadOnly: v.boolean() }),

  /** One queue of a list. `files` counts those that are with a receiver; dead letters and uploads are apart. */
  tally: v.object({ queue, files: bytes, bytes, dead: bytes, uploads: bytes }),
  /** One transfer of a list. */
  row: v.object(transfer),
  /** The page is complete; without `next` so is the list. */
  page: v.object({ next: v.optional(cursor) }),
  /** The answer to `show`. */
  state: v.object({ ...transfer, look: bytes }),
  /** What was asked for is done, durably, to so many files; 0 when there was nothing left to do. */
  done: v.object({ files: bytes }),
} as const;
