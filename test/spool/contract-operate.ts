/** The laws of what operators may do, for every implementation: cancelling, putting back, purging. */
import { expect, test } from "vitest";
import { idsOf, kill, stateOf, whole } from "./contract-looking.ts";
import {
  appendRest,
  begin,
  contentIn,
  contentOf,
  digestOf,
  drain,
  failure,
  type Implementation,
  idOf,
  lease,
  offerOf,
  sameBytes,
  startMs,
  store,
} from "./subject.ts";

const always = () => true;

export function operateLaws({ run }: Implementation): void {
  test("what is cancelled is not delivered, takes no room, is told as cancelled and is not stored again", () =>
    run({}, async ({ spool }) => {
      for (const number of [1, 2, 3]) await store(spool, number, 5000);
      expect(await spool.operate.cancel(idOf(2))).toEqual({ files: 1 });
      expect(await spool.operate.cancel(idOf(2))).toEqual({ files: 0 });
      expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([2, 10_000]);
      expect(await spool.operate.find(idOf(2))).toMatchObject({ state: "cancelled", atMs: startMs });
      expect(await failure(store(spool, 2, 5000))).toBe("cancelled");
      expect(await drain(spool)).toEqual([idOf(1), idOf(3)]);
      expect(await failure(spool.operate.cancel(idOf(1)))).toBe("transfer-ended");
      expect(await failure(spool.operate.cancel(idOf(9)))).toBe("transfer-unknown");
    }));

  test("cancelling takes a file from its receiver: every verdict comes too late", () =>
    run({}, async ({ spool }) => {
      for (const number of [1, 2, 3]) await store(spool, number, 5000);
      const [first, second] = [await lease(spool), await lease(spool)];
      await spool.operate.cancel(idOf(1));
      await spool.operate.cancel(idOf(2));
      expect(await failure(spool.ack(first.token))).toBe("lease-lost");
      expect(await failure(spool.nack(second.token, "?"))).toBe("lease-lost");
      expect(await failure(spool.read(first.token, 0, new Uint8Array(1)))).toBe("lease-lost");
      expect(spool.renew(first.token)).toBe(false);
      spool.release(first.token);
      expect(await drain(spool)).toEqual([idOf(3)]);
    }));

  test("of an ack and a cancel at the same moment one wins, and both are told the same", () =>
    run({}, async ({ spool }) => {
      for (let number = 1; number <= 20; number++) {
        await store(spool, number);
        const { token } = await lease(spool);
        const both = [() => failure(spool.ack(token)), () => failure(spool.operate.cancel(idOf(number)))];
        const [one, two] = await Promise.all((number % 2 ? both : both.toReversed()).map((work) => work()));
        const [acked, cancelled] = number % 2 ? [one, two] : [two, one];
        const isCollected = (await stateOf(spool, number)) === "collected";
        expect([acked, cancelled]).toEqual(
          isCollected ? ["it did not fail", "transfer-ended"] : ["lease-lost", "it did not fail"],
        );
      }
      expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([0, 0]);
    }));

  test("an upload that is cancelled is lost to its sender, keeps no room, and does not begin again", () =>
    run({ spoolBytesMax: 200_000 }, async ({ spool }) => {
      const content = contentOf(150_000);
      const upload = await begin(spool, offerOf(1, content.length));
      await upload.append(0, [content.subarray(0, 120_000)]);
      let superseded = false;
      const held = await begin(spool, offerOf(2, 10), { onDurable() {}, onSuperseded: () => (superseded = true) });
      for (const number of [1, 2]) expect(await spool.operate.cancel(idOf(number))).toEqual({ files: 1 });
      expect(await failure(async () => upload.append(120_000, [content.subarray(120_000)]))).toBe("cancelled");
      expect(await failure(held.finish(digestOf(contentOf(10, 2))))).toBe("cancelled");
      await Promise.all([upload.suspend(), held.suspend()]);
      expect([await stateOf(spool, 1), await stateOf(spool, 2), superseded]).toEqual(["cancelled", "cancelled", false]);
      expect([spool.bytesUsed(), spool.waiting("default")]).toEqual([0, 0]);
      expect(await failure(begin(spool, offerOf(1, content.length)))).toBe("cancelled");
      await store(spool, 3, 200_000); // the room is free again
    }));

  test("an upload is either stored or cancelled, whichever comes first", () =>
    run({}, async ({ spool }) => {
      for (let number = 1; number <= 10; number++) {
        const content = contentOf(20_000, number);
        const upload = await begin(spool, offerOf(number, content.length));
        await appendRest(upload, content);
        const finish = () => failure(upload.finish(digestOf(content)));
        const cancel = () => failure(spool.operate.cancel(idOf(number)));
        await Promise.all((number % 2 ? [finish, cancel] : [cancel, finish]).map((work) => work()));
        expect(await stateOf(spool, number)).toBe("cancelled");
        expect(await failure(begin(spool, offerOf(number, content.length)))).toBe("cancelled");
      }
      expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([0, 0]);
    }));

  test("a dead letter that is put back is the last of its queue, fresh, and wakes who waits", () =>
    run({ failuresMax: 2 }, async ({ spool, clock }) => {
      await store(spool, 1, 5000);
      await kill(spool);
      await store(spool, 2);
      let woken = 0;
      spool.onArrival("default", () => woken++);
      clock.nowMs += 7;
      expect(await spool.operate.requeue(idOf(1))).toEqual({ files: 1 });
      expect(await spool.operate.requeue(idOf(1))).toEqual({ files: 0 });
      expect([woken, spool.waiting("default"), await spool.dead("default")]).toEqual([1, 2, []]);
      const { rows } = await spool.operate.files("default", whole);
      expect(idsOf(rows)).toEqual([idOf(2), idOf(1)]);
      expect(rows[1]).toMatchObject({ failures: 0, reason: "", atMs: startMs + 7 });
      await spool.ack((await lease(spool)).token);
      const again = await lease(spool);
      expect(again.attempt).toBe(1);
      expect(sameBytes(await contentIn(spool, again), contentOf(5000, 1))).toBe(true);
      await spool.nack(again.token, "once more");
      expect(await stateOf(spool, 1)).toBe("waiting");
    }));

  test("all dead letters of a queue go back in the order in which they died, as far as there is room", () =>
    run({ failuresMax: 1, queueFilesMax: 4 }, async ({ spool }) => {
      for (const number of [1, 2, 3]) await store(spool, number);
      for (const _ of [1, 2, 3]) await kill(spool);
      await store(spool, 4, 10, { queue: "other" });
      await kill(spool, "other");
      expect(await spool.operate.requeueAll("default", () => false)).toEqual({ files: 0 });
      expect(await spool.operate.requeueAll("default", always)).toEqual({ files: 3 });
      expect(idsOf((await spool.operate.files("default", whole)).rows)).toEqual([1, 2, 3].map(idOf));
      expect(await stateOf(spool, 4)).toBe("dead");
      await kill(spool);
      for (const number of [5, 6]) await store(spool, number);
      expect(await failure(spool.operate.requeue(idOf(1)))).toBe("queue-full");
      expect(await stateOf(spool, 1)).toBe("dead");
    }));

  test("what is not dead is not put back, and what is gone cannot be", () =>
    run({}, async ({ spool }) => {
      await store(spool, 1);
      await begin(spool, offerOf(2, 10));
      for (const number of [1, 2]) expect(await spool.operate.requeue(idOf(number))).toEqual({ files: 0 });
      await drain(spool);
      expect(await failure(spool.operate.requeue(idOf(1)))).toBe("transfer-ended");
      expect(await failure(spool.operate.requeue(idOf(3)))).toBe("transfer-unknown");
    }));

  test("a purge takes all that a queue has, leased or dead, and nothing else", () =>
    run({ failuresMax: 1 }, async ({ spool }) => {
      for (let number = 1; number <= 250; number++) await store(spool, number, 4);
      await store(spool, 300, 4, { queue: "other" });
      await kill(spool);
      const { token } = await lease(spool);
      const upload = await begin(spool, offerOf(400, 10));
      expect(await spool.operate.purge("default", true, always)).toEqual({ files: 1 });
      expect(spool.waiting("default")).toBe(249);
      expect(await spool.operate.purge("default", false, always)).toEqual({ files: 249 });
      expect(await failure(spool.ack(token))).toBe("lease-lost");
      expect([spool.waiting("default"), spool.waiting("other"), spool.bytesUsed()]).toEqual([0, 1, 14]);
      expect(await stateOf(spool, 250)).toBe("cancelled");
      await appendRest(upload, contentOf(10, 400));
      await upload.finish(digestOf(contentOf(10, 400)));
      expect(await drain(spool)).toEqual([idOf(400)]);
    }));

  test("whoever waits for the end of a transfer is called once, when it has come", () =>
    run({ failuresMax: 1, fileTtlMs: 1000 }, async ({ spool, clock }) => {
      const calls: string[] = [];
      for (const number of [1, 2, 3, 4]) {
        await store(spool, number);
        spool.onEnded(idOf(number), () => calls.push(`${number}`));
      }
      spool.onEnded(idOf(1), () => calls.push("never"))();
      await spool.ack((await lease(spool)).token);
      await spool.nack((await lease(spool)).token, "no");
      await spool.operate.cancel(idOf(3));
      expect(calls).toEqual(["1", "2", "3"]);
      clock.nowMs += 1001;
      await spool.sweep();
      expect(calls.sort()).toEqual(["1", "2", "3", "4"]);
    }));

  test("what an operator holds for a moment does not change the order of the others", () =>
    run({}, async ({ spool }) => {
      for (let number = 1; number <= 6; number++) await store(spool, number);
      const first = await lease(spool);
      const cancelling = [2, 5].map((number) => spool.operate.cancel(idOf(number)));
      const third = await lease(spool);
      spool.release(first.token);
      await Promise.all(cancelling);
      expect([third.transfer, ...(await drain(spool))]).toEqual([3, 1, 4, 6].map(idOf));
    }));
}
