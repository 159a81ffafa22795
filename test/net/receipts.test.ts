import { expect, test, vi } from "vitest";
import type { TransferEvent } from "../../src/net/events.ts";
import { type ReceiptOptions, receipts } from "../../src/net/extensions/operate/receipts.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { Collector } from "../support/collector.ts";
import { content } from "../support/content.ts";
import { idOf } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

/** Sends files of these sizes, and returns their ids. */
async function sent(work: Workspace, port: number, sizes: readonly number[]): Promise<string[]> {
  const sender = work.send({ port, files: sizes.map((size, number) => work.write(`${number}.bin`, content(size))) });
  await sender.done;
  return sender.events.all("stored").map(({ transfer }) => transfer);
}

function wait(options: ReceiptOptions) {
  const events = new Collector<TransferEvent>();
  return { events, done: receipts({ ...options, onEvent: events.onEvent }) };
}

test("a receipt comes when the file is collected, and says when and what", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const transfers = await sent(work, port, [10, 70_000]);
  const { events, done } = wait({ port, transfers, waitMs: 60_000 });
  await events.waitFor("connected");
  const receiver = work.receive({ port });
  await receiver.done;
  expect(await done).toEqual({ collected: 2, outstanding: [], failures: [] });
  const landed = receiver.events.all("landed").map(({ transfer, digest }) => [transfer, digest]);
  const collected = events.all("collected");
  expect(collected.map(({ transfer, digest }) => [transfer, digest])).toEqual(landed);
  for (const { collectedAtMs } of collected) expect(Math.abs((collectedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
});

test("what nobody collects in time is named, and stays where it is", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const transfers = await sent(work, port, [10, 20]);
  await work.receive({ port, count: 1 }).done;
  const { events, done } = wait({ port, transfers, waitMs: 50 });
  expect(await done).toMatchObject({ collected: 1, outstanding: [{ name: "1.bin", size: 20 }], failures: [] });
  expect(events.all("outstanding")).toMatchObject([{ transfer: transfers[1], state: "waiting" }]);
  expect(spool.waiting("default")).toBe(1);
});

test("no receipt is made of a file that was cancelled, has died or is unknown, and the reason is told", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve({ spool: { limits: { failuresMax: 1 } } });
  const transfers = await sent(work, port, [10, 20]);
  await spool.operate.cancel(transfers[0] as string);
  await spool.nack((await spool.lease("default"))?.token ?? "", "the folder is full");
  const { events, done } = wait({ port, transfers: [...transfers, idOf(1)], waitMs: 60_000 });
  expect((await done).failures.map(({ code }) => code)).toEqual(["cancelled", "dead-letter", "transfer-unknown"]);
  expect(events.all("refused")[1]).toMatchObject({
    name: "1.bin",
    message: expect.stringMatching(/the folder is full/),
  });
  expect(events.all("collected")).toEqual([]);
});

test("whoever waits lives through a restart of the server between collect and status", async () => {
  const work = new Workspace();
  const { port, stop } = await work.serve();
  const transfers = await sent(work, port, [10, 20]);
  const { events, done } = wait({ port, transfers, waitMs: 60_000 });
  await events.waitFor("connected");
  await work.receive({ port, count: 1 }).done;
  await events.waitFor("collected");
  await stop();
  const second = await work.serve({ port });
  await work.receive({ port }).done;
  expect(await done).toMatchObject({ collected: 2 });
  await second.stop();
  await work.serve({ port });
  const later = wait({ port, transfers, waitMs: 0 });
  expect(await later.done).toMatchObject({ collected: 2 });
  expect(later.events.all("collected")).toEqual(events.all("collected"));
});

test("more files than a window are waited for, in any order, each told once", async () => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { durability: "none" } });
  const sizes = Array.from({ length: LIMITS.windowFiles + 100 }, () => 1);
  const transfers = await sent(work, port, sizes);
  const { events, done } = wait({ port, transfers: transfers.toReversed(), waitMs: 60_000 });
  await events.waitFor("connected");
  await work.receive({ port, durability: "none" }).done;
  expect(await done).toMatchObject({ collected: sizes.length });
  expect(new Set(events.all("collected").map(({ transfer }) => transfer)).size).toBe(sizes.length);
});

test("whoever waits can be interrupted, and a server that is not there is said at once", async () => {
  const work = new Workspace();
  const { port, stop } = await work.serve();
  const transfers = await sent(work, port, [10]);
  const stopper = new AbortController();
  const { events, done } = wait({ port, transfers, waitMs: Infinity, signal: stopper.signal });
  await events.waitFor("connected");
  stopper.abort();
  await expect(done).rejects.toMatchObject({ code: "interrupted" });
  await stop();
  await expect(wait({ port, transfers, waitMs: 60_000 }).done).rejects.toMatchObject({ code: "unreachable" });
});

test("what was told once is not told again when the server is gone and the time is over", async () => {
  const work = new Workspace();
  const { port, stop } = await work.serve();
  const transfers = await sent(work, port, [10, 20, 30]);
  const { events, done } = wait({ port, transfers, waitMs: 1_000 });
  await events.waitFor("connected");
  await work.receive({ port, count: 1 }).done;
  await events.waitFor("collected");
  await stop();
  const { collected, outstanding } = await done;
  expect([collected, outstanding.map(({ transfer }) => transfer)]).toEqual([1, transfers.slice(1)]);
  const told = events.events.flatMap((event) => (event.event === "outstanding" ? [event.transfer] : []));
  expect(told).toEqual(transfers.slice(1));
});

test("when all is told, neither a timer nor a connection is left", async () => {
  const work = new Workspace();
  const { port, events } = await work.serve();
  const transfers = await sent(work, port, [10]);
  await work.receive({ port }).done;
  const [set, cleared] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")];
  // Much longer than this test takes; a program of somebody else would not end before.
  expect(await wait({ port, transfers, waitMs: 600_000 }).done).toMatchObject({ collected: 1 });
  const long = set.mock.results.filter((_, index) => (set.mock.calls[index]?.[1] ?? 0) >= 600_000);
  expect(long).toHaveLength(1);
  expect(cleared.mock.calls.flat()).toContain(long[0]?.value);
  vi.restoreAllMocks();
  await events.waitFor("disconnected", ({ role }) => role === "operator");
});
