/** Many receivers that take and give no verdict, or take nothing at all: what the server holds for all of them together. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { store } from "../spool/subject.ts";
import { content, sha256 } from "../support/content.ts";
import { usedBytes } from "../support/memory.ts";
import { type RawData, RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

async function receiver({ port }: RunningServer, queue = "default"): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  await peer.greet("receiver", { queue });
  return peer;
}

let stored = 0;

/** So many files of the same size. */
async function fill({ spool }: RunningServer, count: number, size: number, queue = "default"): Promise<void> {
  for (let number = 1; number <= count; number++) await store(spool, ++stored, size, { queue });
}

/** The next deliveries of a peer, with their content behind them. */
async function deliveries(peer: RawPeer, count: number): Promise<{ delivery: string; name: string }[]> {
  const all = [];
  for (let number = 0; number < count; number++) all.push(await peer.until("deliver"));
  return all;
}

/** What a peer has been told of deliveries when the server has answered it once more. */
async function deliveredSoFar(peer: RawPeer): Promise<string[]> {
  peer.send({ type: "ack", delivery: "unknown" });
  const tokens: string[] = [];
  for (let frame = await peer.next(); frame && frame.type !== "refuse"; frame = await peer.next())
    if (frame.type === "deliver") tokens.push(frame.delivery);
  return tokens;
}

test("a delivery without a verdict costs the same whatever the size of its content, and that is about a kilobyte", async () => {
  const work = new Workspace();
  const running = await work.serve();
  await fill(running, 512, 64 * KiB);
  const peer = await receiver(running);
  const before = await usedBytes();
  peer.send({ type: "want", files: 512 });
  await deliveries(peer, 512);
  await deliveredSoFar(peer);
  // The content is 32 MiB; buffers that are used again and again are some.
  expect((await usedBytes()) - before).toBeLessThan(8 * MiB);
  expect(running.server.deliveries.held).toBe(512);
  peer.socket.destroy();
  await running.events.waitFor("disconnected");
  expect(running.server.deliveries.held).toBe(0);
  expect(running.spool.waiting("default")).toBe(512);
});

describe("deliveries without a verdict", () => {
  const limits = { unsettledFilesMax: 12 };

  test("are shared, each receiver has one, and none is handed out beyond the bound", async () => {
    const work = new Workspace();
    const running = await work.serve({ limits });
    await fill(running, 60, 10);
    const peers = [];
    for (let number = 0; number < 20; number++) {
      const peer = await receiver(running);
      await peer.send({ type: "want", files: 512 }).until("deliver");
      peers.push(peer);
    }
    for (const peer of peers) await deliveredSoFar(peer);
    expect(running.server.deliveries.held).toBeLessThanOrEqual(12 + 20);
    // An honest one gets all that is left, one after the other, in order.
    const honest = await receiver(running);
    honest.send({ type: "want", files: 512 });
    const taken = running.server.deliveries.held;
    const names = [];
    for (let number = taken; number < 60; number++) {
      const { delivery, name } = await honest.until("deliver");
      names.push(name);
      await honest.send({ type: "ack", delivery }).until("acked");
    }
    expect(names).toEqual([...names].sort((a, b) => Number(a.slice(5)) - Number(b.slice(5))));
    expect(new Set(names).size).toBe(60 - taken);
  });

  test("are handed out again when others settle theirs", async () => {
    const work = new Workspace();
    const running = await work.serve({ limits });
    await fill(running, 60, 10);
    const first = await receiver(running);
    const tokens = (await deliveries(first.send({ type: "want", files: 512 }), 6)).map(({ delivery }) => delivery);
    const second = await receiver(running);
    await deliveries(second.send({ type: "want", files: 512 }), 3);
    expect(await deliveredSoFar(first)).toEqual([]);
    expect(await deliveredSoFar(second)).toEqual([]);
    // The second one has given no verdict: it hears of it from the first.
    for (const delivery of tokens) first.send({ type: "ack", delivery });
    await second.until("deliver");
  });

  test("are counted out by every kind of verdict, by an operator, and by a lease that ran out", async () => {
    const work = new Workspace();
    const running = await work.serve({ spool: { limits: { leaseMs: 200, failuresMax: 1 } } });
    await fill(running, 4, 10);
    const peer = await receiver(running);
    const [a, b, c, d] = await deliveries(peer.send({ type: "want", files: 4 }), 4);
    expect(running.server.deliveries.held).toBe(4);
    peer.send({ type: "ack", delivery: a?.delivery ?? "" });
    await peer.until("acked");
    peer.send({ type: "nack", delivery: b?.delivery ?? "", counts: true, reason: "no" });
    await running.events.waitFor("returned", ({ dead }) => dead);
    // These two run out; a verdict that comes too late is refused, and counts them out.
    await running.events.waitFor("returned", ({ reason }) => reason === "the lease ran out");
    peer.send({ type: "ack", delivery: c?.delivery ?? "" }, { type: "ack", delivery: d?.delivery ?? "" });
    for (const _ of "cd") expect((await peer.until("refuse")).code).toBe("lease-lost");
    await deliveredSoFar(peer);
    expect(running.server.deliveries.held).toBe(0);
  });
});

