import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { FLAG_OPTIONAL, FRAMES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { ControlName, Message } from "../../src/protocol/messages.ts";
import { SAMPLES } from "../protocol/samples.ts";
import { forgeFrame } from "../protocol/wire.ts";
import { content, sha256 } from "../support/content.ts";
import { usedBytes } from "../support/memory.ts";
import { dataFrameOf, frameOf, helloOf, idOf, RawPeer } from "../support/raw-peer.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** What must hold after any attack: nothing of it is left, and the server does its work. */
async function expectUnharmed(work: Workspace, { port, spool, events }: RunningServer): Promise<void> {
  await work.send({ port, files: [work.write("normal", "normal")] }).done;
  expect(await work.receive({ port, ifExists: "overwrite" }).done).toMatchObject({ landed: 1, failures: [] });
  await events.waitFor("disconnected", () => events.all("disconnected").length >= events.all("connected").length);
  expect(events.all("error")).toEqual([]);
  expect([spool.bytesUsed(), spool.waiting("default"), work.list("spool/data")]).toEqual([0, 0, []]);
}

describe("what is not this protocol is answered with an error, at once", () => {
  test.each<[string, Buffer]>([
    ["a browser", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
    ["a TLS client", Buffer.from("16030100c8010000c4030300", "hex")],
    ["somebody who types", Buffer.from("\n")],
    ["the first byte of the magic, and then another protocol", Buffer.from("FX")],
    ["a MiB of noise", Buffer.concat([Buffer.from([0]), content(MiB)])],
    ["zeroes", Buffer.alloc(64 * KiB)],
  ])("%s", async (_, bytes) => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = (await RawPeer.connect(server.port)).write(bytes);
    expect(await peer.ending()).toBe("not-filespool");
    await expectUnharmed(work, server);
  });

  const forged: [string, Uint8Array, string][] = [
    ["a length of 4 GiB", forgeFrame({ type: FRAMES.hello, length: 0xffffffff }), "frame-too-large"],
    ["a message longer than one may be", forgeFrame({ type: FRAMES.hello, length: 16 * KiB + 1 }), "frame-too-large"],
    ["a data frame longer than one may be", forgeFrame({ type: FRAMES.data, length: 4 * MiB + 1 }), "frame-too-large"],
    ["an empty data frame", forgeFrame({ type: FRAMES.data }), "message-invalid"],
    ["an offset beyond 2^53", forgeFrame({ type: FRAMES.data, length: 1, offset: 2n ** 63n }), "message-invalid"],
    [
      "a message with an offset",
      forgeFrame({ type: FRAMES.hello, offset: 1n, payload: Buffer.from("{}") }),
      "message-invalid",
    ],
    ["a header whose checksum is wrong", forgeFrame({ type: FRAMES.hello, headerSum: 1 }), "frame-damaged"],
    [
      "a payload whose checksum is wrong",
      forgeFrame({ type: FRAMES.hello, payload: Buffer.from("{}"), payloadSum: 1 }),
      "frame-damaged",
    ],
    ["no JSON", forgeFrame({ type: FRAMES.hello, payload: randomBytes(100) }), "message-invalid"],
    ["JSON that is no hello", forgeFrame({ type: FRAMES.hello, payload: Buffer.from("{}") }), "message-invalid"],
    ["a deep JSON", forgeFrame({ type: FRAMES.hello, payload: Buffer.from("[".repeat(16 * KiB)) }), "message-invalid"],
    ["an unknown frame", forgeFrame({ type: 0x7f }), "frame-unknown"],
  ];
  test.each(forged)("%s", async (_, bytes, code) => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = (await RawPeer.connect(server.port)).write(bytes);
    expect(await peer.ending()).toBe(code);
    await expectUnharmed(work, server);
  });

  test.each([[[2]], [[0, 99, -1]]])("versions that the server does not speak: %j", async (versions) => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = (await RawPeer.connect(server.port)).send(helloOf("sender", { versions }));
    expect(await peer.ending()).toBe("version-unsupported");
    await expectUnharmed(work, server);
  });
});

test("a conversation that ends after any byte leaves nothing but what was complete", async () => {
  const work = new Workspace();
  const server = await work.serve();
  const bytes = content(300);
  const rest: Message[] = [{ type: "finish", transfer: idOf(1), digest: sha256(bytes) }, { type: "bye" }];
  const offer: Message = {
    type: "offer",
    transfer: idOf(1),
    queue: "cut",
    name: "a",
    size: 300,
    algorithm: "sha256",
    wait: false,
  };
  const all = Buffer.concat([frameOf(helloOf("sender")), frameOf(offer), dataFrameOf(0, bytes), ...rest.map(frameOf)]);
  const isStored = all.length - frameOf({ type: "bye" }).length;
  for (let from = 0; from < isStored; from += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, isStored - from) }, async (_, at) => {
        // Each its own peer, or each would fence the one before.
        const hello = frameOf(helloOf("sender"));
        const peer = await RawPeer.connect(server.port);
        peer.write(Buffer.concat([hello, all.subarray(hello.length)]).subarray(0, from + at));
        peer.socket.end();
        await peer.closed;
      }),
    );
  }
  expect(server.spool.waiting("cut")).toBe(0);
  const whole = (await RawPeer.connect(server.port)).write(all);
  expect(await whole.until("stored")).toMatchObject({ transfer: idOf(1), repeated: false });
  whole.socket.end();
  await work.receive({ port: server.port, queue: "cut" }).done;
  await expectUnharmed(work, server);
});

