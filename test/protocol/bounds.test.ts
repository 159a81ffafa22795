import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/protocol/checksum.ts";
import { Decoder, type Frame, joinParts } from "../../src/protocol/decoder.ts";
import { FRAMES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { cut, encodeFrame, hexOf, patternBytes } from "./wire.ts";

const KiB = 1024;
const BLOCK_BYTES = 64 * KiB;

describe("what the decoder holds of one frame", () => {
  test("pushed byte by byte is a few blocks, not a million arrays", () => {
    const frame = decodeData(patternBytes(1024 * KiB), [1]);
    expect(frame.parts.length).toBeLessThanOrEqual(16 + 1);
    expect(heldBytes(frame)).toBeLessThanOrEqual(frame.length + BLOCK_BYTES);
  });

  test("pushed in large pieces is those very pieces: nothing is copied", () => {
    const pieces = [...cut(dataFrame(patternBytes(512 * KiB)), [64 * KiB])];
    const frame = decodeFrom(pieces);
    const buffers = new Set(pieces.map((piece) => piece.buffer));
    expect(frame.parts.filter((part) => part.length >= LIMITS.partBytesMin)).toHaveLength(8);
    for (const part of frame.parts) if (part.length >= LIMITS.partBytesMin) expect(buffers).toContain(part.buffer);
  });

  const spiteful: [string, number[]][] = [
    ["one byte, then the least that is passed through", [1, LIMITS.partBytesMin]],
    ["the most that is copied", [LIMITS.partBytesMin - 1]],
    ["the most that is copied, then one byte", [LIMITS.partBytesMin - 1, 1]],
    ["just over half a block in small pieces", [4095, 4095, 4095, 4095, 4095, 4095, 4095, 4095, 9, 4096]],
  ];
  test.each(spiteful)("is bounded in parts and in bytes for the cuts: %s", (_, sizes) => {
    expectBounded(decodeData(patternBytes(LIMITS.dataBytesMax), sizes), Math.max(...sizes));
  });

  test("is bounded in parts and in bytes for any cuts", () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 4000, max: 4200 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 * KiB }), sizes, (length, sizes) => {
        expectBounded(decodeData(patternBytes(length), sizes), Math.max(...sizes));
      }),
      { numRuns: 50 },
    );
  });

  test("is its own: frames that share a block never change each other", () => {
    const payloads = ["00 ".repeat(100), "11 ".repeat(3000), "22 ".repeat(5), "33 ".repeat(70_000)].map(hexBytes);
    const decoder = new Decoder(crc32);
    const frames: Frame[] = [];
    for (const payload of payloads) {
      for (const piece of cut(dataFrame(payload), [7])) {
        decoder.push(piece);
        const frame = decoder.next();
        if (frame) frames.push(frame);
      }
    }
    expect(frames.map((frame) => hexOf(joinParts(frame.parts)))).toEqual(payloads.map(hexOf));
  });
});

describe("joining parts", () => {
  test("gives the payload back for any cuts", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (parts) => {
        expect([...joinParts(parts)]).toEqual(parts.flatMap((part) => [...part]));
      }),
    );
  });

  test("copies nothing when there is one part", () => {
    const part = patternBytes(10);
    expect(joinParts([part])).toBe(part);
  });
});

/**
 * The bound: no two neighbouring parts are both small unless a block ended between them; and the bytes kept
 * alive are the frame, the unused tails of blocks, and the two pushes at its ends.
 */
function expectBounded(frame: Frame, pushBytesMax: number): void {
  const blocks = Math.ceil(frame.length / (BLOCK_BYTES - LIMITS.partBytesMin)) + 1;
  expect(frame.parts.length).toBeLessThanOrEqual(2 * (frame.length / LIMITS.partBytesMin) + blocks);
  expect(heldBytes(frame)).toBeLessThanOrEqual(
    frame.length + blocks * LIMITS.partBytesMin + BLOCK_BYTES + 2 * pushBytesMax,
  );
  expect(frame.parts.reduce((bytes, part) => bytes + part.length, 0)).toBe(frame.length);
}

/** Bytes that stay in memory as long as the frame does. */
const heldBytes = (frame: Frame): number =>
  [...new Set(frame.parts.map((part) => part.buffer))].reduce((bytes, buffer) => bytes + buffer.byteLength, 0);

const dataFrame = (payload: Uint8Array) => encodeFrame({ type: FRAMES.data, flags: 0, offset: 0, payload });
const decodeData = (payload: Uint8Array, sizes: readonly number[]) => decodeFrom(cut(dataFrame(payload), sizes));
const hexBytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

function decodeFrom(pieces: Iterable<Uint8Array>): Frame {
  const decoder = new Decoder(crc32);
  let complete: Frame | null = null;
  for (const piece of pieces) {
    decoder.push(piece);
    complete = decoder.next();
  }
  expect(complete).not.toBeNull();
  return complete as Frame;
}
