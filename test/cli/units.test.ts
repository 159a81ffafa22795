import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  exactDuration,
  exactSize,
  humanDuration,
  humanSize,
  parseCount,
  parseDuration,
  parseSize,
} from "../../src/cli/settings/units.ts";

const naturals = fc.maxSafeNat();

describe("sizes", () => {
  test.each([
    ["0", 0],
    ["1000", 1000],
    ["1000B", 1000],
    ["64KiB", 65_536],
    ["64 kib", 65_536],
    [" 1MiB ", 2 ** 20],
    ["10gb", 10 ** 10],
    ["2tib", 2 ** 41],
    ["1KB", 1000],
    ["007", 7],
  ])("%j is %d bytes", (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each([
    "",
    " ",
    "KiB",
    "64K",
    "64k",
    "1.5MiB",
    "-1",
    "+1",
    "1e3",
    "0x10",
    "1  KiB",
    "1KiB2",
    "１KiB",
    "1constructor",
  ])("%j is not a size", (text) => expect(parseSize(text)).toBeNull());

  test("a size beyond what a number holds exactly is refused, not rounded", () => {
    expect(parseSize(String(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseSize(String(2 ** 53))).toBeNull();
    expect(parseSize("8192TiB")).toBeNull();
  });

  test("what exactSize writes is read back as the same number", () => {
    fc.assert(fc.property(naturals, (bytes) => parseSize(exactSize(bytes)) === bytes));
    const round = fc.tuple(fc.nat(8000), fc.constantFrom(1, 1000, 1024, 10 ** 6, 2 ** 20, 2 ** 30, 2 ** 40));
    fc.assert(fc.property(round, ([n, unit]) => parseSize(exactSize(n * unit)) === n * unit));
  });

  test("letters' case and one space change nothing", () => {
    const units = fc.constantFrom("B", "KiB", "MiB", "GiB", "KB", "MB", "GB");
    fc.assert(
      fc.property(fc.nat(8000), units, fc.constantFrom("", " "), (n, unit, gap) => {
        const bytes = parseSize(`${n}${unit}`);
        expect(bytes).not.toBeNull();
        expect(parseSize(`${n}${gap}${unit.toLowerCase()}`)).toBe(bytes);
        expect(parseSize(`${n}${gap}${unit.toUpperCase()}`)).toBe(bytes);
      }),
    );
  });

  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [10_235, "10.0 KiB"],
    [24 * 2 ** 20, "24.0 MiB"],
    [512 * 2 ** 30, "512 GiB"],
    [999.6 * 2 ** 20, "0.98 GiB"],
    [Number.MAX_SAFE_INTEGER, "8.00 PiB"],
  ])("%d bytes read as %j", (bytes, text) => expect(humanSize(bytes)).toBe(text));

  test("a size for people never has more than three digits", () => {
    fc.assert(fc.property(naturals, (bytes) => humanSize(bytes).replace(/\D/g, "").length <= 3));
  });
});

describe("durations", () => {
  test.each([
    ["0", 0],
    ["500ms", 500],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["5 M", 300_000],
  ])("%j is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(["", "30", "s", "1.5s", "1min", "1w", "-5s", "5s5m"])("%j is not a duration", (text) =>
    expect(parseDuration(text)).toBeNull(),
  );

  test("what exactDuration writes is read back as the same number", () => {
    fc.assert(fc.property(naturals, (ms) => parseDuration(exactDuration(ms)) === ms));
    expect(exactDuration(0)).toBe("0s");
    expect(exactDuration(90_000)).toBe("90s");
    expect(exactDuration(1500)).toBe("1500ms");
  });

  test.each([
    [0, "0 ms"],
    [999.4, "999 ms"],
    [3_400, "3.4 s"],
    [59_999, "1 m 00 s"],
    [125_000, "2 m 05 s"],
    [11_520_000, "3 h 12 m"],
    [187_200_000, "2 d 04 h"],
  ])("%d ms read as %j", (ms, text) => expect(humanDuration(ms)).toBe(text));
});

test("a count is digits and nothing else", () => {
  expect(["0", "17", "007"].map(parseCount)).toEqual([0, 17, 7]);
  expect(["", "1e3", "-1", "1.0", " 1", "9007199254740992"].map(parseCount)).toEqual(Array(6).fill(null));
});
