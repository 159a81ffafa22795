import { describe, expect, test } from "vitest";
import type { TransferEvent } from "../../src/net/events.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Message, MessageOf } from "../../src/protocol/messages.ts";
import { content, sha256 } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { deadPort, idOf, listenRaw, type RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

const retries = (events: TransferEvent[]) =>
  events.filter((event): event is Extract<TransferEvent, { event: "retrying" }> => event.event === "retrying");

/** The server's half of a handshake. */
async function welcome(peer: RawPeer, fields: Partial<MessageOf<"welcome">> = {}): Promise<MessageOf<"hello">> {
  const hello = await peer.until("hello");
  peer.send({ ...WELCOME, ...fields });
  return hello;
}

const storedOf = ({ transfer, digest }: MessageOf<"finish">): Message => ({
  ...{ type: "stored", transfer, digest, repeated: false, collected: false },
});

describe("a server that cannot be reached", () => {
  test("is reported at once, with its address, unless the user wants to wait", async () => {
    const work = new Workspace();
    const port = await deadPort();
    for (const client of [work.send({ port, files: [] }), work.receive({ port })]) {
      await expect(client.done).rejects.toMatchObject({
        code: "unreachable",
        message: expect.stringContaining(`localhost:${port}`),
      });
      expect(client.events.events).toEqual([]);
    }
  });

  test("is tried again after waits that grow and are jittered, until the time is over", async () => {
    const work = new Workspace();
    const sender = work.send({ port: await deadPort(), files: [], connectRetryMs: 1500, retryMs: 0 });
    const beganMs = performance.now();
    await expect(sender.done).rejects.toMatchObject({ code: "unreachable" });
    expect(performance.now() - beganMs).toBeLessThan(5000);
    const waits = retries(sender.events.events);
    expect(waits.length).toBeGreaterThanOrEqual(3);
    for (const [at, { attempt, delayMs, code }] of waits.entries()) {
      expect([attempt, code]).toEqual([at + 1, "unreachable"]);
      expect(delayMs).toBeGreaterThanOrEqual(50 * 2 ** at);
      expect(delayMs).toBeLessThanOrEqual(100 * 2 ** at);
    }
  });

  test("is served as soon as it is there", async () => {
    const work = new Workspace();
    const port = await deadPort();
    const sender = work.send({ port, files: [work.write("a", "a")], connectRetryMs: 20_000 });
    await sender.events.waitFor("retrying");
    await work.serve({ port });
    expect(await sender.done).toMatchObject({ stored: 1 });
  });
});

describe("the patience of a client ends after retryMs without progress", () => {
  // Each of these servers lets a sender get to some point, and hangs up there; none of them ever keeps anything.
  const hangUps: [string, number, (peer: RawPeer) => Promise<unknown>][] = [
    ["after the welcome", 5, async () => {}],
    ["after a small file was sent", 5, (peer) => peer.until("finish")],
    ["after a large file was offered", MiB, (peer) => peer.until("offer")],
    [
      "after a large file was accepted, always at the same place",
      MiB,
      async (peer) => {
        const { transfer } = await peer.until("offer");
        peer.send({ type: "accept", transfer, offset: 0 });
        await peer.until("data");
      },
    ],
  ];
  test.each(hangUps)("with a server that hangs up %s", async (_, size, until) => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await welcome(peer);
      await until(peer);
      peer.socket.end();
    });
    const sender = work.send({ port, files: [work.write("a", content(size))], retryMs: 700 });
    await expect(sender.done).rejects.toMatchObject({ code: "connection-lost" });
    const attempts = retries(sender.events.events).map(({ attempt }) => attempt);
    expect(attempts).toEqual(attempts.map((_, at) => at + 1));
  });

  test.each(["queue-full", "disk-full", "spool-full", "uploads-full"] as const)(
    "with a server that says %s, and goes on saying so",
    async (code) => {
      const work = new Workspace();
      const port = await listenRaw(async (peer) => {
        await welcome(peer);
        const { transfer } = await peer.until("offer");
        peer.send({ type: "refuse", about: transfer, code, message: "later" });
        await peer.next();
      });
      const sender = work.send({ port, files: [work.write("a", "a")], retryMs: 2000 });
      await expect(sender.done).rejects.toMatchObject({ code, kind: "temporary", message: "later" });
      expect(retries(sender.events.events).length).toBeGreaterThan(0);
    },
  );

  test("but each stored file starts it anew, and so does each durable byte", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    let connections = 0;
    const cutting = await listenRaw(async (peer) => {
      connections++;
      await welcome(peer);
      peer.send(storedOf(await peer.until("finish")));
      peer.socket.end();
    });
    const files = Array.from({ length: 12 }, (_, number) => work.write(`${number}`, `${number}`));
    const sender = work.send({ port: cutting, files });
    expect(await sender.done).toMatchObject({ stored: 12 });
    expect(retries(sender.events.events).every(({ attempt }) => attempt === 1)).toBe(true);
    expect(connections).toBe(12);
    const proxy = await CuttingProxy.start(port, () => ({ direction: "up", after: 2 * MiB, how: "end" }));
    const big = work.send({ port: proxy.port, files: [work.write("big", content(20 * MiB))] });
    expect(await big.done).toMatchObject({ stored: 1 });
    expect(retries(big.events.events).every(({ attempt }) => attempt === 1)).toBe(true);
  });
});

