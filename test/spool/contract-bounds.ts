import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { SPOOL_LIMITS } from "../../src/spool/contract.ts";
import {
  appendRest,
  begin,
  contentOf,
  digestOf,
  drain,
  failure,
  type Implementation,
  idOf,
  lease,
  offerOf,
  store,
} from "./subject.ts";

export function boundLaws({ kept, run }: Implementation): void {
  test("limits that are not given are the default ones", () =>
    run({ fileBytesMax: 5 }, async ({ spool }) => {
      expect(spool.limits).toEqual({ ...SPOOL_LIMITS, fileBytesMax: 5 });
    }));

  test("the bytes of waiting, dead and unfinished files never exceed the bound of the spool, to the byte", () =>
    run({ spoolBytesMax: 10_000, failuresMax: 1 }, async ({ spool }) => {
      const full = (size: number) => failure(begin(spool, offerOf(99, size, { queue: "other" })));
      await store(spool, 1, 4000);
      const upload = await begin(spool, offerOf(2, 5000));
      expect(spool.bytesUsed()).toBe(9000);
      expect(await full(1001)).toBe("spool-full");
      await spool.nack((await lease(spool)).token, "dead at once");
      expect(await full(1001)).toBe("spool-full");
      const last = await begin(spool, offerOf(3, 1000));
      expect(await full(1)).toBe("spool-full");
      await store(spool, 4, 0);
      await last.cancel();
      await upload.cancel();
      expect(spool.bytesUsed()).toBe(4000);
      const exactly = await begin(spool, offerOf(5, 6000));
      expect(spool.bytesUsed()).toBe(10_000);
      await exactly.cancel();
    }));

  test("what is reserved is right after every way in which an upload can end", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [100, 5000].entries()) {
        const content = contentOf(size);
        const begun = async () => {
          const upload = await begin(spool, offerOf(number, size));
          expect(spool.bytesUsed()).toBe(size);
          return upload;
        };
        await (await begun()).cancel();
        expect(spool.bytesUsed()).toBe(0);
        await (await begun()).suspend();
        expect(spool.bytesUsed()).toBe(0);
        let upload = await begun();
        await upload.append(0, [content.subarray(0, 50)]);
        await upload.suspend();
        expect(spool.bytesUsed()).toBe(kept(size, 50) > 0 ? size : 0);
        upload = await begun();
        expect(await failure(upload.finish(digestOf(content)))).toBe("size-mismatch");
        expect(spool.bytesUsed()).toBe(0);
        upload = await begun();
        expect(await failure(() => upload.append(1, [content.subarray(1, 2)]))).toBe("offset-gap");
        expect(spool.bytesUsed()).toBe(size);
        const [older, newer] = [upload, await begun()];
        await older.suspend();
        expect(spool.bytesUsed()).toBe(size);
        await appendRest(newer, content);
        const finishing = newer.finish(digestOf(content));
        expect(spool.bytesUsed()).toBe(size);
        await setImmediate();
        expect(spool.bytesUsed()).toBe(size);
        await finishing;
        expect(spool.bytesUsed()).toBe(size);
        const { token } = await lease(spool);
        expect(spool.bytesUsed()).toBe(size);
        await spool.ack(token);
        expect(spool.bytesUsed()).toBe(0);
      }
    }));

  test("a file larger than allowed is refused for good, one of exactly that size is not", () =>
    run({ fileBytesMax: 1000 }, async ({ spool }) => {
      expect(await failure(begin(spool, offerOf(1, 1001)))).toBe("file-too-large");
      await store(spool, 1, 1000);
    }));

  test("a queue takes so many files and no more, unfinished ones counted once, dead ones not", () =>
    run({ queueFilesMax: 3, failuresMax: 1 }, async ({ spool }) => {
      await store(spool, 1);
      const upload = await begin(spool, offerOf(2, 5000));
      const finishing = appendRest(upload, contentOf(5000)).then(() => upload.finish(digestOf(contentOf(5000))));
      const third = await begin(spool, offerOf(3, 10));
      expect(await failure(begin(spool, offerOf(4, 10)))).toBe("queue-full");
      await store(spool, 5, 10, { queue: "other" });
      await finishing;
      expect(await failure(begin(spool, offerOf(4, 10)))).toBe("queue-full");
      await third.cancel();
      await store(spool, 4);
      expect(await failure(begin(spool, offerOf(6, 10)))).toBe("queue-full");
      await spool.nack((await lease(spool)).token, "dead at once");
      await store(spool, 6);
      expect((await drain(spool)).length).toBe(3);
      await store(spool, 7);
    }));

  test("a file that is becoming durable counts once in its queue", () =>
    run({ queueFilesMax: 2 }, async ({ spool }) => {
      for (const [index, size] of [10, 50_000].entries()) {
        const queue = `queue ${index}`;
        const upload = await begin(spool, offerOf(index, size, { queue }));
        await appendRest(upload, contentOf(size));
        const finishing = upload.finish(digestOf(contentOf(size)));
        for (let turn = 0; turn < 20; turn++) {
          const other = await begin(spool, offerOf(100 + index, 10, { queue }));
          expect(await failure(begin(spool, offerOf(200 + index, 10, { queue })))).toBe("queue-full");
          await other.cancel();
        }
        await finishing;
      }
    }));

  test("so many queues may have anything, a file, a dead letter or an upload, and no more; those that have take further ones", () =>
    run({ queuesMax: 3, failuresMax: 1 }, async ({ spool }) => {
      const more = (queue: string) => failure(begin(spool, offerOf(99, 10, { queue })));
      await store(spool, 1, 10, { queue: "file" });
      await store(spool, 2, 10, { queue: "letter" });
      await spool.nack((await lease(spool, "letter")).token, "dead at once");
      const upload = await begin(spool, offerOf(3, 5000, { queue: "upload" }));
      expect(await more("fourth")).toBe("queues-full");
      for (const [at, queue] of ["file", "letter", "upload"].entries()) await store(spool, 10 + at, 10, { queue });
      expect(await drain(spool, "letter")).toEqual([idOf(11)]);
      expect(await more("fourth")).toBe("queues-full"); // its dead letter is still there
      expect(await drain(spool, "upload")).toEqual([idOf(12)]);
      expect(await more("fourth")).toBe("queues-full");
      await upload.cancel();
      await store(spool, 20, 10, { queue: "fourth" });
      expect(await more("fifth")).toBe("queues-full");
      expect((await drain(spool, "file")).length).toBe(2);
      await store(spool, 21, 10, { queue: "fifth" });
      expect((await spool.operate.requeue(idOf(2))).files).toBe(1);
      expect(await drain(spool, "letter")).toEqual([idOf(2)]);
      await store(spool, 22, 10, { queue: "sixth" });
    }));

  test("so many uploads may be unfinished and no more; to continue one is always allowed", () =>
    run({ uploadsMax: 2 }, async ({ spool }) => {
      const first = await begin(spool, offerOf(1, 5000));
      await first.append(0, [contentOf(10)]);
      const second = await begin(spool, offerOf(2, 5000, { queue: "other" }));
      expect(await failure(begin(spool, offerOf(3, 1)))).toBe("uploads-full");
      const again = await begin(spool, offerOf(1, 5000));
      expect(await failure(begin(spool, offerOf(3, 1)))).toBe("uploads-full");
      await second.cancel();
      await store(spool, 3, 1);
      await again.cancel();
      await store(spool, 4, 1);
    }));
}
