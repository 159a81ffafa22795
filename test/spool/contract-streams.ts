import fc from "fast-check";
import { expect, test } from "vitest";
import {
  appendRest,
  begin,
  contentIn,
  contentOf,
  digestOf,
  failure,
  type Implementation,
  idOf,
  lease,
  nobody,
  offerOf,
  sameBytes,
} from "./subject.ts";

const streamOf = (number: number) => offerOf(number, Infinity, { kind: "tar" });

/** Content whose size its sender learns at its end. */
export function streamLaws({ name, run }: Implementation): void {
  test("content of unknown size becomes a file of the size that it turns out to have, whatever the pieces", () =>
    run({}, async ({ spool }) => {
      let number = 0;
      const pieces = fc.array(fc.oneof(fc.nat(300), fc.nat(70_000)), { maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(pieces, fc.nat(6), async (lengths, cut) => {
          const size = lengths.reduce((sum, length) => sum + length, 0);
          const content = contentOf(size, ++number);
          let upload = await begin(spool, streamOf(number));
          let at = 0;
          for (const [index, length] of lengths.entries()) {
            if (index === cut) {
              await upload.suspend();
              upload = await begin(spool, streamOf(number));
              expect(upload.offset).toBe(at);
              expect(spool.bytesUsed()).toBe(at);
            }
            if (length > 0) await upload.append(at, [content.subarray(at, at + length)]);
            at += length;
            expect(spool.bytesUsed()).toBe(size === 0 ? 0 : at);
          }
          await upload.finish(digestOf(content), size);
          expect(spool.bytesUsed()).toBe(size);
          const delivery = await lease(spool);
          expect(delivery).toMatchObject({ ...streamOf(number), size, digest: digestOf(content) });
          expect(sameBytes(await contentIn(spool, delivery), content)).toBe(true);
          await spool.ack(delivery.token);
          expect(spool.bytesUsed()).toBe(0);
        }),
      );
    }));

  test("a stream that was stored may be offered again, also after it was collected", () =>
    run({}, async ({ spool }) => {
      const content = contentOf(5000);
      const upload = await begin(spool, streamOf(1));
      await appendRest(upload, content);
      await upload.finish(digestOf(content), 5000);
      const stored = { kind: "stored", digest: digestOf(content) };
      expect(await spool.offer(streamOf(1), nobody)).toEqual({ ...stored, collected: false });
      expect(await spool.offer({ ...streamOf(1), size: 5000 }, nobody)).toEqual({ ...stored, collected: false });
      expect(await failure(spool.offer({ ...streamOf(1), size: 4999 }, nobody))).toBe("transfer-conflict");
      expect(await failure(spool.offer({ ...streamOf(1), kind: undefined }, nobody))).toBe("transfer-conflict");
      await spool.ack((await lease(spool)).token);
      expect(await spool.offer(streamOf(1), nobody)).toEqual({ ...stored, collected: true });
    }));

  test("an unfinished stream and an unfinished file are never the same transfer", () =>
    run({}, async ({ spool }) => {
      await begin(spool, streamOf(1));
      expect(await failure(spool.offer({ ...streamOf(1), size: 10 }, nobody))).toBe("transfer-conflict");
      await begin(spool, offerOf(2, 10));
      expect(await failure(spool.offer(offerOf(2, Infinity), nobody))).toBe("transfer-conflict");
    }));

  test("a finish that names another size, or none, stores nothing and keeps nothing", () =>
    run({}, async ({ spool }) => {
      const content = contentOf(5000);
      for (const size of [4999, 5001, 0, undefined]) {
        const upload = await begin(spool, streamOf(1));
        await appendRest(upload, content);
        expect(await failure(upload.finish(digestOf(content), size))).toBe("size-mismatch");
        expect([spool.bytesUsed(), spool.waiting("default")]).toEqual([0, 0]);
      }
      const file = await begin(spool, offerOf(2, 5000));
      await appendRest(file, content.subarray(0, 4000));
      expect(await failure(file.finish(digestOf(content.subarray(0, 4000)), 4000))).toBe("size-mismatch");
    }));

  test("a stream is refused at the byte that exceeds the bound of a file or of the spool, and goes on when there is room", () =>
    run({ spoolBytesMax: 10_000, fileBytesMax: 8000 }, async ({ spool }) => {
      const content = contentOf(9000);
      const upload = await begin(spool, streamOf(1));
      await upload.append(0, [content.subarray(0, 8000)]);
      expect(await failure(async () => upload.append(8000, [content.subarray(8000, 8001)]))).toBe("file-too-large");
      expect(spool.bytesUsed()).toBe(8000);
      const second = await begin(spool, streamOf(2));
      await second.append(0, [content.subarray(0, 2000)]);
      expect(await failure(async () => second.append(2000, [content.subarray(2000, 2001)]))).toBe("spool-full");
      expect(await failure(begin(spool, offerOf(3, 1)))).toBe("spool-full");
      await upload.cancel();
      expect(spool.bytesUsed()).toBe(2000);
      await second.append(2000, [content.subarray(2000, 3000)]);
      await second.finish(digestOf(content.subarray(0, 3000)), 3000);
      expect([spool.bytesUsed(), spool.waiting("default")]).toEqual([3000, 1]);
    }));

  test("an unfinished stream expires like any upload, and gives back what it held", () =>
    run({ uploadTtlMs: 1000 }, async ({ spool, clock }) => {
      const upload = await begin(spool, streamOf(1));
      await upload.append(0, [contentOf(50_000)]);
      await upload.suspend();
      expect(spool.bytesUsed()).toBe(50_000);
      clock.nowMs += 1002;
      expect((await spool.sweep()).expired, name).toMatchObject([{ transfer: idOf(1), what: "upload" }]);
      expect(spool.bytesUsed()).toBe(0);
    }));
}
