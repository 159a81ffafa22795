import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { LocalIndex } from "../../src/spool/local/index.ts";
import type { LocalSpoolOptions } from "../../src/spool/local-spool.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { startChild } from "./children.ts";
import {
  appendRest,
  begin,
  contentIn,
  contentOf,
  digestOf,
  drain,
  failure,
  idOf,
  inTempFolder,
  lease,
  nobody,
  offerOf,
  sameBytes,
  store,
} from "./subject.ts";

const MiB = 1024 * 1024;

const open = (folder: string, options: Partial<LocalSpoolOptions> = {}): Promise<InspectableSpool> =>
  InspectableSpool.open({ folder, inlineBytesMax: 1000, bufferBytes: 65_536, ...options });

test("a spool folder has one user; closing it makes room for the next", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder);
    await store(spool, 1);
    expect(await failure(open(folder))).toBe("spool-locked");
    expect(spool.waiting("default")).toBe(1);
    await spool.close();
    await (await open(folder)).close();
  }));

test("the lock holds between processes, and is gone with its process, kill -9 included", () =>
  inTempFolder(async (folder) => {
    const child = startChild("spool-child.ts", folder, "hold");
    expect(await child.nextLine()).toBe("ready");
    await expect(open(folder)).rejects.toMatchObject({ code: "spool-locked", retry: false, message: /another server/ });
    await child.kill();
    await (await open(folder)).close();
  }));

test("what was there is there after a restart: files in order, verdicts, uploads, sums; leases are over", () =>
  inTempFolder(async (folder) => {
    const clock = { nowMs: 1_000_000 };
    const options = { limits: { failuresMax: 2 }, now: () => clock.nowMs };
    let spool = await open(folder, options);
    for (const [number, size] of [10, 5000, 0, 999, 1001, 3000].entries()) await store(spool, number, size);
    await store(spool, 50, 100, { queue: "other" });
    await spool.ack((await lease(spool)).token); // 0 is collected
    for (const reason of ["first", "second"]) await spool.nack((await lease(spool)).token, reason); // 1 is dead
    await spool.nack((await lease(spool)).token, "once"); // 2 has failed once
    const content = contentOf(200_000);
    const upload = await begin(spool, offerOf(60, content.length));
    await upload.append(0, [content.subarray(0, 70_000)]);
    await upload.suspend();
    await lease(spool);
    const [used, dead] = [spool.bytesUsed(), await spool.dead("default")];
    expect(used).toBe(5000 + 0 + 999 + 1001 + 3000 + 100 + 200_000);
    await spool.close();

    spool = await open(folder, options);
    expect(spool.bytesUsed()).toBe(used);
    expect([spool.waiting("default"), spool.waiting("other")]).toEqual([4, 1]);
    expect(await spool.dead("default")).toEqual(dead);
    const repeated = await spool.offer(offerOf(0, 10), nobody);
    expect(repeated).toMatchObject({ kind: "stored", collected: true });
    for (const [number, size, attempt] of [
      [2, 0, 2],
      [3, 999, 1],
      [4, 1001, 1],
      [5, 3000, 1],
    ] as const) {
      const delivery = await lease(spool);
      expect(delivery).toMatchObject({ transfer: idOf(number), size, attempt });
      expect(sameBytes(await contentIn(spool, delivery), contentOf(size, number))).toBe(true);
    }
    const again = await begin(spool, offerOf(60, content.length));
    expect(again.offset).toBe(70_000);
    await appendRest(again, content);
    await again.finish(digestOf(content));
    expect(spool.bytesUsed()).toBe(used);
    await spool.close();
  }));

test("an upload whose server was killed goes on at an offset that was said to be durable, or behind it", () =>
  inTempFolder(async (folder) => {
    const content = contentOf(40 * MiB, 3);
    const child = startChild("spool-child.ts", folder, "upload", `${content.length}`);
    const said = Number(await child.nextLine());
    await child.kill();
    expect(said).toBeGreaterThanOrEqual(16 * MiB);
    // What the disk holds behind the durable offset was never vouched for. Make it wrong, and longer.
    const file = join(folder, "data", idOf(3));
    const index = await LocalIndex.open(folder, true);
    const [record] = [...index.uploads()];
    await index.close();
    const { size } = await stat(file);
    await writeFile(
      file,
      Buffer.concat([(await readFile(file)).subarray(0, record?.durable), Buffer.alloc(size, 0x55)]),
    );

    const spool = await open(folder);
    const upload = await begin(spool, offerOf(3, content.length));
    expect(upload.offset).toBeGreaterThanOrEqual(said);
    expect(upload.offset).toBe(record?.durable);
    await appendRest(upload, content, MiB);
    await upload.finish(digestOf(content));
    for (const [number, bytes] of [100, 100_000, content.length].entries()) {
      const delivery = await lease(spool);
      expect(sameBytes(await contentIn(spool, delivery, MiB), contentOf(bytes, number + 1))).toBe(true);
    }
    await spool.close();
  }));

test("a large upload becomes durable while it arrives, and a newer holder goes on from there", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder);
    const content = contentOf(40 * MiB);
    const durable: number[] = [];
    const watcher = { onDurable: (offset: number) => void durable.push(offset), onSuperseded: () => {} };
    const upload = await begin(spool, offerOf(1, content.length), watcher);
    for (let at = 0; at < 39 * MiB; at += MiB) await upload.append(at, [content.subarray(at, at + MiB)]);
    const newer = await begin(spool, offerOf(1, content.length), watcher);
    expect(newer.offset).toBe(39 * MiB);
    expect(durable.length).toBeGreaterThanOrEqual(3);
    expect(durable).toEqual([...durable].sort((a, b) => a - b));
    await appendRest(newer, content, MiB);
    await newer.finish(digestOf(content));
    expect(durable.at(-1)).toBe(content.length);
    await spool.close();
  }));

