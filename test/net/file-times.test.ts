import { execFileSync } from "node:child_process";
import { lstatSync, lutimesSync, statSync, symlinkSync, utimesSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decimalOf, type Moment, momentFrom, momentOf, setTime, utimesText } from "../../src/disk/file-times.ts";
import { Workspace } from "../support/workspace.ts";

const BILLION = 1_000_000_000n;
/** What any ext4 of today holds: 1901 to 2446, in nanoseconds. */
const anyNs = fc.bigInt({ min: -2_147_483_648n * BILLION, max: 15_032_385_534n * BILLION });
const nsOf = ({ seconds, nanos }: Moment): bigint => BigInt(seconds) * BILLION + BigInt(nanos);
/** Downwards, also before 1970. */
const floored = (ns: bigint, unit: bigint): bigint => ns - (((ns % unit) + unit) % unit);

test("a time is the same as nanoseconds, in two numbers, and as decimal text", () => {
  fc.assert(
    fc.property(anyNs, (ns) => {
      const moment = momentOf(ns);
      expect([nsOf(moment), Number.isInteger(moment.nanos) && moment.nanos >= 0 && moment.nanos < 1e9]).toEqual([
        ns,
        true,
      ]);
      expect(momentFrom(decimalOf(moment))).toEqual(moment);
    }),
  );
});

test.each<[string, bigint | null]>([
  ["0", 0n],
  ["1.5", 1_500_000_000n],
  ["-1.5", -1_500_000_000n],
  ["-0.25", -250_000_000n],
  ["1.", 1_000_000_000n],
  ["1.0000000019", 1_000_000_001n],
  ["8589934592.123456789", 8_589_934_592_123_456_789n],
  ["", null],
  [".5", null],
  ["+1", null],
  ["1e9", null],
  [" 1", null],
  ["0x10", null],
  ["1234567890123", null],
  ["NaN", null],
])("%j is a time, or is none", (text, ns) => {
  const moment = momentFrom(text);
  expect(moment && nsOf(moment)).toBe(ns);
});

test("Node sets it to the microsecond, before 1970 and after 2038 as well", () => {
  const work = new Workspace();
  const file = work.write("a", "");
  symlinkSync("nowhere", work.path("in", "link"));
  fc.assert(
    fc.property(anyNs, (ns) => {
      const text = utimesText(momentOf(ns));
      utimesSync(file, text, text);
      lutimesSync(work.path("in", "link"), text, text);
      const kept = floored(statSync(file, { bigint: true }).mtimeNs, 1000n);
      // Beyond 2106 a double has hardly room for microseconds: there it may be a few more.
      if (ns < 2n ** 32n * BILLION) expect(kept).toBe(floored(ns, 1000n));
      else expect(Number(kept - floored(ns, 1000n))).toBeOneOf([0, 1, 2, 3].map((micros) => micros * 1000));
      expect(floored(lstatSync(work.path("in", "link"), { bigint: true }).mtimeNs, 1000n)).toBe(kept);
    }),
  );
});

test("whole milliseconds stay what they are, far beyond 2242 as well", () => {
  const work = new Workspace();
  const file = work.write("a", "");
  fc.assert(
    fc.property(fc.integer({ min: -2_147_483_647_000, max: 15_032_385_534_999 }), (ms) => {
      const text = utimesText(momentOf(BigInt(ms) * 1_000_000n));
      utimesSync(file, text, text);
      expect(Number(floored(statSync(file, { bigint: true }).mtimeNs, 1_000_000n) / 1_000_000n)).toBe(ms);
    }),
  );
});

test("what a disk does not keep is told, with what it has instead, and is no error", async () => {
  const look = (seconds: number) => () => Promise.resolve({ mtimeMs: seconds * 1000 });
  const fine = () => Promise.resolve();
  const at = (seconds: number): Moment => ({ seconds, nanos: 0 });
  expect(await setTime(at(-1), fine, look(-1))).toBeNull();
  expect(await setTime(at(2 ** 31), fine, look(2 ** 31 - 1))).toBeNull(); // FAT counts in twos
  const said = "this disk does not keep the time 2040-02-01 06:28:16; it has 2038-01-19 03:14:07 instead";
  expect(await setTime(at(2_211_690_496), fine, look(2 ** 31 - 1))).toBe(said);
  const refusing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
  expect(await setTime(at(1e9), refusing("EINVAL"), look(0))).toContain("does not keep the time 2001-09-09 01:46:40");
  expect(await setTime(at(1e12), refusing("EPERM"), look(0))).toContain("33658-09-27");
  await expect(setTime(at(1e9), refusing("EIO"), look(0))).rejects.toMatchObject({ code: "EIO" });
});

test("the text means the same to other programs", () => {
  const work = new Workspace();
  const file = work.write("a", "");
  const time = utimesText({ seconds: -2, nanos: 500_000_000 });
  utimesSync(file, time, time);
  const env = { ...process.env, TZ: "UTC", LC_ALL: "C" };
  expect(execFileSync("stat", ["-c", "%y", file], { env, encoding: "utf8" })).toContain(
    "1969-12-31 23:59:58.500000000",
  );
});
