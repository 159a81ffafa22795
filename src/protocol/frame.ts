/**
 * Frames: the unit on the wire. A fixed header says how many payload bytes follow.
 *
 *   offset  bytes  field                                              (all numbers big-endian)
 *        0      2  magic 0x46 0x53 ("FS"): a stray HTTP request differs in its first two bytes
 *        2      1  type, see FRAMES
 *        3      1  flags, see FLAG_OPTIONAL
 *        4      4  length of the payload, bytes
 *        8      8  absolute offset of the payload in the file, bytes (0 in control frames)
 *       16      4  CRC-32 of the payload
 *       20      4  CRC-32 of bytes 0 to 19 of this header
 *       24      .  payload
 *
 * The header has a checksum of its own, and a reader checks it *before it believes the length*.
 * With one checksum behind the payload, a flipped bit in the length would make the reader wait for
 * up to four GiB before it could notice. On disk that is a slow read; on a socket it is a hang.
 * Why: adr/0005.
 *
 * A data frame carries the absolute offset of its payload. So a chunk that is repeated or overlaps
 * changes nothing, and a missing one is noticed at once. There is exactly one way to write a frame.
 * Anything else is an error.
 *
 * Read next: decoder.ts, the way back.
 */
import { type Checksum, crc32Of } from "./checksum.ts";
import { assert, FilespoolError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** The first two bytes of every frame: "FS". */
export const MAGIC = 0x4653;
/** Bytes of a header. The payload begins behind them. */
export const HEADER_BYTES = 24;

/** Where each field of a header begins, as in the table above. */
const AT = { magic: 0, type: 2, flags: 3, length: 4, offset: 8, payloadSum: 16, headerSum: 20 } as const;

/**
 * A reader that does not know the type of such a frame skips it, instead of ending the connection.
 * So a newer version can say more to an older one.
 */
export const FLAG_OPTIONAL = 0x01;

/**
 * Frame types by name. A number is never used again for another type.
 *
 * Checklist for a new one: this table, its schema in messages.ts, its cells in the transition
 * tables of upload.ts, delivery.ts or operate.ts, and a vector in test/vectors/frames.json.
 */
export const FRAMES = {
  // Any conversation, and content.
  hello: 0x01,
  welcome: 0x02,
  error: 0x03,
  ping: 0x04,
  bye: 0x05,
  data: 0x06,
  zeros: 0x07,
  // Uploads.
  offer: 0x10,
  accept: 0x11,
  progress: 0x12,
  finish: 0x13,
  stored: 0x14,
  cancel: 0x15,
  refuse: 0x16,
  // Deliveries.
  want: 0x20,
  empty: 0x21,
  deliver: 0x22,
  start: 0x23,
  working: 0x24,
  ack: 0x25,
  acked: 0x26,
  nack: 0x27,
  withdraw: 0x28,
  // Operators: what they ask, and from 0x38 on what a server answers.
  list: 0x30,
  show: 0x31,
  requeue: 0x32,
  purge: 0x33,
  tally: 0x38,
  row: 0x39,
  page: 0x3a,
  state: 0x3b,
  done: 0x3c,
} as const;

export type FrameName = keyof typeof FRAMES;
/** Frames that hold a piece of a file. Every other frame holds a message. */
export type ContentName = "data" | "zeros";

/** The other direction of FRAMES. */
const NAMES = new Map<number, FrameName>(Object.entries(FRAMES).map(([name, type]) => [type, name as FrameName]));

/** The name of a frame type, or null for one that this version does not know. */
export const frameName = (type: number): FrameName | null => NAMES.get(type) ?? null;

/** What a header says. `length` and `offset` are bytes; the sums are unsigned 32-bit numbers. */
export interface Header {
  readonly type: number;
  readonly flags: number;
  readonly length: number;
  readonly offset: number;
  readonly payloadSum: number;
}

/**
 * Bytes of the payload of a zeros frame. Such a frame stands for a data frame that is all zeros,
 * and carries only the number of them.
 */
export const ZEROS_PAYLOAD_BYTES = 4;

/**
 * The most that the payload of a frame of this type may have, bytes. A type that is not known
 * counts as a message.
 */
export function payloadBytesMax(type: number): number {
  if (type === FRAMES.data) return LIMITS.dataBytesMax;
  return type === FRAMES.zeros ? ZEROS_PAYLOAD_BYTES : LIMITS.controlBytesMax;
}

/**
 * Whether this is the one way to write a frame. Writers and readers both ask.
 *
 * An empty chunk would say nothing and cost as much as a full one. An offset beyond 2^53 would be
 * rounded in a JavaScript number. A message belongs to no place in a file, so its offset is 0.
 */
function isCanonical(type: number, length: number, offset: number): boolean {
  if (type === FRAMES.data) return length > 0 && offset + length <= LIMITS.fileBytesMax;
  return type === FRAMES.zeros ? length === ZEROS_PAYLOAD_BYTES : offset === 0;
}

/**
 * The payload of a zeros frame.
 * @param bytes how many zeros the frame stands for, from 1 to LIMITS.dataBytesMax
 */
export function encodeZeros(bytes: number): Uint8Array {
  const payload = new Uint8Array(ZEROS_PAYLOAD_BYTES);
  new DataView(payload.buffer).setUint32(0, bytes);
  return payload;
}

/**
 * How many zeros a zeros frame stands for. The rules are those of the data frame in whose place it
 * is.
 * @param offset of the frame
 * @throws FilespoolError frame-too-large: more zeros than a data frame may have; message-invalid:
 * none, or beyond the largest file
 */
export function decodeZeros(payload: Uint8Array, offset: number): number {
  const bytes = uint32(payload, 0);
  if (bytes > LIMITS.dataBytesMax) throw new FilespoolError("frame-too-large", `a frame of ${bytes} zeros`);
  if (isCanonical(FRAMES.data, bytes, offset)) return bytes;
  throw new FilespoolError("message-invalid", `a frame of ${bytes} zeros at ${offset}`);
}

/** The header of a frame in an array of its own. The payload itself is not copied. */
export function encodeHeader(type: number, payload: Uint8Array, checksum: Checksum, offset = 0, flags = 0): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  writeHeader(header, 0, type, payload, checksum, offset, flags);
  return header;
}

