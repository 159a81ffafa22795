/**
 * The Spool contract: what a server needs from the durable store behind its queues, and nothing more.
 *
 * An implementation promises (design promises 1, 3, 4, 5, 7; test/spool/contract.ts runs them on each):
 *
 *   - when `finish` resolves, content and index entry would survive what `durability` names;
 *   - a file becomes visible to `lease` all at once, and in the order in which files became durable;
 *   - a transfer has one durable offset, which never goes backwards, and one writer: the newest;
 *   - a lease has one holder; without a verdict in time the file goes back to the *head* of its queue;
 *   - `offer`, `finish` and `ack` may be repeated after any loss and change nothing the second time.
 *
 * No node: imports here: memory/store.ts runs in a browser, local/store.ts on a disk. Why LMDB there: adr/0013.
 */
import { assert, FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { DeadLetter, Delivery, Durability, Offer, StoredFile } from "./files.ts";

/** How the owner of an upload hears what happens to it between two calls. */
export interface UploadWatcher {
  /** So many bytes would survive now. Never called with less than before. */
  onDurable(offset: number): void;
  /** A newer offer of the same transfer has taken over; every call on the old upload fails from here on. Not called
   * when an operator cancels the upload: then they fail with `cancelled`. */
  onSuperseded(): void;
  /** These parts, of those that were appended, are not needed any more. Never called for some. */
  onUsed?(parts: readonly Uint8Array[]): void;
}

/** An unfinished upload, held by one writer. Calls must not overlap, except `suspend`. All may throw `superseded`. */
export interface Upload {
  /** Bytes the spool has durably; the sender goes on from here. */
  readonly offset: number;
  /**
   * Takes bytes at `offset` (duplicates and overlaps are dropped, see protocol/chunks.ts). A promise means:
   * wait for it before the next call, the disk is behind. `parts` must not change before `onUsed`.
   * @throws FilespoolError offset-gap, size-mismatch, disk-full; of unknown size, also file-too-large, spool-full
   */
  append(offset: number, parts: readonly Uint8Array[]): Promise<void> | undefined;
  /**
   * Verifies, makes durable, makes visible. Only then does it resolve. `size`: where the offer could not say it.
   * @throws FilespoolError size-mismatch, digest-mismatch (nothing is kept), disk-full (what arrived is kept)
   */
  finish(digest: string, size?: number): Promise<void>;
  /** The sender is gone for now: keeps what arrived, durably, for a later offer. */
  suspend(): Promise<void>;
  /** The sender gave up: keeps nothing. */
  cancel(): Promise<void>;
}

/** The answer to an offer: send from here, or there is nothing left to send. */
export type OfferAnswer =
  | { readonly kind: "upload"; readonly upload: Upload }
  | { readonly kind: "stored"; readonly digest: string; readonly collected: boolean };

/** Bounds of a spool. Counts as well as bytes; times in milliseconds; Infinity means no bound. */
export interface SpoolLimits {
  /** Bytes of all files, waiting, dead and reserved by unfinished uploads. */
  readonly spoolBytesMax: number;
  /** Largest file; told in `welcome`. Without it one file takes the room of all others. */
  readonly fileBytesMax: number;
  /** Files that wait in one queue. Without it a queue that nobody collects grows until the disk is full. */
  readonly queueFilesMax: number;
  /** Queues that have anything: a file, a dead letter, an unfinished upload. Names come from senders. */
  readonly queuesMax: number;
  /** Bytes that the index of a spool has in use, small content included; a spool without an index has none. */
  readonly indexBytesMax: number;
  /** Unfinished uploads: each may hold a reservation and a file. */
  readonly uploadsMax: number;
  /** Offers are refused when the disk would have less than this left. */
  readonly diskFreeBytesMin: number;
  /** A delivery without a verdict or progress ends after this. */
  readonly leaseMs: number;
  /** Failed deliveries of one file before it becomes a dead letter. */
  readonly failuresMax: number;
  /** How long an unfinished upload is kept after its last progress. */
  readonly uploadTtlMs: number;
  /** How long a waiting file is kept after it was stored, and a dead letter after its last failure. */
  readonly fileTtlMs: number;
  /** Whether a waiting file whose time is over is removed, or becomes a dead letter. A dead letter is removed. */
  readonly ifExpired: IfExpired;
  /** How long a collected transfer is remembered, so that repeating it changes nothing. */
  readonly tombstoneTtlMs: number;
  /** Transfers that are remembered; of more, the oldest are forgotten early. */
  readonly tombstonesMax: number;
}

export type IfExpired = "remove" | "dead";

/** Entries of one kind that a sweep removes, or a list of dead letters holds: neither may hold up transfers. */
export const SWEEP_MAX = 1000;
/** Acks remembered, so that repeating one is harmless. */
export const ACKS_REMEMBERED = 4096;
/** The reason that is noted for a delivery that got no verdict. */
export const LEASE_EXPIRED = "the lease ran out without a verdict";
/** The reason of a dead letter that no receiver has seen. */
export const FILE_EXPIRED = "nobody collected it in the time that files are kept";

/** Two offers with one id must mean one file. @throws FilespoolError transfer-conflict */
export function checkSame(known: Offer | StoredFile, offer: Offer): void {
  const sameSize = known.size === offer.size || ("digest" in known && offer.size === Infinity);
  const same =
    sameSize && known.kind === offer.kind && known.queue === offer.queue && known.algorithm === offer.algorithm;
  if (!same || known.name !== offer.name) throw new FilespoolError("transfer-conflict");
}

/** Whether an upload that ends here is what was offered. */
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

// A receiver whose line is frozen is given up, and its lease released, before that lease runs out and counts as a failure.
assert(SPOOL_LIMITS.leaseMs > LIMITS.idleMs + LIMITS.heartbeatMs, "a lease outlives the connection of its receiver");

/** Something whose time was over: a waiting file, a dead letter, or an unfinished upload. */
export interface Expired extends Pick<Offer, "transfer" | "queue" | "name" | "size"> {
  readonly what: "file" | "dead-letter" | "upload";
  /** Since it was stored, became a dead letter, or made its last progress; milliseconds. */
  readonly ageMs: number;
  /** It is a dead letter now, and was not removed. */
  readonly dead: boolean;
}

/** What one sweep removed or gave back. */
export interface Swept {
  readonly expired: readonly Expired[];
  readonly tombstones: number;
  /** Deliveries that ended without a verdict; `dead`: they failed too often. */
  readonly leases: readonly (Delivery & { readonly dead: boolean })[];
  /** There is more to do than one sweep may: the next one should come at once. */
  readonly isMore: boolean;
  /** Why something could not be done. What is told above is done all the same, and the rest is tried again. */
  readonly failure: FilespoolError | null;
}

export interface Spool {
  readonly durability: Durability;
  readonly limits: SpoolLimits;
  /** Digest algorithms it can verify, the preferred one first. */
  readonly digests: readonly string[];

  /**
   * Reserves room and starts or continues the upload; the newest offer of a transfer supersedes older ones.
   * @throws FilespoolError name-refused, file-too-large, digest-unsupported, transfer-conflict, cancelled, expired,
   * uploads-full, queue-full, queues-full, spool-full, index-full, disk-full; all of them by the promise
   * @returns the answer at once where there is nothing to wait for
   */
  offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> | OfferAnswer;

  /**
   * The first file of the queue that nobody holds, leased; null when there is none. At once, unless a failed delivery is
   * being written down: until that is done, nobody knows whether its file comes again.
   */
  lease(queue: string): Promise<Delivery | null> | Delivery | null;
  /**
   * Reads content of a leased file at `offset` into `into`; returns the bytes read, less than asked only at the end.
   * @throws FilespoolError lease-lost, spool-unusable
   */
  read(token: string, offset: number, into: Uint8Array): Promise<number>;
  /** Starts the lease's time anew, in memory. False when it is lost. */
  renew(token: string): boolean;
  /** Takes the file off its queue for ever, durably. Repeating it is harmless. @throws FilespoolError lease-lost */
  ack(token: string): Promise<void>;
  /** A failed attempt: back to the head, or to the dead letters (true). @throws FilespoolError lease-lost */
  nack(token: string, reason: string): Promise<boolean>;
  /** Gives the file back to the head without counting a failure. Harmless on a lost lease. */
  release(token: string): void;

  /** Calls back whenever `queue` may have a file to lease that it had not before. Returns the way to stop that. */
  onArrival(queue: string, listener: () => void): () => void;
  /**
   * Calls back once when the transfer may have ended: it was taken off its queue for ever, or became a dead letter. Returns
   * the way to stop that.
   */
  onEnded(transfer: string, listener: () => void): () => void;
  /** Files in the queue, leased ones included. A file whose ack is being written down is not among them. */
  waiting(queue: string): number;
  /**
   * Files of the queue that somebody holds, or whose verdict is being written down: each of them may come back. Deliveries of
   * the caller, `mine`, are left out, as far as their files are in flight under these tokens.
   */
  inFlight(queue: string, mine: Iterable<string>): number;
  /** Bytes of all files and reservations: what `spoolBytesMax` bounds. */
  bytesUsed(): number;
  dead(queue: string): Promise<DeadLetter[]>;
  /** Why nothing can be written, as the last attempt ended; null when it went well. A sweep tries again. */
  readonly trouble: FilespoolError | null;
  /**
   * Ends leases, removes what expired, and looks at the room. The server calls it every second; it does bounded work, in
   * proportion to what it removes. What fails is told in the answer.
   */
  sweep(): Promise<Swept>;
  /** Waits for what is under way and closes. Unfinished uploads and waiting files stay. */
  close(): Promise<void>;
}
