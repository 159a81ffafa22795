/** What a run leaves: every sample, with the machine they are from; as JSON, as tables, and compared with another run. */
import { readFileSync } from "node:fs";
import { formatRate, table } from "./format.ts";
import { WrongUse } from "./options.ts";
import { median, spread, verdict } from "./stats.ts";
import type { Result } from "./target-result.ts";
import type { Case, Sample, Skipped } from "./types.ts";

/** A case without the way to run it, and its samples in the order in which they were taken. */
export type Measured = Omit<Case, "run"> & { readonly samples: Sample[] };

export interface Results {
  /** Machine, system, Node, commit, date: see test/support/machine.ts. */
  readonly [fact: string]: unknown;
  readonly cases: Measured[];
  readonly targets: Result[];
  readonly skipped: readonly Skipped[];
}

export const timesOf = ({ samples }: Measured): number[] => samples.map(({ ms }) => ms);

const MiB = 1024 * 1024;

/** One row for each case, by groups; the ratio is to the first of its group that is no Filespool, the ceiling. */
export function tables(cases: readonly Measured[]): string {
  const groups = [...new Set(cases.map(({ group }) => group))];
  return groups
    .map((group) => {
      const members = cases.filter((one) => one.group === group && one.samples.length > 0);
      const ceiling = members.find(({ key }) => !key.startsWith("filespool/"));
      const head = [group, "up", "down", "both", "min..max s", "x", "CPU ms", "peak MiB", "checks; syncs"];
      return table([head, ...members.map((one) => row(one, ceiling))]);
    })
    .join("\n\n");
}

function row(one: Measured, ceiling: Measured | undefined): string[] {
  const { label, bytes, files, samples, checks, syncs } = one;
  const times = timesOf(one);
  const half = (times: (number | undefined)[]): string =>
    times[0] === undefined ? "" : formatRate(bytes, files, median(times as number[]));
  const programs = ["server", "sender", "receiver"];
  const used = (what: "cpuMs" | "peakBytes", unit: number): string =>
    samples[0]?.usage.server
      ? programs
          .map((name) => Math.round(median(samples.map(({ usage }) => usage[name]?.[what] ?? 0)) / unit))
          .join("/")
      : "";
  const ratio = ceiling ? (median(times) / median(timesOf(ceiling))).toFixed(2) : "";
  return [
    label,
    half(samples.map(({ uploadMs }) => uploadMs)),
    half(samples.map(({ downloadMs }) => downloadMs)),
    formatRate(bytes, files, median(times)),
    spread(times)
      .map((ms) => (ms / 1000).toFixed(2))
      .join(".."),
    ratio,
    used("cpuMs", 1),
    used("peakBytes", MiB),
    `${checks}; ${syncs}`,
  ];
}

/** What, measured, target, and whether it is met. */
export const targetTable = (targets: readonly Result[]): string =>
  table([
    ["target", "measured", "aim", ""],
    ...targets.map(({ name, measured, target, isMet }) => [name, measured, target, isMet ? "met" : "NOT MET"]),
  ]);

/** @throws WrongUse when it is no file of ours */
export function readResults(path: string): Results {
  try {
    const results = JSON.parse(readFileSync(path, "utf8")) as Results;
    if (!Array.isArray(results.cases)) throw new Error("it has no cases");
    return results;
  } catch (error) {
    throw new WrongUse(`cannot read ${path}: ${(error as Error).message}; it takes a file that --out wrote`);
  }
}

/** Key by key, the second run against the first. The rule for a verdict is in stats.ts. */
export function compare(before: Results, after: Results): string {
  const rows = after.cases.flatMap((one) => {
    const other = before.cases.find(({ key }) => key === one.key);
    if (!other || other.samples.length === 0 || one.samples.length === 0) return [];
    const [was, is] = [timesOf(other), timesOf(one)];
    const ratio = (median(is) / median(was)).toFixed(2);
    return [[one.key, `${median(was).toFixed(0)} ms`, `${median(is).toFixed(0)} ms`, ratio, verdict(was, is)]];
  });
  if (rows.length === 0) return "The two files have no case in common.";
  return table([["case", "before", "after", "ratio", "verdict"], ...rows]);
}
