/** Deadlines and bounds: peers that are slow, silent, or deaf. The limits are short, so that nothing waits long. */
import { createServer } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RejectedConnections } from "../../src/net/extensions/observe/rejected-connections.ts";
import { Connection } from "../../src/net/wire/connection.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { usedBytes } from "../support/memory.ts";
import { dataFrameOf, frameOf, helloOf, idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const SHORT = { handshakeMs: 400, heartbeatMs: 200, idleMs: 1000, stallMs: 400, bytesPerSecondMin: 10 * MiB };

/** The server does its work for others, also while somebody keeps it waiting. */
async function expectService(work: Workspace, { port }: RunningServer): Promise<void> {
  // With limits this short a busy machine may cost an honest client a connection; it comes back.
  const others = { port, queue: "others", connectRetryMs: 20_000 };
  await work.send({ ...others, again: true, files: [work.write("normal", "normal")] }).done;
  const receiver = work.receive({ ...others, ifExists: "overwrite" });
  expect(await receiver.done).toMatchObject({ landed: 1, failures: [] });
}

/** Writes the bytes one by one, for as long as the connection lives. */
function drip(peer: RawPeer, bytes: Uint8Array): void {
  let at = 0;
  const timer = setInterval(() => {
    if (at < bytes.length) peer.write(bytes.subarray(at, ++at));
  }, 20);
  onTestFinished(() => clearInterval(timer));
}

describe("a client that keeps the server waiting is given up", () => {
  test.each<[string, (peer: RawPeer) => void, string]>([
    ["says nothing", () => {}, "timed-out"],
    ["says its hello byte by byte", (peer) => drip(peer, frameOf(helloOf("sender"))), "timed-out"],
    ["begins a header and stops", (peer) => void peer.write(frameOf(helloOf("sender")).subarray(0, 10)), "timed-out"],
  ])("%s", async (_, act, code) => {
    const work = new Workspace();
    const server = await work.serve({ limits: SHORT });
    const peer = await RawPeer.connect(server.port);
    act(peer);
    await expectService(work, server);
    expect(await peer.ending()).toBe(code);
  });

  test("a sender that is silent after its hello, as a half-open one is", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: SHORT });
    const peer = await RawPeer.connect(server.port);
    await peer.greet("sender");
    await expectService(work, server);
    expect(await peer.ending()).toBe("timed-out");
  });

  test("a sender whose frame does not end: byte by byte, or not at all", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: { ...SHORT, idleMs: 9000 } });
    const frames = [dataFrameOf(0, content(64 * KiB)), frameOf({ type: "bye" })];
    for (const [act, frame] of [drip, (peer: RawPeer, bytes: Uint8Array) => peer.write(bytes.subarray(0, -1))].flatMap(
      (act) => frames.map((frame) => [act, frame] as const),
    )) {
      const peer = await RawPeer.connect(server.port);
      await peer.greet("sender");
      peer.send({
        type: "offer",
        transfer: idOf(1),
        queue: "q",
        name: "a",
        size: MiB,
        algorithm: "sha256",
        wait: true,
      });
      await peer.until("accept");
      act(peer, frame);
      expect(await peer.ending()).toBe("stalled");
    }
    await expectService(work, server);
  });

  test("a receiver that takes nothing of what it is sent: the file goes to the next", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: { ...SHORT, idleMs: 60_000 } });
    const bytes = content(40 * MiB);
    await work.send({ port: server.port, files: [work.write("big", bytes)] }).done;
    const deaf = await RawPeer.connect(server.port);
    await deaf.greet("receiver");
    deaf.send({ type: "want", files: 1 });
    const { delivery } = await deaf.until("deliver");
    deaf.socket.pause();
    deaf.send({ type: "start", delivery, offset: 0 });
    // It goes on to show signs of life, so that it cannot be taken for dead.
    const alive = setInterval(() => deaf.send({ type: "working", delivery }), 100);
    onTestFinished(() => clearInterval(alive));
    const before = await usedBytes();
    const { code } = await server.events.waitFor("disconnected", ({ role }) => role === "receiver");
    expect(code).toBe("stalled");
    expect((await usedBytes()) - before).toBeLessThan(8 * MiB);
    const next = work.receive({ port: server.port });
    expect(await next.done).toMatchObject({ landed: 1 });
    expect(next.events.all("delivered")[0]).toMatchObject({ attempt: 1 });
    expect(await fileSha256(work.path("out", "big"))).toBe(sha256(bytes));
  });

  test("a receiver that asks and asks and never reads the answers: memory is bounded", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: { ...SHORT, idleMs: 60_000 } });
    const deaf = await RawPeer.connect(server.port);
    await deaf.greet("receiver");
    deaf.socket.pause();
    const before = await usedBytes();
    const acks = Buffer.concat(Array.from({ length: 1000 }, () => frameOf({ type: "ack", delivery: "x".repeat(60) })));
    // On and on, until the kernel's buffers are full in both directions and the server stops reading.
    let peak = 0;
    while (await deaf.pour(acks, 100)) peak = Math.max(peak, (await usedBytes()) - before);
    expect(peak).toBeLessThan(16 * MiB);
    expect((await server.events.waitFor("disconnected")).code).toBe("stalled");
    await expectService(work, server);
  });

  test("a peer that pings is alive, however long it has nothing to say", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: { ...SHORT, idleMs: 1500 } });
    const peer = await RawPeer.connect(server.port);
    await peer.greet("sender");
    const alive = setInterval(() => peer.send({ type: "ping" }), 150);
    onTestFinished(() => clearInterval(alive));
    const silent = await RawPeer.connect(server.port);
    await silent.greet("sender");
    expect(await silent.ending()).toBe("timed-out");
    const another = await RawPeer.connect(server.port);
    await another.greet("sender");
    expect(await another.ending()).toBe("timed-out");
    peer.send({ type: "bye" });
    expect(await peer.ending()).toBe("closed");
    expect(server.events.all("disconnected").map(({ code }) => code)).toEqual(["timed-out", "timed-out", undefined]);
  });
});

