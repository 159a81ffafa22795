/** What happens often is told seldom, and not one of it is lost for whoever counts. */
import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { PerSecond, withMore } from "../../src/net/server/per-second.ts";

/** With a clock that the test moves. */
function gathered(atOnce: number) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const told: [last: number, count: number][] = [];
  return { told, all: new PerSecond<number>((last, count) => void told.push([last, count]), atOnce) };
}

test("the first few are told by themselves, the others of that second as one, by the last of them", () => {
  const { told, all } = gathered(3);
  for (let number = 1; number <= 10; number++) all.note("a", number);
  expect(told).toEqual([1, 2, 3].map((number) => [number, 1]));
  vi.advanceTimersByTime(999);
  expect(told).toHaveLength(3);
  vi.advanceTimersByTime(1);
  expect(told.slice(3)).toEqual([[10, 7]]);
});

test("who goes on and on is told of once a second, and after a quiet second at once again", () => {
  const { told, all } = gathered(1);
  for (let ms = 0; ms < 5000; ms++) {
    all.note("a", ms);
    vi.advanceTimersByTime(1);
  }
  expect(told.length).toBeLessThanOrEqual(6);
  vi.advanceTimersByTime(2000);
  expect(told.reduce((sum, [, count]) => sum + count, 0)).toBe(5000);
  all.note("a", 7);
  expect(told.at(-1)).toEqual([7, 1]);
});

test("each kind has a second of its own, and no timer is left when nothing happens any more", () => {
  const { told, all } = gathered(1);
  for (const kind of ["a", "b", "c"]) for (let number = 0; number < 5; number++) all.note(kind, number);
  expect(told).toHaveLength(3);
  vi.advanceTimersByTime(1000);
  expect(told).toHaveLength(6);
  vi.advanceTimersByTime(1000);
  expect(vi.getTimerCount()).toBe(0);
});

test("at the end what is left is told, and nothing after that", () => {
  const { told, all } = gathered(1);
  for (let number = 1; number <= 5; number++) all.note("a", number);
  all.close();
  expect(told).toEqual([
    [1, 1],
    [5, 4],
  ]);
  expect(vi.getTimerCount()).toBe(0);
  all.close();
  expect(told).toHaveLength(2);
});

test("whatever happens when, all is counted, and in no second more is told than is allowed", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const happenings = fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 0, max: 700 })), { maxLength: 60 });
  fc.assert(
    fc.property(happenings, fc.integer({ min: 1, max: 4 }), (all, atOnce) => {
      const told: { kind: string; count: number; atMs: number }[] = [];
      const gather = new PerSecond<string>((kind, count) => told.push({ kind, count, atMs: Date.now() }), atOnce);
      for (const [kind, waitMs] of all) {
        gather.note(kind, kind);
        vi.advanceTimersByTime(waitMs);
      }
      gather.close();
      for (const kind of ["a", "b"]) {
        const ofKind = told.filter((one) => one.kind === kind);
        expect(ofKind.reduce((sum, { count }) => sum + count, 0)).toBe(all.filter(([other]) => other === kind).length);
        for (const { atMs } of ofKind) {
          const within = ofKind.filter((other) => other.atMs > atMs - 1000 && other.atMs <= atMs);
          expect(within.length).toBeLessThanOrEqual(atOnce + 1);
        }
      }
      vi.clearAllTimers();
    }),
  );
});

test("an event says how many others it stands for, and nothing when there are none", () => {
  expect(withMore({ event: "refused" }, 1)).toEqual({ event: "refused" });
  expect(withMore({ event: "refused" }, 5)).toEqual({ event: "refused", more: 4 });
});