describe("what no further attempt can mend ends the run at once", () => {
  test.each(["version-unsupported", "superseded", "flood", "message-invalid", "not-a-code"])(
    "the error %s",
    async (code) => {
      const work = new Workspace();
      const port = await listenRaw(async (peer) => {
        await peer.until("hello");
        peer.send({ type: "error", code, message: "said the server" });
        peer.socket.end();
      });
      for (const client of [
        work.send({ port, files: [], connectRetryMs: 9000 }),
        work.receive({ port, connectRetryMs: 9000 }),
      ]) {
        await expect(client.done).rejects.toMatchObject({
          code: code === "not-a-code" ? "frame-unexpected" : code,
          retry: false,
          message: "said the server",
        });
        expect(retries(client.events.events)).toEqual([]);
      }
    },
  );

  test.each<[string, Message | string, string]>([
    ["something that is not this protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "not-filespool"],
    ["a version that was not asked for", { ...WELCOME, version: 2 }, "version-unsupported"],
    ["another message than a welcome", { type: "empty" }, "frame-unexpected"],
  ])("a server that begins with %s", async (_, first, code) => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      if (typeof first === "string") peer.write(first);
      else peer.send(first);
    });
    for (const client of [work.send({ port, files: [work.write("a", content(MiB))] }), work.receive({ port })]) {
      await expect(client.done).rejects.toMatchObject({ code });
    }
  });

  test("no digest that both know, before anything is offered", async () => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await welcome(peer, { digests: ["sha3-512"] });
      expect(await peer.next()).toMatchObject({ type: "error", code: "digest-unsupported" });
    });
    const sender = work.send({ port, files: [work.write("a", "a")], digest: "blake3" });
    await expect(sender.done).rejects.toMatchObject({ code: "digest-unsupported" });
  });

  test("a server without the preferred digest gets the first of its own that the sender knows, on each connection", async () => {
    const work = new Workspace();
    let connections = 0;
    const port = await listenRaw(async (peer) => {
      await welcome(peer, { digests: connections++ === 0 ? ["sha3-512", "sha256"] : ["blake3", "sha256"] });
      expect(await peer.until("offer")).toMatchObject({ algorithm: "sha256" });
      const { transfer, digest } = await peer.until("finish");
      expect(digest).toBe(sha256(Buffer.from("a")));
      if (connections === 1) return void peer.socket.destroy();
      peer.send({ type: "stored", transfer, digest, repeated: false, collected: false });
      await peer.until("bye");
      peer.socket.end();
    });
    const sender = work.send({ port, files: [work.write("a", "a")], retryMs: 10_000 });
    expect(await sender.done).toMatchObject({ stored: 1, failures: [] });
    expect(connections).toBe(2);
  });

  test("a server that says to a sender what is for receivers, and the other way round", async () => {
    const work = new Workspace();
    for (const [message, client] of [
      [{ type: "empty" }, (port: number) => work.send({ port, files: [work.write("a", "a")] })],
      [{ type: "accept", transfer: idOf(1), offset: 0 }, (port: number) => work.receive({ port })],
    ] as const) {
      const port = await listenRaw(async (peer) => {
        await welcome(peer);
        peer.send(message);
      });
      await expect(client(port).done).rejects.toMatchObject({ code: "frame-unexpected" });
    }
  });
});

