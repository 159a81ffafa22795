import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/protocol/checksum.ts";
import {
  decodeHeader,
  encodeHeader,
  FLAG_OPTIONAL,
  FRAMES,
  type FrameName,
  frameName,
  HEADER_BYTES,
  payloadBytesMax,
} from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { anyFrame, bytesOf, concat, encodeFrame, forgeFrame, hexOf, utf8 } from "./wire.ts";

describe("a header", () => {
  test("is laid out as the table says, byte by byte", () => {
    const header = encodeHeader(FRAMES.data, utf8("hello"), crc32, 0x0001_0203_0405, FLAG_OPTIONAL);
    expect(hexOf(header.subarray(0, 20))).toBe(
      "4653" + "06" + "01" + "00000005" + "0000000102030405" + "3610a686", // CRC-32 of "hello"
    );
    expect(hexOf(header)).toBe(
      hexOf(forgeFrame({ type: 6, flags: 1, offset: 0x0001_0203_0405n, payload: utf8("hello") }).subarray(0, 24)),
    );
  });

  test("comes back as it was written", () => {
    fc.assert(
      fc.property(anyFrame, ({ type, flags, offset, payload }) => {
        expect(decodeHeader(encodeHeader(type, payload, crc32, offset, flags))).toEqual({
          type,
          flags,
          length: payload.length,
          offset,
          payloadSum: crc32(payload, 0),
        });
      }),
    );
  });

  test("is written as an independent implementation writes it", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const forged = forgeFrame({ ...frame, offset: BigInt(frame.offset) });
        expect(hexOf(encodeFrame(frame))).toBe(hexOf(forged));
      }),
    );
  });

  test("is read from the start of longer bytes, wherever they lie in memory", () => {
    const header = encodeHeader(FRAMES.ping, utf8("{}"), crc32);
    const shifted = concat(bytesOf("ff ff ff"), header, bytesOf("ff ff")).subarray(3);
    expect(decodeHeader(shifted)).toMatchObject({ type: FRAMES.ping, length: 2 });
  });

  test("that is not whole is our own bug", () => {
    expect(() => decodeHeader(new Uint8Array(HEADER_BYTES - 1))).toThrow(/bug in filespool/);
  });
});

describe("of a header, before anything else is believed,", () => {
  test("the magic is checked: another protocol is not a damaged frame", () => {
    expect(decodeHeader(utf8("GET / HTTP/1.1\r\nHost: localhost\r\n"))).toBe("not-filespool");
    expect(decodeHeader(forgeFrame({ magic: 0x4654, type: FRAMES.ping }))).toBe("not-filespool");
  });

  test("the checksum is checked: a damaged length is damage, not a large frame", () => {
    const header = encodeHeader(FRAMES.data, utf8("hello"), crc32);
    header[4] = 0xff;
    expect(decodeHeader(header)).toBe("frame-damaged");
  });
});

describe("exactly one way to write a frame:", () => {
  const max = BigInt(LIMITS.fileBytesMax);
  const refused: [string, Uint8Array, string][] = [
    ["an empty data frame", forgeFrame({ type: FRAMES.data }), "message-invalid"],
    ["a control frame with an offset", forgeFrame({ type: FRAMES.ping, offset: 1n }), "message-invalid"],
    ["data beyond the largest file", forgeFrame({ type: FRAMES.data, offset: max, length: 1 }), "message-invalid"],
    ["an offset of 2^53", forgeFrame({ type: FRAMES.data, offset: max + 1n, length: 1 }), "message-invalid"],
    ["an offset of 2^64 - 1", forgeFrame({ type: FRAMES.data, offset: 2n ** 64n - 1n, length: 1 }), "message-invalid"],
  ];
  test.each(refused)("%s is refused", (_, bytes, verdict) => {
    expect(decodeHeader(bytes)).toBe(verdict);
  });

  test("the last byte of the largest file can be written and read", () => {
    const header = encodeHeader(FRAMES.data, bytesOf("ff"), crc32, LIMITS.fileBytesMax - 1);
    expect(decodeHeader(header)).toMatchObject({ offset: LIMITS.fileBytesMax - 1, length: 1 });
  });

  const bugs: [string, () => unknown][] = [
    ["an empty data frame", () => encodeHeader(FRAMES.data, new Uint8Array(0), crc32)],
    ["a control frame with an offset", () => encodeHeader(FRAMES.ping, utf8("{}"), crc32, 1)],
    ["data beyond the largest file", () => encodeHeader(FRAMES.data, bytesOf("ff"), crc32, LIMITS.fileBytesMax)],
    ["a negative offset", () => encodeHeader(FRAMES.data, bytesOf("ff"), crc32, -1)],
    ["half an offset", () => encodeHeader(FRAMES.data, bytesOf("ff"), crc32, 0.5)],
    ["too large a message", () => encodeHeader(FRAMES.ping, new Uint8Array(LIMITS.controlBytesMax + 1), crc32)],
    ["too large a chunk", () => encodeHeader(FRAMES.data, new Uint8Array(LIMITS.dataBytesMax + 1), crc32)],
  ];
  test.each(bugs)("writing %s is our own bug", (_, write) => {
    expect(write).toThrow(/bug in filespool/);
  });
});

describe("the length of a payload", () => {
  const types = Array.from({ length: 256 }, (_, type) => type);

  test("is bounded for every type, known or not, exactly at the limit", () => {
    for (const type of types) {
      const most = payloadBytesMax(type);
      expect(decodeHeader(forgeFrame({ type, length: most }))).toMatchObject({ type, length: most });
      expect(decodeHeader(forgeFrame({ type, length: most + 1 }))).toBe("frame-too-large");
      expect(decodeHeader(forgeFrame({ type, length: 0xffff_ffff }))).toBe("frame-too-large");
    }
  });

  test("is bounded tightly for all types but data", () => {
    const others = types.filter((type) => payloadBytesMax(type) !== LIMITS.controlBytesMax);
    expect(others).toEqual([FRAMES.data, FRAMES.zeros]);
    expect(payloadBytesMax(FRAMES.zeros)).toBe(4);
    expect(payloadBytesMax(FRAMES.data)).toBe(LIMITS.dataBytesMax);
  });
});

describe("frame types", () => {
  test("have one name per number and one number per name", () => {
    expect(new Set(Object.values(FRAMES)).size).toBe(Object.keys(FRAMES).length);
    for (const [name, type] of Object.entries(FRAMES)) expect(frameName(type)).toBe(name as FrameName);
  });

  test("without a name are null", () => {
    expect([0x00, 0x08, 0x17, 0x29, 0xff, 256, -1].map(frameName)).toEqual([null, null, null, null, null, null, null]);
  });

  test("fit one byte", () => {
    for (const type of Object.values(FRAMES)) expect(type & 0xff).toBe(type);
  });
});
