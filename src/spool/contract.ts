/**
 * The Spool contract: what a server needs from the durable store behind its queues,
 * and nothing more.
 *
 * An implementation promises the following. test/spool/contract.ts runs these laws on each of them:
 *
 *   - when `finish` resolves, content and index entry would survive what `durability` names;
 *   - a file becomes visible to `lease` all at once, in the order in which files became durable;
 *   - a transfer has one durable offset, which never goes backwards, and one writer: the newest;
 *   - a lease has one holder; without a verdict in time the file returns to the *head* of its queue;
 *   - `offer`, `finish` and `ack` may be repeated after any loss, and change nothing the second time.
 *
 * What operators do is not part of it: operate/contract.ts adds that (adr/0108). No node: imports
 * here, since memory/store.ts runs in a browser. The other implementation is local/store.ts.
 */
import { assert, FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { DeadLetter, Delivery, Durability, Offer, StoredFile } from "./files.ts";

/** What the holder of an upload hears between two calls. */
export interface UploadWatcher {
  /** So many bytes would survive now. Never called with less than before. */
  onDurable(offset: number): void;
  /**
   * A newer offer of the same transfer has taken over. Every call on this upload fails with
   * `superseded` from here on. Not called when an operator cancels the upload: then the next call
   * of the holder fails with `cancelled`.
   */
  onSuperseded(): void;
  /**
   * The spool does not need these parts any more, of those that were appended: their memory may be
   * used anew. Parts of an upload that ended without them are never told.
   */
  onUsed?(parts: readonly Uint8Array[]): void;
}

/**
 * An unfinished upload, held by one writer. One call at a time, but `suspend` may come while
 * another is under way. Every call may fail with `superseded` or `cancelled`.
 */
export interface Upload {
  /** Bytes that were durable when this upload began. The sender goes on from here. */
  readonly offset: number;
  /**
   * Takes bytes at `offset`. What has arrived before is dropped (protocol/chunks.ts). `parts` must
   * not change before `onUsed`.
   * @returns a promise where the disk is behind: wait for it before the next call. This is the back
   * pressure of the whole server
   * @throws FilespoolError offset-gap, size-mismatch, disk-full; of unknown size,
   * also file-too-large, spool-full
   */
  append(offset: number, parts: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Verifies the content, makes it durable, makes it a visible file, and only then resolves.
   * @param size where the offer could not say it
   * @throws FilespoolError size-mismatch, digest-mismatch (nothing is kept), disk-full (what is
   * durable is kept)
   */
  finish(digest: string, size?: number): Promise<void>;
  /** The sender is gone for now. Keeps what arrived, durably, for a later offer. */
  suspend(): Promise<void>;
  /** The sender gave up. Keeps nothing. */
  cancel(): Promise<void>;
}

/** The answer to an offer: go on from `upload.offset`, or there is nothing left to send. */
export type OfferAnswer =
  | { readonly kind: "upload"; readonly upload: Upload }
  | { readonly kind: "stored"; readonly digest: string; readonly collected: boolean };

/**
 * Bounds of a spool: counts as well as bytes. Times are in milliseconds; Infinity means no bound.
 */
export interface SpoolLimits {
  /** Bytes of all waiting files and dead letters, and bytes reserved by unfinished uploads. */
  readonly spoolBytesMax: number;
  /** Largest file; told in `welcome`. Without it one file takes the room of all others. */
  readonly fileBytesMax: number;
  /** Files in one queue. Without it a queue that nobody collects grows until the disk is full. */
  readonly queueFilesMax: number;
  /**
   * Queues that have a file, a dead letter or an unfinished upload. Senders make up their names.
   */
  readonly queuesMax: number;
  /**
   * Bytes of the index that are in use, small content included. A spool without an
   * index ignores it.
   */
  readonly indexBytesMax: number;
  /** Unfinished uploads. Each holds a reservation and may hold a content file. */
  readonly uploadsMax: number;
  /** Offers are refused when the disk would have less than this left. */
  readonly diskFreeBytesMin: number;
  /** A lease that was not renewed for so long ends, and its delivery counts as failed. */
  readonly leaseMs: number;
  /** Failed deliveries of one file before it becomes a dead letter. */
  readonly failuresMax: number;
  /** How long an unfinished upload is kept after its last progress. */
  readonly uploadTtlMs: number;
  /**
   * How long a waiting file is kept after it was stored, and a dead letter after its last failure.
   */
  readonly fileTtlMs: number;
  /**
   * Whether a waiting file whose time is over is removed, or becomes a dead letter. A dead
   * letter is removed.
   */
  readonly ifExpired: IfExpired;
  /** How long a collected transfer is remembered, so that repeating it changes nothing. */
  readonly tombstoneTtlMs: number;
  /** Tombstones that are kept. Where there are more, the oldest are forgotten early. */
  readonly tombstonesMax: number;
}

export type IfExpired = "remove" | "dead";

/**
 * Most entries of one kind that a sweep removes, and most dead letters of one list: neither may
 * hold up transfers.
 */
export const SWEEP_MAX = 1000;
/** Acks remembered, so that repeating one is harmless. */
export const ACKS_REMEMBERED = 4096;
/** The reason that is noted for a delivery whose lease ended without a verdict. */
export const LEASE_EXPIRED = "the lease ran out without a verdict";
/** The reason of a dead letter that no receiver has seen. */
export const FILE_EXPIRED = "nobody collected it in the time that files are kept";

/**
 * Two offers with one transfer id must mean one file. Where one of them does not know its size, it
 * is not compared.
 * @throws FilespoolError transfer-conflict
 */
export function checkSame(known: Offer | StoredFile, offer: Offer): void {
  const sameSize = known.size === offer.size || ("digest" in known && offer.size === Infinity);
  const same =
    sameSize && known.kind === offer.kind && known.queue === offer.queue && known.algorithm === offer.algorithm;
  if (!same || known.name !== offer.name) throw new FilespoolError("transfer-conflict");
}

/**
 * Whether an upload that ends after `taken` bytes is complete: by its end (`size`), and by
 * what was offered.
 */
export const isWhole = (offer: Offer, taken: number, size: number): boolean =>
  taken === size && (offer.size === size || offer.size === Infinity);

const DAY_MS = 86_400_000;

export const SPOOL_LIMITS: SpoolLimits = {
  spoolBytesMax: Infinity,
  fileBytesMax: Number.MAX_SAFE_INTEGER,
  queueFilesMax: 10_000_000,
  queuesMax: 1_000_000,
  indexBytesMax: Infinity,
  uploadsMax: 10_000,
  diskFreeBytesMin: 64 * 1024 * 1024,
  leaseMs: 60_000,
  failuresMax: 20,
  uploadTtlMs: 3 * DAY_MS,
  fileTtlMs: Infinity,
  ifExpired: "remove",
  tombstoneTtlMs: 7 * DAY_MS,
  tombstonesMax: 10_000_000,
};

// The server gives up a receiver that says nothing, and releases its lease, before that lease runs
// out and counts as a failed delivery.
assert(SPOOL_LIMITS.leaseMs > LIMITS.idleMs + LIMITS.heartbeatMs, "a lease outlives the connection of its receiver");

/** Something whose time was over. `what` it was when the sweep found it. */
export interface Expired extends Pick<Offer, "transfer" | "queue" | "name" | "size"> {
  readonly what: "file" | "dead-letter" | "upload";
  /** Milliseconds since it was stored, became a dead letter, or made its last progress. */
  readonly ageMs: number;
  /** It was a waiting file and is a dead letter now. False: it was removed. */
  readonly dead: boolean;
}

/** What one sweep removed or gave back. */
export interface Swept {
  readonly expired: readonly Expired[];
  readonly tombstones: number;
  /** Deliveries whose leases ran out. `dead`: that was one failure too many for the file. */
  readonly leases: readonly (Delivery & { readonly dead: boolean })[];
  /** There is more to do than one sweep may do: the next one should come at once. */
  readonly isMore: boolean;
  /**
   * Why something could not be done, or null. What is told above is done all the same; the rest
   * is tried again.
   */
  readonly failure: FilespoolError | null;
}

export interface Spool {
  readonly durability: Durability;
  readonly limits: SpoolLimits;
  /** Digest algorithms that it can verify, the preferred one first. */
  readonly digests: readonly string[];

  /**
   * Reserves room and starts an upload, or continues one. The newest offer of a transfer takes the
   * upload from older ones.
   * @throws FilespoolError name-refused, file-too-large, digest-unsupported, transfer-conflict,
   * cancelled, expired, uploads-full, queue-full, queues-full, spool-full, index-full, disk-full;
   * all of them by the promise
   * @returns the answer at once where there is nothing to wait for
   */
  offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> | OfferAnswer;

  /**
   * The first file of the queue that is not in flight, leased; null when there is none. The answer
   * comes at once, unless a failed delivery is being written down and nothing else is there: until
   * that is done, nobody knows whether its file comes again.
   */
  lease(queue: string): Promise<Delivery | null> | Delivery | null;
  /**
   * Reads content of a leased file at `offset` into `into`; returns the bytes read, less than asked
   * only at the end.
   * @throws FilespoolError lease-lost, spool-unusable
   */
  read(token: string, offset: number, into: Uint8Array): Promise<number>;
  /** Starts the lease's time anew, in memory only. False when the lease is lost. */
  renew(token: string): boolean;
  /**
   * Takes the file off its queue for ever, durably. To repeat it is harmless.
   * @throws FilespoolError lease-lost; disk-full, spool-unusable: then the file is in
   * its queue again
   */
  ack(token: string): Promise<void>;
  /**
   * Notes a failed attempt, durably. Then the file is back at the head of its queue (false), or is
   * a dead letter (true).
   * @throws FilespoolError lease-lost; disk-full, spool-unusable: then it is back, and
   * nothing was noted
   */
  nack(token: string, reason: string): Promise<boolean>;
  /**
   * Gives the file back to the head of its queue. No failure is counted. Harmless on a lost lease.
   */
  release(token: string): void;

  /**
   * Calls back whenever `queue` may have a file to lease that was not there before. Returns the way
   * to stop that.
   */
  onArrival(queue: string, listener: () => void): () => void;
  /**
   * Calls back once when the transfer may have ended: it was taken off its queue for ever, or
   * became a dead letter. Returns the way to stop that.
   */
  onEnded(transfer: string, listener: () => void): () => void;
  /**
   * Files in the queue, leased ones included. A file whose ack is being written down is
   * not among them.
   */
  waiting(queue: string): number;
  /**
   * Files of the queue that somebody holds, or whose verdict is being written down. Each of them
   * may come back. The caller's own deliveries do not count: `mine` are their tokens, and a token
   * whose lease is lost is nobody's.
   */
  inFlight(queue: string, mine: Iterable<string>): number;
  /** Bytes of all files and reservations: what `spoolBytesMax` bounds. */
  bytesUsed(): number;
  /** The oldest dead letters of a queue, SWEEP_MAX at most. */
  dead(queue: string): Promise<DeadLetter[]>;
  /** Why the last write failed; null when it went well. A sweep tries again. */
  readonly trouble: FilespoolError | null;
  /**
   * Ends leases that ran out, removes what expired, and looks at the room on the disk. The
   * server calls it every second. It does bounded work, in proportion to what it removes,
   * and never rejects.
   */
  sweep(): Promise<Swept>;
  /** Waits for what is under way, and closes. Unfinished uploads and waiting files stay. */
  close(): Promise<void>;
}
