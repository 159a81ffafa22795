/**
 * What operators do to a local spool: look into its index, and take things out of it by hand.
 *
 * The one difficulty is that receivers and the sweeper work on the same files at the same moment. So whoever wants to
 * change a file first *claims* it (local/queues.ts), which ends a lease and keeps the file out of everybody's hands;
 * then the index is changed; then the claim ends. A file whose fate is being written down cannot be claimed: we wait
 * for that commit and look again, because only then it is known what there is to cancel.
 *
 *   1. claim        nobody else can touch it         in memory, so a crash here has changed nothing
 *   2. commit       it is gone, or back in its queue durable, and only now answered
 *   3. content      removed, in the background       a crash before it leaves a file that `open` removes
 *
 * Nothing of this is on the path of a transfer. Contract: operate.ts. Why by the server and not by a program that opens
 * the same folder: adr/0038.
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

/** Looks are answered from the index as it was committed; changes are claimed, committed and only then answered. */
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
   * Leased files are listed in their place: in the index they have not moved, only in memory it is known who has them.
   */
  async files(queue: string, from: From): Promise<Page<Known>> {
    return this.#page(queue, from);
  }

  /** Dead letters are a queue of their own in the index, so they are listed in the order in which they died. */
  async dead(queue: string, from: From): Promise<Page<Known>> {
    return this.#page(deadQueue(queue), from);
  }

  /** One more than asked for is read, which tells whether there is more. The cursor is a place: nothing moves it. */
  #page(home: string, { cursor, rows }: From): Page<Known> {
    const after = cursor === null ? -1 : numberOf(cursor);
    const found = this.#parts.index.list(home, rows + 1, after);
    const shown = found.slice(0, rows);
    const next = found.length > rows ? String(shown.at(-1)?.sequence) : null;
    return { rows: shown.map(({ sequence, entry }) => this.#shown([home, sequence], entry)), next };
  }

  /** How an entry is told. Small content is part of it in the index, and is left out here. */
  #shown([home, sequence]: Position, entry: Entry): Known {
    const { content: _, storedAtMs: atMs, ...letter } = entry;
    const isDead = home !== entry.queue;
    return {
      ...letter,
      atMs,
      state: isDead ? "dead" : this.#parts.queues.isInFlight(home, sequence) ? "leased" : "waiting",
    };
  }

  /** There are `uploadsMax` of them at most, so this may look at all. */
  async uploads(queue: string | null, from: From): Promise<Page<Known>> {
    const { slots } = this.#parts.room;
    function* ofQueue(): Iterable<string> {
      for (const { offer } of slots.values()) if (queue === null || offer.queue === queue) yield offer.transfer;
    }
    const page = pageOfKeys(ofQueue(), from);
    return { rows: page.rows.map((transfer) => this.#uploading(slots.get(transfer) as Slot)), next: page.next };
  }

  /** The offset is what is durable and not what has arrived: a sender that resumes would hear the same number. */
  #uploading({ offer, durable, touchedAtMs, holder }: Slot): Known {
    return { ...offer, state: "uploading", offset: durable, isActive: holder !== null, atMs: touchedAtMs };
  }

  /** One look into the index by the transfer, and one by its place: the same in a queue of ten and of ten million. */
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

  /** Where a file is. An index of an earlier version did not note it, so there it is searched for. */
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
   * Looks, tries, and looks again as long as somebody else is just deciding about the same file. Each turn waits for a
   * commit that is under way, so there are as many turns as there are others, and no loop that spins.
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
      await this.#parts.index.settled(); // what is being written down at this moment decides what there is to cancel
    }
  }

  /** False: its fate is being written down. */
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
   * Whoever is sending it loses it first, with the reason. The mark comes before that: an upload of which nothing is
   * durable is forgotten when its holder lets go. False: it became a file meanwhile, or a sender has it again.
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
      // Finishing may have been quicker than we were.
      if (this.#parts.index.find(transfer)?.ending !== "cancelled") return false;
    } finally {
      slot.isCancelled = false;
    }
    this.#parts.ends.ended(transfer);
    return true;
  }

  /** The same for a dead letter, which nobody but another operator and the sweeper can be busy with. */
  async requeue(transfer: string): Promise<Changed> {
    for (;;) {
      const place = this.#parts.index.find(transfer);
      if (!place && !this.#parts.room.slots.has(transfer)) throw new FilespoolError("transfer-unknown");
      if (place?.collected) throw tooLate({ state: place.ending ?? "collected" });
      const found = place && this.#locate(place);
      // What is on its way or in its queue already needs nothing; so asking twice is harmless.
      if (!found || found.position[0] === found.entry.queue) return { files: 0 };
      if (await this.#putBack(found.position, found.entry)) return { files: 1 };
      await this.#parts.index.settled();
    }
  }

  /** As if it were stored now: files expire in the order of their places, so its time must be that of its place. */
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

  /** Stops at a queue that is full, as one alone would; those that were put back until then stay. */
  async requeueAll(queue: string, shouldContinue: () => boolean): Promise<Changed> {
    return {
      files: await this.#each(deadQueue(queue), shouldContinue, (position, entry) => this.#putBack(position, entry)),
    };
  }

  async purge(queue: string, deadOnly: boolean, shouldContinue: () => boolean): Promise<Changed> {
    let files = 0;
    // Dead letters last: a file that fails for the last time while its queue is purged is among them by then.
    for (const home of deadOnly ? [deadQueue(queue)] : [queue, deadQueue(queue)])
      files += await this.#each(home, shouldContinue, (position, entry) => this.#remove(position, entry));
    return { files };
  }

  /**
   * Does something to each file that is in a queue now, in order, many per commit. What comes later is left alone, so
   * this ends however fast files arrive. What could not be claimed is tried again when its fate is written down.
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
