/** What only the local spool can get wrong: files left behind, an index of an older version, a restart. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { open } from "lmdb";
import { expect, test } from "vitest";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { kill } from "./contract-looking.ts";
import { appendRest, begin, contentOf, idOf, inTempFolder, offerOf, store } from "./subject.ts";

const whole = { cursor: null, rows: 100 };

test("what is cancelled leaves no content behind, and stays cancelled after a restart", () =>
  inTempFolder(async (folder) => {
    const spool = await LocalSpool.open({ folder, inlineBytesMax: 10, bufferBytes: 1024 });
    await store(spool, 1, 5000);
    const upload = await begin(spool, offerOf(2, 50_000));
    await appendRest(upload, contentOf(40_000));
    await upload.suspend();
    for (const number of [1, 2]) await spool.operate.cancel(idOf(number));
    await spool.close();
    expect(await readdir(join(folder, "data"))).toEqual([]);
    const again = await LocalSpool.open({ folder, inlineBytesMax: 10 });
    for (const number of [1, 2]) expect(await again.operate.find(idOf(number))).toMatchObject({ state: "cancelled" });
    expect([again.bytesUsed(), again.waiting("default")]).toEqual([0, 0]);
    await again.close();
  }));

test("what was put back, dead or waiting is found where it is after a restart", () =>
  inTempFolder(async (folder) => {
    const limits = { failuresMax: 1 };
    const spool = await LocalSpool.open({ folder, limits });
    for (const number of [1, 2, 3]) await store(spool, number);
    for (const _ of [1, 2]) await kill(spool);
    await spool.operate.requeue(idOf(1));
    await spool.close();
    const again = await LocalSpool.open({ folder, limits });
    const { rows } = await again.operate.files("default", whole);
    expect(rows.map(({ transfer, state }) => [transfer, state])).toEqual([
      [idOf(3), "waiting"],
      [idOf(1), "waiting"],
    ]);
    expect(await again.operate.find(idOf(2))).toMatchObject({ state: "dead", reason: "no room" });
    expect(await again.operate.cancel(idOf(2))).toEqual({ files: 1 });
    await again.close();
  }));

test("in an index of an older version transfers are found, and a receipt has no time", () =>
  inTempFolder(async (folder) => {
    const limits = { failuresMax: 1 };
    const spool = await LocalSpool.open({ folder, limits });
    for (let number = 1; number <= 3; number++) await store(spool, number);
    await kill(spool);
    await spool.ack((await spool.lease("default"))?.token ?? "");
    await spool.close();
    const index = open({ path: join(folder, "index.mdb"), maxDbs: 8, overlappingSync: false });
    const transfers = index.openDB<Record<string, unknown>, string>({ name: "transfers" });
    for (const { key, value } of [...transfers.getRange()]) {
      const { sequence: _, isDead: __, ending: ___, endedAtMs: ____, ...old } = value;
      await transfers.put(key, old);
    }
    await index.close();
    const newer = await LocalSpool.open({ folder, limits });
    expect(await newer.operate.find(idOf(2))).toMatchObject({ state: "collected", atMs: null });
    expect(await newer.operate.find(idOf(3))).toMatchObject({ state: "waiting" });
    expect(await newer.operate.requeue(idOf(1))).toEqual({ files: 1 });
    expect(await newer.operate.cancel(idOf(3))).toEqual({ files: 1 });
    expect(newer.waiting("default")).toBe(1);
    await newer.close();
  }));
