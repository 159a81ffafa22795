/** The laws of what operators may see, for every implementation: states, lists and their pages. */
import { expect, test } from "vitest";
import type { Spool } from "../../src/spool/contract.ts";
import type { From, Known, ManagedSpool, Page } from "../../src/spool/operate/contract.ts";
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
  startMs,
  store,
} from "./subject.ts";

export const whole = { cursor: null, rows: 1000 };
export const stateOf = async (spool: ManagedSpool, number: number) =>
  (await spool.operate.find(idOf(number)))?.state ?? null;

/** Follows the pages of a list to its end, and does something between each two. */
async function all<T>(list: (from: From) => Promise<Page<T>>, rows: number, between = async () => {}): Promise<T[]> {
  const found: T[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = await list({ cursor, rows });
    expect(page.rows.length).toBeLessThanOrEqual(rows);
    found.push(...page.rows);
    if (page.next === null) return found;
    cursor = page.next;
    await between();
  }
}
export const idsOf = (rows: readonly Known[]) => rows.map(({ transfer }) => transfer);

/** Makes a dead letter of the first file. */
export async function kill(spool: Spool, queue = "default"): Promise<void> {
  for (let left = spool.limits.failuresMax; left > 0; left--)
    await spool.nack((await lease(spool, queue)).token, "no room");
}

export function lookingLaws({ run }: Implementation): void {
  test("a transfer is known in every state that it passes through", () =>
    run({ failuresMax: 2, tombstoneTtlMs: 1000 }, async ({ spool, clock }) => {
      expect(await stateOf(spool, 1)).toBeNull();
      const content = contentOf(100_000);
      const upload = await begin(spool, offerOf(1, content.length));
      expect(await spool.operate.find(idOf(1))).toMatchObject({ state: "uploading", isActive: true, size: 100_000 });
      await appendRest(upload, content);
      await upload.finish(digestOf(content));
      const waiting = { state: "waiting", digest: digestOf(content), atMs: startMs, failures: 0, name: "file 1.bin" };
      expect(await spool.operate.find(idOf(1))).toMatchObject(waiting);
      const { token } = await lease(spool);
      expect(await stateOf(spool, 1)).toBe("leased");
      await spool.nack(token, "too large");
      expect(await spool.operate.find(idOf(1))).toMatchObject({ state: "waiting", failures: 1, reason: "too large" });
      clock.nowMs += 5;
      await spool.nack((await lease(spool)).token, "still too large");
      const dead = { state: "dead", failures: 2, firstFailedAtMs: startMs, lastFailedAtMs: startMs + 5 };
      expect(await spool.operate.find(idOf(1))).toMatchObject(dead);
      await spool.operate.requeue(idOf(1));
      clock.nowMs += 5;
      await drain(spool);
      const collected = { state: "collected", digest: digestOf(content), atMs: startMs + 10, queue: "default" };
      expect(await spool.operate.find(idOf(1))).toMatchObject(collected);
      clock.nowMs += 1001;
      await spool.sweep();
      expect(await stateOf(spool, 1)).toBeNull();
    }));

  test("a file that expired is not told as collected", () =>
    run({ fileTtlMs: 1000 }, async ({ spool, clock }) => {
      await store(spool, 1);
      clock.nowMs += 1001;
      await spool.sweep();
      expect(await spool.operate.find(idOf(1))).toMatchObject({ state: "expired", atMs: startMs + 1001 });
      expect(await failure(spool.operate.cancel(idOf(1)))).toBe("transfer-ended");
    }));

  test("queues are listed with all they hold, by name, whatever page size", () =>
    run({ failuresMax: 1 }, async ({ spool }) => {
      for (let number = 1; number <= 3; number++) await store(spool, number, 10 * number, { queue: "b" });
      await store(spool, 4, 7, { queue: "a" });
      await lease(spool, "a");
      await store(spool, 5, 9, { queue: "only dead" });
      await kill(spool, "only dead");
      await begin(spool, offerOf(6, 100, { queue: "é" }));
      const rows = [
        { queue: "a", files: 1, bytes: 7, dead: 0, uploads: 0 },
        { queue: "b", files: 3, bytes: 60, dead: 0, uploads: 0 },
        { queue: "only dead", files: 0, bytes: 0, dead: 1, uploads: 0 },
        { queue: "é", files: 0, bytes: 0, dead: 0, uploads: 1 },
      ];
      for (const size of [1, 2, 3, 4, 5])
        expect(await all((from) => spool.operate.queues(from), size), `${size} a page`).toEqual(rows);
    }));

  test("files are listed in the order of delivery, and a page goes on where the last one ended though files come and go", () =>
    run({}, async ({ spool }) => {
      for (let number = 1; number <= 10; number++) await store(spool, number);
      let next = 11;
      const change = async () => {
        await spool.ack((await lease(spool)).token); // the head goes
        await store(spool, next++); // the tail grows
      };
      const seen = idsOf(await all((from) => spool.operate.files("default", from), 2, change));
      const stayed = [5, 6, 7, 8, 9, 10].map(idOf);
      expect(seen.filter((id) => stayed.includes(id))).toEqual(stayed);
      expect(new Set(seen).size).toBe(seen.length);
      expect(idsOf((await spool.operate.files("default", whole)).rows)).toEqual(await drain(spool));
    }));

  test("what a receiver holds is told apart, and lists of other queues do not have it", () =>
    run({}, async ({ spool }) => {
      for (const number of [1, 2]) await store(spool, number);
      await lease(spool);
      const { rows } = await spool.operate.files("default", whole);
      expect(rows.map(({ state }) => state)).toEqual(["leased", "waiting"]);
      for (const other of ["defaul", "defaults", "!dead/default"])
        expect((await spool.operate.files(other, whole)).rows).toEqual([]);
    }));

  test("unfinished uploads are listed with what is durable, of one queue or of all", () =>
    run({}, async ({ spool }) => {
      const content = contentOf(200_000);
      const upload = await begin(spool, offerOf(2, content.length));
      await upload.append(0, [content.subarray(0, 150_000)]);
      await upload.suspend();
      await begin(spool, offerOf(1, 5, { queue: "other" }));
      const rows = await all((from) => spool.operate.uploads(null, from), 1);
      expect(idsOf(rows)).toEqual([idOf(1), idOf(2)]);
      expect(rows[1]).toMatchObject({ state: "uploading", offset: 150_000, size: 200_000, isActive: false });
      expect(idsOf((await spool.operate.uploads("other", whole)).rows)).toEqual([idOf(1)]);
    }));

  test("a cursor that is none is refused", () =>
    run({}, async ({ spool }) => {
      for (const cursor of ["x", "-1", "1.5", "1e3", "9".repeat(16), ""])
        for (const list of ["files", "dead"] as const)
          expect(await failure(spool.operate[list]("default", { cursor, rows: 1 })), cursor).toBe("message-invalid");
    }));
}
