import { describe, expect, test } from "vitest";
import { formatRate, formatSize, table } from "../../benchmarks/format.ts";
import { parse } from "../../benchmarks/options.ts";
import { bars, curvesOf, svg } from "../../benchmarks/plot.ts";
import { compare, type Measured, type Results, tables, targetTable } from "../../benchmarks/results.ts";
import { median, verdict } from "../../benchmarks/stats.ts";

const measured = (key: string, times: readonly number[], more: Partial<Measured> = {}): Measured => ({
  ...{ key, group: "1GiB memory", label: key, bytes: 2 ** 30, files: 1, checks: "nothing", syncs: "nothing" },
  samples: times.map((ms) => ({ ms, uploadMs: ms / 2, downloadMs: ms / 2, usage: {} })),
  ...more,
});
const results = (cases: Measured[]): Results => ({ cases, targets: [], skipped: [] });

test("a median is the middle, or the mean of the two in the middle", () => {
  expect([median([3]), median([5, 1, 3]), median([4, 1, 2, 3])]).toEqual([3, 3, 2.5]);
});

test.each([
  ["faster", [10, 11, 12], [7, 8, 9]],
  ["slower", [7, 8, 9], [10, 11, 12]],
  ["no difference that the spread allows", [7, 8, 10], [9, 11, 12]],
  ["no difference that the spread allows", [7, 8, 9], [9, 9, 9]],
  ["too few samples", [10, 11], [1, 2]],
])("the verdict is %s", (expected, before, after) => {
  expect(verdict(before, after)).toBe(expected);
});

test("sizes and rates read as flags do", () => {
  expect([1000, 1024, 262144, 1048576, 1073741824].map(formatSize)).toEqual([
    "1000B",
    "1KiB",
    "256KiB",
    "1MiB",
    "1GiB",
  ]);
  expect([formatRate(2 ** 30, 1, 2000), formatRate(8000, 2000, 500)]).toEqual(["512 MiB/s", "4000 files/s"]);
  expect(
    table([
      ["a", "b"],
      ["long", "1"],
    ]),
  ).toBe("a     b\nlong  1");
});

describe("options", () => {
  test("are all there without a word, and fewer with --quick", () => {
    const { sweep, repeats, parts } = parse([]);
    expect({ sizes: sweep.fileBytes.map(formatSize), repeats, parts }).toEqual({
      ...{ sizes: ["4KiB", "1MiB", "256MiB", "1GiB"], repeats: 5 },
      parts: ["sweep", "peers", "items", "targets"],
    });
    expect(sweep.bufferBytes[0]).toBe(1024); // the original program's
    expect(parse(["--quick"]).repeats).toBe(2);
  });

  test("are taken as they are given", () => {
    const words = [
      "--buffer-size",
      "64KiB",
      "--buffer-size",
      "1MiB",
      "--place",
      "disk",
      "--compare",
      "a.json",
      "b.json",
    ];
    const { sweep, compare } = parse(words);
    expect(sweep).toMatchObject({ bufferBytes: [65536, 1048576], places: ["disk"] });
    expect(compare).toEqual(["a.json", "b.json"]);
  });

  test.each([
    [["--buffer-size", "8MiB"], '--buffer-size does not accept "8MiB": it takes 1KiB to 4MiB'],
    [["--buffer-size", "much"], '--buffer-size does not accept "much": it takes 1KiB to 4MiB'],
    [["--part", "all"], '--part does not accept "all": it takes sweep, peers, items, targets'],
    [["--repeats", "0"], '--repeats does not accept "0": it takes a whole number from 1 to 100'],
    [["--compare", "a.json"], "--compare takes two files"],
    [["--from", "a.json"], "--from is for --plot FILE.svg"],
    [["quick"], '"quick" is not an option; see --help'],
    [["--quik"], "Unknown option '--quik'"],
  ])("%j are refused in a sentence", (words, sentence) => {
    expect(() => parse(words)).toThrow(sentence);
  });
});

test("a table compares the rows of a group with its ceiling", () => {
  const text = tables([
    measured("peer/socat", [1000, 1200]),
    measured("filespool/1GiB/256KiB/fsync/tls-off/memory", [2200]),
  ]);
  expect(text.split("\n").map((line) => line.split(/ {2,}/).slice(0, 6))).toEqual([
    ["1GiB memory", "up", "down", "both", "min..max s", "x"],
    ["peer/socat", "1862 MiB/s", "1862 MiB/s", "931 MiB/s", "1.00..1.20", "1.00"],
    ["filespool/1GiB/256KiB/fsync/tls-off/memory", "931 MiB/s", "931 MiB/s", "465 MiB/s", "2.20..2.20", "2.00"],
  ]);
});

test("two runs are compared key by key, with a verdict where there may be one", () => {
  const before = results([measured("a", [10, 11, 12]), measured("b", [10, 11, 12]), measured("gone", [1])]);
  const after = results([measured("a", [5, 6, 7]), measured("b", [11, 11, 13]), measured("new", [1])]);
  expect(
    compare(before, after)
      .split("\n")
      .slice(1)
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ["a", "11 ms", "6 ms", "0.55", "faster"],
    ["b", "11 ms", "11 ms", "1.00", "no difference that the spread allows"],
  ]);
  expect(compare(results([]), after)).toBe("The two files have no case in common.");
});

test("a target says whether it is met", () => {
  const result = { name: "start", measured: "90 ms", target: "120 ms", isMet: false, samples: {} };
  expect(targetTable([result]).split("\n")[1]).toMatch(/^start +90 ms +120 ms +NOT MET$/);
});

test("curves have a point for each buffer, in bars and in a drawing that is well-formed", () => {
  const cases = ["1KiB", "256KiB", "4MiB"].map((buffer, at) =>
    measured(`filespool/1GiB/${buffer}/fsync/tls-off/memory`, [4000 - at * 1000]),
  );
  const curves = curvesOf([...cases.reverse(), measured("peer/cp", [1])]);
  expect(curves).toMatchObject([{ name: "1GiB fsync memory", points: [{ bufferBytes: 1024, rate: 256 }, {}, {}] }]);
  expect(bars(curves)).toContain("4MiB    512 MiB/s  ########################################");
  const drawing = svg(curves, "a <machine> & more");
  expect(drawing.match(/<path [^>]*d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+L/g)).toHaveLength(1);
  for (const text of ["1KiB", "256KiB", "4MiB", "MiB/s, median", "prefers-color-scheme: dark", "1GiB fsync memory"])
    expect(drawing).toContain(text);
  expect(drawing).not.toMatch(/NaN|undefined|<machine>/);
  expect(drawing.match(/<text/g)?.length).toBe(drawing.match(/<\/text>/g)?.length);
});
