/**
 * The slot of an unfinished upload: what of it stays while senders come and go.
 *
 * Apart from the upload itself, because room.ts counts slots, uploads.ts keeps them, upload.ts
 * writes to one, and the sweep and operators end them. None of these imports another one for that.
 */
import type { Offer } from "../files.ts";

/** The one that may write to a slot: an upload, from its offer to its end. */
export interface Holder {
  /**
   * Takes the slot away from it: for a newer upload, because the spool closes, or for an operator.
   */
  supersede(as?: "superseded" | "cancelled"): Promise<void>;
  /** Ends the upload. Nothing of it is kept. */
  cancel(): Promise<void>;
}

/** An unfinished upload, with or without a sender. */
export interface Slot {
  /** As its first offer said. Every later offer must say the same. */
  readonly offer: Offer;
  /** Bytes set aside for it: its size or, while nobody knows the size, what has arrived. */
  reserved: number;
  /** Bytes that are on disk and recorded in the index. */
  durable: number;
  /** When `durable` last moved, ms since the epoch: expiry counts from here. */
  touchedAtMs: number;
  /** Who may write to it now. Null between two senders, and only then may the sweep end it. */
  holder: Holder | null;
  /** An operator is cancelling it: when nothing of it is kept, a tombstone is. */
  isCancelled?: boolean;
}
