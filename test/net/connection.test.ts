import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../../src/net/client/dial.ts";
import { Connection } from "../../src/net/wire/connection.ts";
import type { Patience } from "../../src/net/wire/deadlines.ts";
import { SocketReader } from "../../src/net/wire/socket-reader.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { content } from "../support/content.ts";
import { dataFrameOf, deadPort, frameOf, helloOf, idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";

const MiB = 1024 * 1024;
const SHORT: Partial<Patience> = {
  handshakeMs: 400,
  heartbeatMs: 100,
  idleMs: 400,
  stallMs: 400,
  bytesPerSecondMin: 10 * MiB,
};

/** A connection, and the raw peer at its other end. */
async function pair(patience: Partial<Patience> = {}): Promise<{ connection: Connection; peer: RawPeer }> {
  let accept: (peer: RawPeer) => void = () => {};
  const accepted = new Promise<RawPeer>((resolve) => {
    accept = resolve;
  });
  const port = await listenRaw(async (peer) => accept(peer));
  const { socket } = await RawPeer.connect(port);
  socket.removeAllListeners("data");
  socket.pause();
  const socketReader = new SocketReader();
  const connection = new Connection(socketReader.adopt(socket), socketReader, patience);
  onTestFinished(() => connection.destroy(new FilespoolError("interrupted")));
  return { connection, peer: await accepted };
}

describe("reading", () => {
  test("gives messages and data one by one, however they were cut, and null at an orderly end", async () => {
    const { connection, peer } = await pair();
    const frames = Buffer.concat([
      frameOf(WELCOME),
      frameOf({ type: "ping" }),
      dataFrameOf(7, content(3000)),
      frameOf({ type: "empty" }),
    ]);
    for (const byte of frames) peer.write(Buffer.from([byte]));
    peer.socket.end();
    expect(await connection.read()).toEqual(WELCOME);
    expect(await connection.read()).toMatchObject({ type: "data", offset: 7, length: 3000 });
    expect(await connection.read()).toEqual({ type: "empty" });
    expect(await connection.read()).toBeNull();
  });

  test("fails when the stream ends inside a frame, or is reset", async () => {
    for (const cut of ["end", "resetAndDestroy"] as const) {
      const { connection, peer } = await pair();
      peer.write(frameOf(WELCOME).subarray(0, -1));
      const reading = connection.read();
      peer.socket[cut]();
      await expect(reading).rejects.toMatchObject({ code: "connection-lost", retry: true });
    }
  });

  test("fails with what the peer reports; a code that this version does not know breaks the rules", async () => {
    for (const [code, known] of [
      ["disk-full", "disk-full"],
      ["something-new", "frame-unexpected"],
    ]) {
      const { connection, peer } = await pair();
      peer.send({ type: "error", code: code as string, message: "words" });
      await expect(connection.read()).rejects.toMatchObject({ code: known, message: "words" });
    }
  });

  test("goes on failing in the same way after the first failure", async () => {
    const { connection, peer } = await pair();
    peer.write("GET / HTTP/1.1\r\n\r\n");
    await expect(connection.read()).rejects.toMatchObject({ code: "not-filespool" });
    await expect(connection.read()).rejects.toMatchObject({ code: "not-filespool" });
  });

  test("ends at once when the connection is failed or destroyed here", async () => {
    for (const end of ["fail", "destroy"] as const) {
      const { connection } = await pair();
      const reading = connection.read();
      connection[end](new FilespoolError("superseded"));
      await expect(reading).rejects.toMatchObject({ code: "superseded" });
    }
  });
});

describe("a client watches the time as a server does", () => {
  test.each<[string, (peer: RawPeer) => void, string]>([
    ["no first frame", () => {}, "timed-out"],
    ["silence after the first frame", (peer) => void peer.send(WELCOME), "timed-out"],
    ["a frame that does not end", (peer) => void peer.send(WELCOME).write(frameOf(WELCOME).subarray(0, -1)), "stalled"],
  ])("%s", async (_, act, code) => {
    const { connection, peer } = await pair({ ...SHORT, ...(code === "stalled" && { idleMs: 9000 }) });
    act(peer);
    const end = async () => {
      for (;;) await connection.read();
    };
    await expect(end()).rejects.toMatchObject({ code });
  });

  test("a peer that takes nothing: what was to be sent fails, and so does reading", async () => {
    const { connection, peer } = await pair({ ...SHORT, idleMs: 60_000 });
    peer.socket.pause();
    peer.send(WELCOME);
    expect(await connection.read()).toEqual(WELCOME);
    const reading = connection.read();
    const sending = Promise.all(Array.from({ length: 60 }, (_, at) => connection.sendData(at * MiB, content(MiB))));
    sending.catch(() => {});
    await expect(reading).rejects.toMatchObject({ code: "stalled" });
    await expect(sending).rejects.toMatchObject({ code: "stalled" });
  });

  test("both sides say that they are alive when they have nothing else to say", async () => {
    const { connection, peer } = await pair({ ...SHORT, idleMs: 9000 });
    let pings = 0;
    peer.socket.on("data", (bytes: Buffer) => {
      pings += bytes.length / frameOf({ type: "ping" }).length;
    });
    peer.send(WELCOME);
    await connection.read();
    while (pings < 2) await once(peer.socket, "data");
  });
});

describe("the last words", () => {
  test("arrive, although the peer is still sending and nobody here reads it any more", async () => {
    const { connection, peer } = await pair();
    peer.send(helloOf("sender"));
    await connection.read();
    const pouring = peer.pour(dataFrameOf(0, content(MiB)), 20);
    await connection.read();
    connection.fail(new FilespoolError("file-too-large", "no room"));
    connection.send({ type: "empty" }); // somebody here has not heard of the failure yet
    expect(await peer.until("error")).toEqual({ type: "error", code: "file-too-large", message: "no room" });
    await pouring;
  });

  test("are the last: what is sent after them goes nowhere, and does not cut them off", async () => {
    const { connection, peer } = await pair();
    connection.fail(new FilespoolError("superseded"));
    connection.send({ type: "empty" });
    connection.fail(new FilespoolError("disk-full"));
    await expect(connection.sendData(0, content(10))).rejects.toMatchObject({ code: "superseded" });
    expect(await peer.next()).toMatchObject({ type: "error", code: "superseded" });
    expect(await peer.next()).toBeNull();
    peer.socket.end();
    await connection.closed();
  });

  test("are cut to the length that a message may have", async () => {
    const { connection, peer } = await pair();
    connection.fail(new FilespoolError("file-too-large", "x".repeat(5000)));
    expect((await peer.until("error")).message).toMatch(/^x{100,1000}$/);
  });

  test("of a peer that does not hang up are followed by the end all the same", async () => {
    const { connection, peer } = await pair();
    connection.send({ type: "bye" });
    connection.end();
    await connection.closed();
    expect(await peer.until("bye")).toEqual({ type: "bye" });
  });
});

describe("connecting", () => {
  test("to nobody fails, and the message names the address and what to do", async () => {
    const port = await deadPort();
    const failure = { code: "unreachable", kind: "unreachable", retry: true };
    await expect(connect("localhost", port)).rejects.toMatchObject({
      ...failure,
      message: expect.stringMatching(new RegExp(`localhost:${port}: nobody listens there`)),
    });
    await expect(connect("no.such.host.invalid", port)).rejects.toMatchObject(failure);
  });

  test("can be interrupted, before and while", async () => {
    await expect(connect("localhost", 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "interrupted",
    });
    const port = await listenRaw(async () => {});
    const stop = new AbortController();
    const connecting = connect("localhost", port, { signal: stop.signal });
    stop.abort();
    await expect(connecting).rejects.toMatchObject({ code: "interrupted" });
  });

  test("ids are what the protocol says they are", () => expect(idOf(255)).toMatch(/^0{30}ff$/));
});
