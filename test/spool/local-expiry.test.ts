/** What only the local spool can get wrong about expiry: its index by age, and the ways in which a sweep may be disturbed. */
import { join } from "node:path";
import { open as openIndex } from "lmdb";
import { expect, test } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { SWEEP_MAX } from "../../src/spool/contract.ts";
import type { LocalSpoolOptions } from "../../src/spool/local-spool.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { begin, digestOf, drain, failure, idOf, inTempFolder, lease, offerOf, store } from "./subject.ts";

const clock = { nowMs: 1_700_000_000_000 };
const open = (folder: string, limits: LocalSpoolOptions["limits"] = {}): Promise<InspectableSpool> =>
  InspectableSpool.open({ folder, durability: "none", limits: { fileTtlMs: 1000, ...limits }, now: () => clock.nowMs });

async function storeMany(spool: InspectableSpool, from: number, count: number, queue = "default"): Promise<void> {
  const empty = digestOf(new Uint8Array());
  const numbers = Array.from({ length: count }, (_, at) => from + at);
  await Promise.all(numbers.map(async (number) => (await begin(spool, offerOf(number, 0, { queue }))).finish(empty)));
}

const expire = async (spool: InspectableSpool): Promise<string[]> =>
  (await spool.sweep()).expired.map(({ transfer }) => transfer).sort();

test("where more old files are held than one sweep looks at, the next goes on behind them", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder, { leaseMs: 1e9, uploadsMax: 100_000 });
    const held = 2 * SWEEP_MAX + 100;
    await storeMany(spool, 0, held);
    const tokens = [];
    for (let number = 0; number < held; number++) tokens.push((await lease(spool)).token);
    await storeMany(spool, held, 3);
    clock.nowMs += 1001;
    expect(await expire(spool)).toEqual([]);
    expect(await expire(spool)).toEqual([held, held + 1, held + 2].map(idOf));
    // And then from the oldest again: what comes back goes.
    for (const token of tokens) spool.release(token);
    expect((await expire(spool)).length).toBe(SWEEP_MAX);
    await spool.close();
  }));

/** What a spool of an older version does to the index of ours: it knows nothing of ages, and says that it was there. */
async function asOlderVersion(folder: string, work: (index: ReturnType<typeof openIndex>) => Promise<void>) {
  const index = openIndex({ path: join(folder, "index.mdb"), maxDbs: 16, overlappingSync: false });
  await index.openDB({ name: "meta" }).put("format", 1);
  await work(index);
  await index.close();
}

test("files that an older version stored expire as well, those that come meanwhile too, and none twice", () =>
  inTempFolder(async (folder) => {
    let spool = await open(folder);
    await storeMany(spool, 0, 1200);
    await store(spool, 5000, 3000, { queue: "other" });
    await spool.close();
    await asOlderVersion(folder, async (index) => {
      await index.openDB({ name: "ages" }).drop();
      await index.openDB({ name: "meta" }).remove("ages");
    });
    spool = await open(folder);
    expect(spool.index.ages.isBuilding).toBe(true);
    await store(spool, 6000, 10);
    expect(await expire(spool)).toEqual([]); // a batch of them has its rows now
    clock.nowMs += 1001;
    const gone: string[] = [];
    for (let sweeps = 0; sweeps < 8; sweeps++) gone.push(...(await expire(spool)));
    expect(spool.index.ages.isBuilding).toBe(false);
    expect(gone.sort()).toEqual([...Array(1200).keys(), 5000, 6000].map(idOf).sort());
    await spool.close();
    spool = await open(folder);
    expect(spool.index.ages.isBuilding).toBe(false);
    await spool.close();
  }));

