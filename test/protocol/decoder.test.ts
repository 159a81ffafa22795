import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32 } from "../../src/protocol/checksum.ts";
import { Decoder, type Frame } from "../../src/protocol/decoder.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import { FRAMES, HEADER_BYTES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import {
  anyCuts,
  anyFrame,
  bytesOf,
  codeOf,
  concat,
  cut,
  decodePieces,
  encodeFrame,
  forgeFrame,
  hexOf,
  type PlainFrame,
  plain,
  show,
  utf8,
} from "./wire.ts";

const anyFrames = fc.array(anyFrame, { maxLength: 4 });
const streamOf = (frames: readonly PlainFrame[]) => concat(...frames.map(encodeFrame));
const PING = forgeFrame({ type: FRAMES.ping, payload: utf8("{}") });
const HELLO_DATA = forgeFrame({ type: FRAMES.data, payload: utf8("hello") });

describe("decoding", () => {
  test("gives back the frames that were encoded", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        expect(decodePieces([streamOf(frames)])).toMatchObject({
          frames: frames.map(show),
          error: null,
          midFrame: false,
        });
      }),
    );
  });

  test("and encoding again gives the same bytes", () => {
    const anyForged = fc.record({
      type: fc.oneof(fc.constant(FRAMES.data), fc.integer({ min: 0, max: 255 })),
      flags: fc.integer({ min: 0, max: 255 }),
      offset: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      payload: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(anyForged, (fields) => {
        const bytes = forgeFrame(fields);
        const decoder = new Decoder(crc32);
        decoder.push(bytes);
        const error = codeOf(() => expect(hexOf(encodeFrame(plain(decoder.next() as Frame)))).toBe(hexOf(bytes)));
        const isTooLong = fields.type === FRAMES.zeros && fields.payload.length > 4;
        expect(isTooLong ? ["frame-too-large"] : [null, "message-invalid"]).toContain(error);
      }),
    );
  });

  test("does not depend on where the stream is cut", () => {
    fc.assert(
      fc.property(anyFrames, anyCuts, (frames, sizes) => {
        const decoded = decodePieces(cut(streamOf(frames), sizes));
        expect(decoded).toMatchObject({ frames: frames.map(show), error: null, midFrame: false });
      }),
    );
  });

  test("byte by byte brings every frame with its last byte, and nothing earlier", () => {
    fc.assert(
      fc.property(anyFrames, (frames) => {
        let end = 0;
        const ends = frames.map((frame) => (end += HEADER_BYTES + frame.payload.length));
        const decoded = decodePieces(cut(streamOf(frames), [1]));
        expect(decoded).toMatchObject({ frames: frames.map(show), error: null, completedAt: ends });
      }),
      { numRuns: 20 },
    );
  });

  test("of damaged bytes ends in the same error after the same frames, wherever they are cut", () => {
    fc.assert(
      fc.property(anyFrames, fc.nat(), fc.integer({ min: 1, max: 255 }), anyCuts, (frames, where, change, sizes) => {
        const bytes = concat(streamOf(frames), PING);
        const at = where % bytes.length;
        bytes[at] = (bytes[at] as number) ^ change;
        const whole = decodePieces([bytes]);
        const pieces = decodePieces(cut(bytes, sizes));
        expect([pieces.frames, pieces.error]).toEqual([whole.frames, whole.error]);
      }),
    );
  });

  test("keeps trailing bytes for the next frame", () => {
    fc.assert(
      fc.property(anyFrame, anyFrame, fc.nat(), (first, second, where) => {
        const tail = encodeFrame(second);
        const kept = where % tail.length;
        const decoder = new Decoder(crc32);
        decoder.push(concat(encodeFrame(first), tail.subarray(0, kept)));
        expect(next(decoder)).toBe(show(first));
        expect(decoder.next()).toBeNull();
        expect(decoder.midFrame).toBe(kept > 0);
        decoder.push(tail.subarray(kept));
        expect(next(decoder)).toBe(show(second));
        expect(decoder.midFrame).toBe(false);
      }),
    );
  });

  test("of nothing brings nothing", () => {
    expect(decodePieces([bytesOf(""), bytesOf("")])).toMatchObject({ frames: [], error: null, midFrame: false });
  });

  test("says how large the frame in progress is, from the end of its header to its last byte", () => {
    const decoder = new Decoder(crc32);
    const sizes = [...cut(HELLO_DATA, [1])].map((byte) => {
      decoder.push(byte);
      decoder.next();
      return decoder.frameBytes;
    });
    expect(sizes).toEqual([...Array(23).fill(0), 5, 5, 5, 5, 5, 0]);
  });

  test("of a push while the last one is unread is our own bug", () => {
    const decoder = new Decoder(crc32);
    decoder.push(PING);
    expect(() => decoder.push(PING)).toThrow(/bug in filespool/);
  });
});

