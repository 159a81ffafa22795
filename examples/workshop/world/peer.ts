/**
 * The other end of a conversation, said word by word by a law. It speaks the protocol with src/protocol alone, so it does
 * not depend on anything that the reader writes.
 */
import {
  crc32,
  Decoder,
  decodeMessage,
  encodeHeader,
  encodeMessage,
  FRAMES,
  type Frame,
  frameName,
  joinParts,
  LIMITS,
  type Message,
  type MessageOf,
} from "../../../src/protocol/index.ts";
import { broken } from "../laws/law.ts";
import { type End, settle } from "./wire.ts";

/** Content of a file as it came. */
export interface Content {
  readonly type: "data";
  readonly offset: number;
  readonly bytes: Buffer;
}
export type Heard = Message | Content;

/** Any frame as bytes. */
export function frameOf(type: number, payload: Uint8Array, offset = 0, flags = 0): Buffer {
  return Buffer.concat([encodeHeader(type, payload, crc32, offset, flags), payload]);
}
export const dataFrame = (offset: number, bytes: Uint8Array): Buffer => frameOf(FRAMES.data, bytes, offset);
export function messageFrame(message: Message): Buffer {
  const { type, payload } = encodeMessage(message);
  return frameOf(type, payload);
}

const LIMITS_OF_A_SERVER = {
  ...{ dataBytesMax: LIMITS.dataBytesMax, fileBytesMax: LIMITS.fileBytesMax, windowFiles: 1, windowBytes: 65_536 },
  ...{ pipelineBytesMax: LIMITS.pipelineBytesMax, leaseMs: 60_000, digests: ["sha256"] },
};

export class Peer {
  readonly wire: End;
  readonly #bytes: AsyncIterator<Uint8Array, undefined>;
  readonly #decoder = new Decoder(crc32);

  constructor(wire: End) {
    this.wire = wire;
    this.#bytes = wire[Symbol.asyncIterator]();
  }

  /** Sends a message. A law does not wait until it was taken: a program may be busy. */
  say(message: Message): void {
    this.wire.write(messageFrame(message), () => {});
  }

  sayData(offset: number, bytes: Uint8Array): void {
    this.wire.write(dataFrame(offset, bytes), () => {});
  }

  greet(role: "sender" | "receiver", queue = "default"): Promise<MessageOf<"welcome">> {
    this.say({
      type: "hello",
      versions: [1],
      role,
      peer: crypto.randomUUID().replaceAll("-", ""),
      agent: "law",
      queue,
    });
    return this.until("welcome");
  }

  async welcome(limits: { readonly pipelineBytesMax?: number } = {}): Promise<void> {
    await this.until("hello");
    const server = { type: "welcome", version: 1, agent: "law", durability: "fsync" } as const;
    this.say({ ...server, ...LIMITS_OF_A_SERVER, ...limits });
  }

  /** The next frame; null at the end, whether it was a goodbye or a cut. */
  async next(): Promise<Heard | null> {
    for (;;) {
      const frame = this.#decoder.next();
      const heard = frame && heardIn(frame);
      if (heard) return heard;
      if (frame) continue;
      const read = await this.#bytes.next().catch(() => ({ done: true, value: undefined }) as const);
      if (read.done) return null;
      this.#decoder.push(read.value);
    }
  }

  /** The next frame of that kind. What comes before it is passed over, unless it ends the conversation. */
  async until<Type extends Message["type"]>(type: Type): Promise<MessageOf<Type>> {
    for (;;) {
      const heard = await this.next();
      if (heard === null) broken(`the conversation ended, and "${type}" was never said`);
      if (heard.type === type) return heard as MessageOf<Type>;
      if (heard.type === "error") broken(`instead of "${type}" the program said: ${heard.code}, ${heard.message}`);
      if (heard.type === "refuse") broken(`instead of "${type}" the program said: refuse, ${heard.message}`);
    }
  }

  /** All that comes until the other end has nothing to say any more, for now. */
  async rest(): Promise<Heard[]> {
    const all: Heard[] = [];
    for (;;) {
      const next = this.next();
      const heard = await Promise.race([next, settle(40).then(() => undefined)]);
      if (!heard) return all;
      all.push(heard);
    }
  }

  /** Leaves, as a client does that has nothing more to say. */
  leave(): void {
    this.say({ type: "bye" });
    this.wire.end();
  }
}

function heardIn({ type, offset, parts }: Frame): Heard | null {
  const name = frameName(type);
  if (name === "data") return { type: "data", offset, bytes: Buffer.from(joinParts(parts)) };
  const message = name && name !== "zeros" ? decodeMessage(name, joinParts(parts)) : null;
  return message?.type === "ping" ? null : message;
}