test("opening removes content that nothing points to, and nothing else", () =>
  inTempFolder(async (folder) => {
    const data = join(folder, "data");
    let spool = await open(folder, { limits: { failuresMax: 1 } });
    for (const number of [1, 2]) await store(spool, number, 5000);
    await spool.nack((await lease(spool)).token, "dead at once");
    const upload = await begin(spool, offerOf(3, 5000));
    await upload.append(0, [contentOf(100)]);
    await upload.suspend();
    const begun = await begin(spool, offerOf(4, 5000));
    expect((await readdir(data)).length).toBe(4);
    await begun.append(0, [contentOf(100)]);
    await spool.close();
    for (const orphan of [idOf(99), "notes.txt"]) await writeFile(join(data, orphan), "left by a crash");
    spool = await open(folder);
    expect((await readdir(data)).sort()).toEqual([1, 2, 3, 4].map(idOf));
    expect(await drain(spool)).toEqual([idOf(2)]);
    for (const number of [3, 4]) await (await begin(spool, offerOf(number, 5000))).cancel();
    await spool.close();
    expect(await readdir(data)).toEqual([idOf(1)]);
  }));

test("an upload goes on where it began when the inline threshold has changed since", () =>
  inTempFolder(async (folder) => {
    const content = contentOf(500);
    let spool = await open(folder, { inlineBytesMax: 0 });
    await store(spool, 1, 500);
    const upload = await begin(spool, offerOf(2, 500));
    await upload.append(0, [content.subarray(0, 200)]);
    await upload.suspend();
    await spool.close();
    spool = await open(folder, { inlineBytesMax: 1000 });
    const again = await begin(spool, offerOf(2, 500));
    expect(again.offset).toBe(200);
    await appendRest(again, content);
    await again.finish(digestOf(content));
    await store(spool, 3, 500);
    await spool.close();
    spool = await open(folder, { inlineBytesMax: 0 });
    expect(spool.bytesUsed()).toBe(1500);
    for (const bytes of [contentOf(500, 1), content, contentOf(500, 3)])
      expect(sameBytes(await contentIn(spool, await lease(spool)), bytes)).toBe(true);
    await spool.close();
  }));

test("sequence numbers are never used again, also when the queue was empty at the restart", () =>
  inTempFolder(async (folder) => {
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const spool = await open(folder);
      await store(spool, round * 2, 10);
      await store(spool, round * 2 + 1, 10);
      await spool.close();
      const index = await LocalIndex.open(folder, true);
      for (const count of [1, 2]) {
        const [next = 0] = index.sequences("default", 0, 1);
        expect(next, `round ${round}, file ${count}`).toBeGreaterThan(last);
        last = next;
        const entry = index.entry("default", next);
        if (entry) await index.collect(entry, ["default", next], entry.storedAtMs, 0, "collected");
      }
      await index.close();
    }
  }));

test("files are in the order of becoming stored across restarts", () =>
  inTempFolder(async (folder) => {
    for (let round = 0; round < 3; round++) {
      const spool = await open(folder);
      for (const number of [1, 2]) await store(spool, round * 10 + number, 10);
      await spool.nack((await lease(spool)).token, "not now");
      await spool.close();
    }
    const spool = await open(folder);
    expect(await drain(spool)).toEqual([1, 2, 11, 12, 21, 22].map(idOf));
    await spool.close();
  }));

test("a leased file whose content is gone is an error of the spool, not an empty file", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder);
    await store(spool, 1, 5000);
    const upload = await begin(spool, offerOf(2, 5000));
    await upload.append(0, [contentOf(3000)]);
    await upload.suspend();
    await writeFile(join(folder, "data", idOf(2)), contentOf(10));
    expect(await failure(begin(spool, offerOf(2, 5000)))).toBe("spool-unusable");
    await rm(join(folder, "data"), { recursive: true });
    const { token } = await lease(spool);
    expect(await failure(spool.read(token, 0, new Uint8Array(10)))).toBe("spool-unusable");
    expect(await failure(begin(spool, offerOf(2, 5000)))).toBe("spool-unusable");
    expect(await failure(begin(spool, offerOf(3, 5000)))).toBe("spool-unusable");
    expect(spool.bytesUsed()).toBe(10_000); // what could not begin reserves nothing
    await store(spool, 4, 10);
    await mkdir(join(folder, "data"));
    await store(spool, 3, 5000);
    await spool.close();
  }));

test("a verdict that the index cannot take leaves the file in its queue, and counts nothing", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder, { limits: { failuresMax: 1 } });
    await store(spool, 1, 10);
    const broken = () => Promise.reject(new FilespoolError("disk-full"));
    const { collect, move } = spool.index;
    Object.assign(spool.index, { collect: broken, move: broken });
    const { token } = await lease(spool);
    expect(await Promise.all([spool.ack(token), spool.ack(token)].map(failure))).toEqual(["disk-full", "disk-full"]);
    expect(await failure(spool.ack(token))).toBe("lease-lost");
    expect(await failure(spool.nack((await lease(spool)).token, "no"))).toBe("disk-full");
    Object.assign(spool.index, { collect, move });
    expect(await lease(spool)).toMatchObject({ transfer: idOf(1), attempt: 1 });
    expect(await spool.dead("default")).toEqual([]);
    await spool.close();
  }));
