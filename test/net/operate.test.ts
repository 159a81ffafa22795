import { describe, expect, onTestFinished, test } from "vitest";
import { type OperateOptions, type Operator, operate } from "../../src/net/extensions/operate/operator.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Message } from "../../src/protocol/messages.ts";
import { content } from "../support/content.ts";
import { idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;

async function operatorOf(port: number, more: Partial<OperateOptions> = {}): Promise<Operator> {
  const operator = await operate({ port, ...more });
  onTestFinished(() => operator.close());
  return operator;
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of list) rows.push(row);
  return rows;
}

/** A server with files in it, and the ids that they have, in order. */
async function withFiles(sizes: readonly number[], setup: Parameters<Workspace["serve"]>[0] = {}) {
  const work = new Workspace();
  const running = await work.serve(setup);
  const files = sizes.map((size, number) => work.write(`${number}.bin`, content(size)));
  const sender = work.send({ port: running.port, files });
  await sender.done;
  return { work, ...running, ids: sender.events.all("stored").map(({ transfer }) => transfer) };
}

const codeOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => null,
    (error: unknown) => error,
  );
  return error instanceof FilespoolError ? error.code : error;
};

describe("an operator", () => {
  test("sees queues, files, uploads and what became of each transfer", async () => {
    const { work, port, ids } = await withFiles([10, 70 * KiB, 0]);
    const operator = await operatorOf(port);
    expect(await all(operator.queues())).toEqual([
      { queue: "default", files: 3, bytes: 10 + 70 * KiB, dead: 0, uploads: 0 },
    ]);
    const files = await all(operator.files("default"));
    expect(files.map(({ transfer, name, state }) => [transfer, name, state])).toEqual(
      ids.map((id, number) => [id, `${number}.bin`, "waiting"]),
    );
    await work.receive({ port, count: 1 }).done;
    const collected = await operator.show(ids[0] as string);
    expect(collected).toMatchObject({
      state: "collected",
      name: "0.bin",
      size: 10,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(Math.abs((collected.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(await operator.show(idOf(7))).toEqual({ transfer: idOf(7), state: "unknown" });
    const peer = await RawPeer.connect(port);
    await peer.greet("sender");
    peer.send({
      type: "offer",
      transfer: idOf(8),
      queue: "q",
      name: "big",
      size: 1e6,
      algorithm: "blake3",
      wait: true,
    });
    await peer.until("accept");
    expect(await all(operator.uploads())).toMatchObject([
      { transfer: idOf(8), state: "uploading", offset: 0, isActive: true, queue: "q", size: 1e6 },
    ]);
  });

  test("takes a file from its receiver, which is told so, and the server tells who did", async () => {
    const { port, ids, events, spool } = await withFiles([5, 6]);
    const receiver = await RawPeer.connect(port);
    await receiver.greet("receiver");
    receiver.send({ type: "want", files: 1 });
    const { delivery } = await receiver.until("deliver");
    const operator = await operatorOf(port);
    expect(await operator.cancel(ids[0] as string)).toBe(true);
    expect(await operator.cancel(ids[0] as string)).toBe(false);
    receiver.send({ type: "ack", delivery });
    expect(await receiver.until("refuse")).toMatchObject({ about: delivery, code: "lease-lost" });
    expect(events.all("cancelled")).toMatchObject([{ transfer: ids[0], name: "0.bin" }]);
    expect(spool.waiting("default")).toBe(1);
    expect(await codeOf(operator.cancel(idOf(9)))).toBe("transfer-unknown");
  });

  test("cancels an upload under way: its sender hears why, and its other files go on", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const operator = await operatorOf(port);
    const peer = await RawPeer.connect(port);
    await peer.greet("sender");
    const offer = { type: "offer", queue: "default", algorithm: "blake3", wait: true } as const;
    peer.send({ ...offer, transfer: idOf(1), name: "big", size: 1e6 });
    await peer.until("accept");
    peer.sendData(0, content(300 * KiB));
    await operator.cancel(idOf(1));
    peer.sendData(300 * KiB, content(10));
    expect(await peer.until("refuse")).toMatchObject({ about: idOf(1), code: "cancelled" });
    peer.send({ ...offer, transfer: idOf(2), name: "next", size: 1e6 });
    expect(await peer.until("accept")).toMatchObject({ transfer: idOf(2) });
    peer.send({ type: "cancel", transfer: idOf(2) }, { ...offer, transfer: idOf(1), name: "big", size: 1e6 });
    expect(await peer.until("refuse")).toMatchObject({ about: idOf(1), code: "cancelled" });
    expect(await operator.show(idOf(1))).toMatchObject({ state: "cancelled", name: "big" });
  });

  test("puts a dead letter back, which wakes a follower", async () => {
    const { work, port, ids, events } = await withFiles([5], { spool: { limits: { failuresMax: 1 } } });
    const failing = await RawPeer.connect(port);
    await failing.greet("receiver");
    failing.send({ type: "want", files: 1 });
    const { delivery } = await failing.until("deliver");
    failing.send({ type: "nack", delivery, counts: true, reason: "no room" });
    await events.waitFor("returned", ({ dead }) => dead);
    const operator = await operatorOf(port);
    expect(await all(operator.dead("default"))).toMatchObject([{ state: "dead", reason: "no room", failures: 1 }]);
    failing.socket.destroy();
    await events.waitFor("disconnected", ({ role }) => role === "receiver");
    const follower = work.receive({ port, follow: true });
    await follower.events.waitFor("connected");
    expect(await operator.requeue(ids[0] as string)).toBe(true);
    await follower.events.waitFor("acked");
    expect(await codeOf(operator.requeue(ids[0] as string))).toBe("transfer-ended");
  });

  test("empties a queue while something is uploaded to it, which arrives all the same", async () => {
    const { work, port, events } = await withFiles([5, 6, 70 * KiB]);
    const peer = await RawPeer.connect(port);
    await peer.greet("sender");
    const file = { transfer: idOf(1), queue: "default", name: "later", size: 0, algorithm: "blake3" };
    peer.send({ type: "offer", ...file, wait: true });
    await peer.until("accept");
    const operator = await operatorOf(port);
    expect(await operator.purge("default")).toBe(3);
    expect(events.all("purged")).toMatchObject([{ queue: "default", files: 3, deadOnly: false }]);
    const digest = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    peer.send({ type: "finish", transfer: idOf(1), digest });
    await peer.until("stored");
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1 });
    expect(work.list()).toEqual(["later"]);
  });

  test("waits for a file without asking again, and others are answered meanwhile", async () => {
    const { work, port, ids } = await withFiles([5]);
    const operator = await operatorOf(port);
    const waiting = operator.show(ids[0] as string, { waitMs: 30_000 });
    expect((await operator.show(ids[0] as string)).state).toBe("waiting");
    expect(await all(operator.queues())).toHaveLength(1);
    await work.receive({ port }).done;
    expect((await waiting).state).toBe("collected");
    expect((await operator.show(ids[0] as string, { waitMs: 30_000 })).state).toBe("collected");
  });

  test("is answered when the time is over and nothing has happened", async () => {
    const { port, ids } = await withFiles([5]);
    expect((await (await operatorOf(port)).show(ids[0] as string, { waitMs: 20 })).state).toBe("waiting");
  });

  test("goes on after the server was restarted, with what it had asked", async () => {
    const { work, port, ids, stop } = await withFiles([5, 6]);
    const operator = await operatorOf(port, { retryMs: 30_000 });
    const waiting = operator.show(ids[0] as string, { waitMs: 30_000 });
    expect((await operator.show(ids[1] as string)).state).toBe("waiting");
    await stop();
    await work.serve({ port });
    await work.receive({ port, count: 1 }).done;
    expect((await waiting).state).toBe("collected");
    expect(await all(operator.files("default"))).toHaveLength(1);
  });

  test("is closed at once while its server is gone, however long it would have tried", async () => {
    const { port, stop } = await withFiles([]);
    const operator = await operatorOf(port, { retryMs: 2 ** 30 });
    const answer = codeOf(operator.show(idOf(1), { waitMs: 2 ** 30 }));
    await stop();
    await operator.close();
    expect(await answer).toBe("interrupted");
  });

  test("does not repeat a purge that got no answer", async () => {
    const port = await listenRaw(async (peer, number) => {
      await peer.until("hello");
      peer.send(WELCOME);
      if (number === 1) {
        await peer.until("purge");
        return void peer.socket.destroy();
      }
      for (let frame = await peer.next(); frame; frame = await peer.next()) {
        expect(frame.type).not.toBe("purge");
        if (frame.type === "show")
          peer.send({ type: "state", transfer: frame.transfer, look: frame.look, state: "unknown" });
      }
      peer.socket.end();
    });
    const operator = await operatorOf(port, { retryMs: 10_000 });
    expect(await codeOf(operator.purge("default"))).toBe("connection-lost");
    expect((await operator.show(idOf(1))).state).toBe("unknown");
  });

  test("that leaves while an order is under way says goodbye, breaks no rule, and tells that it has no answer", async () => {
    let reached = () => {};
    const isReached = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send(WELCOME);
      await peer.until("list");
      reached();
      await peer.until("bye");
      peer.send({ type: "tally", queue: "q", files: 1, bytes: 1, dead: 0, uploads: 0 }, { type: "page" });
      peer.socket.end();
    });
    const operator = await operatorOf(port);
    const code = codeOf(all(operator.queues()));
    await isReached;
    await operator.close();
    expect(await code).toBe("interrupted");
  });

  test("10,000 files are listed in the memory of a page", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve({ spool: { durability: "none" } });
    const { store } = await import("../spool/subject.ts");
    for (let from = 0; from < 10_000; from += 500)
      await Promise.all(Array.from({ length: 500 }, (_, number) => store(spool, from + number, 100)));
    const operator = await operatorOf(port);
    const seen = new Set<string>();
    let largest = 0;
    for await (const { transfer } of operator.files("default")) {
      seen.add(transfer);
      if (seen.size % 1000 === 0) largest = Math.max(largest, process.memoryUsage().arrayBuffers);
    }
    expect(seen.size).toBe(10_000);
    expect(largest).toBeLessThan(64 * 1024 * KiB);
  });
});

