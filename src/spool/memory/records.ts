/**
 * What the memory spool holds of a file, while the file is there and after it is gone; and what its
 * sweep and operators may use of the store. Read next: store.ts.
 */
import type { SpoolLimits } from "../contract.ts";
import type { DeadLetter, Delivery, Ending, StoredFile } from "../files.ts";
import type { Slot } from "./upload.ts";

/** A file that was stored and has not ended. */
export interface Item {
  readonly file: StoredFile;
  readonly content: Uint8Array;
  /**
   * Its place in the list. Later places are higher, so a page of a list goes on behind the last
   * place of the page before.
   */
  sequence: number;
  state: "waiting" | "leased" | "dead";
  /**
   * When it was stored, became a dead letter, or was put back by an operator: expiry
   * counts from here.
   */
  sinceMs: number;
  /** Its failed deliveries: how many, and of the last one the reason. */
  failed: Omit<DeadLetter, keyof StoredFile>;
}

/**
 * What is left of a transfer that has ended. By it a repeated offer is harmless, and a sender
 * that asks for its receipt gets an answer. Both have to know how it ended, and not only that
 * it is gone.
 */
export interface Tombstone {
  readonly file: StoredFile;
  readonly sinceMs: number;
  readonly ending: Ending;
}

/** What a lease is on: the delivery as its receiver knows it, and the file that it delivers. */
export interface Leased {
  readonly delivery: Delivery;
  readonly item: Item;
}

/** The failures of a file that has just come. */
export const NEVER_FAILED = { failures: 0, reason: "", firstFailedAtMs: 0, lastFailedAtMs: 0 } as const;

/**
 * The store as its sweep and its operators see it: three lists and some verbs. They import this
 * interface and not the store.
 */
export interface MemoryState {
  readonly limits: SpoolLimits;
  readonly slots: Map<string, Slot>;
  readonly files: readonly Item[];
  readonly tombstones: Map<string, Tombstone>;
  now(): number;
  waiting(queue: string): number;
  arrived(queue: string): void;
  /** Takes a file from the receiver that holds it. */
  seize(item: Item): void;
  /** Takes a file off the list, and notes how it ended. */
  collect(item: Item, ending: Ending): void;
  /** Notes how a transfer ended, and tells those who wait for that. */
  leaveTombstone(file: StoredFile, ending: Ending): void;
  /** Moves a file to the end of the list. */
  toEnd(item: Item): void;
  /** Makes a file a dead letter. */
  die(item: Item): void;
  endLeases(): Promise<Delivery & { readonly dead: boolean }>[];
}