test("after an older version has stored and collected in between, every file has its age, and rows of gone files go", () =>
  inTempFolder(async (folder) => {
    let spool = await open(folder);
    await storeMany(spool, 0, 3);
    await spool.close();
    await asOlderVersion(folder, async (index) => {
      const entries = index.openDB<Record<string, unknown>, [string, number]>({ name: "entries" });
      const [first] = [...entries.getRange()];
      await entries.remove(first?.key as [string, number]);
      const added = { ...(first?.value as object), transfer: idOf(77), storedAtMs: clock.nowMs };
      await entries.put(["default", 90], added);
      await index.openDB({ name: "meta" }).put("sequence", 90);
    });
    spool = await open(folder);
    while (spool.index.ages.isBuilding) await spool.sweep();
    clock.nowMs += 1001;
    expect(await expire(spool)).toEqual([1, 2, 77].map(idOf));
    expect(spool.index.ages.due(Infinity, null, 10)).toEqual([]);
    await spool.close();
  }));

test("a sweep whose first write fails tells what the others did, and why that one failed", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder, { leaseMs: 1000, fileTtlMs: 1e9, uploadTtlMs: 500 });
    for (const number of [1, 2]) await store(spool, number);
    for (const _ of [1, 2]) await lease(spool);
    const upload = await begin(spool, offerOf(3, 100_000));
    await upload.append(0, [new Uint8Array(70_000)]);
    await upload.suspend();
    clock.nowMs += 1001;
    const { update } = spool.index;
    let updates = 0;
    spool.index.update = (entry, position) =>
      ++updates === 1 ? Promise.reject(new FilespoolError("disk-full")) : update.call(spool.index, entry, position);
    const { leases, expired, failure: why, isMore } = await spool.sweep();
    expect([updates, leases.map(({ transfer }) => transfer)]).toEqual([2, [idOf(2)]]);
    expect(expired).toMatchObject([{ transfer: idOf(3), what: "upload" }]);
    expect([why, isMore]).toMatchObject([{ code: "disk-full" }, false]);
    // The file of the one that failed is in its queue as before, without a failure.
    expect((await lease(spool)).attempt).toBe(1);
    await spool.close();
  }));

test("unfinished uploads are looked at in turn, so that none is forgotten however many there are", () =>
  inTempFolder(async (folder) => {
    const spool = await open(folder, { uploadTtlMs: 1000 });
    const { room } = spool.parts;
    for (let number = 0; number < 2 * SWEEP_MAX + 5; number++)
      room.take({ offer: offerOf(number, 1), reserved: 0, durable: 0, touchedAtMs: clock.nowMs, holder: null });
    for (const number of [2 * SWEEP_MAX + 2, 2 * SWEEP_MAX + 4])
      Object.assign(room.slots.get(idOf(number)) as object, { touchedAtMs: clock.nowMs - 1001 });
    const gone = [...(await expire(spool)), ...(await expire(spool))];
    expect(gone).toEqual([2 * SWEEP_MAX + 2, 2 * SWEEP_MAX + 4].map(idOf));
    await spool.close();
  }));

test("an index that is as large as it may be refuses files until some were collected, and forgets what is remembered for that", () =>
  inTempFolder(async (folder) => {
    const limits = { fileTtlMs: Infinity, indexBytesMax: 3 * 1024 * 1024 };
    const spool = await open(folder, limits);
    const fill = async (from: number): Promise<number> => {
      for (let number = from; ; number++) {
        const code = await failure(store(spool, number, 20_000));
        if (number % 10 === 0) await spool.sweep();
        if (code === "it did not fail") continue;
        expect(code).toBe("index-full");
        return number - from;
      }
    };
    const first = await fill(0);
    expect(first).toBeGreaterThan(80);
    expect(spool.index.bytesInUse()).toBeLessThanOrEqual(limits.indexBytesMax);
    // Content that is in files of its own takes next to no room in the index; and a verdict never waits for room.
    expect((await drain(spool)).length).toBe(first);
    for (let sweep = 0; sweep < 3; sweep++) await spool.sweep();
    const second = await fill(10_000);
    expect(second).toBeGreaterThan(0.9 * first);
    await spool.close();
  }));
