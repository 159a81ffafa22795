import { existsSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { loopDisk } from "../support/loop-disk.ts";
import { onSmallDisk } from "./small-disk.ts";
import { drain, failure, idOf, lease, store } from "./subject.ts";

const MiB = 1024 * 1024;
test("an index that fills its disk is refused more in time; LMDB never meets the end of the disk", (context) =>
  onSmallDisk(context, 40, async ({ folder }) => {
    const spool = await LocalSpool.open({ folder, inlineBytesMax: 70_000, limits: { diskFreeBytesMin: 0 } });
    let stored = 0;
    for (let codes: string[] = []; !codes.includes("disk-full"); ) {
      // Two at a time: what was asked for and is not written yet counts.
      codes = await Promise.all([0, 1].map((at) => failure(store(spool, stored + at, 60_000))));
      for (const code of codes) expect(["it did not fail", "disk-full"]).toContain(code);
      stored += codes.filter((code) => code === "it did not fail").length;
    }
    expect(stored).toBeGreaterThan(400);
    const { bavail, bsize } = statfsSync(folder);
    expect(bavail * bsize).toBeGreaterThan(3 * MiB);
    // Whoever wants no room left free has no reserve; collecting needs none, since LMDB uses again what it has freed.
    for (let number = 0; number < stored; number++) await spool.ack((await lease(spool)).token);
    expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([0, 0]);
    await spool.close();
  }));

test("where a disk was filled by others, what is waiting can be collected all the same, by the room kept for that", (context) =>
  onSmallDisk(context, 96, async ({ folder, fill, free }) => {
    const open = () => LocalSpool.open({ folder, limits: { diskFreeBytesMin: 16 * MiB } });
    let spool = await open();
    const reserve = join(folder, "reserve");
    expect(existsSync(reserve)).toBe(true);
    for (const number of [1, 2, 3]) await store(spool, number, 100_000);
    fill();
    await spool.close();
    spool = await open(); // its first note takes the reserve, which an earlier run has put aside
    expect(existsSync(reserve)).toBe(false);
    expect(await failure(store(spool, 4, 1000))).toBe("disk-full");
    expect(await drain(spool)).toEqual([1, 2, 3].map(idOf));
    free();
    await spool.sweep();
    expect(existsSync(reserve)).toBe(true);
    for (const number of [11, 12, 13]) await store(spool, number, 100_000);
    const { token } = await lease(spool);
    fill();
    expect(await failure(store(spool, 4, 1000))).toBe("disk-full");
    expect(existsSync(reserve)).toBe(true);
    await spool.ack(token);
    expect(existsSync(reserve)).toBe(false);
    expect(await drain(spool)).toEqual([idOf(12), idOf(13)]);

    await spool.sweep();
    expect(existsSync(reserve)).toBe(false);
    free();
    await spool.sweep();
    expect(existsSync(reserve)).toBe(true);
    await store(spool, 4, 1000);
    await spool.close();
  }));

test("where a block is written again in its place, verdicts take room inside of the index, and leave the reserve alone", async (context) => {
  const disk = loopDisk(context, "ext4");
  const folder = join(disk.folder, "spool");
  const open = () => LocalSpool.open({ folder, limits: { diskFreeBytesMin: 16 * MiB } });
  let spool = await open();
  const reserve = join(folder, "reserve");
  const file = join(folder, "index.mdb");
  expect(statSync(file).blocks * 512).toBeGreaterThanOrEqual(8 * MiB);
  for (let number = 0; number < 20; number++) await store(spool, number, 20_000);
  disk.fill();
  expect(await failure(store(spool, 99, 1000))).toBe("disk-full");
  const before = statSync(file).blocks;
  expect((await drain(spool)).length).toBe(20);
  await spool.close();
  spool = await open();
  expect([spool.waiting("default"), existsSync(reserve), statSync(file).blocks]).toEqual([0, true, before]);
  await spool.close();
});
