/**
 * Bytes as people read them: hexadecimal digits, printable characters, sizes with units.
 *
 * Refuses to know what the bytes mean; that is the protocol's part. Invariant: `fromHex(toHex(x))` is `x`.
 */

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The bytes of an even number of hexadecimal digits. @throws RangeError for anything else */
export function fromHex(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw new RangeError("not pairs of hexadecimal digits");
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16));
}

/** One byte as a hex dump shows it at its right edge: itself if it is printable ASCII, else a dot. */
export const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "\u00b7");

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1536 -> "1.5 KiB"; three digits are enough for reading. */
export function size(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${round(value)} ${unit === 0 && bytes === 1 ? "byte" : UNITS[unit]}`;
}

/** Milliseconds as the largest unit that keeps the number readable. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "for ever";
  if (ms < 1000) return `${round(ms)} ms`;
  if (ms < 120_000) return `${round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${round(ms / 3_600_000)} h`;
  return `${round(ms / 86_400_000)} days`;
}

/** Three significant digits, without trailing zeroes; thousands apart. */
export function round(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Number(value.toPrecision(3));
  return Math.abs(digits) >= 10_000 ? Math.round(digits).toLocaleString("en") : String(digits);
}
