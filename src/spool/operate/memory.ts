/**
 * What operators do to a memory spool: the contract beside it, by looking through a list.
 *
 * Nothing here waits, so nobody else does anything between two lines. What local.ts needs claims
 * and commits for is a few lines here. Read this file first to see what the operations mean, and
 * local.ts to see what they cost.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { Item, MemoryState } from "../memory/records.ts";
import type { Slot } from "../memory/upload.ts";
import {
  type Changed,
  type From,
  type Known,
  numberOf,
  type Page,
  pageOfKeys,
  type SpoolOperations,
  type Tally,
  tooLate,
} from "./contract.ts";

/**
 * One object beside its spool, so that a server that moves files need not know of it. What it needs
 * of the spool are three lists (files, unfinished uploads, tombstones) and five verbs: seize,
 * collect, leaveTombstone, toEnd, arrived.
 */
export class MemoryOperations implements SpoolOperations {
  readonly #spool: MemoryState;

  constructor(spool: MemoryState) {
    this.#spool = spool;
  }

  /**
   * A queue exists as long as something is in it, also a dead letter, or an upload of which no
   * byte has arrived.
   */
  async queues(from: From): Promise<Page<Tally>> {
    const files = this.#spool.files.map(({ file }) => file.queue);
    const uploads = [...this.#spool.slots.values()].map(({ offer }) => offer.queue);
    const { rows, next } = pageOfKeys([...files, ...uploads], from);
    return { rows: rows.map((queue) => this.#tally(queue, uploads)), next };
  }

  /**
   * Counted anew each time, like everything here. A sum that is kept can be wrong; this is what to
   * compare it with.
   */
  #tally(queue: string, uploads: readonly string[]): Tally {
    const files = this.#of(queue, false);
    return {
      queue,
      files: files.length,
      bytes: files.reduce((sum, { file }) => sum + file.size, 0),
      dead: this.#of(queue, true).length,
      uploads: uploads.filter((other) => other === queue).length,
    };
  }

  /** Dead letters of a queue, or all its other files. */
  #of(queue: string, isDead: boolean): Item[] {
    return this.#spool.files.filter(({ file, state }) => file.queue === queue && (state === "dead") === isDead);
  }

  // A leased file keeps its place in the list, so the order of the list is the order of delivery
  // without a further rule.
  async files(queue: string, from: From): Promise<Page<Known>> {
    return this.#page(queue, false, from);
  }

  async dead(queue: string, from: From): Promise<Page<Known>> {
    return this.#page(queue, true, from);
  }

  /**
   * Files behind the place that the cursor names. A cursor that counts rows would skip a file
   * for each one that was collected between two pages, and show a file twice for each one
   * that came back.
   */
  #page(queue: string, isDead: boolean, { cursor, rows }: From): Page<Known> {
    const after = numberOf(cursor);
    const left = this.#of(queue, isDead).filter(({ sequence }) => sequence > after);
    const shown = left.slice(0, rows);
    return { rows: shown.map(known), next: left.length > rows ? String(shown.at(-1)?.sequence) : null };
  }

