/** How what all connections may hold together is divided among them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SharedLimit } from "../../src/net/wire/shared-limit.ts";

/** Takes one by one, round after round, as long as anybody may. Returns what each holds. */
function greedy(limit: SharedLimit, takers: number): number[] {
  const own = Array<number>(takers).fill(0);
  for (let before = -1; limit.held !== before; ) {
    before = limit.held;
    for (const [taker, held] of own.entries()) {
      if (!limit.allows(held)) continue;
      own[taker] = held + 1;
      limit.take(1);
    }
  }
  return own;
}

test("those who take all they can hold the same, and as much is left for the next that comes", () => {
  for (const takers of [1, 2, 7, 30]) {
    const limit = new SharedLimit(() => 1000);
    const own = greedy(limit, takers);
    const share = Math.floor(1000 / (takers + 1));
    for (const held of own) expect(Math.abs(held - share)).toBeLessThanOrEqual(1);
    expect(limit.free).toBeGreaterThanOrEqual(share - takers);
  }
});

test("each may always have one, however much the others hold, and no more than that goes over the limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 80 }), (max, takers) => {
      const limit = new SharedLimit(() => max);
      const own = greedy(limit, takers);
      for (const held of own) expect(held).toBeGreaterThanOrEqual(1);
      expect(limit.held).toBeLessThanOrEqual(max + takers);
    }),
  );
});

test("the limit may change while things are held", () => {
  let max = 10;
  const limit = new SharedLimit(() => max);
  limit.take(6);
  expect([limit.allows(3), limit.allows(4)]).toEqual([true, false]);
  max = 6;
  expect([limit.free, limit.allows(0), limit.allows(1)]).toEqual([0, true, false]);
});

test("one who waits is called when others give back, the longest first, each once, and not after it has left", () => {
  const limit = new SharedLimit(() => 4);
  limit.take(4);
  const called: string[] = [];
  const wake = { a: () => void called.push("a"), b: () => void called.push("b"), c: () => void called.push("c") };
  limit.wait(wake.a);
  limit.wait(wake.b);
  limit.wait(wake.a);
  limit.wait(wake.c);
  limit.leave(wake.b);
  limit.give(1);
  limit.give(1);
  limit.give(1);
  expect(called).toEqual(["a", "c"]);
});
