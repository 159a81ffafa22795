/**
 * Writes the golden vectors that follow from the code: `npx tsx test/vectors/generate.ts`.
 *
 * Only for when the protocol was changed on purpose; the difference in git is then the list of what a second
 * implementation has to change. names.json is no output: it is the rule, and is written by hand.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { crc32 } from "../../src/protocol/checksum.ts";
import { encodeZeros, FLAG_OPTIONAL, FRAMES, type FrameName } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { encodeMessage, type Message } from "../../src/protocol/messages.ts";
import { SAMPLE_MESSAGES, STREAM_MESSAGES } from "../protocol/samples.ts";
import { bytesOf, encodeFrame, forgeFrame, hexOf, utf8 } from "../protocol/wire.ts";

/** A frame that must be read as the fields say, and written as the hex says. */
export interface FrameVector {
  title: string;
  type: FrameName;
  flags: number;
  offset: number;
  /** What the payload means: the object of a control frame, the bytes of a data frame as hex, or how many zeros. */
  body?: object;
  payload?: string;
  zeros?: number;
  hex: string;
}

/** A whole frame that is no error and means nothing. */
export interface SkippedVector {
  title: string;
  hex: string;
}

/** Bytes that must be refused with `error`; null when they are merely the beginning of a frame. */
export interface DamagedVector {
  title: string;
  error: string | null;
  hex: string;
}

export interface ChecksumVector {
  hex: string;
  /** The checksum of what came before; "00000000" at the start. */
  seed: string;
  crc32: string;
}

const HELLO = utf8("hello");

export function frameVectors(): { frames: FrameVector[]; skipped: SkippedVector[]; damaged: DamagedVector[] } {
  const optional = encodeFrame({ type: 0x7f, flags: FLAG_OPTIONAL, offset: 0, payload: utf8("{}") });
  return {
    frames: [
      ...SAMPLE_MESSAGES.map((message) => control(message.type, message)),
      ...STREAM_MESSAGES.map(([title, message]) => control(title, message)),
      ...dataFrames(),
      ...zerosFrames(),
    ],
    skipped: [{ title: "an unknown type that is flagged optional", hex: hexOf(optional) }],
    damaged: damagedFrames(),
  };
}

function control(title: string, message: Message): FrameVector {
  const { type: name, ...body } = message;
  const { type, payload } = encodeMessage(message);
  return { title, type: name, flags: 0, offset: 0, body, hex: hexOf(frame(type, payload)) };
}

function dataFrames(): FrameVector[] {
  const vector = (title: string, offset: number, payload: Uint8Array): FrameVector => {
    const hex = hexOf(encodeFrame({ type: FRAMES.data, flags: 0, offset, payload }));
    return { title, type: "data", flags: 0, offset, payload: hexOf(payload), hex };
  };
  return [
    vector("data: the whole of a small file", 0, HELLO),
    vector("data: one byte, of no meaning to us", 0, bytesOf("00")),
    vector("data: a chunk beyond 4 GiB", 2 ** 32 + 1, bytesOf("ff 00 fe c3 28")),
    vector("data: the last byte of the largest file", Number.MAX_SAFE_INTEGER - 1, bytesOf("0a")),
  ];
}

function zerosFrames(): FrameVector[] {
  const vector = (title: string, offset: number, zeros: number): FrameVector => {
    const hex = hexOf(encodeFrame({ type: FRAMES.zeros, flags: 0, offset, payload: encodeZeros(zeros) }));
    return { title, type: "zeros", flags: 0, offset, zeros, hex };
  };
  return [
    vector("zeros: 64 KiB at the beginning", 0, 65_536),
    vector("zeros: as many as a data frame may have, beyond 4 GiB", 2 ** 32 + 1, LIMITS.dataBytesMax),
  ];
}

