/** The place of an unfinished upload, for those who count it, write to it and end it. */
import type { Offer } from "../files.ts";

/** Somebody who may write to it: an upload, from its offer to its end. */
export interface Holder {
  /** Takes it away: for a newer one, because the spool closes, or for an operator. */
  supersede(as?: "superseded" | "cancelled"): Promise<void>;
  /** Ends it; nothing of it is kept. */
  cancel(): Promise<void>;
}

/** The place of an unfinished upload in the spool, with or without somebody who is sending it. */
export interface Slot {
  /** As its first offer said; every later one must say the same. */
  readonly offer: Offer;
  /** Bytes set aside for it: its size or, while nobody knows that, what has arrived. */
  reserved: number;
  /** Bytes that are on disk and recorded in the index. */
  durable: number;
  /** When the durable offset last moved, ms since the epoch: the sweeper goes by it. */
  touchedAtMs: number;
  /** Who may write to it now; null between two senders. */
  holder: Holder | null;
  /** An operator is cancelling it, so it leaves a tombstone. */
  isCancelled?: boolean;
}
