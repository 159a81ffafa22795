/** What the memory spool holds of a file, while it is there and after it is gone. Read next: memory/store.ts. */
import type { SpoolLimits } from "../contract.ts";
import type { DeadLetter, Delivery, Ending, StoredFile } from "../files.ts";
import type { Slot } from "./upload.ts";

/** A file that was stored and not yet collected. */
export interface Item {
  readonly file: StoredFile;
  readonly content: Uint8Array;
  /** Its place in the list, which only grows: a page of a list goes on behind it. */
  sequence: number;
  state: "waiting" | "leased" | "dead";
  /** When it was stored, or became a dead letter: expiry counts from here. */
  sinceMs: number;
  failed: Omit<DeadLetter, keyof StoredFile>;
}

/**
 * What is left of a transfer that came to an end. It is what makes a repeated offer harmless, and what a sender that asks for
 * its receipt is answered from; both need to know more than that the file is gone.
 */
export interface Tombstone {
  readonly file: StoredFile;
  readonly sinceMs: number;
  readonly ending: Ending;
}

/** What a lease is on: the delivery as its receiver knows it, and the file that it is a delivery of. */
export interface Leased {
  readonly delivery: Delivery;
  readonly item: Item;
}

/** Of a file that has just come. */
export const NEVER_FAILED = { failures: 0, reason: "", firstFailedAtMs: 0, lastFailedAtMs: 0 } as const;

/**
 * The spool as its sweep and the operator's view see it: three lists and some verbs. Both get it from the store, which makes
 * them; so they know this, and not the store.
 */
export interface MemoryState {
  readonly limits: SpoolLimits;
  readonly slots: Map<string, Slot>;
  readonly files: readonly Item[];
  readonly tombstones: Map<string, Tombstone>;
  now(): number;
  waiting(queue: string): number;
  arrived(queue: string): void;
  /** Takes a file out of whosever hands it is in. */
  seize(item: Item): void;
  /** Takes a file off the list, and notes how it ended. */
  collect(item: Item, ending: Ending): void;
  leaveTombstone(file: StoredFile, ending: Ending): void;
  toEnd(item: Item): void;
  die(item: Item): void;
  endLeases(): Promise<Delivery & { readonly dead: boolean }>[];
}
