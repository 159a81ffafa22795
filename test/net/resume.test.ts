import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TransferEvent } from "../../src/net/events.ts";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { CuttingProxy, type Fault } from "../support/cutting-proxy.ts";
import type { Running } from "../support/workspace.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;
const SIZE = 40 * MiB + 12_345;
const BYTES = content(SIZE);
const SUM = sha256(BYTES);
/** What may be sent twice in all. */
const RESENT_MAX = 64 * MiB;

/** Up to three cuts, each of one connection; `long` is the direction in which the file travels. */
const cuts = (long: "up" | "down") => {
  const how = fc.constantFrom<Fault["how"][]>("reset", "end");
  const place = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ direction: fc.constant(long), after: fc.integer({ min: 0, max: SIZE + 9000 }), how }),
    },
    fc.record({
      direction: fc.constantFrom("up" as const, "down" as const),
      after: fc.integer({ min: 0, max: 700 }),
      how,
    }),
  );
  return fc.array(place, { minLength: 1, maxLength: 3 });
};

/** Offsets that were acknowledged or continued from, in the order in which they were told. */
const offsets = ({ events }: Running<unknown>): number[] =>
  events.events
    .filter((event): event is Extract<TransferEvent, { event: "progress" | "resumed" }> =>
      ["progress", "resumed"].includes(event.event),
    )
    .map(({ offset }) => offset);

const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);

describe("a connection that is cut anywhere, again and again", () => {
  test("costs a sender no more than the bytes since the last durable offset, and stores one file", async () => {
    const work = new Workspace();
    const { port, spool, events } = await work.serve();
    const file = work.write("big", BYTES);
    await fc.assert(
      fc.asyncProperty(cuts("up"), async (faults) => {
        const proxy = await CuttingProxy.start(port, (connection) => faults[connection - 1] ?? null);
        const before = events.all("stored").length;
        const sender = work.send({ port: proxy.port, files: [file], again: true, connectRetryMs: 9999 });
        expect(await sender.done).toEqual({ stored: 1, repeated: 0, bytes: SIZE, failures: [] });
        expect(offsets(sender)).toEqual(ascending(offsets(sender)));
        expect(proxy.bytes.up - SIZE).toBeLessThan(RESENT_MAX);
        expect(spool.waiting("default")).toBe(1);
        expect(
          events
            .all("stored")
            .slice(before)
            .filter(({ repeated }) => !repeated),
        ).toHaveLength(1);
        expect(await work.receive({ port, ifExists: "overwrite" }).done).toMatchObject({ landed: 1 });
        expect(await fileSha256(work.path("out", "big"))).toBe(SUM);
      }),
      { numRuns: 8 },
    );
  });

  test("costs a receiver no more than that either, and lands one file", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const file = work.write("big", BYTES);
    await fc.assert(
      fc.asyncProperty(cuts("down"), async (faults) => {
        await work.send({ port, files: [file], again: true }).done;
        const proxy = await CuttingProxy.start(port, (connection) => faults[connection - 1] ?? null);
        const receiver = work.receive({ port: proxy.port, ifExists: "overwrite", connectRetryMs: 9999 });
        expect(await receiver.done).toMatchObject({ landed: 1, skipped: 0, bytes: SIZE, failures: [] });
        expect(offsets(receiver)).toEqual(ascending(offsets(receiver)));
        expect(proxy.bytes.down - SIZE).toBeLessThan(RESENT_MAX);
        expect(receiver.events.all("landed")).toHaveLength(1);
        expect(work.list()).toEqual(["big"]);
        expect(await fileSha256(work.path("out", "big"))).toBe(SUM);
        expect([spool.waiting("default"), await spool.dead("default")]).toEqual([0, []]);
      }),
      { numRuns: 8 },
    );
  });

  test("is no fault of the file: it never becomes a dead letter by cuts", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve({ spool: { limits: { failuresMax: 3 } } });
    await work.send({ port, files: [work.write("big", BYTES), work.write("small", content(60_000))] }).done;
    const proxy = await CuttingProxy.start(port, (connection) =>
      connection <= 7 ? { direction: "down", after: connection * 50_000, how: "reset" } : null,
    );
    expect(await work.receive({ port: proxy.port }).done).toMatchObject({ landed: 2, failures: [] });
    expect(proxy.connections).toBe(8); // more than twice as many cuts as the failures that make a dead letter
    expect(await spool.dead("default")).toEqual([]);
  });
});

describe("many small files whose connection is cut", () => {
  test.each(["up", "down"] as const)("on the way %s are stored and landed once each, in order", async (direction) => {
    const work = new Workspace();
    const { port } = await work.serve();
    const names = Array.from({ length: 150 }, (_, number) => `${number}`);
    const files = names.map((name, at) => work.write(name, content(at * 400, at)));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 300, max: 40_000 }), { maxLength: 4 }), async (places) => {
        const faultOf = (connection: number): Fault | null => {
          const after = places[connection - 1];
          return after === undefined ? null : { direction, after, how: "reset" };
        };
        const up = await CuttingProxy.start(port, faultOf);
        const sent = work.send({ port: up.port, files, again: true, connectRetryMs: 9999 });
        expect(await sent.done).toMatchObject({ stored: 150, repeated: 0, failures: [] });
        const down = await CuttingProxy.start(port, faultOf);
        const receiver = work.receive({ port: down.port, ifExists: "overwrite", connectRetryMs: 9999 });
        expect(await receiver.done).toMatchObject({ landed: 150, failures: [] });
        expect(receiver.events.all("landed").map(({ name }) => name)).toEqual(names);
        expect(work.list()).toEqual([...names].sort());
        for (const [at, name] of names.entries())
          expect(work.read("out", name).equals(content(at * 400, at))).toBe(true);
      }),
      { numRuns: 6 },
    );
  });
});

test("a server that is stopped and started again in the middle costs a sender no more than a cut", async () => {
  const work = new Workspace();
  const first = await work.serve();
  const sender = work.send({ port: first.port, files: [work.write("big", BYTES)] });
  await sender.events.waitFor("progress");
  await first.stop();
  const second = await work.serve({ port: first.port });
  expect(await sender.done).toMatchObject({ stored: 1, failures: [] });
  expect(sender.events.all("resumed")[0]?.offset).toBeGreaterThanOrEqual(16 * MiB);
  await work.receive({ port: second.port }).done;
  expect(await fileSha256(work.path("out", "big"))).toBe(SUM);
});

test("a server that is stopped and started again in the middle costs a receiver no more than a cut", async () => {
  const work = new Workspace();
  const first = await work.serve();
  await work.send({ port: first.port, files: [work.write("big", BYTES)] }).done;
  const receiver = work.receive({ port: first.port });
  await receiver.events.waitFor("progress");
  await first.stop();
  await work.serve({ port: first.port });
  expect(await receiver.done).toMatchObject({ landed: 1, failures: [] });
  expect(receiver.events.all("resumed")[0]?.offset).toBeGreaterThanOrEqual(16 * MiB);
  expect(work.list()).toEqual(["big"]);
  expect(await fileSha256(work.path("out", "big"))).toBe(SUM);
});
