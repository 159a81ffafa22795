/** Laws instead of examples: for every message and every cut. */
import assert from "node:assert/strict";

const MESSAGES = [
  Buffer.from("hello"),
  Buffer.alloc(0),
  Buffer.from(Array.from({ length: 256 }, (_, value) => value)), // each byte value, valid as text or not
  Buffer.alloc(1000, 7),
];

export async function test(encode, decode) {
  const stream = encode(MESSAGES);
  for (let at = 0; at <= stream.length; at++) {
    // 1. The result does not depend on where the stream is cut in two.
    const whole = decode([stream.subarray(0, at), stream.subarray(at)]);
    assert.deepEqual(whole, { messages: MESSAGES, complete: true });
    // 2. A stream that ends inside a message is not complete.
    const { messages, complete } = decode([stream.subarray(0, at)]);
    assert.equal(complete, encode(messages).length === at);
  }
}
