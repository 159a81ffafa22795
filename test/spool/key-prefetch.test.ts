import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyPrefetch } from "../../src/spool/local/key-prefetch.ts";

test("whatever is added at the end, taken away and asked, the answer is what a look at all of them says or one that is gone", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ remove: fc.nat(300) }),
      fc.record({ ask: fc.nat(400), on: fc.nat(3) }),
      fc.record({ move: fc.nat(5) }),
    ),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (taken) => {
      const ahead = new KeyPrefetch();
      const there = new Set<number>();
      const gone = new Set<number>();
      let [last, cursor, reads] = [0, 0, 0];
      const read = (behind: number, limit: number) => {
        reads++;
        return [...there].filter((key) => key > behind).slice(0, limit);
      };
      for (const step of taken) {
        if ("add" in step) for (let more = 0; more < step.add; more++) there.add(++last);
        if ("remove" in step && there.delete(step.remove)) gone.add(step.remove);
        if ("move" in step) cursor = Math.min(last, cursor + step.move); // as what is leased moves it
        if (!("ask" in step)) continue;
        // As #next asks: from the cursor, over what is gone and over some that are held.
        let held = step.on;
        for (let at = cursor; ; ) {
          const next = ahead.after(at, read);
          const truth = [...there].find((key) => key > at);
          if (next === undefined || !gone.has(next)) expect(next).toBe(truth);
          else expect(next).toBeGreaterThan(at);
          if (next === undefined || (there.has(next) && held-- === 0)) break;
          at = next;
        }
      }
      expect(reads).toBeLessThanOrEqual(taken.length * 6);
    }),
  );
});

test("a queue that is taken off one by one is read once for each 64", () => {
  const ahead = new KeyPrefetch();
  let reads = 0;
  const read = (behind: number, limit: number) => {
    reads++;
    return Array.from({ length: Math.min(limit, 1000 - behind) }, (_, index) => behind + index + 1);
  };
  for (let at = 0; at < 1000; at++) expect(ahead.after(at, read)).toBe(at + 1);
  expect(reads).toBe(16);
});
