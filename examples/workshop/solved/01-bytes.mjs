/** Each message says how long it is; bytes stay bytes; what does not end where it said is not complete. */

const LENGTH_BYTES = 4;

export const encode = (messages) =>
  Buffer.concat(
    messages.flatMap((message) => {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32BE(message.length);
      return [length, message];
    }),
  );

export function decode(reads) {
  const messages = [];
  let rest = Buffer.alloc(0);
  for (const read of reads) {
    rest = Buffer.concat([rest, read]);
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + rest.readUInt32BE(0);
      if (rest.length < end) break; // not yet
      messages.push(rest.subarray(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
  }
  return { messages, complete: rest.length === 0 };
}
