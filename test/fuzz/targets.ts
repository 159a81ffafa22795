/** What is fuzzed, and what must hold whatever the bytes are. A target throws when it does not. */
import { nativeChecksum } from "../../src/disk/digest.ts";
import { Decoder, joinParts } from "../../src/protocol/decoder.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import {
  decodeZeros,
  encodeHeader,
  encodeZeros,
  frameName,
  HEADER_BYTES,
  payloadBytesMax,
  ZEROS_PAYLOAD_BYTES,
} from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { type ControlName, decodeMessage, encodeMessage } from "../../src/protocol/messages.ts";
import { converse } from "./session.ts";

export type Target = (bytes: Buffer) => Promise<void> | void;

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Runs what may only fail with one of our errors; its code, or null. */
export function codeOf(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof FilespoolError && error.kind !== "bug") return error.code;
    throw error;
  }
}

/** All frames of a stream that is cut where `cuts` says, each as one line of text, and how it ended. */
function decode(bytes: Buffer, cuts: (at: number) => number): { lines: string[]; ending: string | null } {
  const decoder = new Decoder(nativeChecksum);
  const lines: string[] = [];
  let consumed = 0;
  const ending = codeOf(() => {
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + Math.max(1, cuts(at)));
      decoder.push(bytes.subarray(at, end));
      at = end;
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        const payload = joinParts(frame.parts);
        must(payload.length === frame.length, "a frame is as long as its parts");
        must(frame.length <= payloadBytesMax(frame.type), "a frame is within its bound");
        const header = encodeHeader(frame.type, payload, nativeChecksum, frame.offset, frame.flags);
        const original = bytes.subarray(consumed, consumed + HEADER_BYTES + payload.length);
        must(original.equals(Buffer.concat([header, payload])), "there is one way to write a frame");
        consumed += original.length;
        lines.push(`${frame.type} ${frame.flags} ${frame.offset} ${Buffer.from(payload).toString("hex")}`);
      }
    }
  });
  return { lines, ending };
}

const decoder: Target = (bytes) => {
  const whole = decode(bytes, () => bytes.length);
  for (const cuts of [() => 1, (at: number) => 1 + ((at * 7) % 31)]) {
    const cut = decode(bytes, cuts);
    must(cut.lines.join() === whole.lines.join(), "decoding does not depend on where the stream is cut");
    // A stream that is not ours is found out at its first wrong byte or at its first header.
    must(cut.ending === whole.ending || bytes.length < HEADER_BYTES, `${cut.ending} is not ${whole.ending}`);
  }
};

const zeros: Target = (payload) => {
  if (payload.length !== ZEROS_PAYLOAD_BYTES) return; // the decoder lets no such frame through
  const code = codeOf(() => {
    const count = decodeZeros(payload, 0);
    must(count > 0 && count <= LIMITS.dataBytesMax, "a frame of zeros stands for as many as a data frame may have");
    must(
      Buffer.from(encodeZeros(count)).equals(payload),
      "a number of zeros that is written and read again is the same",
    );
  });
  must(code === null || code === "message-invalid" || code === "frame-too-large", `${code} is not for zeros`);
};

const messages: Target = (bytes) => {
  const name = frameName(bytes[2] ?? 0);
  if (name === null || name === "data") return;
  const payload = bytes.subarray(HEADER_BYTES);
  if (name === "zeros") return zeros(payload);
  const code = codeOf(() => {
    const message = decodeMessage(name as ControlName, payload);
    const again = decodeMessage(message.type, encodeMessage(message).payload);
    must(JSON.stringify(again) === JSON.stringify(message), "a message that is written and read again is the same");
  });
  must(code === null || code === "message-invalid", `${code} is not for messages`);
};

/** The code whose branches guide the search: ours, and the schemas' checks. */
export const WATCHED = /\/src\/(protocol|spool|net)\/|\/valibot\//;

export const TARGETS: Readonly<Record<string, Target>> = { decoder, messages, conversation: converse };
