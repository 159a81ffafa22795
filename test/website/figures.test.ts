import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HEADER_BYTES } from "../../src/protocol/frame.ts";
import * as capacity from "../../website/src/live/capacity/model.ts";
import * as chart from "../../website/src/live/chart/model.ts";
import { duration, fromHex, round, size, toHex } from "../../website/src/live/shared/bytes.ts";

const results = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../benchmarks/results/${name}.json`), "utf8"));
const large: chart.Results = results("large");
const points = chart.sweep(large);
const rates = capacity.measured(results("small"), 300e6, 200e6);

const oneOf = <T extends Record<string, readonly number[]>>(choices: T) =>
  fc.record(
    Object.fromEntries(Object.entries(choices).map(([key, values]) => [key, fc.constantFrom(...values)])),
  ) as fc.Arbitrary<{ [K in keyof T]: number }>;
const anyLink = oneOf(chart.CHOICES);
const anyPoint = fc.constantFrom(...points);
const anyDemand = oneOf(capacity.CHOICES);

describe("the buffer sizes that were measured", () => {
  test("are those of the committed results, smallest first, with their medians", () => {
    const keys = large.cases.map(({ key }) => key).filter((key) => /^filespool\/.*tls-off\/memory$/.test(key));
    expect(points.map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(points.length).toBeGreaterThanOrEqual(3);
    expect(points.map(({ bufferBytes }) => bufferBytes)).toEqual(
      [...points].map(({ bufferBytes }) => bufferBytes).sort((a, b) => a - b),
    );
    for (const { key, ms } of points) {
      const samples = large.cases.find((one) => one.key === key)?.samples.map((sample) => sample.ms) ?? [];
      expect([ms.min, ms.max]).toEqual([Math.min(...samples), Math.max(...samples)]);
      expect(samples.filter((sample) => sample <= ms.median).length).toBeGreaterThanOrEqual(samples.length / 2);
    }
  });

  test("a median is in the middle", () => {
    expect([chart.median([3, 1, 2]), chart.median([4, 1, 3, 2])]).toEqual([2, 2.5]);
  });
});

describe("the prediction", () => {
  test("is the sum that is shown beside it", () => {
    const point = { ...(points[0] as chart.Point), bufferBytes: 1000, upload: 100 };
    const told = chart.predict({ fileBytes: 5000, bytesPerSecond: 50, rttMs: 250 }, point);
    expect(told).toEqual({
      seconds: 1 + (5000 + 5 * HEADER_BYTES) / 50,
      tripSeconds: 1,
      byteSeconds: (5000 + 5 * HEADER_BYTES) / 50,
      headerBytes: 5 * HEADER_BYTES,
      limitedBy: "link",
    });
    expect(chart.predict({ fileBytes: 5000, bytesPerSecond: 500, rttMs: 0 }, point).limitedBy).toBe("machine");
    expect(chart.predict({ fileBytes: 1, bytesPerSecond: 500, rttMs: 250 }, point).limitedBy).toBe("round trips");
  });

  test("no link that is faster or nearer makes it slower, and no larger file makes it quicker", () => {
    fc.assert(
      fc.property(anyLink, anyLink, anyPoint, (one, other, point) => {
        const worse = {
          fileBytes: Math.max(one.fileBytes, other.fileBytes),
          bytesPerSecond: Math.min(one.bytesPerSecond, other.bytesPerSecond),
          rttMs: Math.max(one.rttMs, other.rttMs),
        };
        expect(chart.predict(worse, point).seconds).toBeGreaterThanOrEqual(chart.predict(one, point).seconds);
      }),
    );
  });

  test("as a link means the same again, and of a stranger nothing that was not measured", () => {
    fc.assert(
      fc.property(anyLink, anyPoint, (link, { bufferBytes }) => {
        expect(chart.decodeState(chart.encodeState({ ...link, bufferBytes }), points)).toEqual({
          ...link,
          bufferBytes,
        });
      }),
    );
    expect(chart.decodeState("1_1_1_1", points)).toBeNull();
    expect(chart.decodeState("", points)).toBeNull();
  });
});

describe("what one machine holds", () => {
  test("the rates are in the results, and a missing series is an error", () => {
    expect(rates.bytesPerSecond).toBe(200e6);
    for (const rate of [rates.storedPerSecond, rates.landedPerSecond]) expect(rate).toBeGreaterThan(100);
    expect(() => capacity.measured({ targets: [] }, 1, 1)).toThrow(/no series "sent"/);
  });

  test("it is enough exactly while every resource has room, and the fullest runs out first", () => {
    fc.assert(
      fc.property(anyDemand, (demand) => {
        const all = capacity.uses(demand, rates);
        expect(capacity.factor(all) >= 1).toBe(all.every(({ share }) => share <= 1));
        expect(capacity.tightest(all).share).toBe(Math.max(...all.map(({ share }) => share)));
        const more = capacity.uses({ ...demand, filesPerDay: demand.filesPerDay * capacity.factor(all) }, rates);
        expect(capacity.tightest(more).share).toBeCloseTo(1);
      }),
    );
  });

  test("by hand: a file a second of 1 KiB, that waits an hour", () => {
    const all = capacity.uses(
      { filesPerDay: 86_400, fileBytes: 1024, peak: 1, waitHours: 1, diskBytes: 1e9, linkBytesPerSecond: 1e6 },
      rates,
    );
    expect(all.map(({ needed }) => needed)).toEqual([1, 2048, 1024, 3600 * 1024]);
  });

  test("as a link means the same again", () => {
    fc.assert(
      fc.property(anyDemand, (demand) => {
        expect(capacity.decodeDemand(capacity.encodeDemand(demand))).toEqual(demand);
      }),
    );
    expect(capacity.decodeDemand("1_2_3_4_5_6")).toBeNull();
  });
});

test("numbers are written for people", () => {
  expect([0, 1, 1023, 1536, 256 * 1024, 1024 ** 3].map(size)).toEqual([
    "0 bytes",
    "1 byte",
    "1020 bytes",
    "1.5 KiB",
    "256 KiB",
    "1 GiB",
  ]);
  expect([0, 0.5, 999, 1500, 300_000, 1e7, 1e9, Infinity].map(duration)).toEqual([
    "0 ms",
    "0.5 ms",
    "999 ms",
    "1.5 s",
    "5 min",
    "2.78 h",
    "11.6 days",
    "for ever",
  ]);
  expect([12_345, 0.001234, 0].map(round)).toEqual(["12,300", "0.00123", "0"]);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
    }),
  );
  expect(() => fromHex("4")).toThrow(RangeError);
});
