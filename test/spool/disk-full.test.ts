import { statfsSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { onSmallDisk } from "./small-disk.ts";
import {
  appendRest,
  begin,
  contentIn,
  contentOf,
  digestOf,
  drain,
  failure,
  idOf,
  lease,
  nobody,
  offerOf,
  sameBytes,
  store,
} from "./subject.ts";

const MiB = 1024 * 1024;

// lmdb-js prints every failed commit itself.
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const open = (folder: string): Promise<LocalSpool> =>
  LocalSpool.open({ folder, inlineBytesMax: 70_000, bufferBytes: MiB, limits: { diskFreeBytesMin: 0 } });

test("a disk that fills up under an upload is a temporary error; the upload goes on when there is room again", (context) =>
  onSmallDisk(context, 48, async ({ folder, fill, free }) => {
    const spool = await open(folder);
    await store(spool, 1, 100);
    await store(spool, 2, 200_000);
    const content = contentOf(24 * MiB);
    let durable = 0;
    const watcher = {
      onDurable: (offset: number) => {
        durable = offset;
      },
      onSuperseded: () => {},
    };
    const upload = await begin(spool, offerOf(3, content.length), watcher);
    for (let at = 0; at < 17 * MiB; at += MiB) await upload.append(at, [content.subarray(at, at + MiB)]);
    const half = await begin(spool, offerOf(4, 8 * MiB));
    fill();
    const rest = async () => {
      for (let at = 17 * MiB; at < content.length; at += MiB) await upload.append(at, [content.subarray(at, at + MiB)]);
      await upload.finish(digestOf(content));
    };
    await expect(rest()).rejects.toMatchObject({ code: "disk-full", retry: true });
    await upload.suspend();
    await half.append(0, [content.subarray(0, 2 * MiB)]);
    expect(await failure(half.finish(digestOf(content)))).toBe("size-mismatch");
    expect(durable).toBeGreaterThanOrEqual(16 * MiB);
    expect(await failure(begin(spool, offerOf(5, content.length)))).toBe("disk-full");

    free();
    await spool.sweep(); // looks at the disk anew
    const again = await begin(spool, offerOf(3, content.length), watcher);
    expect(again.offset).toBeGreaterThanOrEqual(16 * MiB);
    await appendRest(again, content, MiB);
    await again.finish(digestOf(content));
    expect(spool.bytesUsed()).toBe(100 + 200_000 + content.length);
    for (const bytes of [contentOf(100, 1), contentOf(200_000, 2), content]) {
      const delivery = await lease(spool);
      expect(sameBytes(await contentIn(spool, delivery, MiB), bytes)).toBe(true);
      await spool.ack(delivery.token);
    }
    await spool.close();
  }));

test("when the index cannot grow, files are refused for now, one by one, and none is lost or half there", (context) =>
  onSmallDisk(context, 8, async ({ folder, fill, free }) => {
    let spool = await open(folder);
    for (let number = 0; number < 10; number++) await store(spool, number, 1000);
    const large = contentOf(100_000);
    const ready = await begin(spool, offerOf(50, large.length));
    await appendRest(ready, large);
    fill();
    const content = contentOf(60_000);
    const digest = digestOf(content);
    const uploads = [];
    for (let number = 100; number < 120; number++) {
      const upload = await begin(spool, offerOf(number, content.length));
      await upload.append(0, [content]);
      uploads.push(upload);
    }
    const codes = await Promise.all(
      [...uploads, ready].map((upload, at) => failure(upload.finish(at < 20 ? digest : digestOf(large)))),
    );
    expect(new Set(codes)).toEqual(new Set(["disk-full"]));
    expect(spool.waiting("default")).toBe(10);
    // Nothing of an upload is kept that has nothing durable: its room is free again.
    expect(spool.bytesUsed()).toBe(10_000);

    free();
    await spool.sweep();
    await store(spool, 100, 60_000);
    await store(spool, 50, 100_000);
    await spool.close();
    spool = await open(folder);
    expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([12, 170_000]);
    const order = [...Array(10).keys(), 100, 50];
    for (const number of order) {
      const delivery = await lease(spool);
      expect(delivery.transfer).toBe(idOf(number));
      expect(sameBytes(await contentIn(spool, delivery), contentOf(delivery.size, number))).toBe(true);
      spool.release(delivery.token);
      await spool.ack((await lease(spool)).token);
    }
    await spool.close();
  }));

test("a full disk costs no verdict: an ack is written down, or the file stays in its queue", (context) =>
  onSmallDisk(context, 8, async ({ folder, fill, free }) => {
    const spool = await open(folder);
    for (let number = 0; number < 6; number++) await store(spool, number, 60_000);
    const tokens = [];
    for (let number = 0; number < 5; number++) tokens.push((await lease(spool)).token);
    fill();
    // Removing needs new pages too. LMDB may find some that are free, so only what failed must be there again.
    const verdicts: string[] = [];
    for (const token of tokens) verdicts.push(await failure(spool.ack(token)));
    for (const verdict of verdicts) expect(["it did not fail", "disk-full"]).toContain(verdict);
    const left = [0, 1, 2, 3, 4].filter((number) => verdicts[number] !== "it did not fail");
    free();
    for (const [at, token] of tokens.entries())
      expect(await failure(spool.ack(token))).toBe(left.includes(at) ? "lease-lost" : "it did not fail");
    expect(spool.waiting("default")).toBe(left.length + 1);
    expect(await drain(spool)).toEqual([...left, 5].map(idOf));
    expect(spool.bytesUsed()).toBe(0);
    for (const number of left)
      expect(await spool.offer(offerOf(number, 60_000), nobody)).toMatchObject({ collected: true });
    await spool.close();
  }));

test("a failure that cannot be written down, of a lease that ran out too, leaves the file in its queue", (context) =>
  onSmallDisk(context, 8, async ({ folder, fill, free }) => {
    const clock = { nowMs: 0 };
    const limits = { diskFreeBytesMin: 0, failuresMax: 1, leaseMs: 1000 };
    const spool = await LocalSpool.open({ folder, limits, now: () => clock.nowMs });
    for (let number = 0; number < 3; number++) await store(spool, number, 60_000);
    const nacked = await lease(spool);
    await lease(spool);
    fill();
    const codes = [await failure(spool.nack(nacked.token, "no"))];
    clock.nowMs = 1000;
    codes.push((await spool.sweep()).failure?.code ?? "it did not fail");
    expect(codes).toEqual(["disk-full", "disk-full"]);
    expect(await spool.dead("default")).toEqual([]);
    free();
    expect((await spool.sweep()).leases).toEqual([]);
    expect(await drain(spool)).toEqual([0, 1, 2].map(idOf));
    await spool.close();
  }));

test("between two looks at the disk, what is promised to uploads and what streams bring is taken off its room", (context) =>
  onSmallDisk(context, 64, async ({ folder }) => {
    const limits = { diskFreeBytesMin: 20 * MiB };
    const spool = await LocalSpool.open({ folder, limits, bufferBytes: MiB });
    await spool.sweep();
    const { bavail, bsize } = statfsSync(folder);
    const room = bavail * bsize - limits.diskFreeBytesMin;
    // Nobody looks at the disk from here on: only what is kept in mind can refuse.
    const upload = await begin(spool, offerOf(1, room - 6 * MiB));
    expect(await failure(begin(spool, offerOf(2, 8 * MiB)))).toBe("disk-full");
    const stream = await begin(spool, offerOf(3, Number.POSITIVE_INFINITY));
    const piece = contentOf(MiB);
    let taken = 0;
    const code = await failure(async () => {
      for (; taken < 10 * MiB; taken += MiB) await stream.append(taken, [piece]);
    });
    expect([code, taken]).toEqual(["disk-full", 6 * MiB]);
    // What was given up gives its room back with the next look, and what has arrived is not counted twice.
    await upload.cancel();
    await stream.suspend();
    await spool.sweep();
    const again = await begin(spool, offerOf(4, room - 8 * MiB));
    await again.cancel();
    await spool.close();
  }));
