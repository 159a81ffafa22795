/**
 * What one machine holds: six numbers that a reader knows, and the formulas that make a judgement of them.
 *
 * Measured rates come from the committed results, never from here. Each figure is a line of arithmetic that is shown with
 * it. Refuses to know what a machine costs, or how many of them somebody should have. Invariants, tested: no demand is
 * called too much while every resource has room, and the first to run out is the fullest.
 */

export interface Measured {
  /** Files a second that one server stored durably, and that a receiver landed. */
  readonly storedPerSecond: number;
  readonly landedPerSecond: number;
  /** Bytes a second of one large file, the slower way. */
  readonly bytesPerSecond: number;
}

interface Targets {
  readonly targets: readonly {
    readonly name: string;
    readonly samples?: { readonly [series: string]: readonly number[] | undefined } | undefined;
  }[];
}

/** The rates of a run of the benchmark. @throws RangeError when the results have no such series */
export function measured(small: Targets, upload: number, download: number): Measured {
  const series = (name: string): number => {
    const values = small.targets.find(({ samples }) => samples?.[name])?.samples?.[name];
    if (!values || values.length === 0) throw new RangeError(`the results have no series "${name}"`);
    return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
  };
  return {
    storedPerSecond: series("sent"),
    landedPerSecond: series("landed"),
    bytesPerSecond: Math.min(upload, download),
  };
}

export interface Demand {
  readonly filesPerDay: number;
  readonly fileBytes: number;
  /** The busiest hour has so many times the average. */
  readonly peak: number;
  /** How long a file waits before somebody collects it. */
  readonly waitHours: number;
  readonly diskBytes: number;
  readonly linkBytesPerSecond: number;
}

export interface Use {
  readonly what: "files" | "bytes" | "link" | "disk";
  readonly label: string;
  readonly needed: number;
  readonly has: number;
  /** `needed / has`: above 1 it is too much. */
  readonly share: number;
}

/** Parts of the whole that are kept free: a queue that is full for a moment is late, a disk that is full refuses. */
export const HEADROOM = 0.7;
/** A file goes through the network and the server twice, in and out. */
export const WAYS = 2;
const DAY_S = 86_400;

export function uses(demand: Demand, rates: Measured): Use[] {
  const { filesPerDay, fileBytes, peak, waitHours, diskBytes, linkBytesPerSecond } = demand;
  const files = (filesPerDay / DAY_S) * peak;
  const bytes = files * fileBytes;
  const kept = (filesPerDay / 24) * waitHours * fileBytes;
  const use = (what: Use["what"], label: string, needed: number, has: number): Use => ({
    what,
    label,
    needed,
    has,
    share: needed / (has * HEADROOM),
  });
  // Storing and landing share the machine: a second in which n files are stored and n are landed is n/s + n/l long.
  const both = 1 / (1 / rates.storedPerSecond + 1 / rates.landedPerSecond);
  return [
    use("files", "files a second, in and out", files, both),
    use("bytes", "bytes a second through the server, in and out", bytes * WAYS, rates.bytesPerSecond),
    use("link", "bytes a second on the link, each way", bytes, linkBytesPerSecond),
    use("disk", "bytes waiting on the disk", kept, diskBytes),
  ];
}

/** What runs out first. */
export const tightest = (all: readonly Use[]): Use =>
  all.reduce((worst, one) => (one.share > worst.share ? one : worst));

/** How many times today's demand still fits: whole and a half would do for a sentence. */
export const factor = (all: readonly Use[]): number => 1 / tightest(all).share;

const KiB = 1024;
const GiB = KiB ** 3;
export const CHOICES = {
  filesPerDay: [1e3, 1e4, 1e5, 1e6, 1e7, 5e7, 1e8, 1e9],
  fileBytes: [1, 4, 64, 256, KiB, 10 * KiB, 100 * KiB, KiB ** 2, 10 * KiB ** 2].map((size) => size * KiB),
  peak: [1, 2, 3, 5, 10, 20],
  waitHours: [0.1, 1, 4, 12, 24, 72, 168, 720],
  diskBytes: [50, 100, 500, 1024, 4 * KiB, 16 * KiB, 64 * KiB].map((size) => size * GiB),
  linkBytesPerSecond: [10, 100, 1000, 10_000, 25_000].map((megabits) => (megabits * 1_000_000) / 8),
} as const satisfies { readonly [key in keyof Demand]: readonly number[] };

export const FIRST: Demand = {
  filesPerDay: 1e6,
  fileBytes: 256 * KiB,
  peak: 3,
  waitHours: 4,
  diskBytes: 500 * GiB,
  linkBytesPerSecond: 125_000_000,
};

const KEYS = Object.keys(CHOICES) as (keyof Demand)[];
export const encodeDemand = (demand: Demand): string => KEYS.map((key) => demand[key]).join("_");

/** Null unless every number is one of those to choose from. */
export function decodeDemand(text: string): Demand | null {
  const parts = text.split("_");
  const numbers = KEYS.map((key, at) =>
    (CHOICES[key] as readonly number[]).find((value) => String(value) === parts[at]),
  );
  if (numbers.includes(undefined)) return null;
  return Object.fromEntries(KEYS.map((key, at) => [key, numbers[at]])) as unknown as Demand;
}
