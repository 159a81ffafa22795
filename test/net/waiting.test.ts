import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { deadPort, idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

describe("how long a receiver waits", () => {
  test("without more: it takes what is there and ends, also when nothing is", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    expect(await work.receive({ port }).done).toMatchObject({
      landed: 0,
      skipped: 0,
      bytes: 0,
      elsewhere: 0,
      failures: [],
    });
    await work.send({ port, files: [1, 2, 3].map((n) => work.write(`${n}`, content(n))) }).done;
    expect(await work.receive({ port }).done).toMatchObject({ landed: 3 });
    expect(await work.receive({ port }).done).toMatchObject({ landed: 0 });
  });

  test("it hears how many files are with others, and may come back", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    await work.send({ port, files: [1, 2, 3].map((n) => work.write(`${n}`, content(n))) }).done;
    const other = await RawPeer.connect(port);
    await other.greet("receiver");
    other.send({ type: "want", files: 2 });
    await other.until("deliver");
    const { delivery } = await other.until("deliver");
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1, elsewhere: 2 });
    other.send({ type: "ack", delivery });
    await other.until("acked");
    expect(await work.receive({ port }).done).toMatchObject({ landed: 0, elsewhere: 1 });
    other.send({ type: "bye" });
    await other.ending();
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1, elsewhere: 0 });
  });

  test("count: exactly so many, whoever else is in the queue, and the rest stays in order", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const names = Array.from({ length: 40 }, (_, number) => String(number + 10));
    await work.send({ port, files: names.map((name, at) => work.write(name, content(at % 5 ? at : 70 * KiB))) }).done;
    const taken: string[] = [];
    for (const count of [1, 7, 2, 25]) {
      const receiver = work.receive({ port, count });
      expect(await receiver.done).toMatchObject({ landed: count, failures: [] });
      taken.push(...receiver.events.all("landed").map(({ name }) => name));
      expect(spool.waiting("default")).toBe(names.length - taken.length);
    }
    await work.receive({ port }).done;
    expect(taken).toEqual(names.slice(0, 35));
    expect(work.list()).toEqual(names);
  });

  test("count: a receiver that came first waits for that many senders", async () => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    const receiver = work.receive({ port, count: 3 });
    await events.waitFor("connected", ({ role }) => role === "receiver");
    for (const name of ["a", "b", "c", "d"]) await work.send({ port, files: [work.write(name, name)] }).done;
    expect(await receiver.done).toMatchObject({ landed: 3 });
    expect(work.list()).toEqual(["a", "b", "c"]);
  });

  test("count: files that are skipped count, files that may not land do not", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    await work.send({ port, files: ["a", "b", "c"].map((name) => work.write(name, name)) }).done;
    await work.receive({ port, count: 1 }).done;
    await work.send({ port, again: true, files: [work.write("a", "new")] }).done;
    const skipper = work.receive({ port, ifExists: "skip", count: 3 });
    expect(await skipper.done).toMatchObject({ landed: 2, skipped: 1 });
    await work.send({ port, again: true, files: ["a", "d"].map((name) => work.write(name, "newer")) }).done;
    const refuser = work.receive({ port, count: 1 });
    expect(await refuser.done).toMatchObject({ landed: 1, skipped: 0, failures: [{ code: "file-exists" }] });
    expect(work.list()).toEqual(["a", "b", "c", "d"]);
  });

  test("follow: it takes what comes, when it comes, until it is interrupted", async () => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    const stop = new AbortController();
    const receiver = work.receive({ port, follow: true, signal: stop.signal });
    await events.waitFor("connected", ({ role }) => role === "receiver");
    for (const name of ["a", "b", "c"]) {
      await work.send({ port, files: [work.write(name, content(name === "b" ? 2 * MiB : 5))] }).done;
      await receiver.events.waitFor("acked", (event) => event.name === name);
    }
    stop.abort();
    await expect(receiver.done).rejects.toMatchObject({ code: "interrupted" });
    expect(work.list()).toEqual(["a", "b", "c"]);
  });

  test("wait: it ends when nothing came for so long, and each file starts the time anew", async () => {
    const work = new Workspace();
    const { port, events } = await work.serve();
    const receiver = work.receive({ port, waitMs: 2500 });
    await events.waitFor("connected", ({ role }) => role === "receiver");
    const beganMs = performance.now();
    for (const name of ["a", "b"]) {
      await work.send({ port, files: [work.write(name, name)] }).done;
      await receiver.events.waitFor("acked", (event) => event.name === name);
    }
    expect(await receiver.done).toMatchObject({ landed: 2 });
    expect(performance.now() - beganMs).toBeGreaterThan(2490);
    expect(work.list()).toEqual(["a", "b"]);
  });
});

