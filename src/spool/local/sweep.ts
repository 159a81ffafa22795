/**
 * The sweep of a local spool: once a second, whatever has come to the end of its time.
 *
 *   a lease      ended as a failed delivery
 *   a file       removed, or made a dead letter (`ifExpired`), when it has waited for `fileTtlMs`
 *   a dead letter, an upload, a tombstone
 *                removed, each by a time of its own
 *
 * Its work is in proportion to what it removes, and bounded: files are found by age, whatever their queue (local/ages.ts),
 * and uploads are looked at in turn. A million queues with nothing to expire cost one look at the oldest file.
 *
 * A file that somebody holds is left alone. So a look may find only such files, as many as there are leases, and they must
 * not be looked at again each second: it stops after LOOKED_MAX, and the next sweep goes on behind them.
 *
 * The parts do not depend on each other, and each of them tells what it has done though another one fails: what is done is
 * on disk, and somebody waits to hear of it. Why files are found like this: adr/0072. Read next: server.ts.
 */
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { type Expired, FILE_EXPIRED, SWEEP_MAX, type Swept } from "../contract.ts";
import type { Age } from "./ages.ts";
import type { LocalParts } from "./parts.ts";
import { deadQueue, type Entry, isDeadHome, type Position } from "./records.ts";
import type { Slot } from "./slot.ts";

/** Files, or uploads, that one sweep looks at. */
const LOOKED_MAX = 2 * SWEEP_MAX;

export class Sweep {
  readonly #parts: LocalParts;
  /** The last file that was looked at and is still there; null to begin with the oldest. */
  #lookedAt: Age | null = null;

  constructor(parts: LocalParts) {
    this.#parts = parts;
  }

  async run(): Promise<Swept> {
    const { folder, index, now, queues, room } = this.#parts;
    const failures: unknown[] = [];
    const tried = async <T>(work: Promise<T>): Promise<T[]> => {
      try {
        return [await work];
      } catch (error) {
        failures.push(error);
        return [];
      }
    };
    await tried(room.look());
    // What could not be written a moment ago is tried again, since nobody else may do so.
    if (index.trouble) await tried(index.settled()); // a commit that changes nothing
    const nowMs = now();
    const files = this.#due(nowMs);
    const parts = {
      leases: queues.endLeases().map(tried),
      files: files.found.map(([position, entry]) => tried(this.#expire(position, entry, nowMs))),
      uploads: this.#stale(nowMs).map((slot) => tried(this.#drop(slot, nowMs))),
    };
    const [leases, expired, uploads] = await Promise.all([
      Promise.all(parts.leases),
      Promise.all(parts.files),
      Promise.all(parts.uploads),
    ]);
    await tried(index.ages.forget(files.gone));
    const [tombstones = 0] = await tried(this.#forget(nowMs));
    await tried(index.ages.build());
    const isFull = [parts.leases.length, parts.files.length, parts.uploads.length, tombstones].includes(SWEEP_MAX);
    return {
      leases: leases.flat(),
      expired: [...expired.flat(), ...uploads.flat(2)],
      tombstones,
      // After a failure, not before the next second: what failed would most likely fail again.
      isMore: failures.length === 0 && (isFull || index.ages.isBuilding),
      failure: failures.length > 0 ? fileError(failures[0], `the spool ${folder}`) : null,
    };
  }

  /** Files that are due and that nobody holds, and rows of files that are gone. */
  #due(nowMs: number): { found: [Position, Entry][]; gone: Age[] } {
    const { index, limits, queues } = this.#parts;
    const found: [Position, Entry][] = [];
    const gone: Age[] = [];
    if (limits.fileTtlMs === Infinity) return { found, gone };
    const rows = index.ages.due(nowMs - limits.fileTtlMs, this.#lookedAt, LOOKED_MAX);
    this.#lookedAt = rows.length < LOOKED_MAX ? null : (rows.at(-1)?.age ?? null);
    for (const { age, home } of rows) {
      const sequence = age[1];
      if (queues.isInFlight(home, sequence)) continue;
      const entry = index.entry(home, sequence);
      if (entry) found.push([[home, sequence], entry]);
      else gone.push(age);
      if (found.length < SWEEP_MAX) continue;
      this.#lookedAt = age;
      break;
    }
    return { found, gone };
  }

  /** Takes hold of a file as an operator would, so that nobody can lease it, and ends it. */
  async #expire(position: Position, entry: Entry, nowMs: number): Promise<Expired> {
    const { contents, ends, index, limits, queues } = this.#parts;
    const { transfer, queue, name, size, storedAtMs } = entry;
    const isDead = isDeadHome(position[0]);
    const dead = limits.ifExpired === "dead" && !isDead;
    queues.claim(...position);
    let isGone = false;
    try {
      if (dead) await index.move(entry, position, deadQueue(queue), this.#letter(entry, nowMs));
      else await index.collect(entry, position, storedAtMs, nowMs, "expired");
      isGone = true;
    } finally {
      queues.letGo(...position, isGone);
    }
    ends.ended(transfer);
    if (!dead && !entry.content) contents.removeLater(transfer);
    return { transfer, queue, name, size, what: isDead ? "dead-letter" : "file", ageMs: nowMs - storedAtMs, dead };
  }

  /** What becomes of a file that waited in vain. As a dead letter it has its time once more, and is removed after that. */
  #letter(entry: Entry, nowMs: number): Entry {
    const firstFailedAtMs = entry.firstFailedAtMs || nowMs;
    return { ...entry, storedAtMs: nowMs, reason: FILE_EXPIRED, firstFailedAtMs, lastFailedAtMs: nowMs };
  }

  /** Unfinished uploads that nobody holds and that have made no progress for too long. */
  #stale(nowMs: number): Slot[] {
    const { limits, room } = this.#parts;
    const beforeMs = nowMs - limits.uploadTtlMs;
    const looked = room.turn(LOOKED_MAX).filter((slot) => !slot.holder && slot.touchedAtMs < beforeMs);
    return looked.slice(0, SWEEP_MAX);
  }

  /** The sweep takes hold of an upload like a sender. Where a real one comes at that very moment, it may have it. */
  async #drop(slot: Slot, nowMs: number): Promise<Expired[]> {
    const { transfer, queue, name, size } = slot.offer;
    const ageMs = nowMs - slot.touchedAtMs;
    try {
      await this.#parts.uploads.drop(slot);
    } catch (error) {
      if (error instanceof FilespoolError && error.code === "superseded") return [];
      throw error;
    }
    return [{ transfer, queue, name, size, what: "upload", ageMs, dead: false }];
  }

  /**
   * Tombstones go when their time is over, and the oldest of them before that, where there are more than may be, or where
   * files are refused because the index is full: to remember what is gone is worth less than to take what comes.
   */
  async #forget(nowMs: number): Promise<number> {
    const { index, limits, room } = this.#parts;
    const old = await index.forget(nowMs - limits.tombstoneTtlMs, SWEEP_MAX);
    const surplus = room.isIndexFull ? SWEEP_MAX : index.tombstoneCount - limits.tombstonesMax;
    const early = Math.min(surplus, SWEEP_MAX - old);
    return early > 0 ? old + (await index.forget(Infinity, early)) : old;
  }
}
