/**
 * The sweep of a local spool: once a second it ends whatever has come to the end of its time.
 *
 *   a lease          ends as a failed delivery, when it was not renewed for `leaseMs`
 *   a waiting file   is removed, or becomes a dead letter (`ifExpired`), after `fileTtlMs`
 *   a dead letter    is removed, after `fileTtlMs` as a dead letter
 *   an upload        is removed, when it has made no progress for `uploadTtlMs`
 *   a tombstone      is removed, after `tombstoneTtlMs`, or sooner where there are too many
 *
 * The work of a sweep is in proportion to what it removes, and bounded. Files are found by age,
 * whatever queue they are in (ages.ts), and uploads are looked at in turn. A million queues with
 * nothing to expire cost one look at the oldest file.
 *
 * A file in flight is left alone, however old it is. There may be as many of them as there are
 * leases, and to look at all of them each second would be too much. So a sweep stops after
 * LOOKED_MAX files, and the next one goes on behind them.
 *
 * The kinds do not depend on each other. Where one fails, the sweep still does the others and tells
 * what it has done: that is on disk, and a server has to tell its users.
 *
 * Never here: when a sweep runs (net/server/sweeps.ts). Why files are found like this: adr/0072.
 */
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { type Expired, FILE_EXPIRED, SWEEP_MAX, type Swept } from "../contract.ts";
import type { Age } from "./ages.ts";
import type { LocalParts } from "./parts.ts";
import { deadQueue, type Entry, isDeadHome, type Position } from "./records.ts";
import type { Slot } from "./slot.ts";

/** Files, or uploads, that one sweep looks at. It removes SWEEP_MAX of them at most. */
const LOOKED_MAX = 2 * SWEEP_MAX;

export class Sweep {
  readonly #parts: LocalParts;
  /**
   * Where the next sweep goes on: behind this file, which was the last that was looked at. Null
   * to begin with the oldest file, which is the rule: it is set only where there was too much
   * to look at.
   */
  #lookedAt: Age | null = null;

  constructor(parts: LocalParts) {
    this.#parts = parts;
  }

  /**
   * One sweep. It never rejects: what could not be done is in the answer, and is tried again
   * by the next.
   */
  async run(): Promise<Swept> {
    const { folder, index, now, queues, room } = this.#parts;
    const failures: unknown[] = [];
    /** What the work gave, or nothing where it failed: then the reason is kept for the answer. */
    const tried = async <T>(work: Promise<T>): Promise<T[]> => {
      try {
        return [await work];
      } catch (error) {
        failures.push(error);
        return [];
      }
    };
    await tried(room.look());
    // Where the last commit failed, one that changes nothing says whether the trouble is over: with
    // nothing to do for anybody, nobody else would find out.
    if (index.trouble) await tried(index.settled());
    const nowMs = now();
    const files = this.#due(nowMs);
    // All are asked for before anything is waited for, so they share a commit; and what `#due` has
    // found cannot be leased in between.
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
      // After a failure the next sweep waits for its second: at once, it would most
      // likely fail again.
      isMore: failures.length === 0 && (isFull || index.ages.isBuilding),
      failure: failures.length > 0 ? fileError(failures[0], `the spool ${folder}`) : null,
    };
  }

  /** Files that are due and not in flight; and rows by age whose files are gone, to be removed. */
  #due(nowMs: number): { found: [Position, Entry][]; gone: Age[] } {
    const { index, limits, queues } = this.#parts;
    const found: [Position, Entry][] = [];
    const gone: Age[] = [];
    if (limits.fileTtlMs === Infinity) return { found, gone };
    const rows = index.ages.due(nowMs - limits.fileTtlMs, this.#lookedAt, LOOKED_MAX);
    // Fewer rows than were asked for: all that is due was seen, and the next sweep begins anew.
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

  /**
   * Claims a file as an operator would, so that nobody can lease it, and ends it.
   * @throws FilespoolError disk-full, spool-unusable: the file is in its queue as before
   */
  async #expire(position: Position, entry: Entry, nowMs: number): Promise<Expired> {
    const { contents, ends, index, limits, queues } = this.#parts;
    const { transfer, queue, name, size, storedAtMs } = entry;
    const isDead = isDeadHome(position[0]);
    const dead = limits.ifExpired === "dead" && !isDead;
    queues.claim(...position); // always ours: it was not in flight, and nothing was waited for since
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

  /**
   * The dead letter that a file becomes which nobody has collected. Its time begins
   * anew with `storedAtMs`.
   */
  #letter(entry: Entry, nowMs: number): Entry {
    const firstFailedAtMs = entry.firstFailedAtMs || nowMs;
    return { ...entry, storedAtMs: nowMs, reason: FILE_EXPIRED, firstFailedAtMs, lastFailedAtMs: nowMs };
  }

  /** Unfinished uploads without a holder that have made no progress for too long. */
  #stale(nowMs: number): Slot[] {
    const { limits, room } = this.#parts;
    const beforeMs = nowMs - limits.uploadTtlMs;
    const looked = room.turn(LOOKED_MAX).filter((slot) => !slot.holder && slot.touchedAtMs < beforeMs);
    return looked.slice(0, SWEEP_MAX);
  }

  /**
   * Removes an upload. A sender that comes at that very moment takes it over, and
   * then nothing expires.
   */
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
   * Removes tombstones whose time is over. The oldest go sooner where there are more than
   * `tombstonesMax`, and where the index is so full that new files are refused: to take what comes
   * is worth more than to remember what is gone.
   * @returns how many went, SWEEP_MAX at most
   */
  async #forget(nowMs: number): Promise<number> {
    const { index, limits, room } = this.#parts;
    const old = await index.forget(nowMs - limits.tombstoneTtlMs, SWEEP_MAX);
    const surplus = room.isIndexFull ? SWEEP_MAX : index.tombstoneCount - limits.tombstonesMax;
    const early = Math.min(surplus, SWEEP_MAX - old);
    return early > 0 ? old + (await index.forget(Infinity, early)) : old;
  }
}
