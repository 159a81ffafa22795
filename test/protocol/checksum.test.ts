import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/protocol/checksum.ts";
import { utf8 } from "./wire.ts";

const anyBytes = fc.uint8Array({ maxLength: 500 });

describe("CRC-32", () => {
  const known: [string, string][] = [
    ["", "00000000"],
    ["a", "e8b7be43"],
    ["123456789", "cbf43926"],
    ["The quick brown fox jumps over the lazy dog", "414fa339"],
  ];
  test.each(known)("of %j is %s, as everywhere", (text, sum) => {
    expect(crc32(utf8(text), 0).toString(16).padStart(8, "0")).toBe(sum);
  });

  test("agrees with zlib for any bytes", () => {
    fc.assert(fc.property(anyBytes, (bytes) => void expect(crc32(bytes, 0)).toBe(zlibCrc32(bytes))));
  });

  test("agrees with zlib from any seed", () => {
    fc.assert(
      fc.property(anyBytes, fc.integer({ min: 0, max: 0xffff_ffff }), (bytes, seed) => {
        expect(crc32(bytes, seed)).toBe(zlibCrc32(bytes, seed));
      }),
    );
  });

  test("does not depend on where the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { maxLength: 6 }), (pieces) => {
        const inPieces = pieces.reduce((sum, piece) => crc32(piece, sum), 0);
        expect(inPieces).toBe(crc32(Uint8Array.from(pieces.flatMap((piece) => [...piece])), 0));
      }),
    );
  });

  test("changes with every single bit", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.nat(), (bytes, where) => {
        const bit = where % (bytes.length * 8);
        const flipped = bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(crc32(flipped, 0)).not.toBe(crc32(bytes, 0));
      }),
    );
  });

  test("is an unsigned 32-bit number", () => {
    fc.assert(fc.property(anyBytes, (bytes) => void expect(crc32(bytes, 0)).toBe(crc32(bytes, 0) >>> 0)));
  });
});
