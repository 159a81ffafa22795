import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { KEPT_BYTES_MAX } from "../../src/net/extensions/stream/stream-source.ts";
import type { StreamSource } from "../../src/net/options.ts";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;

async function* cutAt(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    yield bytes.subarray(at, at + length);
    at += length;
    await setImmediate();
  }
}

const source = (name: string, stream: AsyncIterable<Uint8Array>): StreamSource => ({ name, stream });
const OFFER = { type: "offer", queue: "default", algorithm: "blake3", name: "a", size: Infinity, wait: true } as const;

test("a stream arrives byte for byte, whatever pieces it came in and whatever the buffer sizes", async () => {
  const work = new Workspace();
  const { port, events } = await work.serve();
  const bytes = content(700_000);
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bytes.length),
      fc.array(fc.oneof(fc.nat(3), fc.nat(5000), fc.nat(300_000)), { maxLength: 20 }),
      fc.constantFrom(1024, 1025, 65_536, 262_144, 263_168, 1_048_576),
      async (size, lengths, bufferBytes) => {
        const whole = bytes.subarray(0, size);
        const sender = work.send({ port, bufferBytes, files: [source("s", cutAt(whole, lengths))] });
        expect(await sender.done).toEqual({ stored: 1, repeated: 0, bytes: size, failures: [] });
        expect(sender.events.all("offered")[0]).toMatchObject({ name: "s", path: "s", size: Infinity });
        expect(sender.events.all("stored")[0]).toMatchObject({ name: "s", size });
        await work.receive({ port, ifExists: "overwrite" }).done;
        expect(work.read("out", "s").equals(whole)).toBe(true);
      },
    ),
    { numRuns: 40 },
  );
  expect(events.all("stored").every(({ size }) => Number.isFinite(size))).toBe(true);
});

test("files and streams of one command are stored in its order", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const files = [work.write("a", "a"), source("b", cutAt(content(100), [])), work.write("c", content(3 * MiB))];
  expect(await work.send({ port, files: [...files, source("d", cutAt(content(0), []))] }).done).toMatchObject({
    stored: 4,
    bytes: 3 * MiB + 101,
  });
  const receiver = work.receive({ port });
  await receiver.done;
  expect(receiver.events.all("landed").map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
});

test("a stream whose connection is cut, and whose server is restarted, goes on from the durable offset", async () => {
  const work = new Workspace();
  const first = await work.serve();
  const size = 100 * MiB + 333;
  const bytes = content(size);
  const proxy = await CuttingProxy.start(first.port, (connection) =>
    connection === 1 ? { direction: "up", after: 37 * MiB + 7, how: "reset" } : null,
  );
  const sender = work.send({ port: proxy.port, files: [source("big", cutAt(bytes, Array(400).fill(262_147)))] });
  await sender.events.waitFor("progress", ({ offset }) => offset > 50 * MiB);
  await first.stop();
  const second = await work.serve();
  proxy.target = second.port;
  expect(await sender.done).toMatchObject({ stored: 1, bytes: size, failures: [] });
  expect(sender.events.all("resumed").length).toBeGreaterThanOrEqual(2);
  expect(proxy.bytes.up - size).toBeLessThan(2 * KEPT_BYTES_MAX);
  await work.receive({ port: second.port }).done;
  expect(await fileSha256(work.path("out", "big"))).toBe(sha256(bytes));
});

test("a stream is read no further ahead of a server's disk than it may keep", async () => {
  const work = new Workspace();
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (const piece = content(MiB); ; given += MiB) yield piece;
  }
  let serverSide: RawPeer | undefined;
  const port = await listenRaw(async (peer) => {
    serverSide = peer;
    await peer.until("hello");
    const { transfer } = await peer.send(WELCOME).until("offer");
    peer.send({ type: "accept", transfer, offset: 0 });
    for (let taken = 0; taken < KEPT_BYTES_MAX; ) taken += (await peer.until("data")).bytes.length;
    expect(given).toBeLessThanOrEqual(KEPT_BYTES_MAX);
    peer.send({ type: "progress", transfer, offset: 16 * MiB });
    for (let taken = 0; taken < 16 * MiB; ) taken += (await peer.until("data")).bytes.length;
    expect(given).toBeLessThanOrEqual(KEPT_BYTES_MAX + 16 * MiB);
    peer.send({ type: "refuse", about: transfer, code: "file-too-large", message: "enough" });
  });
  const { failures } = await work.send({ port, files: [source("endless", endless())] }).done;
  expect(failures).toMatchObject([{ code: "file-too-large" }]);
  serverSide?.socket.destroy();
});

