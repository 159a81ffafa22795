import fc from "fast-check";
import { expect, test } from "vitest";
import { Leases } from "../../src/spool/leases.ts";

const grant = (leases: Leases<string>, nowMs: number): string => leases.grant((token) => token, nowMs);

test("a lease is held until it is ended, and ends once", () => {
  const leases = new Leases<{ token: string; file: string }>("epoch", 1000);
  const leased = leases.grant((token) => ({ token, file: "a" }), 0);
  expect(leases.get(leased.token)).toBe(leased);
  expect(leases.end(leased.token)).toBe(leased);
  expect(leases.end(leased.token)).toBeNull();
  expect(leases.renew(leased.token, 0)).toBe(false);
  expect(() => leases.get(leased.token)).toThrowError(expect.objectContaining({ code: "lease-lost", retry: false }));
});

test("no token is granted twice, by this spool or by one with another epoch", () => {
  const [one, two] = [new Leases<string>("1", 10), new Leases<string>("2", 10)];
  const tokens = [...Array(1000)].flatMap(() => [grant(one, 0), grant(two, 0)]);
  for (const token of tokens) {
    one.end(token);
    expect(token).toMatch(/^[\w.-]{1,64}$/); // what the wire takes as a name of a delivery
  }
  expect(new Set([...tokens, grant(one, 0)]).size).toBe(2001);
});

test("a lease expires when its time is over and not a millisecond before", () => {
  const leases = new Leases<string>("epoch", 1000);
  const token = grant(leases, 5000);
  expect(leases.expired(5999)).toEqual([]);
  expect(leases.expired(6000)).toEqual([token]);
  expect(leases.renew(token, 6000)).toBe(true); // late, but nobody has ended it
  expect(leases.expired(6999)).toEqual([]);
});

test("after any history the expired leases are those not renewed in time, the longest expired first", () => {
  const step = fc.record({
    what: fc.constantFrom("grant", "grant", "renew", "renew", "end"),
    which: fc.nat(20),
    afterMs: fc.nat(400),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const leases = new Leases<string>("epoch", 1000);
      const expiry = new Map<string, number>();
      let nowMs = 0;
      for (const { what, which, afterMs } of steps) {
        nowMs += afterMs;
        const token = [...expiry.keys()][which];
        if (what === "grant") expiry.set(grant(leases, nowMs), nowMs + 1000);
        if (what === "renew" && token) {
          expect(leases.renew(token, nowMs)).toBe(true);
          expiry.delete(token);
          expiry.set(token, nowMs + 1000);
        }
        if (what === "end" && token) expect([leases.end(token), expiry.delete(token)]).toEqual([token, true]);
        const over = [...expiry].filter(([, atMs]) => atMs <= nowMs).map(([expired]) => expired);
        expect(leases.expired(nowMs)).toEqual(over);
        expect(leases.tokens()).toEqual([...expiry.keys()]);
      }
    }),
  );
});
