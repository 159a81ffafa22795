import fc from "fast-check";
import { expect, test } from "vitest";
import { cells } from "../../src/cli/report/escape.ts";
import { barLine, nameCells, type Subject } from "../../src/cli/report/progress-line.ts";
import { RateMeter } from "../../src/cli/report/rate-meter.ts";

const MiB = 2 ** 20;
const big: Subject = { name: "holiday.raw", offset: 24 * MiB, size: 48 * MiB, rate: (32 * MiB) / 1000, idleMs: null };
const at = (columns: number, about: Partial<Subject> = {}) => {
  const subject = { ...big, ...about };
  return barLine(subject, columns, nameCells([subject.name]));
};
/** A terminal would obey it, or show it in a way that misleads. */
const HOSTILE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

test("a line of progress is never wider than the terminal, whatever the name and the numbers", () => {
  const name = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary" }),
    fc.constantFrom("日本の写真アルバム.bin", "👨‍👩‍👧‍👦❤️🇪🇸.png", "\u001b[2Jx\u0007", "e\u0301".repeat(90)),
  );
  const size = fc.option(fc.nat(2 ** 30), { nil: null });
  const rate = fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: null });
  const idleMs = fc.option(fc.nat(), { nil: null });
  const subject = fc.record({ name, offset: fc.nat(), size, rate, idleMs });
  fc.assert(
    fc.property(subject, fc.integer({ min: 1, max: 200 }), fc.nat(40), (subject, columns, pad) => {
      const text = barLine(subject, columns, pad);
      return cells(text) <= Math.max(1, columns - 1) && !HOSTILE.test(text);
    }),
  );
});

test("a narrow terminal is told less, and to the last which file and how far", () => {
  expect([100, 72, 60, 40, 30, 20].map((columns) => at(columns))).toEqual([
    "holiday.raw [#####-----]  50 %  24.0 MiB of 48.0 MiB  32.0 MiB/s  750 ms left",
    "holiday.raw  50 %  24.0 MiB of 48.0 MiB  32.0 MiB/s  750 ms left",
    "holiday.raw  50 %  24.0 MiB  32.0 MiB/s  750 ms left",
    "holiday.raw  50 %  750 ms left",
    "holiday.raw  50 %",
    "holiday.raw  50 %",
  ]);
  expect(at(20, { name: "a-long-name-of-a-file.bin" })).toBe("a-long…e.bin  50 %");
});

test("the shape of a line does not change because a number lost a digit", () => {
  const columns = (about: Partial<Subject>) => at(100, about).indexOf("/s");
  expect(new Set([1, 1000, 1e6, 1e9].map((rate) => columns({ rate })))).toEqual(new Set([columns({})]));
});

test("of a file whose size nobody knows, bytes and rate are shown, and no share", () => {
  expect(at(100, { size: null })).toBe("holiday.raw  24.0 MiB  32.0 MiB/s");
  expect(at(30, { size: null, rate: null })).toBe("holiday.raw  24.0 MiB");
});

test("100 % is what is complete: an empty file, and nothing that lacks a byte", () => {
  expect(at(100, { offset: 0, size: 0, rate: null })).toMatch(/\[#{10}\] 100 %/);
  expect(at(100, { offset: 2 ** 40 - 1, size: 2 ** 40, rate: null })).toMatch(/\[#{9}-\] {2}99 %/);
});

test("a pause is called one, in place of a speed that was", () => {
  expect(at(100, { idleMs: 12_000, rate: null })).toMatch(/48\.0 MiB {2}waiting 12\.0 s$/);
});

test("a rate is that of the last seconds, comes in steps or evenly, and ends in a pause", () => {
  const meter = new RateMeter(0);
  expect(meter.rate(9999)).toBeNull();
  meter.add(500, 100);
  expect(meter.rate(100), "too soon to tell").toBeNull();
  for (let ms = 200; ms <= 60_000; ms += 100) meter.add(ms <= 30_000 ? 1000 : 100, ms);
  expect(meter.rate(60_000), "the first half minute is forgotten").toBeCloseTo(1, 1);
  expect(meter.rate(60_900), "a gap between two steps is no slowness").toBe(meter.rate(60_000));
  expect(meter.rate(69_000) as number).toBeLessThan(0.6);
  expect(meter.idleMs(69_000)).toBe(9000);
});
