/** Whoever reaches the port and has shown nothing yet: what may they hold, and for how long? */
import { describe, expect, onTestFinished, test } from "vitest";
import { FLAG_OPTIONAL, FRAMES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Message } from "../../src/protocol/messages.ts";
import { forgeFrame } from "../protocol/wire.ts";
import { content } from "../support/content.ts";
import { begun, clientHello, encrypted, encryptedPeer } from "../support/encrypted.ts";
import { usedBytes } from "../support/memory.ts";
import { dataFrameOf, frameOf, helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, type ServerSetup, Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const SOON = { handshakeMs: 500 };

/** The same attacks with and without encryption. */
const WAYS = ["plain", "TLS"] as const;

async function serve(way: (typeof WAYS)[number], setup: ServerSetup = {}) {
  if (way === "TLS") {
    const { work, running, port, tls } = await encrypted(setup);
    return { work, running, port, tls: { tls }, connect: () => encryptedPeer(port) };
  }
  const work = new Workspace();
  const running = await work.serve(setup);
  return { work, running, port: running.port, tls: {}, connect: () => RawPeer.connect(running.port) };
}

/** An honest file gets through at this moment. Deadlines are short here, so a slow machine may need a second try. */
async function expectService(work: Workspace, { port }: RunningServer, tls: object): Promise<void> {
  const honest = { port, ...tls, queue: "honest", connectRetryMs: 20_000 };
  expect(await work.send({ ...honest, again: true, files: [work.write("a", "a")] }).done).toMatchObject({ stored: 1 });
  expect(await work.receive({ ...honest, ifExists: "overwrite" }).done).toMatchObject({ landed: 1, failures: [] });
}

describe.each(WAYS)("before a hello, over %s,", (way) => {
  const optional = Buffer.from(forgeFrame({ type: 0x7f, flags: FLAG_OPTIONAL }));
  test.each<[string, Buffer]>([
    ["pings", frameOf({ type: "ping" })],
    ["frames that may be skipped", optional],
  ])("%s keep no connection", async (_, frame) => {
    const { work, running, tls, connect } = await serve(way, { limits: SOON });
    const peer = await connect();
    peer.write(frame);
    const alive = setInterval(() => peer.write(frame), 100);
    onTestFinished(() => clearInterval(alive));
    await expectService(work, running, tls);
    expect(await peer.ending()).toBe("timed-out");
  });

  test("silence keeps no connection", async () => {
    const { work, running, tls, connect } = await serve(way, { limits: SOON });
    const peer = await connect();
    await expectService(work, running, tls);
    expect(await peer.ending()).toBe("timed-out");
  });

  test.each<[string, Parameters<typeof forgeFrame>[0]]>([
    ["a frame of data that could be legal later", { type: FRAMES.data, length: LIMITS.dataBytesMax }],
    ["one byte more than a message may have", { type: FRAMES.data, length: LIMITS.controlBytesMax + 1 }],
    ["a hello of 4 GiB", { type: FRAMES.hello, length: 0xffffffff }],
    ["an unknown frame of 4 GiB that may be skipped", { type: 0x7f, flags: FLAG_OPTIONAL, length: 0xffffffff }],
  ])("%s is refused by its header, and none of it is kept", async (_, header) => {
    const { work, running, tls, connect } = await serve(way);
    // A ping first: whoever has said something is still nobody.
    const peer = (await connect()).send({ type: "ping" }).write(forgeFrame(header));
    expect(await peer.ending()).toBe("frame-too-large");
    await expectService(work, running, tls);
  });

  test("content behind the hello in one piece is still taken", async () => {
    const { running, connect } = await serve(way);
    const bytes = content(40 * KiB);
    const offer = { transfer: idOf(1), queue: "q", name: "a", size: bytes.length, algorithm: "sha256", wait: false };
    const peer = await connect();
    peer.write(
      Buffer.concat([
        frameOf(helloOf("sender")),
        frameOf({ type: "offer", ...offer }),
        dataFrameOf(0, bytes),
        frameOf({ type: "cancel", transfer: idOf(1) }),
        frameOf({ type: "bye" }),
      ]),
    );
    expect(await peer.until("welcome")).toMatchObject({ version: 1 });
    expect(await peer.ending()).toBe("closed");
    expect(running.events.all("disconnected")).toMatchObject([{ role: "sender" }]);
  });

  test.each<[string, Buffer, string[]]>([
    ["pings", frameOf({ type: "ping" }), ["flood"]],
    ["frames that may be skipped", optional, ["flood"]],
    ["empty data frames", Buffer.from(forgeFrame({ type: FRAMES.data })), ["message-invalid"]],
    ["single bytes of data", dataFrameOf(0, content(1)), ["frame-unexpected"]],
    ["byes", frameOf({ type: "bye" }), ["frame-unexpected"]],
    ["errors", frameOf({ type: "error", code: "flood", message: "you" }), ["closed", "flood"]],
  ])("a million %s end the conversation, and cost no memory", async (_, frame, codes) => {
    const { work, running, tls, connect } = await serve(way);
    const peer = await connect();
    const before = await usedBytes();
    await peer.pour(Buffer.alloc(frame.length * 1000, frame), 1000);
    expect((await usedBytes()) - before).toBeLessThan(16 * MiB);
    peer.socket.end();
    expect(codes).toContain(await peer.ending());
    await expectService(work, running, tls);
  });

  test("no order of frames is a way around the hello", async () => {
    const { running, connect } = await serve(way);
    const about = { transfer: idOf(1), queue: "q", name: "a", size: 3, algorithm: "sha256", wait: false };
    const early: Message[] = [
      { type: "offer", ...about },
      { type: "want", files: 1 },
      { type: "list", what: "queues" },
      { type: "purge", queue: "q", deadOnly: false },
    ];
    for (const message of early) {
      const peer = (await connect()).send({ type: "ping" }, message, helloOf("sender"), { type: "offer", ...about });
      peer.sendData(0, content(3));
      expect(await peer.ending(), message.type).toBe("frame-unexpected");
    }
    expect(running.events.all("connected")).toEqual([]);
    expect([running.spool.waiting("q"), running.spool.bytesUsed()]).toEqual([0, 0]);
  });
});

describe("in the middle of the TLS handshake", () => {
  test("whoever dribbles it byte by byte is cut off in time, however lively it is", async () => {
    const { work, running, port, tls } = await encrypted({ limits: SOON });
    const hello = await clientHello();
    const { socket, over } = await begun(port, hello.subarray(0, 1));
    let at = 1;
    const drip = setInterval(() => {
      if (at < hello.length - 1) socket.write(hello.subarray(at, ++at));
    }, 20);
    onTestFinished(() => clearInterval(drip));
    await expectService(work, running, { tls });
    await over;
    expect(at).toBeLessThan(hello.length - 1);
    expect(running.events.all("connected").every(({ role }) => role !== undefined)).toBe(true);
  });

  test.each<[string, (hello: Buffer) => Uint8Array]>([
    ["nothing", () => Buffer.alloc(0)],
    ["half a hello", (hello) => hello.subarray(0, hello.length / 2)],
    ["a hello, and never finishes", (hello) => hello],
    ["a record of 16 KiB that never comes", () => Buffer.from("1603014000", "hex")],
  ])("whoever says %s is cut off in time", async (_, part) => {
    const { work, running, port, tls } = await encrypted({ limits: SOON });
    const { over } = await begun(port, part(await clientHello()));
    await expectService(work, running, { tls });
    await over;
  });

  test("a crowd is bounded in number and in memory, and others are served beside it", async () => {
    const connectionsMax = 100;
    // Nobody is cut off here, so whoever goes was turned away or left.
    const { work, running, port, tls } = await encrypted({ limits: { connectionsMax, handshakeMs: 3_600_000 } });
    const hello = await clientHello();
    const come = (count: number) =>
      Promise.all(Array.from({ length: count }, () => begun(port, hello.subarray(0, -1))));
    const before = await usedBytes();
    const crowd = await come(150);
    await expectService(work, running, { tls });
    expect((await usedBytes()) - before).toBeLessThan(150 * 64 * KiB);
    // More than twice as many as may be connected are not listened to at all.
    crowd.push(...(await come(150)));
    const gone = new Set<unknown>();
    for (const { socket, over } of crowd) void over.then(() => gone.add(socket));
    while (gone.size < 300 - 2 * connectionsMax)
      await Promise.race(crowd.filter(({ socket }) => !gone.has(socket)).map(({ over }) => over));
    expect(gone.size).toBe(300 - 2 * connectionsMax);
    // Those who leave leave their places at once, and not when their time would be over.
    for (const { socket } of crowd) socket.destroy();
    await expectService(work, running, { tls });
  });
});
