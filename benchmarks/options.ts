/** The words after `npm run bench --`, read and checked before anything is measured. */
import { parseArgs } from "node:util";
import { formatSize } from "./format.ts";
import type { Sweep, Tls } from "./trips.ts";
import type { Place } from "./types.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const HELP = `npm run bench -- [options]      compares buffer sizes, and Filespool with other tools

  --quick              about two minutes: fewer sizes and repeats
  --part NAME          sweep, peers, items, targets; may be given again (default: all)
  --target NAME        start, latency, small, memory, depth; may be given again (default: all)
  --buffer-size SIZE   1KiB to 4MiB; may be given again (default: 1KiB 4KiB 16KiB 64KiB 256KiB 1MiB 4MiB)
  --file-size SIZE     may be given again (default: 4KiB 1MiB 256MiB 1GiB)
  --durability KIND    fsync or none; may be given again (default: both)
  --tls off|on         may be given again (default: both; with --quick, off)
  --place PLACE        memory (tmpfs: what the code costs) or disk (what you have); may be given again (default: both)
  --folder FOLDER      where "disk" is (default: the system's folder for temporary files)
  --only TEXT          only cases whose key contains it
  --repeats N          1 to 100, after one run to warm up (default: 5)
  --out FILE           writes every sample as JSON
  --plot FILE.svg      draws throughput over buffer size; with --from, of an earlier run and without a new one
  --from FILE          a JSON file that --out wrote
  --compare A B        compares two such files: B against A
  --help
`;

export const PARTS = ["sweep", "peers", "items", "targets"] as const;
export const TARGETS = ["start", "latency", "small", "memory", "depth"] as const;

/** A sentence for the user, who typed something that cannot be meant. */
export class WrongUse extends Error {}

export interface Options {
  readonly isQuick: boolean;
  readonly parts: readonly string[];
  readonly targets: readonly string[];
  readonly sweep: Sweep;
  readonly folder: string | undefined;
  readonly only: string;
  readonly repeats: number;
  readonly out: string | undefined;
  readonly plot: string | undefined;
  readonly from: string | undefined;
  readonly compare: readonly [string, string] | undefined;
  readonly help: boolean;
}

const many = { type: "string", multiple: true } as const;
const one = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const FLAGS = {
  ...{ quick: flag, help: flag, compare: flag, part: many, target: many, "buffer-size": many, "file-size": many },
  ...{ durability: many, tls: many, place: many, folder: one, only: one, repeats: one, out: one, plot: one, from: one },
} as const;

/** @throws WrongUse naming the flag, the value and what it takes */
export function parse(words: readonly string[]): Options {
  const { values, positionals } = read(words);
  const isQuick = values.quick ?? false;
  const oneOf = <T extends string>(name: string, given: string[] | undefined, known: readonly T[]): T[] =>
    (given ?? known).map((value) => {
      if (known.includes(value as T)) return value as T;
      throw new WrongUse(`--${name} does not accept "${value}": it takes ${known.join(", ")}`);
    });
  const sizes = (name: string, given: string[] | undefined, otherwise: number[], min: number, max: number) =>
    given?.map((text) => {
      const bytes = toBytes(text);
      if (bytes >= min && bytes <= max) return bytes;
      throw new WrongUse(`--${name} does not accept "${text}": it takes ${formatSize(min)} to ${formatSize(max)}`);
    }) ?? otherwise;
  const buffers = isQuick ? [4 * KiB, 64 * KiB, 256 * KiB, MiB] : [1, 4, 16, 64, 256, 1024, 4096].map((n) => n * KiB);
  const files = isQuick ? [64 * MiB] : [4 * KiB, MiB, 256 * MiB, GiB];
  const repeats = Number(values.repeats ?? (isQuick ? 2 : 5));
  if (!Number.isInteger(repeats) || repeats < 1 || repeats > 100)
    throw new WrongUse(`--repeats does not accept "${values.repeats}": it takes a whole number from 1 to 100`);
  if (values.compare ? positionals.length !== 2 : positionals.length > 0)
    throw new WrongUse(
      values.compare ? "--compare takes two files" : `"${positionals[0]}" is not an option; see --help`,
    );
  if (values.from && !values.plot) throw new WrongUse("--from is for --plot FILE.svg");
  return {
    isQuick,
    parts: oneOf("part", values.part, PARTS),
    targets: oneOf("target", values.target ?? (isQuick ? ["start", "latency", "small"] : undefined), TARGETS),
    sweep: {
      bufferBytes: sizes("buffer-size", values["buffer-size"], buffers, KiB, 4 * MiB),
      fileBytes: sizes("file-size", values["file-size"], files, 1, 64 * GiB),
      durabilities: oneOf("durability", values.durability ?? (isQuick ? ["fsync"] : undefined), ["fsync", "none"]),
      tls: oneOf<Tls>("tls", values.tls ?? (isQuick ? ["off"] : undefined), ["off", "on"]),
      places: oneOf<Place>("place", values.place, ["memory", "disk"]),
    },
    folder: values.folder,
    only: values.only ?? "",
    repeats,
    out: values.out,
    plot: values.plot,
    from: values.from,
    compare: values.compare ? [positionals[0] as string, positionals[1] as string] : undefined,
    help: values.help ?? false,
  };
}

function read(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: FLAGS, allowPositionals: true });
  } catch (error) {
    throw new WrongUse((error as Error).message);
  }
}

/** "64KiB" in bytes; NaN for what is no size. */
function toBytes(text: string): number {
  const [, number, unit] = /^(\d+)(B|KiB|MiB|GiB)?$/.exec(text) ?? [];
  const factors: Record<string, number> = { B: 1, KiB, MiB, GiB };
  return Number(number) * (factors[unit ?? "B"] ?? Number.NaN);
}
