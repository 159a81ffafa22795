/** Servers of other makes say other numbers and know fewer things than ours. Both ends go by what a server says. */
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createDigest } from "../../src/disk/digest.ts";
import { Server } from "../../src/net/server/server.ts";
import { UploadSession } from "../../src/net/server/upload-session.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { content, sha256 } from "../support/content.ts";
import { frameOf, idOf, listenRaw, type RawData, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;

test.each([1, 1000, 64 * KiB, 64 * KiB + 1])(
  "a server that sends nothing before it is asked to is asked for a file of %i bytes",
  async (size) => {
    const work = new Workspace();
    const bytes = content(size, size);
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send({ ...WELCOME, pipelineBytesMax: 0 });
      await peer.until("want");
      const about = { transfer: idOf(1), queue: "default", name: "a", size, attempt: 1 };
      peer.send({ type: "deliver", delivery: "d1", ...about, algorithm: "sha256", digest: sha256(bytes) });
      expect(await peer.next()).toMatchObject({ type: "start", delivery: "d1", offset: 0 });
      peer.sendData(0, bytes);
      expect(await peer.until("ack")).toMatchObject({ delivery: "d1" });
      peer.send({ type: "acked", delivery: "d1" }, { type: "empty", leased: 0 });
      await peer.until("bye");
      peer.socket.end();
    });
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1, failures: [] });
    expect(work.read("out", "a")).toEqual(Buffer.from(bytes));
  },
);

test("a server that sends more at once than we hold in memory is taken at its word", async () => {
  const work = new Workspace();
  const bytes = content(300 * KiB, 7);
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    peer.send({ ...WELCOME, pipelineBytesMax: 1024 * KiB });
    await peer.until("want");
    const about = { transfer: idOf(1), queue: "default", name: "a", size: bytes.length, attempt: 1 };
    peer.send({ type: "deliver", delivery: "d1", ...about, algorithm: "sha256", digest: sha256(bytes) });
    peer.sendData(0, bytes);
    expect(await peer.next()).toMatchObject({ type: "ack", delivery: "d1" }); // and no start before it
    peer.send({ type: "acked", delivery: "d1" }, { type: "empty", leased: 0 });
    await peer.until("bye");
    peer.socket.end();
  });
  expect(await work.receive({ port }).done).toMatchObject({ landed: 1, failures: [] });
  expect(work.read("out", "a")).toEqual(Buffer.from(bytes));
});

describe("the digest of a run", () => {
  test.each([
    [["sha256"], undefined, "sha256"],
    [["md5", "sha256", "blake3"], undefined, "sha256"],
    [["blake3", "sha256"], undefined, "blake3"],
    [["blake3", "sha256"], "sha256", "sha256"],
  ])("with a server that lists %j, asked for %s, is %s", async (digests, digest, expected) => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send({ ...WELCOME, digests });
      const { transfer, algorithm } = await peer.until("offer");
      expect(algorithm).toBe(expected);
      const { bytes } = (await peer.until("data")) as RawData;
      const finish = await peer.until("finish");
      const found = createDigest(algorithm);
      found.update(bytes);
      expect(finish.digest).toBe(found.hex());
      peer.send({ type: "stored", transfer, digest: finish.digest, repeated: false, collected: false });
      await peer.until("bye");
      peer.socket.end();
    });
    const files = [work.write("a", "some text")];
    const run = work.send({ port, files, ...(digest !== undefined && { digest }) });
    expect(await run.done).toMatchObject({ stored: 1, failures: [] });
  });

  test.each([
    [["md5"], undefined, /knows only md5, but this end knows blake3 and sha256/],
    [[], undefined, /lists none/],
    [["sha256"], "blake3", /does not know the digest blake3/],
  ])("with a server that lists %j, asked for %s, cannot be had, and the run says so", async (digests, digest, why) => {
    const work = new Workspace();
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send({ ...WELCOME, digests });
      await peer.closed;
    });
    const files = [work.write("a", "some text")];
    const run = work.send({ port, files, ...(digest !== undefined && { digest }) });
    await expect(run.done).rejects.toMatchObject({ code: "digest-unsupported", message: expect.stringMatching(why) });
  });
});

test("a server without operators and receivers refuses them by a code of its own, and takes senders", async () => {
  const work = new Workspace();
  const spool = await LocalSpool.open({ folder: work.path("spool") });
  const sockets = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "localhost");
  await once(sockets, "listening");
  const server = new Server({
    ...{ host: "localhost", spool, bufferBytes: 64 * KiB, gate: undefined, onEvent: () => {} },
    listener: { sockets, socketEvent: "connection" },
    limits: { connectionsMax: 10, drainMs: 0, ...LIMITS },
    sessions: { sender: (connection, context, access) => new UploadSession(connection, context, access) },
    observer: { rejected: () => {}, everySecond: () => {}, close: () => {} },
  });
  onTestFinished(() => server.close().then(() => spool.close()));
  for (const role of ["operator", "receiver"] as const) {
    const peer = await RawPeer.connect(server.port);
    peer.write(frameOf({ type: "hello", versions: [1], role, peer: idOf(1), agent: "raw", queue: "default" }));
    expect(await peer.next()).toMatchObject({
      type: "error",
      code: "role-unsupported",
      message: expect.stringContaining("takes no"),
    });
  }
  const run = work.send({ port: server.port, files: [work.write("a", "some text")] });
  expect(await run.done).toMatchObject({ stored: 1 });
});