  /**
   * By transfer id and not by age: an age changes with each byte that arrives, and a cursor
   * must not change.
   */
  async uploads(queue: string | null, from: From): Promise<Page<Known>> {
    const slots = [...this.#spool.slots.values()].filter(({ offer }) => queue === null || offer.queue === queue);
    const transfers = slots.map(({ offer }) => offer.transfer);
    const { rows, next } = pageOfKeys(transfers, from);
    return { rows: rows.map((transfer) => uploading(this.#spool.slots.get(transfer) as Slot)), next };
  }

  /**
   * A transfer is an upload, then a file, then a tombstone, and never two of them: each step is one
   * step for all.
   */
  async find(transfer: string): Promise<Known | null> {
    const tombstone = this.#spool.tombstones.get(transfer);
    if (tombstone) return { ...tombstone.file, state: tombstone.ending, atMs: tombstone.sinceMs };
    const item = this.#item(transfer);
    if (item) return known(item);
    const slot = this.#spool.slots.get(transfer);
    return slot ? uploading(slot) : null;
  }

  /** By looking through all files. The other spool is the quick one. */
  #item(transfer: string): Item | undefined {
    return this.#spool.files.find(({ file }) => file.transfer === transfer);
  }

  /**
   * Ends a transfer wherever it is. Without a tombstone, the sender of a cancelled upload would
   * come back, find nothing, and begin anew.
   */
  async cancel(transfer: string): Promise<Changed> {
    const { tombstones, slots } = this.#spool;
    const tombstone = tombstones.get(transfer);
    if (tombstone?.ending === "cancelled") return { files: 0 };
    if (tombstone) throw tooLate({ state: tombstone.ending });
    const item = this.#item(transfer);
    const slot = slots.get(transfer);
    if (item) this.#remove(item);
    else if (slot) {
      slot.holder?.lose();
      slots.delete(transfer);
      this.#spool.leaveTombstone({ ...slot.offer, digest: "" }, "cancelled");
    } else throw new FilespoolError("transfer-unknown");
    return { files: 1 };
  }

  /** First its lease ends, so that a later verdict finds none; then the file leaves the list. */
  #remove(item: Item): void {
    this.#spool.seize(item);
    this.#spool.collect(item, "cancelled");
  }

  /**
   * Nothing to do is no error: it may be an order whose answer was lost, and that is
   * given once more.
   */
  async requeue(transfer: string): Promise<Changed> {
    const tombstone = this.#spool.tombstones.get(transfer);
    if (tombstone) throw tooLate({ state: tombstone.ending });
    const item = this.#item(transfer);
    if (!item && !this.#spool.slots.has(transfer)) throw new FilespoolError("transfer-unknown");
    if (item?.state !== "dead") return { files: 0 };
    this.#putBack(item);
    return { files: 1 };
  }

  /** To the end of the list, as if it were stored now. */
  #putBack(item: Item): void {
    const { queue } = item.file;
    const unfinished = [...this.#spool.slots.values()].filter(({ offer }) => offer.queue === queue);
    if (this.#spool.waiting(queue) + unfinished.length >= this.#spool.limits.queueFilesMax)
      throw new FilespoolError("queue-full");
    const failed = { failures: 0, reason: "", firstFailedAtMs: 0, lastFailedAtMs: 0 };
    Object.assign(item, { state: "waiting", sinceMs: this.#spool.now(), failed });
    this.#spool.toEnd(item);
    this.#spool.arrived(queue);
  }

  // The list is made before the first is put back, so that none is put back twice.
  async requeueAll(queue: string, shouldContinue: () => boolean): Promise<Changed> {
    return each(this.#of(queue, true), shouldContinue, (item) => this.#putBack(item));
  }

  async purge(queue: string, deadOnly: boolean, shouldContinue: () => boolean): Promise<Changed> {
    const files = deadOnly ? [] : this.#of(queue, false);
    return each([...files, ...this.#of(queue, true)], shouldContinue, (item) => this.#remove(item));
  }
}

/** Does something to many files, one after the other, for as long as somebody still wants it. */
function each(items: readonly Item[], shouldContinue: () => boolean, work: (item: Item) => void): Changed {
  let files = 0;
  for (const item of items) {
    if (!shouldContinue()) break;
    work(item);
    files++;
  }
  return { files };
}

/** A file as operators see it: neither its content nor its place. */
const known = ({ file, state, sinceMs: atMs, failed }: Item): Known => ({ ...file, ...failed, state, atMs });

/** An upload as operators see it. In memory, what has arrived is as durable as it gets. */
const uploading = ({ offer, taken: offset, touchedAtMs: atMs, holder }: Slot): Known => {
  return { ...offer, state: "uploading", offset, isActive: holder !== null, atMs };
};
