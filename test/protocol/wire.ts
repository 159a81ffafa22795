/**
 * What the tests of the protocol share: bytes as visible hex, a second and independent way to write a frame
 * (straight from the table in frame.ts, with zlib's checksum), and ways to cut a stream.
 */
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32 } from "../../src/protocol/checksum.ts";
import { Decoder, type Frame, joinParts } from "../../src/protocol/decoder.ts";
import { type ErrorCode, FilespoolError } from "../../src/protocol/errors.ts";
import { encodeHeader, FRAMES } from "../../src/protocol/frame.ts";

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** "46 53 01" or "465301" as bytes. */
export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces));
}

/** A frame with its payload in one piece, so that two of them can be compared. */
export interface PlainFrame {
  type: number;
  flags: number;
  offset: number;
  payload: Uint8Array;
}

export const encodeFrame = ({ type, flags, offset, payload }: PlainFrame): Uint8Array =>
  concat(encodeHeader(type, payload, crc32, offset, flags), payload);

/** A frame with any field as one likes it, and with both checksums right unless they are given. */
export function forgeFrame(fields: {
  magic?: number;
  type: number;
  flags?: number;
  length?: number;
  offset?: bigint;
  payload?: Uint8Array;
  payloadSum?: number;
  headerSum?: number;
}): Uint8Array {
  const payload = fields.payload ?? new Uint8Array(0);
  const header = Buffer.alloc(24);
  header.writeUInt16BE(fields.magic ?? 0x4653, 0);
  header.writeUInt8(fields.type, 2);
  header.writeUInt8(fields.flags ?? 0, 3);
  header.writeUInt32BE(fields.length ?? payload.length, 4);
  header.writeBigUInt64BE(fields.offset ?? 0n, 8);
  header.writeUInt32BE(fields.payloadSum ?? zlibCrc32(payload), 16);
  header.writeUInt32BE(fields.headerSum ?? zlibCrc32(header.subarray(0, 20)), 20);
  return concat(header, payload);
}

/** A frame as one line, because comparing text is far quicker than comparing arrays byte by byte. */
export const show = ({ type, flags, offset, payload }: PlainFrame): string =>
  `${type} ${flags} @${offset} ${hexOf(payload)}`;

/** What came out of a decoder that was fed `pieces`, up to the first error. */
export interface Decoded {
  /** One line each, as `show` writes them. */
  frames: string[];
  /** The code of the error, null when there was none. */
  error: ErrorCode | null;
  /** Bytes pushed up to and including the piece that completed each frame. */
  completedAt: number[];
  midFrame: boolean;
  frameBytes: number;
}

export const plain = ({ type, flags, offset, parts }: Frame): PlainFrame => ({
  type,
  flags,
  offset,
  payload: joinParts(parts),
});

export function decodePieces(pieces: Iterable<Uint8Array>): Decoded {
  const decoder = new Decoder(crc32);
  const frames: string[] = [];
  const completedAt: number[] = [];
  let pushed = 0;
  let error: ErrorCode | null = null;
  try {
    for (const piece of pieces) {
      decoder.push(piece);
      pushed += piece.length;
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        frames.push(show(plain(frame)));
        completedAt.push(pushed);
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof FilespoolError)) throw thrown;
    error = thrown.code;
  }
  return { frames, error, completedAt, midFrame: decoder.midFrame, frameBytes: decoder.frameBytes };
}

/** Cuts `bytes` into pieces of the given sizes, which are used over and over. Each piece is a copy of its own. */
export function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    yield bytes.slice(at, at + size);
    at += size;
  }
}

/** The code of the FilespoolError that `run` throws, null when it throws nothing; any other error passes through. */
export function codeOf(run: () => unknown): ErrorCode | null {
  return failureOf(run)?.code ?? null;
}

export function failureOf(run: () => unknown): FilespoolError | null {
  try {
    run();
    return null;
  } catch (thrown) {
    if (thrown instanceof FilespoolError) return thrown;
    throw thrown;
  }
}

/** `length` bytes that no two neighbours share: cheap to make, and a swapped or lost byte shows. */
export const patternBytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7) & 0xff);

/** Ten times the usual number of runs, for laws whose exceptions would be rare and whose runs are quick. */
export const manyRuns = { numRuns: 10 * (fc.readConfigureGlobal().numRuns ?? 100) };

export const anyCuts = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 8 });

const dataFrame = fc.record({
  type: fc.constant(FRAMES.data),
  flags: fc.integer({ min: 0, max: 255 }),
  offset: fc.oneof(fc.nat(), fc.constant(2 ** 40), fc.constant(Number.MAX_SAFE_INTEGER - 70_000)),
  payload: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 64 }),
    fc.integer({ min: 1, max: 70_000 }).map(patternBytes),
  ),
});

/** Of any number of zeros: whether that makes sense, the frame does not know. */
const zerosFrame = fc.record({
  type: fc.constant(FRAMES.zeros),
  flags: fc.integer({ min: 0, max: 255 }),
  offset: fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER)),
  payload: fc.uint8Array({ minLength: 4, maxLength: 4 }),
});

/** Control frames of known and of unknown types. */
const controlFrame = fc.record({
  type: fc.integer({ min: 0, max: 255 }).filter((type) => type !== FRAMES.data && type !== FRAMES.zeros),
  flags: fc.integer({ min: 0, max: 255 }),
  offset: fc.constant(0),
  payload: fc.uint8Array({ maxLength: 64 }),
});

export const anyFrame: fc.Arbitrary<PlainFrame> = fc.oneof(dataFrame, zerosFrame, controlFrame);
