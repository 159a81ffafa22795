/** Frames of zeros: who gets them, what they stand for, and that they count in full. */
import { truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { expect, test } from "vitest";
import { createDigest } from "../../src/disk/digest.ts";
import { crc32 } from "../../src/protocol/checksum.ts";
import { encodeHeader, encodeZeros, FRAMES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { content } from "../support/content.ts";
import { idOf, listenRaw, RawPeer, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

function zerosFrameOf(offset: number, bytes: number): Buffer {
  const payload = encodeZeros(bytes);
  return Buffer.concat([encodeHeader(FRAMES.zeros, payload, crc32, offset), payload]);
}

function digestOf(bytes: Uint8Array): string {
  const digest = createDigest("blake3");
  digest.update(bytes);
  return digest.hex();
}

/** Zeros, then something, then zeros. */
const HOLEY = Buffer.concat([Buffer.alloc(2 * MiB), content(300 * KiB), Buffer.alloc(MiB)]);

const offerOf = (transfer: string, size: number) =>
  ({ type: "offer", transfer, queue: "default", name: "holey", size, algorithm: "blake3", wait: true }) as const;

test("a server takes zeros for the bytes that they stand for, repeated and overlapping ones too", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const peer = await RawPeer.connect(port);
  expect((await peer.greet("sender")).zeros).toBe(true);
  await peer.send(offerOf(idOf(1), HOLEY.length)).until("accept");
  const [from, to] = [2 * MiB, 2 * MiB + 300 * KiB];
  peer
    .write(zerosFrameOf(0, MiB))
    .write(zerosFrameOf(0, MiB))
    .write(zerosFrameOf(MiB / 2, 1.5 * MiB));
  peer.sendData(from, HOLEY.subarray(from, to)).write(zerosFrameOf(to, MiB));
  peer.send({ type: "finish", transfer: idOf(1), digest: digestOf(HOLEY) });
  expect(await peer.until("stored")).toMatchObject({ repeated: false });
  await work.receive({ port }).done;
  expect(work.read("out", "holey").equals(HOLEY)).toBe(true);
});

test("a receiver gets zeros only if it said that it takes them", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  await work.send({ port, files: [work.write("holey", HOLEY)] }).done;
  const collected = async (zeros: boolean | undefined) => {
    const peer = await RawPeer.connect(port);
    await peer.greet("receiver", zeros === undefined ? {} : { zeros });
    const { delivery } = await peer.send({ type: "want", files: 1 }).until("deliver");
    peer.send({ type: "start", delivery, offset: 0 });
    const whole = Buffer.alloc(HOLEY.length, 1);
    const kinds = new Set<string>();
    for (let at = 0; at < whole.length; ) {
      const frame = await peer.next();
      if (frame?.type === "data") at += Buffer.from(frame.bytes).copy(whole, frame.offset);
      else if (frame?.type === "zeros") at += whole.fill(0, frame.offset, frame.offset + frame.count) && frame.count;
      else throw new Error(`got ${frame?.type}`);
      kinds.add(frame.type);
    }
    expect(whole.equals(HOLEY)).toBe(true);
    const over = peer.closed;
    peer.send({ type: "nack", delivery, counts: false, reason: "again" }).socket.end();
    await over;
    return [...kinds].sort();
  };
  expect(await collected(undefined)).toEqual(["data"]);
  expect(await collected(false)).toEqual(["data"]);
  expect(await collected(true)).toEqual(["data", "zeros"]);
});

test("a sender sends zeros only to a server that said that it takes them", async () => {
  const work = new Workspace();
  const sent = async (zeros: boolean) => {
    const kinds = new Set<string>();
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      const { transfer } = await peer.send({ ...WELCOME, ...(zeros && { zeros }) }).until("offer");
      peer.send({ type: "accept", transfer, offset: 0 });
      for (let frame = await peer.next(); frame; frame = await peer.next()) {
        if (frame.type === "finish")
          peer.send({ type: "stored", transfer, digest: frame.digest, repeated: false, collected: false });
        else kinds.add(frame.type);
      }
    });
    expect(await work.send({ port, files: [work.write("holey", HOLEY)], again: true }).done).toMatchObject({
      stored: 1,
    });
    return [...kinds].filter((kind) => kind !== "bye").sort();
  };
  expect(await sent(false)).toEqual(["data"]);
  expect(await sent(true)).toEqual(["data", "zeros"]);
});

test.each([
  ["beyond the end of its file", [zerosFrameOf(0, 2 * MiB)], "size-mismatch"],
  ["behind a gap", [zerosFrameOf(64 * KiB, 64 * KiB)], "offset-gap"],
  ["too few of them in the middle", [zerosFrameOf(0, 10)], "flood"],
  ["none", [zerosFrameOf(0, 0)], "message-invalid"],
  ["more than a data frame may have", [zerosFrameOf(0, LIMITS.dataBytesMax + 1)], "frame-too-large"],
])("zeros %s end as data would", async (_, frames, code) => {
  const work = new Workspace();
  const { port } = await work.serve();
  const peer = await RawPeer.connect(port);
  await peer.greet("sender");
  await peer.send(offerOf(idOf(2), MiB)).until("accept");
  for (const frame of frames) peer.write(frame);
  expect(await peer.ending()).toBe(code);
});

