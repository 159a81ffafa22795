/**
 * The sweep of a memory spool: it looks through all lists for what has come to the end of its time.
 *
 * Leases, uploads, files and tombstones end, each kind by a time of its own. An unfinished
 * upload and a stored file must not share one: where they did, in tus-node, expiry deleted
 * finished uploads. What local/sweep.ts does by an index of ages, this does by a filter. They
 * mean the same (test/spool/contract-expiry.ts).
 */
import { type Expired, FILE_EXPIRED, SWEEP_MAX, type Swept } from "../contract.ts";
import type { Item, MemoryState } from "./records.ts";

export async function sweepMemory(spool: MemoryState): Promise<Swept> {
  const nowMs = spool.now();
  const { uploadTtlMs, fileTtlMs, tombstoneTtlMs, tombstonesMax } = spool.limits;
  const some = <T>(all: Iterable<T>, isOver: (one: T) => boolean): T[] => [...all].filter(isOver).slice(0, SWEEP_MAX);
  const leases = await Promise.all(spool.endLeases());

  const slots = some(spool.slots.values(), (slot) => !slot.holder && slot.touchedAtMs + uploadTtlMs < nowMs);
  const uploads = slots.map(({ offer, touchedAtMs }): Expired => {
    const { transfer, queue, name, size } = offer;
    spool.slots.delete(transfer);
    return { transfer, queue, name, size, what: "upload", ageMs: nowMs - touchedAtMs, dead: false };
  });

  const items = some(spool.files, ({ state, sinceMs }) => state !== "leased" && sinceMs + fileTtlMs < nowMs);
  const files = items.map((item) => expire(spool, item, nowMs));

  // Tombstones whose time is over; and of the others the oldest, where there are more than
  // there may be.
  const old = some(spool.tombstones, ([, { sinceMs }]) => sinceMs + tombstoneTtlMs < nowMs);
  for (const [transfer] of old) spool.tombstones.delete(transfer);
  const early = [...spool.tombstones.keys()].slice(0, Math.max(0, spool.tombstones.size - tombstonesMax));
  const forgotten = early.slice(0, SWEEP_MAX - old.length);
  for (const transfer of forgotten) spool.tombstones.delete(transfer);

  const tombstones = old.length + forgotten.length;
  const isMore = [leases.length, uploads.length, files.length, tombstones].includes(SWEEP_MAX);
  return { expired: [...files, ...uploads], tombstones, leases, isMore, failure: null };
}

/**
 * A waiting file is removed, or becomes a dead letter and has its time once more; a dead
 * letter is removed.
 */
function expire(spool: MemoryState, item: Item, nowMs: number): Expired {
  const { transfer, queue, name, size } = item.file;
  const [ageMs, isDead] = [nowMs - item.sinceMs, item.state === "dead"];
  const dead = spool.limits.ifExpired === "dead" && !isDead;
  if (!dead) spool.collect(item, "expired");
  else {
    const firstFailedAtMs = item.failed.firstFailedAtMs || nowMs;
    item.failed = { ...item.failed, reason: FILE_EXPIRED, firstFailedAtMs, lastFailedAtMs: nowMs };
    spool.die(item);
  }
  return { transfer, queue, name, size, what: isDead ? "dead-letter" : "file", ageMs, dead };
}