describe("a server that reports an error in the middle of a large file, takes no more of it and does not close", () => {
  // More than the kernel's buffers hold. A sender that waited until all is taken would wait for stallMs and more.
  const bytes = content(40 * MiB);

  /** Resolves when the sender waits for the kernel: turn after turn, nothing more is handed over, and nothing taken. */
  const untilStuck = async () => {
    const { sendData } = Connection.prototype;
    onTestFinished(() => {
      Connection.prototype.sendData = sendData;
    });
    const sends = { begun: 0, taken: 0 };
    Connection.prototype.sendData = async function (offset, piece) {
      sends.begun++;
      await sendData.call(this, offset, piece);
      sends.taken++;
    };
    for (let turns = 0, before = 0; turns < 100; before = sends.begun + sends.taken) {
      await turn();
      const isWaiting = sends.begun > sends.taken && before === sends.begun + sends.taken;
      turns = isWaiting ? turns + 1 : 0;
    }
  };

  /** Takes the first bytes of the file, and then only keeps the connection open. */
  const goDeaf = async (peer: RawPeer, code: string) => {
    await peer.until("hello");
    peer.send(WELCOME);
    const { transfer } = await peer.until("offer");
    const stuck = untilStuck();
    peer.send({ type: "accept", transfer, offset: 0 });
    await peer.until("data");
    peer.socket.pause();
    await stuck;
    peer.send({ type: "error", code, message: "said the test" });
  };

  test("is left, and the file goes over the next connection", async () => {
    const work = new Workspace();
    const port = await listenRaw(async (peer, number) => {
      if (number === 1) return goDeaf(peer, "disk-full");
      await peer.until("hello");
      peer.send(WELCOME);
      const { transfer } = await peer.until("offer");
      peer.send({ type: "accept", transfer, offset: bytes.length - 10 });
      const { digest } = await peer.until("finish");
      peer.send({ type: "stored", transfer, digest, repeated: false, collected: false });
      await peer.until("bye");
      peer.socket.end();
    });
    const sender = work.send({ port, files: [work.write("big", bytes)], digest: "sha256" });
    expect(await sender.done).toEqual({ stored: 1, repeated: 0, bytes: bytes.length, failures: [] });
    expect(sender.events.all("retrying")).toMatchObject([{ code: "disk-full", attempt: 1 }]);
    expect(sender.events.all("stored")).toMatchObject([{ digest: sha256(bytes) }]);
  });

  test("is what the run fails with, when the error is for good", async () => {
    const work = new Workspace();
    const port = await listenRaw((peer) => goDeaf(peer, "frame-unexpected"));
    const sender = work.send({ port, files: [work.write("big", bytes)] });
    await expect(sender.done).rejects.toMatchObject({ code: "frame-unexpected", message: "said the test" });
    expect(sender.events.all("retrying")).toEqual([]);
  });
});

