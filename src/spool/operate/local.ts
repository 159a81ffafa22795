/**
 * What operators do to a local spool: look into its index, and take things out of it by hand.
 *
 * The difficulty is that receivers and the sweep work on the same files at the same moment. So an
 * operation first *claims* a file (local/queues.ts): that ends its lease, and nobody else can have
 * the file. Then it changes the index. Then it ends the claim.
 *
 *   1. claim     nobody else can have the file        in memory: a crash here has changed nothing
 *   2. commit    it is gone, or back in its queue     durable, and only now answered
 *   3. content   is removed in the background         a crash before that leaves it to the next start
 *
 * A file whose verdict is being written down cannot be claimed. Then the operation waits for that
 * commit and looks again, because only then it is known what there is to cancel.
 *
 * Nothing of this is on the path of a transfer. The contract: contract.ts. Why the server does it,
 * and not a program that opens the same folder: adr/0038.
 */
import { FilespoolError } from "../../protocol/errors.ts";
import type { LocalParts } from "../local/parts.ts";
import { deadQueue, type Entry, NEVER_FAILED, type Place, type Position } from "../local/records.ts";
import type { Slot } from "../local/slot.ts";
import type { QueueTotals } from "../local/totals.ts";
import {
  BATCH_FILES,
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
import { pageOfQueues } from "./totals-page.ts";

/** What operations use of a spool. The store itself is not among it. */
type Parts = Pick<LocalParts, "index" | "room" | "queues" | "uploads" | "contents" | "ends" | "limits" | "now">;

/** Looks are answered from the last commit, and changes when they are durable. */
export class LocalOperations implements SpoolOperations {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What each queue has, for metrics. */
  get totals(): QueueTotals {
    return this.#parts.index.totals;
  }

  /** Uploads that are not files yet, with or without somebody who is sending; for metrics. */
  get unfinishedUploads(): number {
    return this.#parts.room.slots.size;
  }

  async queues(from: From): Promise<Page<Tally>> {
    return pageOfQueues(this.#parts.index.totals, from);
  }

  /**
   * Leased files are listed at their places: only in memory is it known that receivers have them.
   */
  async files(queue: string, from: From): Promise<Page<Known>> {
    return this.#page(queue, from);
  }

  /**
   * Dead letters have a home of their own in the index, so they are listed in the order in
   * which they died.
   */
  async dead(queue: string, from: From): Promise<Page<Known>> {
    return this.#page(deadQueue(queue), from);
  }

  /**
   * One row more than asked for is read, to know whether there is a next page. The cursor is a
   * place, and no place moves.
   */
  #page(home: string, { cursor, rows }: From): Page<Known> {
    const after = cursor === null ? -1 : numberOf(cursor);
    const found = this.#parts.index.list(home, rows + 1, after);
    const shown = found.slice(0, rows);
    const next = found.length > rows ? String(shown.at(-1)?.sequence) : null;
    return { rows: shown.map(({ sequence, entry }) => this.#shown([home, sequence], entry)), next };
  }

  /**
   * An entry as operators see it. Small content is part of it in the index, and is left out here.
   */
  #shown([home, sequence]: Position, entry: Entry): Known {
    const { content: _, storedAtMs: atMs, ...letter } = entry;
    const isDead = home !== entry.queue;
    return {
      ...letter,
      atMs,
      state: isDead ? "dead" : this.#parts.queues.isInFlight(home, sequence) ? "leased" : "waiting",
    };
  }

  /** There are `uploadsMax` of them at most, so this may look at all of them for each page. */
  async uploads(queue: string | null, from: From): Promise<Page<Known>> {
    const { slots } = this.#parts.room;
    function* ofQueue(): Iterable<string> {
      for (const { offer } of slots.values()) if (queue === null || offer.queue === queue) yield offer.transfer;
    }
    const page = pageOfKeys(ofQueue(), from);
    return { rows: page.rows.map((transfer) => this.#uploading(slots.get(transfer) as Slot)), next: page.next };
  }

  /**
   * An upload as operators see it. The offset is what is durable: a sender that comes back would
   * hear the same number.
   */
  #uploading({ offer, durable, touchedAtMs, holder }: Slot): Known {
    return { ...offer, state: "uploading", offset: durable, isActive: holder !== null, atMs: touchedAtMs };
  }

  /**
   * One look by the transfer and one by its place: the same in a queue of ten files and
   * of ten million.
   */
  async find(transfer: string): Promise<Known | null> {
    const place = this.#parts.index.find(transfer);
    if (place?.collected) {
      const { collected: _, ending = "collected", endedAtMs: atMs = null, ...file } = place;
      return { ...file, state: ending, atMs };
    }
    const found = place && this.#locate(place);
    if (found) return this.#shown(found.position, found.entry);
    const slot = this.#parts.room.slots.get(transfer);
    return slot ? this.#uploading(slot) : null;
  }

  /** Where a file is. An earlier version did not note that, so such a file is searched for. */
  #locate(place: Place): { position: Position; entry: Entry } | null {
    const { index } = this.#parts;
    if (place.sequence !== undefined) {
      const position: Position = [place.isDead ? deadQueue(place.queue) : place.queue, place.sequence];
      const entry = index.entry(...position);
      return entry ? { position, entry } : null;
    }
    for (const home of [place.queue, deadQueue(place.queue)]) {
      for (let after = -1; ; ) {
        const some = index.list(home, BATCH_FILES, after);
        const found = some.find(({ entry }) => entry.transfer === place.transfer);
        if (found) return { position: [home, found.sequence], entry: found.entry };
        if (some.length < BATCH_FILES) break;
        after = some.at(-1)?.sequence as number;
      }
    }
    return null;
  }

  /**
   * Looks, tries, and looks again as long as the file cannot be claimed. Each turn waits for
   * a commit that is under way. So there are as many turns as there are others that decide
   * about the file.
   */
  async cancel(transfer: string): Promise<Changed> {
    for (;;) {
      const place = this.#parts.index.find(transfer);
      if (place?.collected) {
        if (place.ending === "cancelled") return { files: 0 };
        throw tooLate({ state: place.ending ?? "collected" });
      }
      const found = place && this.#locate(place);
      if (found && (await this.#remove(found.position, found.entry))) return { files: 1 };
      const slot = this.#parts.room.slots.get(transfer);
      if (!found && slot && (await this.#cancelUpload(slot))) return { files: 1 };
      if (!found && !slot && !place) throw new FilespoolError("transfer-unknown");
      await this.#parts.index.settled(); // what is being written down now decides what there is to cancel
    }
  }

  /** Removes a file for ever. False: it cannot be claimed now. */
  async #remove(position: Position, entry: Entry): Promise<boolean> {
    const { index, now } = this.#parts;
    if (!this.#parts.queues.claim(...position)) return false;
    let isGone = false;
    try {
      await index.collect(entry, position, entry.storedAtMs, now(), "cancelled");
      isGone = true;
    } finally {
      this.#parts.queues.letGo(...position, isGone);
    }
    if (!entry.content) this.#parts.contents.removeLater(entry.transfer);
    this.#parts.ends.ended(entry.transfer);
    return true;
  }

  /**
   * Cancels an unfinished upload. Its sender loses it first, and hears why. The mark comes before
   * that, because an upload of which nothing is durable is forgotten when its holder lets go.
   * @returns false: it became a file meanwhile, or a sender has it again
   */
  async #cancelUpload(slot: Slot): Promise<boolean> {
    const { slots } = this.#parts.room;
    const { transfer } = slot.offer;
    slot.isCancelled = true;
    try {
      await slot.holder?.supersede("cancelled");
      if (slots.get(transfer) === slot) {
        if (slot.holder) return false;
        await this.#parts.uploads.drop(slot);
      }
      // It may have become a file before its holder could be stopped.
      if (this.#parts.index.find(transfer)?.ending !== "cancelled") return false;
    } finally {
      slot.isCancelled = false;
    }
    this.#parts.ends.ended(transfer);
    return true;
  }

  /**
   * In turns like `cancel`: another operator or the sweep may be at work on the same dead letter.
   */
  async requeue(transfer: string): Promise<Changed> {
    for (;;) {
      const place = this.#parts.index.find(transfer);
      if (!place && !this.#parts.room.slots.has(transfer)) throw new FilespoolError("transfer-unknown");
      if (place?.collected) throw tooLate({ state: place.ending ?? "collected" });
      const found = place && this.#locate(place);
      // An upload, and a file in its queue, need nothing. So to ask twice is harmless.
      if (!found || found.position[0] === found.entry.queue) return { files: 0 };
      if (await this.#putBack(found.position, found.entry)) return { files: 1 };
      await this.#parts.index.settled();
    }
  }

  /**
   * Puts a dead letter back as if it were stored now, so that it gets all its time again. False: it
   * cannot be claimed now.
   */
  async #putBack(position: Position, entry: Entry): Promise<boolean> {
    const { index, limits, now } = this.#parts;
    const { queue } = entry;
    if (index.totals.occupied(queue) + index.totals.unfinished(queue) >= limits.queueFilesMax)
      throw new FilespoolError("queue-full");
    if (!this.#parts.queues.claim(...position)) return false;
    const anew = { ...NEVER_FAILED, storedAtMs: now() };
    let isGone = false;
    try {
      await index.move(entry, position, queue, { ...entry, ...anew });
      isGone = true;
    } finally {
      this.#parts.queues.letGo(...position, isGone);
    }
    this.#parts.queues.arrived(queue);
    return true;
  }

  /** Where the queue gets full it stops with that error. What was put back stays there. */
  async requeueAll(queue: string, shouldContinue: () => boolean): Promise<Changed> {
    return {
      files: await this.#each(deadQueue(queue), shouldContinue, (position, entry) => this.#putBack(position, entry)),
    };
  }

  async purge(queue: string, deadOnly: boolean, shouldContinue: () => boolean): Promise<Changed> {
    let files = 0;
    // Dead letters come last: a file that dies while its queue is purged is among them by then.
    for (const home of deadOnly ? [deadQueue(queue)] : [queue, deadQueue(queue)])
      files += await this.#each(home, shouldContinue, (position, entry) => this.#remove(position, entry));
    return { files };
  }

  /**
   * Does something to each file that is in a home now, in order, many per commit. Files that come
   * later are left alone, so this ends however fast they come. Files that cannot be claimed are
   * tried again after the commit that is under way.
   */
  async #each(home: string, shouldContinue: () => boolean, work: (at: Position, entry: Entry) => Promise<boolean>) {
    const { index } = this.#parts;
    const last = index.sequence;
    let files = 0;
    for (let missed = true; missed && shouldContinue(); ) {
      missed = false;
      for (let after = -1; shouldContinue(); ) {
        const some = index.list(home, BATCH_FILES, after).filter(({ sequence }) => sequence <= last);
        if (some.length === 0) break;
        after = some.at(-1)?.sequence as number;
        const isDone = await Promise.all(some.map(({ sequence, entry }) => work([home, sequence], entry)));
        files += isDone.filter(Boolean).length;
        missed ||= isDone.includes(false);
      }
      if (missed) await index.settled();
    }
    return files;
  }
}
