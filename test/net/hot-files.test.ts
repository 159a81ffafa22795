import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HotFiles } from "../../src/net/extensions/watch/hot-files.ts";
import { fits } from "../../src/net/extensions/watch/name-patterns.ts";

const SETTLE_MS = 10;
const seen = (identity: string, nowMs: number, isStill = false, mtimeNs = 0n) => ({
  identity,
  mtimeNs,
  dueMs: nowMs + SETTLE_MS,
  isStill,
});

describe("a file of a watched folder", () => {
  test("is complete when it looks the same for long enough, and not a moment sooner", () => {
    const files = new HotFiles();
    for (const [nowMs, ready] of [
      [0, false],
      [5, false],
      [9, false],
      [10, true],
    ] as const) {
      files.see("a", seen("1", nowMs), nowMs);
      files.lineUp();
      expect([files.hasReady, files.dueMs], String(nowMs)).toEqual([ready, ready ? Infinity : 10]);
    }
    expect(files.take()).toEqual({ name: "a", identity: "1" });
    expect(files.take()).toBeNull();
  });

  test("that grows is complete once, when it has stopped", () => {
    const files = new HotFiles();
    for (let nowMs = 0; nowMs < 100; nowMs += 9) {
      files.see("a", seen(String(nowMs), nowMs), nowMs);
      files.lineUp();
      expect(files.take()).toBeNull();
    }
    files.see("a", seen("99", 109), 109);
    files.lineUp();
    expect(files.take()).toEqual({ name: "a", identity: "99" });
  });

  test("that was left alone before it appeared is complete at once, but not if it takes the place of another", () => {
    const files = new HotFiles();
    files.see("a", seen("1", 0, true), 0);
    files.see("b", seen("1", 0), 0);
    files.see("b", seen("2", 1, true), 1);
    files.lineUp();
    expect([files.take()?.name, files.take()]).toEqual(["a", null]);
  });

  test("that changes while it waits in line is not handed out as it was", () => {
    const files = new HotFiles();
    files.see("a", seen("1", 0, true), 0);
    files.lineUp();
    files.see("a", seen("2", 1), 1);
    expect(files.take()).toBeNull();
    files.see("a", seen("2", 11), 11);
    files.lineUp();
    expect(files.take()).toEqual({ name: "a", identity: "2" });
  });

  test("that was refused is tried again when it looks different, and not before", () => {
    const files = new HotFiles();
    const look = (identity: string, nowMs: number) => {
      files.see("a", seen(identity, nowMs), nowMs);
      files.lineUp();
      return files.take()?.identity;
    };
    look("1", 0);
    expect(look("1", 10)).toBe("1");
    files.refuse("a");
    expect([look("1", 20), look("1", 40), look("2", 50), look("2", 60)]).toEqual([
      undefined,
      undefined,
      undefined,
      "2",
    ]);
  });

  test("that is taken is nobody else's until it is answered for", () => {
    const files = new HotFiles();
    files.see("a", seen("1", 0, true), 0);
    files.lineUp();
    files.take();
    files.see("a", seen("2", 1, true), 1);
    files.lose("a");
    files.lineUp();
    expect([files.take(), files.isIdle, files.takenAs("a")]).toEqual([null, false, "1"]);
    files.settle("a");
    expect(files.isIdle).toBe(true);
  });
});

test("those that become complete together are in the order of their times, behind those before them", () => {
  const files = new HotFiles();
  files.see("late", seen("1", 0, true, 9n), 0);
  files.lineUp();
  for (const [name, mtime] of [
    ["c", 3n],
    ["b", 1n],
    ["a", 1n],
    ["d", 2n],
  ] as const)
    files.see(name, seen("1", 0, true, mtime), 0);
  files.lineUp();
  expect(Array.from({ length: 6 }, () => files.take()?.name)).toEqual(["late", "a", "b", "d", "c", undefined]);
});

test("whatever happens in which order: what is handed out is what was seen last, unchanged for long enough, and nobody has it twice", () => {
  const names = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    fc.record({ do: fc.constant("write" as const), name: names }),
    fc.record({ do: fc.constant("look" as const), name: names }),
    fc.record({ do: fc.constantFrom("settle" as const, "refuse" as const, "remove" as const), name: names }),
    fc.record({ do: fc.constant("take" as const), name: names }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(6), step), { maxLength: 80 }), (steps) => {
      const files = new HotFiles();
      const disk = new Map<string, { version: number; sinceMs: number }>();
      const taken = new Set<string>();
      let [nowMs, versions] = [0, 0];
      for (const [ms, { do: what, name }] of steps) {
        nowMs += ms;
        const there = disk.get(name);
        if (what === "write") disk.set(name, { version: ++versions, sinceMs: nowMs });
        if (what === "remove") disk.delete(name);
        if (what === "look" && there) files.see(name, seen(String(there.version), nowMs), nowMs);
        if (what === "look" && !there) files.lose(name);
        if (what === "settle" && taken.delete(name)) files.settle(name);
        if (what === "refuse" && taken.delete(name)) files.refuse(name);
        files.lineUp();
        const next = what === "take" ? files.take() : null;
        if (next) {
          expect(taken.has(next.name)).toBe(false);
          taken.add(next.name);
          const now = disk.get(next.name);
          // It may have changed since the last look; whoever opens it compares. What it is said to be, it was for long enough.
          if (now && String(now.version) === next.identity)
            expect(nowMs - now.sinceMs).toBeGreaterThanOrEqual(SETTLE_MS);
        }
      }
    }),
  );
});

describe("patterns of names", () => {
  test.each([
    ["a.txt", "*.txt", true],
    ["a.txt.part", "*.txt", false],
    [".a", ".*", true],
    ["a", ".*", false],
    ["abc", "a?c", true],
    ["ac", "a?c", false],
    ["", "*", true],
    ["", "?", false],
    ["a*b", "a*b", true],
    ["a.b", "a.b", true],
    ["aXb", "a.b", false],
    ["mississippi", "m*iss*i", true],
    ["mississippi", "m*iss*x*i", false],
    ["A.TXT", "*.txt", false],
  ])("%s fits %s: %s", (name, pattern, expected) => {
    expect(fits(name, pattern)).toBe(expected);
  });

  test("mean the same as the regular expression that says it, and take no longer for many stars", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", ".") });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?") });
    fc.assert(
      fc.property(letters, pattern, (name, text) => {
        const source = text.replaceAll(".", "\\.").replaceAll("?", ".").replaceAll(/\*+/g, ".*");
        expect(fits(name, text)).toBe(new RegExp(`^${source}$`, "s").test(name));
      }),
      { numRuns: 1000 },
    );
    expect(fits("a".repeat(255), `${"*a".repeat(120)}b`)).toBe(false);
  });
});
