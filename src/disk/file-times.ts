/**
 * Times of change, as exactly as a disk keeps them and as Node can set them.
 *
 * A file may be older than 1970 and younger than 2242, and almost every time has a fraction. Three things on the way lose
 * that: Node takes a negative *number* for the present moment (only text gets through), libuv cuts what is finer than a
 * microsecond towards zero, and beyond the year 2106 doubles are about a microsecond apart. And a disk that cannot hold a
 * time keeps the nearest one that it can, without a word: ext4 ends in 1901 and 2446, exFAT begins in 1980. So a time is
 * kept in two whole numbers until the last moment, and whoever sets an unusual one looks what became of it.
 */

/** Seconds since 1970, negative before, and the nanoseconds that have passed since that second (0 to 999,999,999). */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

const BILLION = 1_000_000_000n;
const MILLION = 1_000_000n;
/** Every disk that we know of holds what is between: exFAT begins in 1980, and an old ext3 ends in 2038. */
const [USUAL_FROM, USUAL_UNTIL] = [320_000_000, 2 ** 31 - 1];
/** Seconds by which a disk may round: FAT counts in twos. */
const ROUNDED_MAX = 2;
/** What a disk answers that keeps no such time, or none at all. */
const NO_SUCH_TIME = new Set(["EINVAL", "EOVERFLOW", "EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/** @param ns nanoseconds since 1970, as a stat with big integers has them */
export function momentOf(ns: bigint): Moment {
  const nanos = ((ns % BILLION) + BILLION) % BILLION; // the remainder of a negative number is negative
  return { seconds: Number((ns - nanos) / BILLION), nanos: Number(nanos) };
}

/** As decimal text: "-1.5" is half a second before the last second of 1969. */
export function decimalOf({ seconds, nanos }: Moment): string {
  const isNegative = seconds < 0;
  const [whole, fraction] = isNegative && nanos > 0 ? [-seconds - 1, 1e9 - nanos] : [Math.abs(seconds), nanos];
  const digits = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${isNegative ? "-" : ""}${whole}${digits && `.${digits}`}`;
}

/** The reverse; what is finer than a nanosecond is cut off. Null: that is no time. */
export function momentFrom(decimal: string): Moment | null {
  const [, sign, whole, fraction = ""] = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(decimal) ?? [];
  if (whole === undefined) return null;
  const ns = BigInt(whole) * BILLION + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return momentOf(sign === "-" ? -ns : ns);
}

/**
 * The text that makes Node set this time: to the microsecond until 2106, a few more of them later. A double that is a little
 * less than what it stands for would lose a whole microsecond to libuv, so the next one away from zero is taken then.
 */
export function utimesText({ seconds, nanos }: Moment): string {
  const micros = BigInt(seconds) * MILLION + BigInt(Math.floor(nanos / 1000));
  const [whole, fraction] = [Math.abs(Number(micros / MILLION)), Math.abs(Number(micros % MILLION))];
  let time = Number(micros) / Number(MILLION);
  const isLess = () => Math.trunc(Math.abs(time)) === whole && Math.trunc((Math.abs(time) - whole) * 1e6) < fraction;
  for (let step = 0; step < 3 && isLess(); step++) time += time * 2 ** -53;
  return String(time);
}

/**
 * Sets a time of change. Whether it is exactly kept is no reason to lose a file, so what a disk cannot hold is told, and
 * not thrown. A usual time is not looked at again.
 * @param set gives the file (or link) this time, which is text for Node's `utimes`
 * @param look says what it has then, in milliseconds
 * @returns null, or why the time is not the one that was asked for
 * @throws what else the file system said
 */
export async function setTime(
  moment: Moment,
  set: (time: string) => Promise<void>,
  look: () => Promise<{ readonly mtimeMs: number }>,
): Promise<string | null> {
  const { seconds } = moment;
  try {
    await set(utimesText(moment));
  } catch (error) {
    if (!NO_SUCH_TIME.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return `this disk does not keep the time ${shown(seconds)}`;
  }
  if (seconds >= USUAL_FROM && seconds < USUAL_UNTIL) return null;
  const kept = Math.floor((await look()).mtimeMs / 1000);
  if (Math.abs(kept - seconds) <= ROUNDED_MAX) return null;
  return `this disk does not keep the time ${shown(seconds)}; it has ${shown(kept)} instead`;
}

/** A date where JavaScript has one. */
function shown(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().slice(0, 19).replace("T", " ");
}
