/** Frames of zeros: who gets them, what they stand for, and that they count in full. */
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
