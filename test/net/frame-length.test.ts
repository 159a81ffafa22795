/** How long frames are: short over a slow line, so that what arrives counts soon, and long over a fast one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { OpenStream } from "../../src/net/extensions/stream/stream-source.ts";
import type { Connection } from "../../src/net/wire/connection.ts";
import { FrameLength, STRETCH_BYTES, sendContent } from "../../src/net/wire/content-sender.ts";
import { WireMemory } from "../../src/net/wire/wire-memory.ts";
import { LIMITS } from "../../src/protocol/limits.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const SHORT = LIMITS.shortFrameBytes;

/** The lengths of all frames over a line whose speed at each offset is given, in bytes for each millisecond. */
function lengthsOver(fullBytes: number, sizeBytes: number, speedAt: (offset: number) => number): number[] {
  let nowMs = 1000;
  const frame = new FrameLength(fullBytes, () => nowMs);
  const lengths: number[] = [];
  for (let offset = 0; offset < sizeBytes; offset += lengths.at(-1) as number) {
    lengths.push(frame.bytes);
    nowMs += frame.bytes / speedAt(offset);
    frame.passed(frame.bytes);
  }
  return lengths;
}

test("frames are short for one stretch, then full where a full one takes a tenth of a second at most", () => {
  const stretch = Array.from({ length: STRETCH_BYTES / SHORT }, () => SHORT);
  const fast = lengthsOver(MiB, 12 * MiB, () => MiB / 100);
  expect(fast).toEqual([...stretch, MiB, MiB, MiB, MiB]);
  const slow = lengthsOver(MiB, 12 * MiB, () => MiB / 101);
  expect(slow).toEqual([...stretch, ...stretch.slice(0, 16)]);
});

test("full frames stay full on a line whose speed does not change, also where none ends with a stretch", () => {
  for (const fullBytes of [MiB, 1.5 * MiB, 3 * MiB, 4_000_000, 257 * KiB]) {
    const lengths = lengthsOver(fullBytes, 60 * MiB, () => fullBytes / 90);
    const firstFull = lengths.indexOf(fullBytes);
    expect(firstFull).toBe(Math.ceil(STRETCH_BYTES / SHORT));
    expect(new Set(lengths.slice(firstFull))).toEqual(new Set([fullBytes]));
  }
});

test("a line that becomes slow gets short frames after one stretch, and full ones when it is fast again", () => {
  const speedAt = (offset: number) => (offset >= 2 * STRETCH_BYTES && offset < 3 * STRETCH_BYTES ? 100 : MiB);
  const lengths = lengthsOver(MiB, 5 * STRETCH_BYTES, speedAt);
  const at = (stretch: number) => {
    const offsets = lengths.map((_, index) => lengths.slice(0, index).reduce((sum, length) => sum + length, 0));
    return lengths.filter((_, index) => Math.floor((offsets[index] as number) / STRETCH_BYTES) === stretch);
  };
  expect([0, 1, 2, 3, 4].map((stretch) => Math.max(...at(stretch)))).toEqual([SHORT, MiB, MiB, SHORT, MiB]);
});

test("no frame is longer than a full one, or shorter than both it and a short one", () => {
  const sizes = fc.integer({ min: KiB, max: 4 * MiB });
  fc.assert(
    fc.property(sizes, fc.array(fc.integer({ min: 1, max: 2 * MiB }), { minLength: 1 }), (fullBytes, speeds) => {
      const speedAt = (offset: number) => speeds[Math.floor(offset / MiB) % speeds.length] as number;
      const lengths = lengthsOver(fullBytes, 20 * MiB, speedAt);
      const isWrong = (length: number) => length > fullBytes || length < Math.min(SHORT, fullBytes);
      expect(lengths.filter(isWrong)).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

test("a file has no gaps where its frames become longer, and short frames take no long buffers", async () => {
  const size = STRETCH_BYTES + 2 * MiB + 5;
  const frames: [offset: number, length: number][] = [];
  const room = new Set<number>();
  let taken: () => void = () => {};
  const held: number[] = [];
  const frameWriter = { room: Infinity, handedData: 0, hold: (bytes: number) => void held.push(bytes) };
  const connection = {
    frameWriter,
    memory: new WireMemory(),
    sendData: (offset: number, bytes: Uint8Array) => {
      frameWriter.handedData += bytes.length;
      frames.push([offset, bytes.length]);
      expect(bytes[0]).toBe(frames.length % 256);
      return new Promise<void>((resolve) => {
        taken = resolve;
      });
    },
  } as unknown as Connection;
  const read = async (into: Buffer) => {
    room.add(into.buffer.byteLength);
    if (frames.length * SHORT < STRETCH_BYTES) expect(into.length).toBe(SHORT);
    into.fill((frames.length + 1) % 256);
  };
  const shouldContinue = () => {
    taken();
    return true;
  };
  expect(await sendContent(connection, { from: 0, size, chunkBytes: MiB, read, shouldContinue: shouldContinue })).toBe(
    true,
  );
  let next = 0;
  expect(frames.some(([, length]) => length === MiB)).toBe(true);
  for (const [offset, length] of frames) {
    expect(offset).toBe(next);
    next += length;
  }
  expect(next).toBe(size);
  expect(frames.slice(0, 32).map(([, length]) => length)).toEqual(Array.from({ length: 32 }, () => SHORT));
  expect(Math.min(...room)).toBeLessThan(SHORT + KiB);
  // What was held for it is given back.
  expect([held.length > 0, held.reduce((sum, bytes) => sum + bytes, 0)]).toEqual([true, 0]);
});

test("a source that gives much at once and then little is not waited for until a long frame is full", async () => {
  const burst = 3 * STRETCH_BYTES;
  const pieces: [offset: number, length: number][] = [];
  let more: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    more = resolve;
  });
  async function* source() {
    yield new Uint8Array(burst);
    yield new Uint8Array(SHORT);
    await waiting; // until what was given has been sent
    yield new Uint8Array(5);
  }
  let wake: () => void = () => {};
  const stream = new OpenStream({ name: "s", stream: source() }, "blake3", MiB, () => wake());
  const frameWriter = { handedData: 0 };
  const connection = {
    frameWriter,
    sendData: async (offset: number, { length }: Uint8Array) => {
      frameWriter.handedData += length;
      pieces.push([offset, length]);
      if (offset + length === burst + SHORT) more();
    },
  } as unknown as Connection;
  const until = async (condition: () => boolean) => {
    while (!condition())
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  await stream.sendOver(connection, 0, { chunkBytes: 4 * MiB, algorithm: "blake3", until, shouldContinue: () => true });
  expect(Math.max(...pieces.map(([, length]) => length))).toBeLessThanOrEqual(MiB);
  expect(pieces.at(-1)).toEqual([burst + SHORT, 5]);
  expect(pieces.reduce((sum, [, length]) => sum + length, 0)).toBe(burst + SHORT + 5);
});