describe("an AbortSignal", () => {
  test("that has fired already: nothing is connected, and no folder is touched by a sender", async () => {
    const work = new Workspace();
    const port = await listenRaw(() => Promise.reject(new Error("somebody connected")));
    const signal = AbortSignal.abort();
    await expect(work.send({ port, files: [work.write("a", "a")], signal }).done).rejects.toMatchObject({
      code: "interrupted",
    });
    await expect(work.receive({ port, signal }).done).rejects.toMatchObject({ code: "interrupted" });
    expect(existsSync(work.path("out")) ? work.list() : []).toEqual([]);
  });

  test("while sending: what is durable stays on the server, and the same command goes on from there", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const files = [work.write("big", content(40 * MiB))];
    const stop = new AbortController();
    const first = work.send({ port, files, senderKey: "k", signal: stop.signal });
    await first.events.waitFor("progress");
    stop.abort();
    await expect(first.done).rejects.toMatchObject({ code: "interrupted", kind: "temporary" });
    expect(spool.waiting("default")).toBe(0);
    const second = work.send({ port, files, senderKey: "k" });
    expect(await second.done).toMatchObject({ stored: 1 });
    expect(second.events.all("resumed")[0]?.offset).toBeGreaterThanOrEqual(16 * MiB);
  });

  test("while receiving: the part stays in the folder, and the same command goes on from there", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const bytes = content(40 * MiB);
    await work.send({ port, files: [work.write("big", bytes)] }).done;
    const stop = new AbortController();
    const first = work.receive({ port, signal: stop.signal });
    await first.events.waitFor("progress");
    stop.abort();
    await expect(first.done).rejects.toMatchObject({ code: "interrupted" });
    expect(work.list()).toEqual([expect.stringMatching(/^\.filespool-[0-9a-f]{32}\.part$/)]);
    const second = work.receive({ port });
    expect(await second.done).toMatchObject({ landed: 1 });
    expect(second.events.all("resumed")[0]?.offset).toBeGreaterThanOrEqual(16 * MiB);
    expect(work.list()).toEqual(["big"]);
    expect(work.read("out", "big").equals(bytes)).toBe(true);
  });

  test("while a sender waits for an answer that does not come", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const proxy = await CuttingProxy.start(port, () => ({ direction: "down", before: "stored", how: "freeze" }));
    const stop = new AbortController();
    const sender = work.send({ port: proxy.port, files: [work.write("a", "a")], signal: stop.signal });
    await proxy.struck;
    stop.abort();
    await expect(sender.done).rejects.toMatchObject({ code: "interrupted" });
  });

  test("while a client waits to try again", async () => {
    const work = new Workspace();
    const stop = new AbortController();
    const sender = work.send({ port: await deadPort(), files: [], connectRetryMs: 3_600_000, signal: stop.signal });
    await sender.events.waitFor("retrying", ({ attempt }) => attempt >= 3);
    stop.abort();
    await expect(sender.done).rejects.toMatchObject({ code: "interrupted" });
  });

  test("while the server has said nothing yet", async () => {
    const work = new Workspace();
    const stop = new AbortController();
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      stop.abort();
    });
    await expect(work.receive({ port, signal: stop.signal }).done).rejects.toMatchObject({ code: "interrupted" });
  });
});

test("small files do not wait for each other's answers: a whole window leaves before the first one comes", async () => {
  const work = new Workspace();
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    peer.send({ ...WELCOME, windowFiles: 100 });
    const asked: { transfer: string; digest: string }[] = [];
    while (asked.length < 100) asked.push(await peer.until("finish"));
    for (const { transfer, digest } of asked) {
      peer.send({ type: "stored", transfer, digest, repeated: false, collected: false });
    }
    await peer.until("bye");
    peer.socket.end();
  });
  const files = Array.from({ length: 100 }, (_, number) => work.write(idOf(number), content(number)));
  expect(await work.send({ port, files }).done).toMatchObject({ stored: 100 });
});
