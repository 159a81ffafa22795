/**
 * Entry views: what a lease needs of an entry of the index, without a copy of its content.
 *
 * lmdb-js reads each record into one piece of memory that it uses again and again, and copies
 * out of it what a program may keep. For content of 64 KiB that copy, with the garbage that it
 * becomes, costs twenty times as much as finding the record. With thousands of files on their
 * way out, that garbage is tens of megabytes. So this file opens the same records a second time
 * with `copyBuffers` off: content is then a view of that one piece of memory, until the next
 * record is read.
 *
 * Invariant: no view leaves this file. What is handed out was copied, into memory of a slab or
 * of the caller.
 */
import type { Database, RootDatabase } from "lmdb";
import { LIMITS } from "../../protocol/limits.ts";
import { BufferSlab } from "./buffer-slab.ts";
import type { Entry, Position } from "./records.ts";

/** What a lease needs of an entry. */
export interface Glance {
  readonly entry: Omit<Entry, "content">;
  /** The content is in the index; else it is in a file of its own. */
  readonly isInline: boolean;
  /**
   * The whole content where it is in the index and short: it is sent at once. Longer content is
   * read in pieces.
   */
  readonly content: Uint8Array | undefined;
}

export class EntryViews {
  readonly #entries: Database<Entry, Position>;
  readonly #slab = new BufferSlab();

  /**
   * @internal: types of LMDB stay out of the declarations of the package, since not every compiler
   * can read them.
   */
  constructor(root: RootDatabase) {
    const options = { name: "entries", copyBuffers: false };
    this.#entries = root.openDB(options);
  }

  /** The entry at a place, or undefined where none is there. */
  glance(queue: string, sequence: number): Glance | undefined {
    const entry = this.#entries.get([queue, sequence]);
    if (!entry) return undefined;
    const view = entry.content;
    const isShort = view !== undefined && view.length <= LIMITS.pieceBytes;
    const content = isShort ? this.#slab.take(view.length) : undefined;
    content?.set(view as Uint8Array);
    return { entry, isInline: view !== undefined, content };
  }

  /**
   * Copies content from `offset` on into the caller's memory. Returns how many bytes there were.
   */
  read(queue: string, sequence: number, offset: number, into: Uint8Array): number {
    const piece = this.#entries.get([queue, sequence])?.content?.subarray(offset, offset + into.length);
    if (piece) into.set(piece);
    return piece?.length ?? 0;
  }
}