function damagedFrames(): DamagedVector[] {
  const whole = encodeFrame({ type: FRAMES.data, flags: 0, offset: 3, payload: HELLO });
  const vector = (title: string, error: string | null, bytes: Uint8Array) => ({ title, error, hex: hexOf(bytes) });
  const flipped = (title: string, at: number, error = "frame-damaged") => {
    const bytes = Uint8Array.from(whole, (byte, index) => (index === at ? byte ^ 0x01 : byte));
    return vector(`a flipped bit in the ${title}`, error, bytes);
  };
  const message = (title: string, type: FrameName, json: string) =>
    vector(title, "message-invalid", frame(FRAMES[type], utf8(json)));
  const zeros = (payload: Uint8Array, offset = 0) => encodeFrame({ type: FRAMES.zeros, flags: 0, offset, payload });
  return [
    vector("nothing", null, bytesOf("")),
    vector("half a header", null, whole.subarray(0, 12)),
    vector("a header without its payload", null, whole.subarray(0, 24)),
    vector("a payload without its last byte", null, whole.subarray(0, -1)),
    vector("another protocol", "not-filespool", utf8("GET / HTTP/1.1\r\n")),
    vector("the first byte of another protocol", "not-filespool", utf8("G")),
    flipped("magic", 0, "not-filespool"),
    flipped("type", 2),
    flipped("flags", 3),
    flipped("length", 4),
    flipped("offset", 15),
    flipped("checksum of the payload", 16),
    flipped("checksum of the header", 23),
    flipped("payload", 24),
    vector("four GiB announced", "frame-too-large", forgeFrame({ type: FRAMES.data, length: 0xffff_ffff })),
    vector("a message of 16 KiB and a byte", "frame-too-large", forgeFrame({ type: FRAMES.offer, length: 16_385 })),
    vector("an unknown type", "frame-unknown", frame(0x7f, utf8("{}"))),
    vector("an empty data frame", "message-invalid", forgeFrame({ type: FRAMES.data })),
    vector(
      "a message with an offset",
      "message-invalid",
      forgeFrame({ type: FRAMES.bye, offset: 1n, payload: utf8("{}") }),
    ),
    vector(
      "an offset beyond 2^53",
      "message-invalid",
      forgeFrame({ type: FRAMES.data, offset: 2n ** 53n, payload: HELLO }),
    ),
    vector("no zeros", "message-invalid", zeros(bytesOf("00 00 00 00"))),
    vector("more zeros than a data frame may have", "frame-too-large", zeros(bytesOf("00 40 00 01"))),
    vector("zeros beyond 2^53", "message-invalid", zeros(bytesOf("00 00 00 02"), 2 ** 53 - 2)),
    vector("a number of zeros in two bytes", "message-invalid", forgeFrame({ type: FRAMES.zeros, length: 2 })),
    vector("a number of zeros in eight bytes", "frame-too-large", forgeFrame({ type: FRAMES.zeros, length: 8 })),
    vector("a message that is not UTF-8", "message-invalid", frame(FRAMES.ping, bytesOf("7b ff 7d"))),
    message("a message without payload", "ping", ""),
    message("a message that is not JSON", "ping", "{"),
    message("a message that is no object", "ping", "[]"),
    message("a field missing", "cancel", "{}"),
    message("a field of the wrong type", "want", '{"files":"1"}'),
    message("a number out of bounds", "want", `{"files":${LIMITS.windowFiles + 1}}`),
  ];
}

export function checksumVectors(): ChecksumVector[] {
  const hex8 = (sum: number) => sum.toString(16).padStart(8, "0");
  const vector = (bytes: Uint8Array, seed = 0): ChecksumVector => {
    return { hex: hexOf(bytes), seed: hex8(seed), crc32: hex8(crc32(bytes, seed)) };
  };
  return [
    vector(bytesOf("")),
    vector(bytesOf("00")),
    vector(bytesOf("ff")),
    vector(bytesOf("ff ff ff ff")),
    vector(HELLO),
    vector(utf8("123456789")),
    vector(utf8("6789"), crc32(utf8("12345"), 0)),
    vector(bytesOf(""), 0xffff_ffff),
    vector(Uint8Array.from({ length: 256 }, (_, byte) => byte)),
    vector(new Uint8Array(32)),
  ];
}

const frame = (type: number, payload: Uint8Array) => encodeFrame({ type, flags: 0, offset: 0, payload });

/** JSON as the formatter of this project lays it out: short lists on one line. */
export const jsonText = (value: unknown): string =>
  `${JSON.stringify(value, null, 2).replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, list) => `[${list.replace(/\s+/g, " ")}]`)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("frames.json", import.meta.url), jsonText(frameVectors()));
  writeFileSync(new URL("crc32.json", import.meta.url), jsonText(checksumVectors()));
}
