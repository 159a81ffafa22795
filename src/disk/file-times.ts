/**
 * Times of change, as exactly as a disk keeps them and as Node can set them.
 *
 * A file may be older than 1970 or younger than 2242, and almost every time has a fraction. Three
 * things on the way lose some of that:
 *
 *   Node      takes a negative *number* for the present moment; only text gets through
 *   libuv     cuts what is finer than a microsecond, towards zero
 *   doubles   are about a microsecond apart from the year 2106 on
 *
 * And a disk that cannot hold a time keeps the nearest one that it can, and says nothing: ext4 goes
 * from 1901 to 2446, exFAT begins in 1980. So a time is kept in two whole numbers until the last
 * moment, and after an unusual time was set, the file is looked at once more.
 *
 * Never here: which files get a time (net/receiver/file-attributes.ts, net/extensions/folder).
 */

/**
 * Seconds since 1970, negative before, and the nanoseconds that have passed since that second
 * (0 to 999,999,999).
 */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

const BILLION = 1_000_000_000n;
const MILLION = 1_000_000n;
/**
 * Seconds since 1970. Every disk that we know of holds the times in between: exFAT from 1980, an
 * old ext3 until 2038.
 */
const [USUAL_FROM, USUAL_UNTIL] = [320_000_000, 2 ** 31 - 1];
/** Seconds by which a disk may round: FAT counts in twos. */
const ROUNDED_MAX = 2;
/** Errors of a disk that does not keep such a time, or no times at all. */
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

/**
 * The moment of a decimal text. What is finer than a nanosecond is cut off. Null: the text
 * is no time.
 */
export function momentFrom(decimal: string): Moment | null {
  const [, sign, whole, fraction = ""] = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(decimal) ?? [];
  if (whole === undefined) return null;
  const ns = BigInt(whole) * BILLION + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return momentOf(sign === "-" ? -ns : ns);
}

/**
 * The text that makes Node set this time: to the microsecond until 2106, less exactly after that.
 * Where the nearest double is a little less than the time, libuv would cut a whole microsecond off,
 * so the next double away from zero is taken.
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
 * Sets a time of change. No file is lost because a disk cannot hold its time: that is told and not
 * thrown. After a usual time the file is not looked at again.
 * @param set gives the file (or link) this time, which is text for Node's `utimes`
 * @param look says which time the file has then, in milliseconds
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

/** A time for people: a date, where JavaScript has one for it. */
function shown(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString().slice(0, 19).replace("T", " ");
}
