import { linkSync, mkdirSync, symlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  grainLeftMs,
  hasCoarseTimes,
  identityOf,
  isDoubtful,
  isUnchanged,
} from "../../src/net/sender/file-identity.ts";
import { Workspace } from "../support/workspace.ts";

const SECOND = 1_000_000_000n;
const MS = 1_000_000n;
const nowMs = 1_800_000_000_000;
/** So many milliseconds before now, and some nanoseconds after that. */
const ago = (ms: number, ns = 0n) => BigInt(nowMs - ms) * MS + ns;
const status = { dev: 1n, ino: 7n, size: 10n, mtimeNs: ago(60_000, 1n), ctimeNs: ago(60_000, 1n) };
const at = (ns: bigint) => ({ ...status, mtimeNs: ns, ctimeNs: ns });

describe("times that are whole hundredths of a second", () => {
  test.each([
    ["whole seconds", ago(60_000), true],
    ["hundredths, as exFAT has them", ago(60_010), true],
    ["milliseconds", ago(60_001), false],
    ["nanoseconds", ago(60_000, 1n), false],
  ])("%s: coarse or not", (_, ns, coarse) => {
    expect(hasCoarseTimes(at(ns))).toBe(coarse);
    expect(isDoubtful(at(ns), nowMs)).toBe(coarse);
  });

  test("only the time of change counts: the other one is what programs set as they like", () => {
    expect(hasCoarseTimes({ ...status, mtimeNs: 5n * SECOND })).toBe(false);
    expect(hasCoarseTimes({ ...status, ctimeNs: 5n * SECOND })).toBe(true);
  });
});

test("a file that changed a moment ago, or in the future, is in doubt whatever its times are", () => {
  for (const [ms, doubt] of [
    [2_900, true],
    [3_100, false],
    [-1, true],
    [-3_600_000, true],
  ] as const)
    expect(isDoubtful(at(ago(ms, 1n)), nowMs), String(ms)).toBe(doubt);
});

test("reading waits for the next tick of a coarse clock, never long, and never for a fine one", () => {
  const whole = (ms: number) => (BigInt(nowMs - ms) / 1000n) * SECOND;
  expect(grainLeftMs(at(whole(500)), nowMs)).toBe(1_000);
  expect(grainLeftMs(at(whole(2_000)), nowMs)).toBe(0);
  expect(grainLeftMs(at(ago(20)), nowMs)).toBe(0);
  expect(grainLeftMs(at(ago(10)), nowMs - 6)).toBe(6);
  expect(grainLeftMs(at(ago(0, 1n)), nowMs)).toBe(0);
  // A clock of another machine, or a stick whose times are in another zone.
  expect(grainLeftMs(at(whole(-7_200_000)), nowMs)).toBe(0);
});

test("with fine times a file is known by inode, size and times, whatever its path and the number of its disk", () => {
  const same = identityOf("/a", status);
  expect(identityOf("/b", { ...status, dev: 9n })).toBe(same);
  const others = [{ ino: 8n }, { size: 11n }, { mtimeNs: 1n }, { ctimeNs: 1n }];
  expect(new Set([same, ...others.map((other) => identityOf("/a", { ...status, ...other }))]).size).toBe(5);
});

test("with coarse times a file is known by path, size and time, whatever inode number it is given today", () => {
  const work = new Workspace();
  const path = work.write("a", "a");
  const coarse = at(5n * SECOND);
  const same = identityOf(path, coarse);
  expect(identityOf(path, { ...coarse, ino: 8n, dev: 9n, ctimeNs: 6n * SECOND })).toBe(same);
  // By another way to the same place, it is the same; another name of it, or another file, is not.
  mkdirSync(work.path("other"));
  symlinkSync(work.path("in"), work.path("other", "way"));
  linkSync(path, work.path("in", "b"));
  expect(identityOf(work.path("other", "way", "a"), coarse)).toBe(same);
  const others = [identityOf(path, { ...coarse, size: 11n }), identityOf(path, { ...coarse, mtimeNs: 6n * SECOND })];
  const names = [work.path("in", "b"), work.path("in", "gone")].map((name) => identityOf(name, coarse));
  expect(new Set([same, ...others, ...names]).size).toBe(5);
});

test("a look at an open file sees each of what may change", () => {
  expect(isUnchanged(status, { ...status })).toBe(true);
  for (const key of ["dev", "ino", "size", "mtimeNs", "ctimeNs"] as const)
    expect(isUnchanged(status, { ...status, [key]: 3n }), key).toBe(false);
});
