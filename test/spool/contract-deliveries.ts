import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { ACKS_REMEMBERED, LEASE_EXPIRED, type Spool } from "../../src/spool/contract.ts";
import type { Delivery } from "../../src/spool/files.ts";
import {
  begin,
  contentIn,
  contentOf,
  digestOf,
  drain,
  failure,
  type Implementation,
  idOf,
  lease,
  nobody,
  offerOf,
  sameBytes,
  startMs,
  store,
} from "./subject.ts";

const storeAll = async (spool: Spool, count: number, size = 10, after = 0): Promise<void> => {
  for (let number = after + 1; number <= after + count; number++) await store(spool, number, size);
};

export function deliveryLaws({ run }: Implementation): void {
  test("a leased file is with one holder, and still counts as waiting", () =>
    run({}, async ({ spool }) => {
      await storeAll(spool, 3);
      const deliveries = await Promise.all([1, 2, 3, 4].map(() => spool.lease("default")));
      expect(deliveries.map((delivery) => delivery?.transfer)).toEqual([idOf(1), idOf(2), idOf(3), undefined]);
      expect(new Set(deliveries.map((delivery) => delivery?.token)).size).toBe(4);
      expect(spool.waiting("default")).toBe(3);
    }));

  test("queues do not see each other, whatever their names", () =>
    run({}, async ({ spool }) => {
      const queues = ["a", "aa", "a a", "a.b", "a-b", "b", "ä", "1", "0x", "z".repeat(100)];
      for (const [number, queue] of queues.entries()) await store(spool, number, 10, { queue });
      for (const [number, queue] of queues.entries()) {
        expect(spool.waiting(queue)).toBe(1);
        expect(await drain(spool, queue)).toEqual([idOf(number)]);
        expect(spool.waiting(queue)).toBe(0);
      }
      expect(await spool.lease("never used")).toBeNull();
    }));

  test("content can be read from anywhere, and less than asked comes only at the end", () =>
    run({}, async ({ spool }) => {
      for (const size of [0, 10, 5000]) {
        await store(spool, size, size);
        const { token } = await lease(spool);
        const into = new Uint8Array(8);
        for (const offset of [0, 3, Math.max(0, size - 8), Math.max(0, size - 5), size, size + 100]) {
          const read = await spool.read(token, offset, into);
          expect(read).toBe(Math.max(0, Math.min(8, size - offset)));
          expect(sameBytes(into.subarray(0, read), contentOf(size, size).subarray(offset, offset + read))).toBe(true);
        }
        await spool.ack(token);
      }
    }));

  test("content that is leased does not change while others come and go", () =>
    run({}, async ({ spool }) => {
      await storeAll(spool, 5, 900);
      const deliveries = [];
      for (let number = 1; number <= 5; number++) deliveries.push(await lease(spool));
      for (let number = 6; number < 40; number++) {
        await store(spool, number, 900);
        await spool.ack((await lease(spool)).token);
      }
      for (const [index, delivery] of deliveries.entries())
        expect(sameBytes(await contentIn(spool, delivery), contentOf(900, index + 1))).toBe(true);
    }));

  test("what is given back comes first again, in the old order, whatever the order of giving back", () =>
    run({}, async ({ spool }) => {
      await storeAll(spool, 5);
      const tokens = [];
      for (let number = 1; number <= 4; number++) tokens.push((await lease(spool)).token);
      spool.release(tokens[2]!);
      expect(await spool.nack(tokens[0]!, "the disk is full")).toBe(false);
      spool.release(tokens[1]!);
      expect((await lease(spool)).transfer).toBe(idOf(1));
      await spool.ack(tokens[3]!);
      expect(await drain(spool)).toEqual([2, 3, 5].map(idOf));
    }));

  test("an attempt counts the failures before it: nacks and expired leases, not releases", () =>
    run({ leaseMs: 1000 }, async ({ spool, clock }) => {
      await store(spool, 1);
      const attempts = [];
      for (const end of ["release", "nack", "expire", "release", "nack"]) {
        const { token, attempt } = await lease(spool);
        attempts.push(attempt);
        if (end === "release") spool.release(token);
        if (end === "nack") await spool.nack(token, "no");
        if (end === "expire") {
          clock.nowMs += 1000;
          await spool.sweep();
        }
      }
      expect([...attempts, (await lease(spool)).attempt]).toEqual([1, 1, 2, 3, 3, 4]);
    }));

  test("too many failures make a dead letter, with the reason, the count and the times", () =>
    run({ failuresMax: 3 }, async ({ spool, clock }) => {
      for (const size of [10, 5000]) {
        const offer = await store(spool, size, size);
        await store(spool, size + 1, size);
        for (const [index, dead] of [false, false, true].entries()) {
          clock.nowMs = startMs + size + index;
          const { token, transfer } = await lease(spool);
          expect(transfer).toBe(offer.transfer);
          expect(await spool.nack(token, `reason ${index}`)).toBe(dead);
        }
        expect(await drain(spool)).toEqual([idOf(size + 1)]);
        const digest = digestOf(contentOf(size, size));
        const times = { firstFailedAtMs: startMs + size, lastFailedAtMs: startMs + size + 2 };
        const letters = await spool.dead("default");
        expect(letters.at(-1)).toEqual({ ...offer, digest, failures: 3, reason: "reason 2", ...times });
      }
      expect((await spool.dead("default")).map(({ size }) => size)).toEqual([10, 5000]);
      expect([spool.waiting("default"), spool.bytesUsed(), await spool.dead("other")]).toEqual([0, 5010, []]);
      const answer = await spool.offer(offerOf(10, 10), nobody);
      expect(answer).toMatchObject({ kind: "stored", collected: false });
    }));

  test("a token is worth nothing once its lease has ended, also when the file was leased anew", () =>
    run({ leaseMs: 1000 }, async ({ spool, clock }) => {
      await store(spool, 1, 5000);
      const ends = {
        nack: async (token: string) => void (await spool.nack(token, "no")),
        release: async (token: string) => spool.release(token),
        expire: async () => {
          clock.nowMs += 1000;
          await spool.sweep();
        },
      };
      const expectStale = async (token: string) => {
        expect(await failure(spool.read(token, 0, new Uint8Array(1)))).toBe("lease-lost");
        expect(await failure(spool.nack(token, "no"))).toBe("lease-lost");
        expect(spool.renew(token)).toBe(false);
        spool.release(token);
      };
      for (const end of Object.values(ends)) {
        const { token } = await lease(spool);
        await end(token);
        await expectStale(token);
        const next = await lease(spool);
        expect(await failure(spool.ack(token))).toBe("lease-lost");
        await expectStale(token);
        expect(spool.renew(next.token)).toBe(true);
        spool.release(next.token);
      }
      const { token } = await lease(spool);
      await spool.ack(token);
      await expectStale(token);
      for (const nonsense of ["", "x-1", "constructor"]) {
        await expectStale(nonsense);
        expect(await failure(spool.ack(nonsense))).toBe("lease-lost");
      }
      expect(spool.waiting("default")).toBe(0);
    }));

  test("an ack may be repeated, also at the same time, and takes one file off", () =>
    run({}, async ({ spool }) => {
      await storeAll(spool, 3, 5000);
      const { token } = await lease(spool);
      await Promise.all([1, 2, 3, 4, 5].map(() => spool.ack(token)));
      await spool.ack(token);
      expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([2, 10_000]);
      expect(await drain(spool)).toEqual([2, 3].map(idOf));
      await spool.ack(token);
      expect(spool.bytesUsed()).toBe(0);
    }));

  test("a bounded number of acks is remembered", () =>
    run({}, async ({ spool }) => {
      const empty = digestOf(new Uint8Array());
      const count = ACKS_REMEMBERED + 1;
      for (let number = 0; number < count; ) {
        const finishing = [];
        for (; finishing.length < 500 && number < count; number++)
          finishing.push((await begin(spool, offerOf(number, 0))).finish(empty));
        await Promise.all(finishing);
      }
      const tokens: string[] = [];
      for (let number = 0; number < count; number++) tokens.push((await lease(spool)).token);
      await Promise.all(tokens.map((token) => spool.ack(token)));
      await spool.ack(tokens[1]!);
      expect(await failure(spool.ack(tokens[0]!))).toBe("lease-lost");
    }));

  test("a lease ends when its time is over, a renewal starts the time anew", () =>
    run({ leaseMs: 1000, failuresMax: 2 }, async ({ spool, clock }) => {
      await storeAll(spool, 2);
      const [first, second] = [await lease(spool), await lease(spool)];
      clock.nowMs += 999;
      expect((await spool.sweep()).leases).toEqual([]);
      expect(spool.renew(first.token)).toBe(true);
      clock.nowMs += 1;
      expect((await spool.sweep()).leases).toEqual([{ ...second, dead: false }]);
      clock.nowMs += 998;
      expect((await spool.sweep()).leases).toEqual([]);
      clock.nowMs += 1;
      expect((await spool.sweep()).leases).toEqual([{ ...first, dead: false }]);
      const again = await lease(spool);
      expect([again.transfer, again.attempt]).toEqual([idOf(1), 2]);
      clock.nowMs += 1000;
      expect((await spool.sweep()).leases).toEqual([{ ...again, dead: true }]);
      expect(await spool.dead("default")).toMatchObject([{ transfer: idOf(1), failures: 2, reason: LEASE_EXPIRED }]);
      expect(await drain(spool)).toEqual([idOf(2)]);
    }));

  test.each([3600_000, -3600_000])("a clock that is set by %i ms ends no lease early, and keeps none", (setMs) =>
    run({ leaseMs: 1000, failuresMax: 2 }, async ({ spool, clock }) => {
      await store(spool, 1);
      await store(spool, 2);
      const before = await lease(spool);
      clock.setMs = setMs;
      const after = await lease(spool);
      clock.nowMs += 900;
      expect((await spool.sweep()).leases).toEqual([]);
      expect(spool.renew(before.token)).toBe(true);
      clock.nowMs += 101;
      expect((await spool.sweep()).leases).toMatchObject([{ token: after.token, dead: false }]);
      await spool.ack(before.token);
      expect(await drain(spool)).toEqual([idOf(2)]);
    }),
  );

  test("a sweep and the holders of leases do not get into each other's way", () =>
    run({ leaseMs: 1000 }, async ({ spool, clock }) => {
      for (let turns = 0; turns < 5; turns++) {
        await storeAll(spool, 4, 10, turns * 100);
        const deliveries: Delivery[] = [];
        for (let number = 0; number < 4; number++) deliveries.push(await lease(spool));
        const [acked, renewed, released, nacked] = deliveries.map(({ token }) => token) as [
          string,
          string,
          string,
          string,
        ];
        clock.nowMs += 1000;
        const sweeping = spool.sweep();
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        const isRenewed = spool.renew(renewed);
        spool.release(released);
        const verdicts = [await failure(spool.ack(acked)), await failure(spool.nack(nacked, "no"))];
        const ended = (await sweeping).leases.map(({ token }) => token);
        const inTime = verdicts.map((verdict) => verdict === "it did not fail");
        expect([acked, nacked].map((token) => !ended.includes(token))).toEqual(inTime);
        expect(ended.includes(renewed)).toBe(!isRenewed);
        if (isRenewed) spool.release(renewed);
        const left = deliveries.slice(inTime[0] ? 1 : 0).map(({ transfer }) => transfer);
        expect(await drain(spool)).toEqual(left);
      }
    }));

  test("whoever listens hears of files that arrive or come back in that queue, until told to stop", () =>
    run({ leaseMs: 1000, failuresMax: 2 }, async ({ spool, clock }) => {
      let [here, there] = [0, 0];
      const stop = spool.onArrival("default", () => here++);
      const stopThere = spool.onArrival("there", () => there++);
      const heard = async (work: () => unknown) => {
        const before = here;
        await work();
        return here - before;
      };
      const upload = await begin(spool, offerOf(1, 0));
      expect(await heard(() => upload.finish(digestOf(new Uint8Array())))).toBe(1);
      expect(await heard(async () => spool.release((await lease(spool)).token))).toBe(1);
      expect(await heard(async () => spool.nack((await lease(spool)).token, "no"))).toBe(1);
      clock.nowMs += 1000;
      const { token } = await lease(spool);
      expect(await heard(() => spool.nack(token, "no"))).toBe(0); // it is dead
      await store(spool, 2);
      const held = await lease(spool);
      clock.nowMs += 1000;
      expect(await heard(() => spool.sweep())).toBe(1);
      expect(spool.renew(held.token)).toBe(false);
      stop();
      stop();
      const stopAgain = spool.onArrival("default", () => here++);
      stop();
      expect(await heard(() => store(spool, 3))).toBe(1);
      stopAgain();
      expect(await heard(() => store(spool, 4))).toBe(0);
      expect(there).toBe(0);
      stopThere();
    }));
}
