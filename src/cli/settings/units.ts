/**
 * Sizes and durations as people write them, and as they like to read them.
 *
 *   size       1000   64KiB   1 MiB   10gb        not: 64K, 1.5MiB, -1, 1e3
 *   duration   500ms   30s   5m   1h   7d   0     not: 30, 1.5s, 1min, 1w
 *   count      1   17   1000                      not: 1e3, +1, 1,000
 *
 * There are two kinds of formatter. `exactSize` and `exactDuration` are for prompts, help texts and error messages: the
 * parser accepts their output and reads the same number. `humanSize` and `humanDuration` are for progress and summaries:
 * they print at most three digits.
 *
 * The parsers allow any case and one space before the unit, and nothing else. A bare "64K" is refused, because some people
 * mean 64,000 and others 65,536. A fraction is refused, because it may not be a whole number of bytes. Parsers return null
 * for anything else; resolve.ts makes the sentence, because it knows the source.
 */

/** Bytes per unit. Binary units are powers of 1,024, decimal units powers of 1,000, as in IEC 80000-13. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/** Milliseconds per unit. There are no months and years, because they have no fixed number of days. */
const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Digits, at most one space, letters: the form of every value with a unit. */
const WITH_UNIT = /^(\d+) ?([a-z]*)$/i;

/**
 * Reads "1000", "64KiB", "1 MiB" or "10gb".
 * @returns bytes, or null when the text is not a size or the number would no longer be exact
 */
export function parseSize(text: string): number | null {
  return parseWithUnit(text, SIZE_UNITS, "b");
}

/**
 * Reads "500ms", "30s", "5m", "1h" or "7d". A number without a unit is refused, except for 0, because some programs mean
 * seconds and others milliseconds.
 * @returns milliseconds, or null when the text is not a duration
 */
export function parseDuration(text: string): number | null {
  return text === "0" ? 0 : parseWithUnit(text, TIME_UNITS, null);
}

/** Reads a whole number in plain digits: no sign, no exponent, no "0x". @returns null for anything else */
export function parseCount(text: string): number | null {
  return /^\d+$/.test(text) ? safe(Number(text)) : null;
}

/**
 * The value of a number with a unit. `bare` is the unit of a number without one; null if a unit is required.
 * @returns null for any other text
 */
function parseWithUnit(text: string, units: Readonly<Record<string, number>>, bare: string | null): number | null {
  const [, digits, letters] = WITH_UNIT.exec(text.trim()) ?? [];
  if (digits === undefined) return null;
  const unit = letters === "" ? bare : (letters as string).toLowerCase();
  // `Object.hasOwn`, so that "1constructor" is not found in the prototype.
  if (unit === null || !Object.hasOwn(units, unit)) return null;
  return safe(Number(digits) * (units[unit] as number));
}

/** Numbers above 2^53 - 1 would be rounded silently, so they are refused. */
const safe = (value: number): number | null => (Number.isSafeInteger(value) ? value : null);

/** The shortest text that the parser reads as the same number: 65536 is "64KiB", 1000 is "1KB". */
export function exactSize(bytes: number): string {
  // Binary units come first, because buffers and batches are nearly always powers of two.
  return exact(bytes, [
    ["TiB", 2 ** 40],
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
    ["TB", 1e12],
    ["GB", 1e9],
    ["MB", 1e6],
    ["KB", 1e3],
  ]);
}

/** The same for milliseconds: 60000 is "1m", 1500 is "1500ms", and 0 is "0s". */
export function exactDuration(ms: number): string {
  if (ms === 0) return "0s";
  // The table goes from small to large; the largest unit that fits is wanted.
  return exact(ms, Object.entries(TIME_UNITS).reverse());
}

/** The value in the largest unit that divides it. Zero gets no unit. */
function exact(value: number, units: readonly (readonly [string, number])[]): string {
  const fit = units.find(([, factor]) => value !== 0 && value % factor === 0);
  return fit === undefined ? String(value) : `${value / fit[1]}${fit[0]}`;
}

/** A size for people: "0 B", "999 B", "1.50 KiB", "24.0 MiB", "512 GiB". Three digits are enough to compare. */
export function humanSize(bytes: number): string {
  if (bytes === Infinity) return "unknown size"; // of a stream that has not ended
  // Binary units only: 1 MiB of a 1 GiB file is easier to see than 1.05 MB of 1.07 GB.
  let value = bytes;
  let unit = 0;
  const names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  // 999.5 and not 1,024, because "1000 KiB" would have four digits and make columns jump.
  while (value >= 999.5 && unit < names.length - 1) {
    value /= 1024;
    unit += 1;
  }
  // The limits are where rounding would add a digit: 99.95 is 100.0 with one digit after the point.
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${names[unit]}`;
}

/** A duration for people: "12 ms", "3.4 s", "2 m 05 s", "3 h 12 m", "2 d 04 h". */
export function humanDuration(ms: number): string {
  // At most two units: nobody needs the seconds of a transfer that takes three hours.
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (n: number) => String(Math.floor(n)).padStart(2, "0");
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${two((seconds % 3_600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${two((seconds % 86_400) / 3_600)} h`;
}

/** A point in time, in UTC, for people and programs: "2026-11-25 07:12:07Z". */
export const moment = (ms: number): string =>
  Number.isFinite(ms) && Math.abs(ms) <= 8.64e15
    ? `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`
    : "?";
