import { readFileSync } from "node:fs";
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/protocol/checksum.ts";
import { Decoder, type Frame, joinParts } from "../../src/protocol/decoder.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { decodeZeros, encodeZeros, FLAG_OPTIONAL, FRAMES, frameName } from "../../src/protocol/frame.ts";
import { decodeMessage, encodeMessage, type Message } from "../../src/protocol/messages.ts";
import { type ChecksumVector, checksumVectors, frameVectors, jsonText } from "../vectors/generate.ts";
import { bytesOf, codeOf, cut, encodeFrame, hexOf } from "./wire.ts";

const textOf = (file: string) => readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8");
const { frames, skipped, damaged }: ReturnType<typeof frameVectors> = JSON.parse(textOf("frames.json"));
const checksums: ChecksumVector[] = JSON.parse(textOf("crc32.json"));

describe("the golden vectors", () => {
  test("are what the code produces: else the protocol has changed, and vectors/generate.ts was not run", () => {
    expect(jsonText(frameVectors())).toBe(textOf("frames.json"));
    expect(jsonText(checksumVectors())).toBe(textOf("crc32.json"));
  });

  test("have every frame type", () => {
    expect([...new Set(frames.map(({ type }) => type))].sort()).toEqual(Object.keys(FRAMES).sort());
  });
});

describe("a frame is written as its vector says:", () => {
  test.each(frames.map((vector) => [vector.title, vector] as const))(
    "%s",
    (_, { type, flags, offset, body, payload, zeros, hex }) => {
      const written = zeros === undefined ? encodeMessage({ type, ...body } as Message).payload : encodeZeros(zeros);
      const bytes = payload === undefined ? written : bytesOf(payload);
      expect(hexOf(encodeFrame({ type: FRAMES[type], flags, offset, payload: bytes }))).toBe(hex);
    },
  );
});

describe("a frame is read as its vector says, whole and byte by byte:", () => {
  test.each(frames.map((vector) => [vector.title, vector] as const))(
    "%s",
    (_, { type, flags, offset, body, payload, zeros, hex }) => {
      const message = zeros === undefined ? { type, ...body } : { zeros };
      const meaning = payload === undefined ? message : payload;
      const expected = [{ type, flags, offset, meaning }];
      expect(read([bytesOf(hex)])).toEqual(expected);
      expect(read(cut(bytesOf(hex), [1]))).toEqual(expected);
    },
  );

  test.each(skipped)("$title is skipped", ({ hex }) => {
    expect(read([bytesOf(hex)])).toEqual([]);
  });
});

describe("damage ends as its vector says, whole and byte by byte:", () => {
  test.each(damaged)("$title: $error", ({ hex, error }) => {
    expect(codeOf(() => expect(read([bytesOf(hex)])).toEqual([]))).toBe(error);
    expect(codeOf(() => expect(read(cut(bytesOf(hex), [1]))).toEqual([]))).toBe(error);
  });
});

describe("a checksum is as its vector says, here and in zlib:", () => {
  test.each(checksums)("$hex from $seed is $crc32", ({ hex, seed, crc32: sum }) => {
    expect(crc32(bytesOf(hex), Number.parseInt(seed, 16))).toBe(Number.parseInt(sum, 16));
    expect(zlibCrc32(bytesOf(hex), Number.parseInt(seed, 16))).toBe(Number.parseInt(sum, 16));
  });
});

/** What a connection does with a stream: frames, then what they mean; unknown ones are skipped when they may be. */
function read(pieces: Iterable<Uint8Array>): object[] {
  const decoder = new Decoder(crc32);
  const seen: object[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    for (let frame = decoder.next(); frame; frame = decoder.next()) seen.push(...meaningOf(frame));
  }
  return seen;
}

function meaningOf({ type, flags, offset, parts }: Frame): object[] {
  const name = frameName(type);
  if (!name && flags & FLAG_OPTIONAL) return [];
  if (!name) throw new FilespoolError("frame-unknown");
  const payload = joinParts(parts);
  if (name === "data") return [{ type: name, flags, offset, meaning: hexOf(payload) }];
  if (name === "zeros") return [{ type: name, flags, offset, meaning: { zeros: decodeZeros(payload, offset) } }];
  // An unknown size is null in JSON, as the vectors are.
  return [{ type: name, flags, offset, meaning: JSON.parse(JSON.stringify(decodeMessage(name, payload))) }];
}
