/** Changes to byte streams: some blind, some that know what a frame is, so that the checksums do not stop them all. */
import { crc32 } from "node:zlib";
import { HEADER_BYTES, MAGIC } from "../../src/protocol/frame.ts";

/** A number from 0 to below `max`. */
export type Random = (max: number) => number;

/** Lengths, offsets and counts where off-by-one errors live. */
const INTERESTING = [0, 1, 2, 5, 23, 24, 25, 255, 256, 1023, 1024, 16_384, 16_385, 65_535, 65_536, 65_537, 2 ** 22];
const WORDS = [
  "0",
  "-1",
  "1e999",
  "9007199254740992",
  "null",
  "{}",
  "[]",
  '""',
  "true",
  "memory-1",
  "\\ud800",
  "\\u0000",
];

/** The frames of a stream, as far as their lengths can be believed; what follows is the last piece. */
export function framesIn(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length && bytes.readUInt16BE(at) === MAGIC) {
    const end = at + HEADER_BYTES + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  if (at < bytes.length) frames.push(bytes.subarray(at));
  return frames;
}

/** Makes both checksums right, and the length unless it is kept as it is. */
function repair(frame: Buffer, keepLength: boolean): Buffer {
  if (frame.length < HEADER_BYTES) return frame;
  const fixed = Buffer.from(frame);
  if (!keepLength) fixed.writeUInt32BE(fixed.length - HEADER_BYTES, 4);
  fixed.writeUInt32BE(crc32(fixed.subarray(HEADER_BYTES)), 16);
  fixed.writeUInt32BE(crc32(fixed.subarray(0, 20)), 20);
  return fixed;
}

/** One change to some bytes, wherever they come from. */
function disturb(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length + 1);
  const changed = Buffer.from(bytes);
  switch (random(6)) {
    case 0:
      if (at < changed.length) changed[at] = (changed[at] as number) ^ (1 << random(8));
      return changed;
    case 1:
      if (at < changed.length) changed[at] = random(256);
      return changed;
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random(16)))]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + random(16), random(256)), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(WORDS[random(WORDS.length)] as string),
        bytes.subarray(at),
      ]);
    default: {
      // A number in a JSON text becomes another.
      const text = bytes.toString("latin1");
      const number = String(INTERESTING[random(INTERESTING.length)]);
      return Buffer.from(
        text.replace(/\d+/g, (old) => (random(3) === 0 ? number : old)),
        "latin1",
      );
    }
  }
}

/** A few changes to a stream; `other` is one to borrow frames from. */
export function mutate(stream: Buffer, other: Buffer, random: Random): Buffer {
  const frames = framesIn(stream);
  if (frames.length < 2 && random(2)) return disturb(stream, random);
  for (let change = 0; change <= random(3); change++) {
    const at = random(frames.length + 1);
    const frame = frames[at] ?? Buffer.alloc(0);
    switch (random(7)) {
      case 0:
        frames.splice(at, 1);
        break;
      case 1:
        frames.splice(at, 0, frame);
        break;
      case 2: {
        const borrowed = framesIn(other);
        frames.splice(at, 0, borrowed[random(borrowed.length)] ?? frame);
        break;
      }
      case 3:
        frames.splice(at, 2, frames[at + 1] ?? frame, frame);
        break;
      case 4: {
        // Header fields, with the sums made right again.
        const changed = Buffer.from(frame);
        if (changed.length < HEADER_BYTES) break;
        const field = random(4);
        if (field === 0) changed[2] = random(64);
        if (field === 1) changed[3] = random(4);
        if (field === 2) changed.writeUInt32BE(INTERESTING[random(INTERESTING.length)] as number, 4);
        if (field === 3) changed.writeBigUInt64BE(BigInt(INTERESTING[random(INTERESTING.length)] as number), 8);
        frames[at] = repair(changed, field === 2);
        break;
      }
      case 5:
        if (frame.length >= HEADER_BYTES)
          frames[at] = repair(Buffer.concat([frame.subarray(0, 24), disturb(frame.subarray(24), random)]), false);
        break;
      default:
        return disturb(Buffer.concat(frames), random);
    }
  }
  return Buffer.concat(frames);
}