describe("no flipped bit ever yields a different frame:", () => {
  const frames: [string, Uint8Array][] = [
    ["a control frame", PING],
    ["a data frame", HELLO_DATA],
    ["a frame without payload", forgeFrame({ type: FRAMES.bye })],
    ["a frame far into a file", forgeFrame({ type: FRAMES.data, offset: 2n ** 40n, payload: bytesOf("00 ff 00") })],
  ];
  test.each(frames)("any bit of %s", (_, frame) => {
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const { frames, error } = decodePieces([flip(frame, bit), PING]);
      expect([frames, error], `bit ${bit}`).toEqual([[], bit < 16 ? "not-filespool" : "frame-damaged"]);
    }
  });

  test("any bit of any frame, after frames that were whole", () => {
    fc.assert(
      fc.property(anyFrames, anyFrame, fc.nat(), anyCuts, (before, frame, where, sizes) => {
        const bytes = encodeFrame(frame);
        const stream = concat(streamOf(before), flip(bytes, where % (bytes.length * 8)), PING);
        const decoded = decodePieces(cut(stream, sizes));
        expect(decoded.frames).toEqual(before.map(show));
        expect(decoded.error).toMatch(/^(not-filespool|frame-damaged)$/);
      }),
    );
  });
});

describe("arbitrary bytes", () => {
  const reasons = ["not-filespool", "frame-damaged", "frame-too-large", "message-invalid"];

  test("raise only a FilespoolError from the table", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), anyCuts, (bytes, sizes) => {
        const { error } = decodePieces(cut(bytes, sizes));
        if (error !== null) expect(ERRORS).toHaveProperty(error);
        if (error !== null) expect(reasons).toContain(error);
      }),
    );
  });

  test("behind a header with the right checksum raise only a FilespoolError from the table", () => {
    const anyForged = fc.record({
      type: fc.integer({ min: 0, max: 255 }),
      flags: fc.integer({ min: 0, max: 255 }),
      length: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 0xffff_ffff })),
      offset: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      payload: fc.uint8Array({ maxLength: 100 }),
      payloadSum: fc.integer({ min: 0, max: 0xffff_ffff }),
    });
    fc.assert(
      fc.property(anyForged, anyCuts, (fields, sizes) => {
        const { error } = decodePieces(cut(forgeFrame(fields), sizes));
        if (error !== null) expect(reasons).toContain(error);
      }),
    );
  });

  test("that are no frame are refused at their first byte, without waiting for a whole header", () => {
    expect(decodePieces([utf8("G")]).error).toBe("not-filespool");
    expect(decodePieces([utf8("F")]).error).toBeNull();
    expect(decodePieces([utf8("F"), utf8("T")]).error).toBe("not-filespool");
    expect(decodePieces([utf8("FS"), utf8("FS")]).error).toBeNull();
  });

  test("behind one good header are damage, and no other protocol", () => {
    expect(decodePieces([PING, utf8("G")]).error).toBe("frame-damaged");
    expect(decodePieces([concat(PING, utf8("GET / HTTP/1.1\r\nHost: x\r\n"))]).error).toBe("frame-damaged");
  });

  test("end the stream: nothing after an error is read as a frame", () => {
    fc.assert(
      fc.property(anyFrame, fc.nat(), anyCuts, (frame, where, sizes) => {
        const bytes = encodeFrame(frame);
        const decoder = new Decoder(crc32);
        const damaged = concat(flip(bytes, where % (bytes.length * 8)), PING, PING);
        const first = codeOf(() => {
          for (const piece of cut(damaged, sizes)) {
            decoder.push(piece);
            while (decoder.next() !== null);
          }
        });
        expect(first).not.toBeNull();
        for (let again = 0; again < 3; again++) expect(codeOf(() => decoder.next())).toBe(first);
      }),
    );
  });
});

describe("an absurd length is refused before any payload arrives:", () => {
  test.each([
    ["four GiB of data", { type: FRAMES.data, length: 0xffff_ffff }],
    ["one byte too much data", { type: FRAMES.data, length: LIMITS.dataBytesMax + 1 }],
    ["one byte too much message", { type: FRAMES.hello, length: LIMITS.controlBytesMax + 1 }],
    ["a large frame of an unknown type", { type: 0xee, length: LIMITS.controlBytesMax + 1 }],
  ])("%s", (_, header) => {
    expect(decodePieces([forgeFrame(header)]).error).toBe("frame-too-large");
    expect(decodePieces(cut(forgeFrame(header), [1])).error).toBe("frame-too-large");
  });

  test("the largest legal one is waited for", () => {
    const largest = forgeFrame({ type: FRAMES.data, length: LIMITS.dataBytesMax });
    expect(decodePieces([largest])).toMatchObject({ error: null, midFrame: true, frameBytes: LIMITS.dataBytesMax });
  });
});

function next(decoder: Decoder): string | null {
  const frame = decoder.next();
  return frame && show(plain(frame));
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (0x80 >> (bit & 7));
  return flipped;
}

test("the beginning of TLS is told from other bytes that are no frames", () => {
  const hello = Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, ...new Uint8Array(40)]);
  const failureOf = (bytes: Uint8Array) => {
    const decoder = new Decoder(crc32);
    decoder.push(bytes);
    try {
      decoder.next();
    } catch (error) {
      return error;
    }
    return null;
  };
  expect(failureOf(hello)).toMatchObject({ code: "not-filespool", message: expect.stringContaining("encrypts") });
  const other = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
  expect(failureOf(other)).toMatchObject({ code: "not-filespool", message: expect.stringContaining("not frames") });
});
