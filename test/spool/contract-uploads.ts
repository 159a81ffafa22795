import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Offer } from "../../src/spool/files.ts";
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
  nobody,
  offerOf,
  sameBytes,
  store,
} from "./subject.ts";

/** Around nothing, the tiny batch, the inline thresholds and the batches of the implementations under test. */
const SIZES = [0, 1, 99, 100, 101, 999, 1000, 1001, 4096, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 200_000];

export function uploadLaws({ kept, run }: Implementation): void {
  test("a file is seen by nobody before it is finished, and whole from then on", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of SIZES.entries()) {
        const content = contentOf(size, number);
        const offer = offerOf(number, size);
        const upload = await begin(spool, offer);
        expect(upload.offset).toBe(0);
        await appendRest(upload, content);
        expect(await spool.lease("default")).toBeNull();
        expect(spool.waiting("default")).toBe(0);
        await upload.finish(digestOf(content));
        expect(spool.waiting("default")).toBe(1);
        const { token, content: atOnce = content, ...delivery } = await lease(spool);
        expect(delivery).toEqual({ ...offer, digest: digestOf(content), attempt: 1 });
        expect(sameBytes(atOnce, content)).toBe(true);
        expect(sameBytes(await contentIn(spool, { ...delivery, token }), content), `${size} bytes`).toBe(true);
        await spool.ack(token);
      }
    }));

  test("both digests are verified", () =>
    run({}, async ({ spool }) => {
      expect(spool.digests).toEqual(["blake3", "sha256"]);
      const transfers = [idOf(1), idOf(2)];
      for (const algorithm of spool.digests) await store(spool, 1, 5000, { transfer: transfers.shift()!, algorithm });
      expect(await lease(spool)).toMatchObject({ algorithm: "blake3", digest: digestOf(contentOf(5000)) });
      expect(await lease(spool)).toMatchObject({ algorithm: "sha256", digest: digestOf(contentOf(5000), "sha256") });
    }));

  test("the order of a queue is the order in which its files were finished", () =>
    run({}, async ({ spool }) => {
      const uploads = await Promise.all([3, 1, 2].map((number) => begin(spool, offerOf(number, 2000))));
      for (const index of [1, 2, 0]) {
        const content = contentOf(2000);
        await appendRest(uploads[index]!, content);
        await uploads[index]!.finish(digestOf(content));
      }
      expect(await drain(spool)).toEqual([1, 2, 3].map(idOf));
    }));

  test("files that are finished without waiting keep the order in which that was asked", () =>
    run({}, async ({ spool }) => {
      const numbers = [...Array(200).keys()];
      const empty = digestOf(new Uint8Array());
      const finishing: Promise<void>[] = [];
      for (const number of numbers) finishing.push((await begin(spool, offerOf(number, 0))).finish(empty));
      await Promise.all(finishing);
      expect(await drain(spool)).toEqual(numbers.map(idOf));
    }));

  test("duplicates and overlaps change nothing, a gap or bytes beyond the end are refused and change nothing", () =>
    run({}, async ({ spool }) => {
      const piece = fc.record({ offset: fc.nat(300), length: fc.nat(300) });
      let number = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 20 }), async (pieces) => {
          const content = contentOf(250, ++number);
          const beyond = contentOf(1000, number);
          const upload = await begin(spool, offerOf(number, 250));
          let taken = 0;
          for (const { offset, length } of pieces) {
            const parts = [beyond.subarray(offset, offset + 3), beyond.subarray(offset + 3, offset + length)];
            const bytes = parts.reduce((sum, part) => sum + part.length, 0);
            const end = offset + bytes;
            const expected = end > 250 ? "size-mismatch" : offset > taken ? "offset-gap" : "it did not fail";
            expect(await failure(() => upload.append(offset, parts))).toBe(expected);
            if (expected === "it did not fail") taken = Math.max(taken, end);
          }
          await upload.append(taken, [content.subarray(taken)]);
          await upload.finish(digestOf(content));
          const delivery = await lease(spool);
          expect(sameBytes(await contentIn(spool, delivery), content)).toBe(true);
          await spool.ack(delivery.token);
        }),
      );
    }));

  test("going on after any cuts yields the same file, and the durable offset never decreases", () =>
    run({}, async ({ spool }) => {
      let number = 0;
      const sizes = fc.oneof(fc.constantFrom(...SIZES), fc.nat(3000));
      await fc.assert(
        fc.asyncProperty(sizes, fc.array(fc.nat(70_000), { maxLength: 4 }), async (size, steps) => {
          const content = contentOf(size, ++number);
          const offer = offerOf(number, size);
          let durable = 0;
          const watcher = {
            onDurable: (offset: number) => {
              expect(offset).toBeGreaterThanOrEqual(durable);
              durable = offset;
            },
            onSuperseded: () => {},
          };
          for (const step of steps) {
            const upload = await begin(spool, offer, watcher);
            expect(upload.offset).toBeGreaterThanOrEqual(durable);
            const taken = Math.min(size, upload.offset + step);
            await appendRest(upload, content.subarray(0, taken));
            await upload.suspend();
            expect(spool.bytesUsed()).toBe(kept(size, taken) > 0 ? size : 0);
            const again = await begin(spool, offer, watcher);
            expect(again.offset).toBe(kept(size, taken));
            await again.suspend();
          }
          const upload = await begin(spool, offer, watcher);
          await appendRest(upload, content);
          await upload.finish(digestOf(content));
          const delivery = await lease(spool);
          expect(sameBytes(await contentIn(spool, delivery), content)).toBe(true);
          await spool.ack(delivery.token);
        }),
        { numRuns: 30 },
      );
    }));

  test("the newest offer takes over, and every call of the older holder fails from then on", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [10, 5000].entries()) {
        const content = contentOf(size);
        let superseded = 0;
        const first = await begin(spool, offerOf(number, size), {
          onDurable: () => {},
          onSuperseded: () => superseded++,
        });
        await first.append(0, [content.subarray(0, 5)]);
        const second = await begin(spool, offerOf(number, size));
        expect(superseded).toBe(1);
        expect(second.offset).toBe(kept(size, 5));
        expect(await failure(() => first.append(5, [content.subarray(5)]))).toBe("superseded");
        expect(await failure(first.finish(digestOf(content)))).toBe("superseded");
        expect(await failure(first.cancel())).toBe("superseded");
        await first.suspend();
        await appendRest(second, content);
        await second.finish(digestOf(content));
        expect(superseded).toBe(1);
      }
      expect(spool.waiting("default")).toBe(2);
    }));

  test("of many offers at once only the last one holds the upload", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [10, 5000].entries()) {
        const offers = await Promise.allSettled([...Array(8)].map(() => begin(spool, offerOf(number, size))));
        const uploads = offers.map((offer) => (offer.status === "fulfilled" ? offer.value : null));
        const codes = await Promise.all(uploads.map((upload) => (upload ? failure(() => upload.append(0, [])) : null)));
        for (const code of codes.slice(0, -1)) expect([null, "superseded"]).toContain(code);
        expect(codes.at(-1)).toBe("it did not fail");
        expect(spool.bytesUsed()).toBe(size);
        await uploads.at(-1)!.cancel();
      }
      expect(spool.bytesUsed()).toBe(0);
    }));

  test("an offer that comes while the older holder finishes hears that the file is stored", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [10, 100_000].entries()) {
        const content = contentOf(size);
        const first = await begin(spool, offerOf(number, size));
        await appendRest(first, content);
        const finishing = first.finish(digestOf(content));
        await setImmediate();
        const answer = await spool.offer(offerOf(number, size), nobody);
        await finishing;
        expect(answer).toEqual({ kind: "stored", digest: digestOf(content), collected: false });
      }
      expect(spool.waiting("default")).toBe(2);
    }));

  test("content with another digest or another size is never stored, and nothing of it is kept", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [10, 5000].entries()) {
        const content = contentOf(size);
        for (const [taken, digest, code] of [
          [size, digestOf(content.subarray(1)), "digest-mismatch"],
          [size - 1, digestOf(content.subarray(0, size - 1)), "size-mismatch"],
        ] as const) {
          const upload = await begin(spool, offerOf(number, size));
          expect(upload.offset).toBe(0);
          await appendRest(upload, content.subarray(0, taken));
          expect(await failure(upload.finish(digest))).toBe(code);
          expect(await failure(upload.finish(digest))).toBe("superseded");
          expect([spool.bytesUsed(), spool.waiting("default"), await spool.lease("default")]).toEqual([0, 0, null]);
        }
        await store(spool, number, size);
        expect(await drain(spool)).toEqual([idOf(number)]);
      }
    }));

  test("a cancelled upload leaves nothing, and ends for its holder", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [10, 5000].entries()) {
        const upload = await begin(spool, offerOf(number, size));
        await upload.append(0, [contentOf(7)]);
        await upload.suspend();
        await upload.suspend();
        expect(await failure(() => upload.append(7, [contentOf(1)]))).toBe("superseded");
        const again = await begin(spool, offerOf(number, size));
        await again.cancel();
        expect(await failure(again.cancel())).toBe("superseded");
        await again.suspend();
        expect(spool.bytesUsed()).toBe(0);
        const [third, fourth] = [await begin(spool, offerOf(number, size)), again];
        expect(third.offset).toBe(0);
        await fourth.suspend();
        await third.cancel();
      }
    }));

  test("one transfer id stands for one file, whether unfinished, waiting or collected", () =>
    run({}, async ({ spool }) => {
      const others: Partial<Offer>[] = [{ size: 11 }, { name: "other" }, { queue: "other" }, { algorithm: "sha256" }];
      const expectConflicts = async () => {
        for (const other of others)
          expect(await failure(begin(spool, { ...offerOf(1, 10), ...other }))).toBe("transfer-conflict");
      };
      const upload = await begin(spool, offerOf(1, 10));
      await expectConflicts();
      await appendRest(upload, contentOf(10));
      await upload.finish(digestOf(contentOf(10)));
      await expectConflicts();
      await spool.ack((await lease(spool)).token);
      await expectConflicts();
      expect(spool.bytesUsed()).toBe(0);
    }));

  test("a repeated offer hears that its file is stored, or collected, and stores no second one", () =>
    run({}, async ({ spool }) => {
      for (const [number, size] of [0, 10, 5000].entries()) {
        const offer = await store(spool, number, size);
        const answer = { kind: "stored", digest: digestOf(contentOf(size, number)) };
        const ask = () => spool.offer(offer, nobody);
        expect(await ask()).toEqual({ ...answer, collected: false });
        const { token } = await lease(spool);
        expect(await ask()).toEqual({ ...answer, collected: false });
        await spool.ack(token);
        expect(await ask()).toEqual({ ...answer, collected: true });
        expect(await spool.lease("default")).toBeNull();
      }
    }));

  test("hostile names and unknown digests are refused before anything is reserved", () =>
    run({}, async ({ spool }) => {
      for (const name of ["", ".", "..", "../up", "/etc/passwd", "a/b", "nul\0", "x".repeat(256), "\ud800"])
        expect(await failure(begin(spool, offerOf(1, 10, { name }))), name).toBe("name-refused");
      for (const algorithm of ["md5", "", "BLAKE3", "constructor"])
        expect(await failure(begin(spool, offerOf(1, 10, { algorithm }))), algorithm).toBe("digest-unsupported");
      expect(spool.bytesUsed()).toBe(0);
      await store(spool, 1, 10, { name: "C:\\Übung \u202e.txt" });
      expect(await lease(spool)).toMatchObject({ name: "C:\\Übung \u202e.txt" });
    }));
}