describe("a hostile operator", () => {
  const list = { type: "list", what: "files", queue: "default" } as const;
  test.each<[string, Message[], string]>([
    ["with a cursor that is none", [{ ...list, cursor: "1; drop" }], "message-invalid"],
    ["that names no queue where one is needed", [{ type: "list", what: "dead" }], "message-invalid"],
    ["that wants nothing put back", [{ type: "requeue" }], "message-invalid"],
    ["that wants too much put back", [{ type: "requeue", transfer: idOf(1), queue: "q" }], "message-invalid"],
    ["that sends what is not its to say", [{ type: "want", files: 1 }], "frame-unexpected"],
  ])("%s is shown out", async (_, messages, code) => {
    const { port } = await withFiles([5]);
    const peer = await RawPeer.connect(port);
    await peer.greet("operator");
    expect(await peer.send(...messages).ending()).toBe(code);
    expect(await all((await operatorOf(port)).files("default"))).toHaveLength(1);
  });

  test("with more open questions than a window holds is a flood", async () => {
    const { port, ids } = await withFiles([5]);
    const peer = await RawPeer.connect(port);
    await peer.greet("operator");
    const show = { type: "show", look: 0, transfer: ids[0] as string, waitMs: 1e9 } as const;
    for (let number = 0; number <= LIMITS.windowFiles; number++) peer.send(show);
    expect(await peer.ending()).toBe("flood");
  });

  test("that asks for pages and takes no answer holds no more than a few of them", async () => {
    const { port } = await withFiles(Array.from({ length: 100 }, () => 1));
    const peer = await RawPeer.connect(port);
    await peer.greet("operator");
    peer.socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    for (let number = 0; number < 2000; number++) peer.send(list);
    const operator = await operatorOf(port);
    for (let number = 0; number < 20; number++) expect(await all(operator.files("default"))).toHaveLength(100);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * KiB);
  });

  test("a server that sends more rows than a page has is left", async () => {
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send(WELCOME);
      await peer.until("list");
      for (let number = 0; number <= LIMITS.pageFiles; number++)
        peer.send({ type: "tally", queue: "q", files: 1, bytes: 1, dead: 0, uploads: 0 });
      expect(await peer.ending()).toBe("flood");
    });
    expect(await codeOf(all((await operatorOf(port)).queues()))).toBe("flood");
  });
});
