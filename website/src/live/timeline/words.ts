/** What a frame says, for people: its message, in a few words. */
import { crc32 } from "../../../../src/protocol/checksum.ts";
import { Decoder, joinParts } from "../../../../src/protocol/decoder.ts";
import { frameName } from "../../../../src/protocol/frame.ts";
import { decodeMessage, type Message } from "../../../../src/protocol/messages.ts";

/** A message, or where a piece of a file belongs. */
export type Words = Message | { readonly type: "data"; readonly offset: number; readonly length: number };

/** Reads one whole frame. @throws for what the decoder takes for none */
export function wordsOf(bytes: Uint8Array): Words {
  const decoder = new Decoder(crc32);
  decoder.push(bytes);
  const frame = decoder.next();
  const name = frame && frameName(frame.type);
  if (!name || name === "zeros" || decoder.midFrame) throw new Error("a program wrote what is not one frame");
  const { offset, length, parts } = frame;
  return name === "data" ? { type: name, offset, length } : decodeMessage(name, joinParts(parts));
}

/** The fields that tell something. */
export function describe(words: Words): string {
  const number = (value: number) => value.toLocaleString("en");
  if (words.type === "data") return `data @${number(words.offset)}, ${number(words.length)} bytes`;
  const telling = ["role", "offset", "size", "files", "code", "attempt", "repeated"] as const;
  const body: Record<string, unknown> = { ...words };
  const said = telling.filter((key) => key in body && body[key] !== false).map((key) => `${key} ${String(body[key])}`);
  return said.length > 0 ? `${words.type}: ${said.join(", ")}` : words.type;
}
