/** The header has a checksum of its own, and it is checked before the length is believed. */
import { crc32 } from "../crc32.mjs";

const HEADER_BYTES = 12; // length, sum of the payload, sum of the eight bytes before

export const encode = (messages) =>
  Buffer.concat(
    messages.flatMap((message) => {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32BE(message.length, 0);
      header.writeUInt32BE(crc32(message), 4);
      header.writeUInt32BE(crc32(header.subarray(0, 8)), 8);
      return [header, message];
    }),
  );

export function decode(stream) {
  const messages = [];
  let at = 0;
  while (at + HEADER_BYTES <= stream.length) {
    const header = stream.subarray(at, at + HEADER_BYTES);
    if (crc32(header.subarray(0, 8)) !== header.readUInt32BE(8)) return { messages, damaged: true, waitsFor: 0 };
    const end = at + HEADER_BYTES + header.readUInt32BE(0); // believed, because it was checked
    if (end > stream.length) return { messages, damaged: false, waitsFor: end - stream.length };
    const message = stream.subarray(at + HEADER_BYTES, end);
    if (crc32(message) !== header.readUInt32BE(4)) return { messages, damaged: true, waitsFor: 0 };
    messages.push(message);
    at = end;
  }
  return { messages, damaged: false, waitsFor: stream.length - at };
}