test("zeros count against the size of a file, and against the room of the spool", async () => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { limits: { spoolBytesMax: 8 * MiB } } });
  const peer = await RawPeer.connect(port);
  await peer.greet("sender");
  peer.send(offerOf(idOf(3), 64 * MiB));
  expect(await peer.until("refuse")).toMatchObject({ code: "spool-full" });
});

/** Lets everything happen that can without anybody else: as many trips to the disk as all of a hole would take, and more. */
async function settle(): Promise<void> {
  const bytes = Buffer.alloc(MiB);
  const file = await open(process.execPath);
  for (let trip = 0; trip < 400; trip++) await file.read(bytes, 0, MiB, 0);
  await file.close();
}

const HOLE = 200 * MiB;
/** A file that is one hole. */
function hole(work: Workspace, name: string): string {
  const path = work.write(name, "");
  truncateSync(path, HOLE);
  return path;
}

test("a server sends zeros no further ahead than its receiver tells to have taken", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  await work.send({ port, files: [hole(work, "hole")] }).done;
  let readTo = 0;
  const { read } = spool;
  spool.read = (token, offset, into) => {
    readTo = offset + into.length;
    return read.call(spool, token, offset, into);
  };
  const peer = await RawPeer.connect(port);
  await peer.greet("receiver", { zeros: true });
  const { delivery } = await peer.send({ type: "want", files: 1 }).until("deliver");
  peer.send({ type: "start", delivery, offset: 0 });
  for (const told of [0, 1, 2]) {
    await expect.poll(() => readTo).toBeGreaterThan(LIMITS.zerosAheadBytesMax + told * LIMITS.zerosToldBytes);
    await settle();
    expect(readTo).toBeLessThan(LIMITS.zerosAheadBytesMax + told * LIMITS.zerosToldBytes + 4 * LIMITS.dataBytesMax);
    peer.send({ type: "working", delivery });
  }
});

test("a sender sends zeros no further ahead than its server has on disk, and goes on with another file when that is refused", async () => {
  const work = new Workspace();
  const files = [hole(work, "hole"), work.write("small", "small")];
  let sentTo = 0;
  let isRefused = false;
  const port = await listenRaw(async (peer) => {
    await peer.until("hello");
    const { transfer } = await peer.send({ ...WELCOME, zeros: true }).until("offer");
    peer.send({ type: "accept", transfer, offset: 0 });
    for (let frame = await peer.next(); frame; frame = await peer.next()) {
      if (frame.type === "zeros") sentTo = frame.offset + frame.count;
      if (frame.type === "finish")
        peer.send({
          type: "stored",
          transfer: frame.transfer,
          digest: frame.digest,
          repeated: false,
          collected: false,
        });
      if (isRefused || sentTo <= LIMITS.zerosAheadBytesMax) continue;
      isRefused = true;
      await settle();
      expect(sentTo).toBeLessThan(LIMITS.zerosAheadBytesMax + 4 * LIMITS.dataBytesMax);
      peer.send({ type: "refuse", about: transfer, code: "cancelled", message: "an operator cancelled it" });
    }
  });
  const { stored, failures } = await work.send({ port, files }).done;
  expect([stored, failures.map(({ code }) => code), isRefused]).toEqual([1, ["cancelled"], true]);
});

test("zeros of a refused file that are on their way are no flood", async () => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { limits: { fileBytesMax: MiB } } });
  const peer = await RawPeer.connect(port);
  await peer.greet("sender");
  peer.send(offerOf(idOf(4), 400 * MiB));
  for (let at = 0; at < 400 * MiB; at += LIMITS.dataBytesMax) peer.write(zerosFrameOf(at, LIMITS.dataBytesMax));
  const small = content(100);
  peer.send({ ...offerOf(idOf(5), 100), wait: false }).sendData(0, small);
  peer.send({ type: "finish", transfer: idOf(5), digest: digestOf(small) });
  expect(await peer.until("stored")).toMatchObject({ transfer: idOf(5) });
});

test.each(["zeros", "anything"])(
  "a stream of %s that there is no room for ends in the time for trying again",
  async (what) => {
    const work = new Workspace();
    const { port } = await work.serve({ spool: { limits: { spoolBytesMax: 20 * MiB } } });
    const piece = what === "zeros" ? Buffer.alloc(MiB) : content(MiB);
    async function* pieces() {
      for (let count = 0; count < 120; count++) yield piece;
    }
    const sender = work.send({ port, files: [{ name: "s", stream: pieces() }], retryMs: 200 });
    await expect(sender.done).rejects.toMatchObject({ code: "spool-full" });
    expect(sender.events.all("retrying").length).toBeLessThan(10);
  },
);