describe("a frame at the wrong moment ends the conversation", () => {
  const names = Object.keys(SAMPLES) as ControlName[];
  const sample = (name: ControlName) => ({ type: name, ...SAMPLES[name] }) as Message;

  test.each(names.filter((name) => !["hello", "ping", "error"].includes(name)))(
    "%s as the first frame",
    async (name) => {
      const work = new Workspace();
      const server = await work.serve();
      const peer = (await RawPeer.connect(server.port)).send(sample(name));
      expect(await peer.ending()).toBe("frame-unexpected");
      await expectUnharmed(work, server);
    },
  );

  test.each<["sender" | "receiver", ControlName[]]>([
    ["sender", ["offer", "bye", "ping", "error"]],
    ["receiver", ["want", "start", "working", "ack", "nack", "bye", "ping", "error"]],
  ])("everything after the hello of a %s that is not its to say", async (role, allowed) => {
    const work = new Workspace();
    const server = await work.serve();
    for (const name of names.filter((name) => !allowed.includes(name))) {
      const peer = await RawPeer.connect(server.port);
      await peer.greet(role);
      expect(await peer.send(sample(name)).ending(), name).toBe("frame-unexpected");
    }
    const peer = await RawPeer.connect(server.port);
    await peer.greet(role);
    expect(await peer.sendData(0, content(10)).ending()).toBe("frame-unexpected");
    await expectUnharmed(work, server);
  });

  test("a sender that finishes another file than it offered, or offers before it finished", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const offer: Message = {
      type: "offer",
      transfer: idOf(1),
      queue: "q",
      name: "a",
      size: 3,
      algorithm: "sha256",
      wait: false,
    };
    for (const next of [{ type: "finish", transfer: idOf(2), digest: sha256(content(3)) }, offer] as Message[]) {
      const peer = await RawPeer.connect(server.port);
      await peer.greet("sender");
      expect(await peer.send(offer).sendData(0, content(3)).send(next).ending()).toBe("frame-unexpected");
    }
    await expectUnharmed(work, server);
  });

  test("a receiver without a queue, and a large file that does not ask first", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = await RawPeer.connect(server.port);
    const { queue: _, ...hello } = helloOf("receiver");
    expect(await peer.send(hello as Message).ending()).toBe("message-invalid");
    const sender = await RawPeer.connect(server.port);
    await sender.greet("sender");
    const offer: Message = {
      type: "offer",
      transfer: idOf(1),
      queue: "q",
      name: "a",
      size: MiB,
      algorithm: "sha256",
      wait: false,
    };
    expect(await sender.send(offer).ending()).toBe("message-invalid");
    await expectUnharmed(work, server);
  });
});

describe("frames without end, and without progress", () => {
  const ping = frameOf({ type: "ping" });
  const optional = Buffer.from(forgeFrame({ type: 0x7f, flags: FLAG_OPTIONAL }));
  const offer: Message = {
    type: "offer",
    transfer: idOf(1),
    queue: "q",
    name: "a",
    size: MiB,
    algorithm: "sha256",
    wait: true,
  };

  test.each<[string, Buffer, string[]]>([
    ["a million pings", ping, ["flood"]],
    ["a million frames that may be skipped", optional, ["flood"]],
    ["a million empty data frames", Buffer.from(forgeFrame({ type: FRAMES.data })), ["message-invalid"]],
    ["a million bytes, each in a frame of its own", dataFrameOf(0, content(1)), ["flood"]],
    ["a million hellos", frameOf(helloOf("sender")), ["frame-unexpected"]],
    ["a million unknown acks", frameOf({ type: "ack", delivery: "x" }), ["frame-unexpected"]],
  ])("%s end the conversation, and cost no memory", async (_, frame, codes) => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = await RawPeer.connect(server.port);
    await peer.greet("sender");
    peer.send(offer);
    await peer.until("accept");
    const before = await usedBytes();
    const thousand = Buffer.concat(Array.from({ length: 1000 }, () => frame));
    await peer.pour(thousand, 1000);
    expect((await usedBytes()) - before).toBeLessThan(16 * MiB);
    peer.socket.end();
    expect(codes).toContain(await peer.ending());
    await expectUnharmed(work, server);
  });

  test("a few frames that may be skipped are skipped", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = await RawPeer.connect(server.port);
    for (let time = 0; time < 5; time++) peer.write(optional);
    await peer.greet("receiver");
    peer.write(optional).send({ type: "want", files: 1 }).write(optional);
    expect(await peer.until("empty")).toMatchObject({ type: "empty" });
    peer.socket.end();
    await expectUnharmed(work, server);
  });

  test("a receiver that wants more than a window", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = await RawPeer.connect(server.port);
    await peer.greet("receiver");
    peer.send({ type: "want", files: LIMITS.windowFiles }, { type: "want", files: 1 });
    expect(await peer.ending()).toBe("flood");
    await expectUnharmed(work, server);
  });

  test("the data of a refused file, on and on", async () => {
    const work = new Workspace();
    const server = await work.serve();
    const peer = await RawPeer.connect(server.port);
    await peer.greet("sender");
    peer.send({ ...(offer as Extract<Message, { type: "offer" }>), name: ".." });
    await peer.pour(dataFrameOf(0, content(MiB)), 80);
    expect(await peer.ending()).toBe("flood");
    await expectUnharmed(work, server);
  });
});