test("content that never matches its digest at the server is given up after a few attempts; the others are stored", async () => {
  const work = new Workspace();
  const bad = work.write("bad", "bad");
  let attempts = 0;
  const port = await listenRaw(async (peer) => {
    await welcome(peer);
    const names = new Map<string, string>();
    for (let frame = await peer.next(); frame && frame.type !== "bye"; frame = await peer.next()) {
      if (frame.type === "offer") names.set(frame.transfer, frame.name);
      if (frame.type !== "finish") continue;
      const isBad = names.get(frame.transfer) === "bad";
      if (isBad) attempts++;
      if (!isBad) peer.send(storedOf(frame));
      else peer.send({ type: "refuse", about: frame.transfer, code: "digest-mismatch", message: "no" });
    }
    peer.socket.end();
  });
  const sender = work.send({ port, files: [work.write("good", "good"), bad, work.write("last", "last")] });
  expect(await sender.done).toMatchObject({ stored: 2, failures: [{ code: "digest-mismatch", kind: "integrity" }] });
  expect(attempts).toBe(3);
});

describe("a client does not trust the limits of its server beyond its own", () => {
  test("a file above the pipeline limit is asked for, whatever the server says", async () => {
    const work = new Workspace();
    const limits = { pipelineBytesMax: 1e12, windowBytes: 1e12, windowFiles: 1e9, dataBytesMax: 0 };
    const port = await listenRaw(async (peer) => {
      await welcome(peer, limits);
      const { transfer, wait } = await peer.until("offer");
      expect(wait).toBe(true);
      peer.send({ type: "accept", transfer, offset: 0 });
      // Frames that could hold nothing would never end.
      expect((await peer.until("data")).bytes).toHaveLength(LIMITS.bufferBytesMin);
      peer.send(storedOf(await peer.until("finish")));
      await peer.until("bye");
      peer.socket.end();
    });
    const file = work.write("a", content(LIMITS.pipelineBytesMax + 1));
    expect(await work.send({ port, files: [file] }).done).toMatchObject({ stored: 1 });
  });

  test("no more files are unanswered than a window holds, whatever the server says", async () => {
    const work = new Workspace();
    let offers = 0;
    const port = await listenRaw(async (peer) => {
      await welcome(peer, { windowFiles: 1e9 });
      const asked: MessageOf<"finish">[] = [];
      while (asked.length < LIMITS.windowFiles) asked.push(await peer.until("finish"));
      peer.send({ type: "ping" });
      const [first] = asked.splice(0, 1);
      peer.send(storedOf(first as MessageOf<"finish">));
      asked.push(await peer.until("finish"));
      offers = asked.length + 1;
      for (const finish of asked) peer.send(storedOf(finish));
      for (let frame = await peer.next(); frame && frame.type !== "bye"; frame = await peer.next())
        if (frame.type === "finish") peer.send(storedOf(frame));
      peer.socket.end();
    });
    const files = Array.from({ length: LIMITS.windowFiles + 20 }, (_, number) => work.write(`${number}`, ""));
    expect(await work.send({ port, files }).done).toMatchObject({ stored: files.length });
    expect(offers).toBe(LIMITS.windowFiles + 1);
  });

  test("a receiver takes no more deliveries than it has asked for", async () => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await welcome(peer);
      await peer.until("want");
      for (let number = 1; number <= 300; number++) {
        const about = { transfer: idOf(number), queue: "default", name: `${number}`, size: 0, attempt: 1 };
        peer.send({
          type: "deliver",
          delivery: `d-${number}`,
          ...about,
          algorithm: "sha256",
          digest: sha256(content(0)),
        });
      }
    });
    await expect(work.receive({ port, durability: "none" }).done).rejects.toMatchObject({ code: "flood" });
  });
});
