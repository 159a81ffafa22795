/** Page 1: what comes out of a connection does not depend on how the bytes arrived. */
import type { Data } from "../../../minimal/connection.ts";
import { joinParts } from "../../../src/protocol/index.ts";
import { dataFrame } from "../world/peer.ts";
import { drop, type End, settle, wireOf } from "../world/wire.ts";
import { broken, codeOf, expect, type Laws, type Load } from "./law.ts";

/** Two pieces of text, one of which ends inside of a character, and one that is no text. */
const PIECES = [Buffer.from("café").subarray(0, 4), Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(300, "x")];
const FRAMES = PIECES.map((bytes, index) => dataFrame(1000 * index, bytes));
const STREAM = Buffer.concat(FRAMES);

const cut = (stream: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(stream.length / size) }, (_, at) => stream.subarray(at * size, (at + 1) * size));

export async function laws(load: Load): Promise<Laws> {
  const { Connection } = await load("connection");

  /** All frames of a wire, as text. What breaks the connection is thrown. */
  async function framesOf(wire: End): Promise<string[]> {
    const connection = new Connection(wire);
    try {
      const seen: string[] = [];
      for await (const frame of connection.frames) {
        const { offset, parts } = frame as Data;
        seen.push(`${offset}:${Buffer.from(joinParts(parts)).toString("hex").slice(0, 16)}`);
      }
      return seen;
    } finally {
      drop(connection, wire);
    }
  }

  return {
    "the frames are the same, whatever the size of the reads": async () => {
      const wanted = PIECES.map((bytes, index) => `${1000 * index}:${bytes.toString("hex").slice(0, 16)}`).join(" ");
      for (const size of [STREAM.length, ...Array.from({ length: 64 }, (_, index) => index + 1)]) {
        const seen = (await framesOf(wireOf(cut(STREAM, size)))).join(" ");
        if (seen !== wanted) broken(`reads of ${size} byte(s) gave: ${seen || "nothing"}`);
      }
    },

    "a session that is busy with a frame holds back the wire": async () => {
      const wire = wireOf(Array.from({ length: 20 }, (_, index) => dataFrame(index, Buffer.from("a"))));
      const connection = new Connection(wire);
      try {
        for (let taken = 1; taken <= 3; taken++) {
          await connection.frames.next();
          await settle();
          expect(wire.reads <= taken, `${wire.reads} reads were made, and the session has asked for ${taken} frame(s)`);
        }
      } finally {
        drop(connection, wire);
      }
    },

    "nine frames in one read are handed out one by one": async () => {
      const nine = Array.from({ length: 9 }, (_, index) => dataFrame(index, Buffer.from("a")));
      const seen = await framesOf(wireOf([Buffer.concat(nine)]));
      expect(seen.length === 9, `${seen.length} came out`);
    },

    "an end between two frames is an end, and an end inside a frame is a cut": async () => {
      const ends = new Set(FRAMES.map((_, index) => Buffer.concat(FRAMES.slice(0, index + 1)).length).concat(0));
      for (let bytes = 0; bytes <= STREAM.length; bytes++) {
        const code = await codeOf(() => framesOf(wireOf([STREAM.subarray(0, bytes)].filter(({ length }) => length))));
        const wanted = ends.has(bytes) ? "no error" : "connection-lost";
        expect(code === wanted, `after ${bytes} of ${STREAM.length} bytes the stream ended, and there was: ${code}`);
      }
    },

    "a line that breaks is an error": async () => {
      const code = await codeOf(() => framesOf(wireOf(FRAMES, new Error("cut"))));
      expect(code === "connection-lost", `there was: ${code}`);
    },
  };
}
