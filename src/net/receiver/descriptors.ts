/**
 * How many files this process may still open.
 *
 * A receiver lands many files at a time, and each is open until it is synced. Where few may be open
 * (`ulimit -n 64`), smaller batches are slower, while one descriptor too many ends the run. So the
 * limit is asked for first. Linux tells it by files that cost little to read. Elsewhere Node has
 * raised the limit to what the system allows.
 *
 * Never here: what follows from the number (landing.ts).
 */
import { readdirSync, readFileSync } from "node:fs";

/** Descriptors left to this process; Infinity where the system does not tell. */
export function descriptorsLeft(): number {
  try {
    const [, most] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    if (most === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, Number(most) - readdirSync("/proc/self/fd").length);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