describe("what waits to be sent", () => {
  test.each<[string, number]>([
    ["small files that come with their lease", 10 * KiB],
    ["small files that are read", 60 * KiB],
    ["large files", 24 * MiB],
  ])("of %s is bounded for all receivers together, and one that reads gets its files whole", async (_, size) => {
    const work = new Workspace();
    const limits = { unsentBytesMax: 256 * KiB };
    const running = await work.serve({ limits, spool: { durability: "none" } });
    // Enough to fill the buffers of the kernel, and the room of the server behind it.
    const count = Math.min(LIMITS.windowFiles, Math.ceil((24 * MiB) / size));
    const deaf = [];
    for (let number = 0; number < 4; number++) {
      await fill(running, count, size, `deaf ${number}`);
      const peer = await receiver(running, `deaf ${number}`);
      peer.send({ type: "want", files: LIMITS.windowFiles });
      if (size > LIMITS.pipelineBytesMax) {
        const { delivery } = await peer.until("deliver");
        peer.send({ type: "start", delivery, offset: 0 });
      }
      peer.socket.pause();
      deaf.push(peer);
    }
    const bytes = content(3 * MiB);
    const path = work.write("honest", bytes);
    const small = [1, 2, 3].map((number) => work.write(`small ${number}`, bytes.subarray(0, 60 * KiB)));
    await work.send({ port: running.port, queue: "honest", files: [path, ...small] }).done;
    expect(await work.receive({ port: running.port, queue: "honest" }).done).toMatchObject({ landed: 4 });
    expect(sha256(work.read("out", "honest"))).toBe(sha256(bytes));
    expect(sha256(work.read("out", "small 3"))).toBe(sha256(bytes.subarray(0, 60 * KiB)));
    expect(running.server.unsent.held).toBeGreaterThan(0);
    expect(running.server.unsent.held).toBeLessThanOrEqual(limits.unsentBytesMax + 5 * 64 * KiB);
    for (const peer of deaf) peer.socket.destroy();
    await running.events.waitForCount("disconnected", 6);
    // A connection gives back what it held when its socket has closed, which is told after the end of its conversation.
    const held = () => [running.server.unsent.held, running.server.deliveries.held];
    await expect.poll(held, { timeout: 10_000 }).toEqual([0, 0]);
  });

  test("is whole and in order for one that reads again after a while", async () => {
    const work = new Workspace();
    const running = await work.serve({ limits: { unsentBytesMax: 64 * KiB } });
    const bytes = content(8 * MiB);
    await work.send({ port: running.port, files: [work.write("large", bytes)] }).done;
    const peer = await receiver(running);
    const { delivery } = await peer.send({ type: "want", files: 1 }).until("deliver");
    peer.send({ type: "start", delivery, offset: 0 });
    const got: Buffer[] = [];
    for (let length = 0; length < bytes.length; ) {
      const data: RawData = await peer.until("data");
      expect(data.offset).toBe(length);
      got.push(Buffer.from(data.bytes));
      length += data.bytes.length;
      if (got.length % 40 === 0) {
        peer.socket.pause();
        setImmediate(() => peer.socket.resume());
      }
    }
    expect(sha256(Buffer.concat(got))).toBe(sha256(bytes));
    await peer.send({ type: "ack", delivery }).until("acked");
    expect(running.server.unsent.held).toBe(0);
  });

  test("is counted out when a connection sends nothing any more: a thousand silent ones hold nothing", async () => {
    const work = new Workspace();
    const running = await work.serve();
    await fill(running, 3, 60 * KiB);
    const peer = await receiver(running);
    for (const { delivery } of await deliveries(peer.send({ type: "want", files: 4 }), 3))
      peer.send({ type: "ack", delivery });
    for (const _ of "123") await peer.until("acked");
    await deliveredSoFar(peer);
    expect(running.server.unsent.held).toBe(0);
  });
});
