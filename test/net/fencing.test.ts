import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { MessageOf } from "../../src/protocol/messages.ts";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { idOf, RawPeer } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;
/** "At once": neither idleMs nor leaseMs, half a minute each, may have been waited for; and a loaded machine is slow. */
const AT_ONCE_MS = 10_000;

const offerOf = (bytes: Uint8Array): MessageOf<"offer"> => ({
  ...{ type: "offer", transfer: idOf(1), queue: "default", name: "a", algorithm: "sha256" },
  ...{ size: bytes.length, wait: true },
});

describe("the newest connection of a sender", () => {
  test("takes over the transfer at its durable offset, while the old one is still open", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const bytes = content(24 * MiB);
    const old = await RawPeer.connect(port);
    await old.greet("sender");
    old.send(offerOf(bytes));
    await old.until("accept");
    for (let at = 0; at < 17 * MiB; at += MiB) old.sendData(at, bytes.subarray(at, at + MiB));
    const { offset: durable } = await old.until("progress");
    const newer = await RawPeer.connect(port);
    await newer.greet("sender");
    const askedMs = performance.now();
    newer.send(offerOf(bytes));
    const { offset } = await newer.until("accept");
    expect(performance.now() - askedMs).toBeLessThan(AT_ONCE_MS);
    expect(offset).toBeGreaterThanOrEqual(durable);
    expect(await old.ending()).toBe("superseded");
    for (let at = offset; at < bytes.length; at += MiB) newer.sendData(at, bytes.subarray(at, at + MiB));
    newer.send({ type: "finish", transfer: idOf(1), digest: sha256(bytes) });
    expect(await newer.until("stored")).toMatchObject({ repeated: false });
    expect(spool.waiting("default")).toBe(1);
  });

  test("goes on at once when the server has not heard of the end of the old one", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const bytes = content(30 * MiB);
    const proxy = await CuttingProxy.start(port, (connection) =>
      connection === 1 ? { direction: "up", after: 20 * MiB, how: "vanish" } : null,
    );
    const sender = work.send({ port: proxy.port, files: [work.write("a", bytes)] });
    await proxy.struck;
    const cutMs = performance.now();
    await sender.events.waitFor("resumed");
    expect(performance.now() - cutMs).toBeLessThan(AT_ONCE_MS);
    expect(await sender.done).toMatchObject({ stored: 1 });
  });

  test("of another run of the same command does so too; the older run is told, and gives up", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const files = [work.write("a", content(30 * MiB))];
    const proxy = await CuttingProxy.start(port, () => ({ direction: "up", after: 20 * MiB, how: "freeze" }));
    const stop = new AbortController();
    const frozen = work.send({ port: proxy.port, files, senderKey: "key", signal: stop.signal });
    await proxy.struck;
    const newer = work.send({ port, files, senderKey: "key" });
    expect(await newer.done).toMatchObject({ stored: 1, repeated: 0, failures: [] });
    expect(newer.events.all("resumed")[0]?.offset).toBeGreaterThanOrEqual(16 * MiB);
    stop.abort();
    await expect(frozen.done).rejects.toMatchObject({ code: "interrupted" });
    expect(spool.waiting("default")).toBe(1);
  });
});

describe("the newest connection of a receiver", () => {
  test("gets what its old one held, at once and before it hears that the queue is empty", async () => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    const bytes = content(2 * LIMITS.pipelineBytesMax);
    await work.send({ port, files: [work.write("a", bytes), work.write("b", "b")] }).done;
    const peer = idOf(77);
    const old = await RawPeer.connect(port);
    await old.greet("receiver", { peer });
    old.send({ type: "want", files: 8 });
    const lost = await old.until("deliver");
    const newer = await RawPeer.connect(port);
    const askedMs = performance.now();
    await newer.greet("receiver", { peer });
    newer.send({ type: "want", files: 8 });
    const frame = await newer.next();
    expect(performance.now() - askedMs).toBeLessThan(AT_ONCE_MS);
    // Not a failure of the file, so not another attempt; and a new token, so that the old one is worth nothing.
    expect(frame).toMatchObject({ type: "deliver", name: "a", attempt: 1 });
    expect(frame).not.toMatchObject({ delivery: lost.delivery });
    newer.send({ type: "ack", delivery: lost.delivery });
    expect(await newer.until("refuse")).toMatchObject({ about: lost.delivery, code: "lease-lost" });
    expect(await old.ending()).toBe("closed");
    await events.waitFor("disconnected", ({ code }) => code === "superseded");
  });

  test("goes on at once when the server has not heard of the end of the old one", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const bytes = content(30 * MiB);
    await work.send({ port, files: [work.write("a", bytes)] }).done;
    const proxy = await CuttingProxy.start(port, (connection) =>
      connection === 1 ? { direction: "down", after: 20 * MiB, how: "vanish" } : null,
    );
    const receiver = work.receive({ port: proxy.port });
    await proxy.struck;
    const cutMs = performance.now();
    await receiver.events.waitFor("resumed");
    expect(performance.now() - cutMs).toBeLessThan(AT_ONCE_MS);
    expect(await receiver.done).toMatchObject({ landed: 1 });
    expect(await fileSha256(work.path("out", "a"))).toBe(sha256(bytes));
    expect(spool.waiting("default")).toBe(0);
  });

  test("leaves a receiver that is somebody else alone", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    await work.send({ port, files: [work.write("a", content(2 * LIMITS.pipelineBytesMax))] }).done;
    const [one, two] = [await RawPeer.connect(port), await RawPeer.connect(port)];
    for (const peer of [one, two]) {
      await peer.greet("receiver");
      peer.send({ type: "want", files: 1 });
      if (peer === one) await one.until("deliver");
    }
    expect(await two.next()).toMatchObject({ type: "empty" });
    one.socket.resetAndDestroy();
    expect(await two.next()).toMatchObject({ type: "deliver", name: "a" });
  });
});

test("a server hands out no more files than were asked for", async () => {
  const work = new Workspace();
  const { port, events } = await work.serve();
  await work.send({ port, files: ["a", "b", "c", "d"].map((name) => work.write(name, name)) }).done;
  const peer = await RawPeer.connect(port);
  await peer.greet("receiver");
  peer.send({ type: "want", files: 2 });
  const { delivery } = await peer.until("deliver");
  await peer.until("deliver");
  peer.send({ type: "ack", delivery });
  for (let frame = await peer.next(); frame?.type !== "acked"; frame = await peer.next())
    expect(frame?.type).toBe("data");
  peer.send({ type: "want", files: 1 });
  expect(await peer.until("deliver")).toMatchObject({ name: "c" });
  expect(events.all("delivered").map(({ name }) => name)).toEqual(["a", "b", "c"]);
});
