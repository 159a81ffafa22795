import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { FILE_EXPIRED, type Spool, SWEEP_MAX } from "../../src/spool/contract.ts";
import {
  appendRest,
  begin,
  contentIn,
  contentOf,
  digestOf,
  drain,
  type Implementation,
  idOf,
  lease,
  nobody,
  offerOf,
  sameBytes,
  store,
} from "./subject.ts";

/** Many empty files, a few hundred at a time. */
async function storeMany(spool: Spool, count: number): Promise<void> {
  const empty = digestOf(new Uint8Array());
  for (let number = 0; number < count; ) {
    const finishing = [];
    for (; finishing.length < 300 && number < count; number++)
      finishing.push((await begin(spool, offerOf(number, 0))).finish(empty));
    await Promise.all(finishing);
  }
}

/** What a sweep did, in numbers; nothing may have failed. */
async function swept(spool: Spool) {
  const { expired, tombstones, leases, failure } = await spool.sweep();
  expect(failure).toBeNull();
  const uploads = expired.filter(({ what }) => what === "upload").length;
  return { uploads, files: expired.length - uploads, tombstones, leases };
}

export function expiryLaws({ kept, run }: Implementation): void {
  const nothing = { uploads: 0, files: 0, tombstones: 0, leases: [] };

  test("an unfinished upload that nobody holds expires after its last progress, a held one never", () =>
    run({ uploadTtlMs: 1000 }, async ({ spool, clock }) => {
      const content = contentOf(100_000);
      const upload = await begin(spool, offerOf(1, 100_000));
      await upload.append(0, [content.subarray(0, 10)]);
      clock.nowMs += 5000;
      expect(await swept(spool)).toEqual(nothing);
      await upload.append(10, [content.subarray(10, 20)]);
      await upload.suspend();
      clock.nowMs += 1000;
      expect(await swept(spool)).toEqual(nothing);
      const again = await begin(spool, offerOf(1, 100_000));
      expect(again.offset).toBe(20);
      await again.append(20, [content.subarray(20, 30)]);
      await again.suspend();
      clock.nowMs += 1001;
      expect(await swept(spool)).toEqual({ ...nothing, uploads: 1 });
      expect(spool.bytesUsed()).toBe(0);
      const third = await begin(spool, offerOf(1, 100_000));
      expect(third.offset).toBe(0);
      await appendRest(third, content);
      await third.finish(digestOf(content));
      clock.nowMs += 1_000_000;
      expect(await swept(spool)).toEqual(nothing);
      expect(await drain(spool)).toEqual([idOf(1)]);
    }));

  test("an offer that comes while its upload expires is not disturbed", () =>
    run({ uploadTtlMs: 1000 }, async ({ spool, clock }) => {
      const content = contentOf(5000);
      const upload = await begin(spool, offerOf(1, 5000));
      await upload.append(0, [content.subarray(0, 10)]);
      await upload.suspend();
      clock.nowMs += 1001;
      const sweeping = spool.sweep();
      const again = await begin(spool, offerOf(1, 5000));
      await sweeping;
      expect([0, kept(5000, 10)]).toContain(again.offset);
      await appendRest(again, content);
      await again.finish(digestOf(content));
      expect(spool.bytesUsed()).toBe(5000);
      expect(await drain(spool)).toEqual([idOf(1)]);
    }));

  test("a waiting file expires after it was stored, one that is leased when it comes back, an upload not at all", () =>
    run({ fileTtlMs: 1000, leaseMs: 100_000 }, async ({ spool, clock }) => {
      for (const number of [1, 2, 3]) await store(spool, number, 2000);
      const upload = await begin(spool, offerOf(9, 2000));
      const first = await lease(spool);
      clock.nowMs += 500;
      await store(spool, 4, 2000);
      clock.nowMs += 500;
      expect(await swept(spool)).toEqual(nothing);
      clock.nowMs += 1;
      expect(await swept(spool)).toEqual({ ...nothing, files: 2 });
      expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([2, 6000]);
      // Not "stored": it is not there any more, and nobody has it.
      const offering = async () => spool.offer(offerOf(2, 2000), nobody);
      await expect(offering()).rejects.toMatchObject({ code: "expired", retry: false });
      spool.release(first.token);
      expect(await swept(spool)).toEqual({ ...nothing, files: 1 });
      await upload.cancel();
      expect(await drain(spool)).toEqual([idOf(4)]);
      expect(spool.bytesUsed()).toBe(0);
    }));

  test("a file that is expiring is leased by nobody, and one that is leased does not expire", () =>
    run({ fileTtlMs: 1000 }, async ({ spool, clock }) => {
      const numbers = [...Array(20).keys()];
      for (let turns = 0; turns < 10; turns++) {
        await Promise.all(numbers.map((number) => store(spool, turns * 100 + number, 2000)));
        spool.release((await lease(spool)).token);
        clock.nowMs += 1001;
        const sweeping = swept(spool);
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        const deliveries = [];
        for (let next = await spool.lease("default"); next; next = await spool.lease("default")) deliveries.push(next);
        for (const delivery of deliveries) {
          const content = contentOf(2000, Number.parseInt(delivery.transfer, 16));
          expect(sameBytes(await contentIn(spool, delivery), content)).toBe(true);
          await spool.ack(delivery.token);
        }
        expect((await sweeping).files + deliveries.length).toBe(20);
        expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([0, 0]);
      }
    }));

  test("a dead letter expires after its last failure", () =>
    run({ fileTtlMs: 1000, failuresMax: 1 }, async ({ spool, clock }) => {
      for (const number of [1, 2]) await store(spool, number, 2000);
      const [first, second] = [await lease(spool), await lease(spool)];
      clock.nowMs += 900;
      await spool.nack(second.token, "no");
      clock.nowMs += 50;
      await spool.nack(first.token, "no");
      clock.nowMs += 951;
      expect(await swept(spool)).toEqual({ ...nothing, files: 1 });
      expect((await spool.dead("default")).map(({ transfer }) => transfer)).toEqual([idOf(1)]);
      clock.nowMs += 50;
      expect(await swept(spool)).toEqual({ ...nothing, files: 1 });
      expect([await spool.dead("default"), spool.bytesUsed()]).toEqual([[], 0]);
    }));

  test("a collected transfer is remembered for its time, and may be stored anew after that", () =>
    run({ tombstoneTtlMs: 1000 }, async ({ spool, clock }) => {
      for (const size of [10, 5000]) {
        const offer = await store(spool, size, size);
        await drain(spool);
        clock.nowMs += 1000;
        expect(await swept(spool)).toEqual(nothing);
        expect(await spool.offer(offer, nobody)).toMatchObject({ kind: "stored", collected: true });
        clock.nowMs += 1;
        expect(await swept(spool)).toEqual({ ...nothing, tombstones: 1 });
        await store(spool, size, size);
        expect(await drain(spool)).toEqual([idOf(size)]);
        clock.nowMs += 1001;
        expect(await swept(spool)).toEqual({ ...nothing, tombstones: 1 });
      }
    }));

  test("one sweep does a bounded piece of work, and the next goes on", () =>
    run({ fileTtlMs: 1000, tombstoneTtlMs: 1000, leaseMs: 500, failuresMax: 100 }, async ({ spool, clock }) => {
      const count = SWEEP_MAX + 5;
      await storeMany(spool, count);
      for (let number = 0; number < count; number++) await lease(spool);
      clock.nowMs += 501;
      expect((await swept(spool)).leases.length).toBe(SWEEP_MAX);
      expect((await swept(spool)).leases.length).toBe(5);
      clock.nowMs += 500;
      expect(await swept(spool)).toEqual({ ...nothing, files: SWEEP_MAX });
      expect(spool.waiting("default")).toBe(5);
      expect(await swept(spool)).toEqual({ ...nothing, files: 5 });
      clock.nowMs += 1001;
      expect(await swept(spool)).toEqual({ ...nothing, tombstones: SWEEP_MAX });
      expect(await swept(spool)).toEqual({ ...nothing, tombstones: 5 });
      expect(await swept(spool)).toEqual(nothing);
    }));

  test("each thing that expires is told, with what it was, where and how old", () =>
    run({ fileTtlMs: 1000, uploadTtlMs: 2000, failuresMax: 1 }, async ({ spool, clock }) => {
      await store(spool, 1, 2000, { queue: "letters" });
      await spool.nack((await lease(spool, "letters")).token, "no");
      clock.nowMs += 500;
      await store(spool, 2, 10, { queue: "files" });
      const upload = await begin(spool, offerOf(3, 90_000, { queue: "uploads" }));
      await upload.append(0, [contentOf(10)]);
      await upload.suspend();
      clock.nowMs += 2001;
      const { expired } = await spool.sweep();
      const about = (number: number, size: number, queue: string) => {
        return { transfer: idOf(number), queue, name: `file ${number}.bin`, size };
      };
      expect([...expired].sort((a, b) => a.transfer.localeCompare(b.transfer))).toEqual([
        { ...about(1, 2000, "letters"), what: "dead-letter", ageMs: 2501, dead: false },
        { ...about(2, 10, "files"), what: "file", ageMs: 2001, dead: false },
        ...(kept(90_000, 10) > 0 ? [{ ...about(3, 90_000, "uploads"), what: "upload", ageMs: 2001, dead: false }] : []),
      ]);
      expect((await spool.sweep()).expired).toEqual([]);
    }));

  test("on request a file that expires becomes a dead letter with that reason, has its time once more, and is removed", () =>
    run({ fileTtlMs: 1000, ifExpired: "dead" }, async ({ spool, clock }) => {
      for (const size of [10, 5000]) {
        const offer = await store(spool, size, size);
        const told: string[] = [];
        spool.onEnded(offer.transfer, () => told.push("ended"));
        clock.nowMs += 1001;
        expect((await spool.sweep()).expired).toMatchObject([{ transfer: offer.transfer, what: "file", dead: true }]);
        expect(told).toEqual(["ended"]);
        expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([0, size]);
        const known = await spool.operate.find(offer.transfer);
        expect(known).toMatchObject({ state: "dead", reason: FILE_EXPIRED, failures: 0, lastFailedAtMs: clock.nowMs });
        // Put back, it is as if it were stored now; and then it dies of the same once more.
        clock.nowMs += 900;
        expect(await spool.operate.requeue(offer.transfer)).toEqual({ files: 1 });
        clock.nowMs += 1000;
        expect((await spool.sweep()).expired).toEqual([]);
        clock.nowMs += 1;
        expect((await spool.sweep()).expired).toMatchObject([{ transfer: offer.transfer, what: "file", dead: true }]);
        clock.nowMs += 1000;
        expect((await spool.sweep()).expired).toEqual([]);
        expect(await spool.offer(offer, nobody)).toMatchObject({ kind: "stored", collected: false });
        clock.nowMs += 1;
        expect((await spool.sweep()).expired).toMatchObject([{ what: "dead-letter", ageMs: 1001, dead: false }]);
        expect([await spool.dead("default"), spool.bytesUsed()]).toEqual([[], 0]);
        expect(await spool.operate.find(offer.transfer)).toMatchObject({ state: "expired" });
      }
    }));

  test("what expires is found in whichever queue it is, and what is held or young keeps nothing else", () =>
    run({ fileTtlMs: 1000, leaseMs: 100_000 }, async ({ spool, clock }) => {
      await store(spool, 1, 10, { queue: "held" });
      await lease(spool, "held");
      // Somebody has set the clock forward for a moment: that file is from the future, and stays until then.
      clock.setMs = 3_600_000;
      await store(spool, 2, 10, { queue: "future" });
      await store(spool, 3, 10, { queue: "both" });
      clock.setMs = 0;
      await store(spool, 4, 10, { queue: "both" });
      for (let number = 5; number < 15; number++) await store(spool, number, 10, { queue: `queue ${number}` });
      clock.nowMs += 1001;
      await store(spool, 20, 10, { queue: "young" });
      const gone = (await spool.sweep()).expired.map(({ transfer }) => Number.parseInt(transfer, 16));
      expect(gone.sort((a, b) => a - b)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
      expect(["held", "future", "both", "young"].map((queue) => spool.waiting(queue))).toEqual([1, 1, 1, 1]);
    }));

  test("so many collected transfers are remembered and no more: the oldest are forgotten early", () =>
    run({ tombstonesMax: 3 }, async ({ spool, clock }) => {
      for (let number = 1; number <= 5; number++) {
        clock.nowMs += 10;
        await store(spool, number);
        await drain(spool);
      }
      expect((await spool.sweep()).tombstones).toBe(2);
      expect((await spool.sweep()).tombstones).toBe(0);
      const states = [];
      for (let number = 1; number <= 5; number++) states.push((await spool.operate.find(idOf(number)))?.state ?? null);
      expect(states).toEqual([null, null, "collected", "collected", "collected"]);
    }));

  test("a sweep that did all it may says that there is more", () =>
    run({ fileTtlMs: 1000 }, async ({ spool, clock }) => {
      await storeMany(spool, SWEEP_MAX + 1);
      clock.nowMs += 1001;
      expect((await spool.sweep()).isMore).toBe(true);
      expect((await spool.sweep()).isMore).toBe(false);
    }));
}