describe("as many connections as are allowed", () => {
  test("a crowd that is turned away makes one event at once, and one a second later with its number", async () => {
    const events: { event: string; connections?: number; code?: string }[] = [];
    const turned = new RejectedConnections(createServer(), (event) => void events.push(event));
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const knock = () => turned.note(new FilespoolError("connections-full"), "a:1");
    for (let time = 0; time < 1000; time++) knock();
    vi.advanceTimersByTime(1000);
    for (let time = 0; time < 7; time++) knock();
    vi.advanceTimersByTime(5000);
    knock();
    expect(events.map(({ connections }) => connections)).toEqual([1, 999, 7, 1]);
    expect(events[1]).toEqual({
      ...{ event: "turned-away", peer: "a:1", connections: 999, code: "connections-full" },
      message: "the server has as many connections as it allows",
    });
  });

  test("more are refused for now, and may come when one has left", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: { connectionsMax: 2 } });
    const [one, two] = [await RawPeer.connect(server.port), await RawPeer.connect(server.port)];
    await Promise.all([one.greet("sender"), two.greet("sender")]);
    const three = (await RawPeer.connect(server.port)).send(helloOf("sender"));
    expect(await three.ending()).toBe("connections-full");
    expect(await server.events.waitFor("turned-away")).toMatchObject({ code: "connections-full", connections: 1 });
    const patient = work.send({ port: server.port, files: [work.write("a", "a")], connectRetryMs: 20_000 });
    await patient.events.waitFor("retrying", ({ code }) => code === "connections-full");
    const refused = work.send({ port: server.port, files: [work.write("b", "b")] });
    await expect(refused.done).rejects.toMatchObject({ code: "connections-full", kind: "temporary", retry: true });
    one.socket.end();
    expect(await patient.done).toMatchObject({ stored: 1 });
    two.send({ type: "bye" });
    expect(await two.ending()).toBe("closed");
  });

  test("count those that say nothing too, and lose them again", async () => {
    const work = new Workspace();
    const server = await work.serve({ limits: { ...SHORT, connectionsMax: 20 } });
    const silent = await Promise.all(Array.from({ length: 20 }, () => RawPeer.connect(server.port)));
    const sender = work.send({ port: server.port, files: [work.write("a", "a")], connectRetryMs: 20_000 });
    await sender.events.waitFor("retrying", ({ code }) => code === "connections-full");
    expect(await sender.done).toMatchObject({ stored: 1 });
    for (const peer of silent) expect(await peer.ending()).toBe("timed-out");
  });
});

test("a lease that nobody renews ends, and the file goes to the head of its queue", async () => {
  const work = new Workspace();
  const server = await work.serve({ spool: { limits: { leaseMs: 300 } } });
  await work.send({ port: server.port, files: [work.write("a", "a"), work.write("b", "b")] }).done;
  const silent = await RawPeer.connect(server.port);
  await silent.greet("receiver");
  silent.send({ type: "want", files: 1 });
  const { delivery } = await silent.until("deliver");
  const returned = await server.events.waitFor("returned");
  expect(returned).toMatchObject({ name: "a", dead: false, reason: expect.stringContaining("ran out") });
  const receiver = work.receive({ port: server.port });
  expect(await receiver.done).toMatchObject({ landed: 2 });
  expect(receiver.events.all("landed").map(({ name }) => name)).toEqual(["a", "b"]);
  silent.send({ type: "ack", delivery });
  expect(await silent.until("refuse")).toMatchObject({ about: delivery, code: "lease-lost" });
});

test("a receiver that is slow but alive keeps its lease, and so does one that waits for the end of its run", async () => {
  const work = new Workspace();
  const server = await work.serve({ spool: { limits: { leaseMs: 1500 } } });
  await work.send({ port: server.port, files: [work.write("a", "a"), work.write("b", "b")] }).done;
  await work.receive({ port: server.port, count: 1 }).done;
  await work.send({ port: server.port, again: true, files: [work.write("a", "new")] }).done;
  // "a" may not land here and is held for as long as this run lasts: several times its lease.
  const receiver = work.receive({ port: server.port, waitMs: 4000 });
  expect(await receiver.done).toMatchObject({ landed: 1, failures: [{ code: "file-exists" }] });
  expect(server.events.all("returned")).toEqual([]);
  expect(server.spool.waiting("default")).toBe(1);
});