/**
 * Writes the header of a frame into HEADER_BYTES bytes of `into`, from index `at` on.
 *
 * A frame that no reader would take is a bug of ours, and stops the program here.
 */
export function writeHeader(
  into: Uint8Array,
  at: number,
  type: number,
  payload: Uint8Array,
  checksum: Checksum,
  offset: number,
  flags = 0,
): void {
  const { length } = payload;
  const isWhole = Number.isSafeInteger(offset) && offset >= 0 && length <= payloadBytesMax(type);
  if (!isWhole || !isCanonical(type, length, offset))
    assert(false, `frame of type ${type}, ${length} bytes at ${offset}`);
  const view = new DataView(into.buffer, into.byteOffset + at, HEADER_BYTES);
  view.setUint16(AT.magic, MAGIC);
  view.setUint8(AT.type, type);
  view.setUint8(AT.flags, flags);
  view.setUint32(AT.length, length);
  view.setUint32(AT.offset, offset / 2 ** 32);
  view.setUint32(AT.offset + 4, offset >>> 0);
  view.setUint32(AT.payloadSum, checksum(payload, 0));
  view.setUint32(AT.headerSum, crc32Of(into, at, at + AT.headerSum));
}

// region: decode-header
/** The header, or the code of the error with which the connection must end. */
export type HeaderCheck = Header | "not-filespool" | "frame-damaged" | "frame-too-large" | "message-invalid";

/**
 * Reads and checks the HEADER_BYTES bytes of `bytes` from index `at` on.
 *
 * The order of the checks matters. The magic says whether this is our protocol at all. The checksum
 * says whether the other fields can be believed. Only then do the bounds of those fields mean
 * anything.
 */
export function decodeHeader(bytes: Uint8Array, at = 0): HeaderCheck {
  assert(bytes.length - at >= HEADER_BYTES, "a header needs all its bytes");
  if (((bytes[at] as number) << 8) + (bytes[at + 1] as number) !== MAGIC) return "not-filespool";
  if (uint32(bytes, at + AT.headerSum) !== crc32Of(bytes, at, at + AT.headerSum)) return "frame-damaged";
  const type = bytes[at + AT.type] as number;
  const length = uint32(bytes, at + AT.length);
  const offset = uint32(bytes, at + AT.offset) * 2 ** 32 + uint32(bytes, at + AT.offset + 4);
  if (length > payloadBytesMax(type)) return "frame-too-large";
  if (!isCanonical(type, length, offset)) return "message-invalid";
  return { type, flags: bytes[at + AT.flags] as number, length, offset, payloadSum: uint32(bytes, at + AT.payloadSum) };
}
// endregion: decode-header

/** Reads four bytes, the highest first. A DataView would be one more object for each frame. */
function uint32(bytes: Uint8Array, at: number): number {
  const byte = (index: number) => bytes[at + index] as number;
  return ((byte(0) << 24) | (byte(1) << 16) | (byte(2) << 8) | byte(3)) >>> 0;
}
