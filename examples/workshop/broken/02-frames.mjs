/** A length, the payload, and behind it a checksum of the payload. It looks complete. */
import { crc32 } from "../crc32.mjs";

export const encode = (messages) =>
  Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(4);
      const sum = Buffer.alloc(4);
      length.writeUInt32BE(message.length);
      sum.writeUInt32BE(crc32(message));
      return [length, message, sum];
    }),
  );

export function decode(stream) {
  const messages = [];
  let at = 0;
  while (at + 4 <= stream.length) {
    const end = at + 4 + stream.readUInt32BE(at); // believed, because what else could one do?
    if (end + 4 > stream.length) return { messages, damaged: false, waitsFor: end + 4 - stream.length };
    const message = stream.subarray(at + 4, end);
    if (crc32(message) !== stream.readUInt32BE(end)) return { messages, damaged: true, waitsFor: 0 };
    messages.push(message);
    at = end + 4;
  }
  return { messages, damaged: false, waitsFor: stream.length - at };
}