test.each([
  ["that fails", () => new Readable({ read() {} }).wrap(Readable.from([])) && failing()],
  ["that is destroyed before its end", () => destroyed()],
  ["that gives no bytes", () => Readable.from([{ not: "bytes" }])],
])("a source %s is reported, cancelled and not stored, and the next file is", async (_, open) => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const sender = work.send({ port, files: [source("s", open()), work.write("a", "a")] });
  expect(await sender.done).toMatchObject({ stored: 1, failures: [{ code: "file-unreadable" }] });
  expect(sender.events.all("refused")[0]).toMatchObject({
    path: "s",
    message: expect.stringMatching(/^cannot send s: /),
  });
  expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([1, 1]);
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield content(3 * MiB);
  throw new Error("the producer failed");
}

function destroyed(): Readable {
  const stream = new Readable({ read() {} });
  stream.push(content(100_000));
  stream.once("data", () => stream.destroy());
  return stream;
}

test("a server that has lost what it had durably cannot be given a stream again, and that is said", async () => {
  const work = new Workspace();
  const first = await work.serve();
  const proxy = await CuttingProxy.start(first.port, () => null);
  async function* slowly(): AsyncGenerator<Uint8Array> {
    for (let piece = 0; piece < 40; piece++) yield content(MiB, piece);
    await gate;
  }
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const sender = work.send({ port: proxy.port, files: [source("s", slowly())] });
  await sender.events.waitFor("progress");
  await first.stop();
  const second = await work.serve({ spool: { folder: work.path("another") } });
  proxy.target = second.port;
  open();
  const { failures } = await sender.done;
  expect(failures).toMatchObject([{ code: "file-unreadable" }]);
  expect(failures[0]?.message).toContain("cannot be read twice");
  expect(second.spool.bytesUsed()).toBe(0);
});

test("a quota that is exceeded in mid-stream: too large for ever is dropped, no room is waited for", async () => {
  const work = new Workspace();
  const limits = { fileBytesMax: 3 * MiB, spoolBytesMax: 4 * MiB };
  const { port, spool } = await work.serve({ spool: { limits } });
  const large = work.send({ port, files: [source("large", cutAt(content(3 * MiB + 1), []))] });
  expect(await large.done).toMatchObject({ stored: 0, failures: [{ code: "file-too-large", kind: "refused" }] });
  expect(spool.bytesUsed()).toBe(0);
  await work.send({ port, files: [work.write("first", content(2 * MiB))] }).done;
  const late = work.send({ port, files: [source("late", cutAt(content(3 * MiB), [])), work.write("a", "a")] });
  await late.events.waitFor("retrying", ({ code }) => code === "spool-full");
  await work.receive({ port, count: 2 }).done;
  expect(await late.done).toMatchObject({ stored: 2, failures: [] });
  await work.receive({ port }).done;
  expect(work.read("out", "late").equals(content(3 * MiB))).toBe(true);
});

test("of a stream, only the last chunk may be short, and its finish must say the size", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const begin = async () => {
    const peer = await RawPeer.connect(port);
    await peer.greet("sender");
    await peer.send({ ...OFFER, transfer: idOf(7) }).until("accept");
    return peer.sendData(0, content(1024));
  };
  const tiny = await begin();
  tiny.sendData(1024, content(1023)).sendData(2047, content(1));
  expect(await tiny.ending()).toBe("size-mismatch");
  const full = await begin();
  full.sendData(1024, content(1023)).sendData(2047, content(2000));
  expect(await full.ending()).toBe("size-mismatch");
  const silent = await begin();
  silent.send({ type: "finish", transfer: idOf(7), digest: "0".repeat(64) });
  expect(await silent.ending()).toBe("message-invalid");
  const eager = await RawPeer.connect(port);
  await eager.greet("sender");
  eager.send({ ...OFFER, transfer: idOf(8), wait: false });
  expect(await eager.ending()).toBe("message-invalid");
});
