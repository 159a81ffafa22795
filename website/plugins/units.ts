/**
 * How numbers are written for people: one way, for prose, tables and charts alike.
 *
 * The unit of a limit is the last word of its name (`dataBytesMax`, `leaseMs`), as the project's rule for names has it.
 */
const KIB = 1024;
const BINARY: readonly (readonly [number, string])[] = [
  [KIB ** 4, "TiB"],
  [KIB ** 3, "GiB"],
  [KIB ** 2, "MiB"],
  [KIB, "KiB"],
];
const TIMES: readonly (readonly [number, string, string])[] = [
  [86_400_000, "day", "days"],
  [3_600_000, "hour", "hours"],
  [60_000, "minute", "minutes"],
  [1000, "second", "seconds"],
];

/** Thousands apart, at most three digits behind the point. */
export const plain = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 3 });

/** Three significant digits, without a tail of zeros; large ones to the unit. */
export const rounded = (value: number): string =>
  Math.abs(value) >= 1000 ? plain(Math.round(value)) : plain(Number(value.toPrecision(3)));

/** In the largest binary unit in which it is at least one; exact where that is short. */
export function bytes(value: number): string {
  if (value === Number.MAX_SAFE_INTEGER) return "2^53 - 1 bytes";
  const unit = BINARY.find(([size]) => value >= size);
  return unit ? `${rounded(value / unit[0])} ${unit[1]}` : `${plain(value)} bytes`;
}

/** Milliseconds in the largest unit that divides them. */
export function duration(ms: number): string {
  const unit = TIMES.find(([size]) => ms >= size && ms % size === 0);
  if (unit === undefined) return `${rounded(ms)} ms`;
  const count = ms / unit[0];
  return `${plain(count)} ${count === 1 ? unit[1] : unit[2]}`;
}

/** A limit by its name. */
export function limit(name: string, value: unknown): string {
  if (value === Infinity) return "unlimited";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "number") return String(value);
  const words = name.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
  const unit = words.findLast((word) => ["bytes", "ms", "chars", "files"].includes(word)) ?? words[0];
  if (words.includes("per")) return unit === "bytes" ? `${bytes(value)} a second` : `${plain(value)} a second`;
  if (unit === "bytes") return bytes(value);
  return unit === "ms" ? duration(value) : plain(value);
}
