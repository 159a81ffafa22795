import { expect, test } from "vitest";
import { type Implementation, lease, store } from "./subject.ts";

export function inFlightLaws({ run }: Implementation): void {
  test("in flight is what somebody holds, without one's own deliveries, and it does not matter how that ends", () =>
    run({ failuresMax: 2, leaseMs: 1000 }, async ({ spool, clock }) => {
      const others = (...mine: { token: string }[]) =>
        spool.inFlight(
          "default",
          mine.map(({ token }) => token),
        );
      for (const number of [1, 2, 3, 4, 5]) await store(spool, number);
      expect(others()).toBe(0);
      const [first, second, third] = [await lease(spool), await lease(spool), await lease(spool)];
      expect([others(), others(first), others(first, second, third), spool.inFlight("other", [])]).toEqual([
        3, 2, 0, 0,
      ]);
      expect(others(first, { token: "never granted" })).toBe(2);
      await spool.ack(first.token);
      expect([others(), others(first, second)]).toEqual([2, 1]);
      spool.release(second.token);
      expect(others()).toBe(1);
      // The file of `second` again, under another token: what is lost is not one's own any more.
      const again = await lease(spool);
      expect([again.transfer, others(second, third), others(again, third)]).toEqual([second.transfer, 1, 0]);
      await spool.nack(again.token, "no");
      expect(others()).toBe(1);
      await spool.nack((await lease(spool)).token, "no"); // it is dead
      expect([others(), others(third)]).toEqual([1, 0]);
      clock.nowMs += 1000;
      await spool.sweep();
      expect(others()).toBe(0);
      const taken = await lease(spool);
      expect(taken.transfer).toBe(third.transfer);
      await spool.operate.cancel(taken.transfer);
      expect([others(), others(taken), spool.waiting("default")]).toEqual([0, 0, 2]);
    }));
}
