/** Frames made by hand, for peers that are played by hand. */
import { crc32 } from "../../src/protocol/checksum.ts";
import { encodeHeader, FRAMES } from "../../src/protocol/frame.ts";
import { encodeMessage, type Message, type MessageOf } from "../../src/protocol/messages.ts";

/** Frame bytes of a message. */
export function frameOf(message: Message): Buffer {
  const { type, payload } = encodeMessage(message);
  return Buffer.concat([encodeHeader(type, payload, crc32), payload]);
}

/** Frame bytes of a piece of a file. */
export const dataFrameOf = (offset: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([encodeHeader(FRAMES.data, bytes, crc32, offset), bytes]);

/** An id like the ones that clients make, from a number. */
export const idOf = (number: number): string => number.toString(16).padStart(32, "0");

let peers = 0;

/** A correct hello, each with a peer id of its own unless one is given. */
export function helloOf(
  role: MessageOf<"hello">["role"],
  fields: Partial<MessageOf<"hello">> = {},
): MessageOf<"hello"> {
  const queue = role === "receiver" ? { queue: "default" } : {};
  return { type: "hello", versions: [1], role, peer: idOf(0xbeef0000 + ++peers), agent: "raw", ...queue, ...fields };
}
