/** Page 2: what one end says, the other end hears, and nothing else, whatever happens to the bytes. */
import type { Data, Connection as Ours, Wire } from "../../../minimal/connection.ts";
import { FLAG_OPTIONAL, FRAMES, joinParts, LIMITS, type Message } from "../../../src/protocol/index.ts";
import { dataFrame, frameOf, messageFrame, Peer } from "../world/peer.ts";
import { drop, line, settle, wireOf } from "../world/wire.ts";
import { broken, codeOf, expect, type Laws, type Load, thrownBy } from "./law.ts";

const BYE: Message = { type: "bye" };
const ACCEPT: Message = { type: "accept", transfer: "ab".repeat(16), offset: 7 };
const UNKNOWN = 200;
/** Longer than a control frame may be. */
const LONG = Buffer.alloc(LIMITS.controlBytesMax + 1, "z");

const asText = (frame: Message | Data): string =>
  frame.type === "data"
    ? `data@${frame.offset}:${Buffer.from(joinParts(frame.parts)).toString("hex").slice(0, 32)}`
    : JSON.stringify(frame);

export async function laws(load: Load): Promise<Laws> {
  const { Connection } = await load("connection");

  /** What a stream of frames says. What breaks it is thrown. */
  async function said(stream: Uint8Array): Promise<string[]> {
    const wire = wireOf([stream]);
    const connection = new Connection(wire);
    const frames: string[] = [];
    try {
      for await (const frame of connection.frames) frames.push(asText(frame));
      return frames;
    } catch (error) {
      throw Object.assign(error as Error, { frames });
    } finally {
      drop(connection, wire);
    }
  }

  /** The bytes that a connection writes. */
  async function written(work: (connection: Ours) => Promise<void>): Promise<Buffer> {
    const [here, there] = line();
    const connection = new Connection(here);
    await work(connection);
    drop(connection, here);
    const pieces: Uint8Array[] = [];
    for await (const piece of there) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  return {
    "what one end sends, the other end hears": async () => {
      const [here, there] = line();
      const connection = new Connection(here);
      const peer = new Peer(there);
      await connection.send(ACCEPT);
      await connection.sendData(70_000, Buffer.from("bytes"));
      drop(connection, here);
      const first = await peer.next();
      expect(JSON.stringify(first) === JSON.stringify(ACCEPT), `accept was sent, and ${JSON.stringify(first)} came`);
      const second = await peer.next();
      if (second?.type !== "data" || second.offset !== 70_000 || second.bytes.toString() !== "bytes")
        broken(`data at 70000 was sent, and ${JSON.stringify(second)} came`);
    },

    "no flipped bit yields another frame, or makes the reader wait": async () => {
      const stream = await written(async (connection) => {
        await connection.send(ACCEPT);
        await connection.sendData(9, Buffer.from("0123456789"));
      });
      const whole = await said(stream);
      expect(whole.length === 2, `undamaged, ${whole.length} frames came out`);
      for (let bit = 0; bit < stream.length * 8; bit++) {
        const damaged = Buffer.from(stream);
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
        const error = await thrownBy(() => said(damaged));
        if (error === null) broken(`bit ${bit} was flipped, and nobody noticed`);
        const { frames } = error as Error & { frames: string[] };
        for (const [index, frame] of frames.entries())
          expect(frame === whole[index], `bit ${bit} was flipped, and this came out: ${frame}`);
      }
    },

    "a stranger may announce one message, and somebody known a long frame": async () => {
      const stranger = await codeOf(() => said(dataFrame(0, LONG)));
      expect(stranger === "frame-too-large", `a stranger sent a frame of ${LONG.length} bytes: ${stranger}`);
      const friend = await codeOf(() => said(Buffer.concat([messageFrame(ACCEPT), dataFrame(0, LONG)])));
      expect(friend === "no error", `after its first message a peer sent a frame of ${LONG.length} bytes: ${friend}`);
    },

    "an unknown frame is passed over if it is optional, and is an error if not": async () => {
      const optional = frameOf(UNKNOWN, Buffer.from("new"), 0, FLAG_OPTIONAL);
      const frames = await said(Buffer.concat([optional, messageFrame(BYE)]));
      expect(frames.length === 1, `an optional frame and a bye came, and ${frames.length} frames came out`);
      const code = await codeOf(() => said(frameOf(UNKNOWN, Buffer.from("new"))));
      expect(code === "frame-unknown", `an unknown frame that is not optional: ${code}`);
    },

    "a ping says nothing, and the peer's error ends the conversation": async () => {
      const frames = await said(Buffer.concat([messageFrame({ type: "ping" }), messageFrame(BYE)]));
      expect(frames.length === 1, `a ping and a bye came, and ${frames.length} frames came out`);
      const error: Message = { type: "error", code: "queue-full", message: "no room" };
      const code = await codeOf(() => said(messageFrame(error)));
      expect(code === "queue-full", `the peer said queue-full, and there was: ${code}`);
    },

    "a message that does not match its schema is an error": async () => {
      const code = await codeOf(() => said(frameOf(FRAMES.accept, Buffer.from('{"transfer":1}'))));
      expect(code === "message-invalid", `there was: ${code}`);
    },

    "send resolves when the wire has taken the bytes, and not before": async () => {
      let release = () => {};
      const slow: Wire = {
        write: (_, taken) => {
          release = taken;
        },
        end: (ended) => ended(),
        destroy: () => {},
        [Symbol.asyncIterator]: () => wireOf([])[Symbol.asyncIterator](),
      };
      const connection = new Connection(slow);
      let isSent = false;
      const sending = connection.send(BYE).then(() => {
        isSent = true;
      });
      await settle();
      expect(!isSent, "the wire had not taken the bytes, and send had resolved");
      release();
      await sending;
      await connection.close();
    },

    "nothing is written after the end, and whoever tries hears it": async () => {
      const [here, there] = line();
      const connection = new Connection(here);
      drop(connection, here);
      const before = here.written;
      const code = await codeOf(() => connection.send(BYE));
      expect(code === "connection-lost", `send on a connection that is over: ${code}`);
      expect(here.written === before, `${here.written - before} bytes were written`);
      there.destroy();
    },
  };
}
