/**
 * Reads a stream of bytes with the real decoder and says, for people, what it found and why it stopped.
 *
 * It decides nothing about frames itself: whether bytes are a frame, are not one yet, or break a rule is what
 * src/protocol answers. This file only remembers where in the stream each answer was given. The one thing that it
 * states on its own is where a field lies in a header (LAYOUT), and a test holds that against the encoder.
 */
import { crc32 } from "../../../../src/protocol/checksum.ts";
import { Decoder, type Frame, joinParts } from "../../../../src/protocol/decoder.ts";
import { ERRORS, type ErrorCode, FilespoolError, known } from "../../../../src/protocol/errors.ts";
import { decodeHeader, decodeZeros, FLAG_OPTIONAL, frameName, HEADER_BYTES } from "../../../../src/protocol/frame.ts";
import { decodeMessage, type Message } from "../../../../src/protocol/messages.ts";
import { memberRanges } from "./members.ts";

/** Bytes `from` to `to` (exclusive) of the stream that mean one thing. */
export interface Field {
  readonly id: string;
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly value: string;
  readonly note: string;
}

/** Where a frame lies, and what it says as far as it has arrived. */
export interface Found {
  readonly from: number;
  /** Where it would end, if its header may be believed; else where its header ends. */
  readonly to: number;
  readonly title: string;
  readonly state: "whole" | "unfinished" | "broken";
  readonly fields: readonly Field[];
}

export type Verdict =
  | { readonly kind: "done"; readonly text: string }
  | { readonly kind: "waiting"; readonly text: string }
  | {
      readonly kind: "error";
      readonly code: ErrorCode;
      readonly text: string;
      readonly means: string;
      readonly fault: string;
      readonly retry: boolean;
    };

/** One push, and what the decoder answered to the calls of `next` that followed. */
export interface Push {
  readonly from: number;
  readonly to: number;
  readonly answers: readonly string[];
}

export interface Reading {
  readonly frames: readonly Found[];
  readonly verdict: Verdict;
  readonly pushes: readonly Push[];
}

/** The header as a table; offsets and lengths in bytes. */
export const LAYOUT = [
  { id: "magic", label: "magic", at: 0, bytes: 2, note: "\u201cFS\u201d: is this our protocol at all?" },
  { id: "type", label: "type", at: 2, bytes: 1, note: "which message, or data" },
  { id: "flags", label: "flags", at: 3, bytes: 1, note: "bit 0: skip me if you do not know me" },
  { id: "length", label: "length", at: 4, bytes: 4, note: "bytes of payload that follow" },
  { id: "offset", label: "offset", at: 8, bytes: 8, note: "where the payload belongs in the file" },
  { id: "payloadSum", label: "payload CRC-32", at: 16, bytes: 4, note: "over the payload" },
  {
    id: "headerSum",
    label: "header CRC-32",
    at: 20,
    bytes: 4,
    note: "over bytes 0 to 19; checked before the length is believed",
  },
] as const;

const number = (bytes: Uint8Array): bigint => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
const hex = (value: bigint, digits: number): string => `0x${value.toString(16).padStart(digits, "0")}`;

/** What the bytes of one header field say, believed or not. */
function headerValue(id: string, bytes: Uint8Array): string {
  const value = number(bytes);
  if (id === "type") return `${hex(value, 2)} ${frameName(Number(value)) ?? "unknown"}`;
  if (id === "flags") return `${hex(value, 2)}${Number(value) & FLAG_OPTIONAL ? " optional" : ""}`;
  if (id === "magic") return `${hex(value, 4)} ${String.fromCharCode(...bytes).replace(/[^ -~]/g, "\u00b7")}`;
  return id.endsWith("Sum") ? hex(value, 8) : value.toLocaleString("en");
}

function headerFields(bytes: Uint8Array, from: number): Field[] {
  return LAYOUT.filter(({ at }) => from + at < bytes.length).map(({ id, label, at, bytes: length, note }) => {
    const to = Math.min(from + at + length, bytes.length);
    const isWhole = to === from + at + length;
    const value = isWhole ? headerValue(id, bytes.subarray(from + at, to)) : "not here yet";
    return { id: `${from}-${id}`, label, from: from + at, to, value, note };
  });
}

/** The members of a control frame's JSON, or the content of a data frame. */
function payloadFields(bytes: Uint8Array, from: number, to: number, isData: boolean): Field[] {
  const end = Math.min(to, bytes.length);
  if (from >= end) return [];
  const payload = bytes.subarray(from, end);
  const members = isData ? [] : memberRanges(payload);
  if (members.length > 0 && end === to)
    return members.map(({ key, value, from: start, to: stop }) => {
      const range = { from: from + start, to: from + stop };
      return { id: `${range.from}-${key}`, label: key, ...range, value, note: "a field of the message" };
    });
  const text = new TextDecoder().decode(payload).replace(/\p{C}/gu, "\u00b7");
  const value = text.length > 60 ? `${text.slice(0, 60)}\u2026` : text;
  return [
    { id: `${from}-payload`, label: "payload", from, to: end, value, note: `${payload.length} of ${to - from} bytes` },
  ];
}

/** As the connection does it: an unknown type is skipped only if its flag says so; a message is held against its schema. */
function interpret(frame: Frame): Message | string {
  const name = frameName(frame.type);
  if (name === "data") return `data @${frame.offset}, ${frame.length} bytes`;
  if (name === "zeros") return `zeros @${frame.offset}, ${decodeZeros(joinParts(frame.parts), frame.offset)} bytes`;
  if (name) return decodeMessage(name, joinParts(frame.parts));
  if (frame.flags & FLAG_OPTIONAL) return "an unknown frame, skipped";
  throw new FilespoolError("frame-unknown", `frame type 0x${frame.type.toString(16)}`);
}

/**
 * Hands `bytes` to a decoder, `pieceBytes` at a time (0: all at once), and records every answer.
 * What comes after an error is not looked at: the connection has ended.
 */
export function readStream(bytes: Uint8Array, pieceBytes = 0): Reading {
  const decoder = new Decoder(crc32);
  const frames: Found[] = [];
  const pushes: Push[] = [];
  let at = 0;
  let failure: FilespoolError | null = null;
  const step = pieceBytes > 0 ? pieceBytes : Math.max(1, bytes.length);
  for (let from = 0; from < bytes.length && !failure; from += step) {
    const to = Math.min(from + step, bytes.length);
    const answers: string[] = [];
    try {
      decoder.push(bytes.slice(from, to));
      for (let frame = decoder.next(); frame; frame = decoder.next()) {
        const payload = at + HEADER_BYTES;
        const end = payload + frame.length;
        const place = { from: at, to: end };
        const isData = frameName(frame.type) === "data";
        const fields = [...headerFields(bytes, at), ...payloadFields(bytes, payload, end, isData)];
        try {
          const what = interpret(frame);
          const title = typeof what === "string" ? what : what.type;
          frames.push({ ...place, title, state: "whole", fields });
          answers.push(title);
        } catch (error) {
          frames.push({ ...place, title: frameName(frame.type) ?? "unknown", state: "broken", fields });
          throw error;
        }
        at = end;
      }
      answers.push("not yet (null)");
    } catch (error) {
      failure = known(error);
      answers.push(failure.code);
    }
    pushes.push({ from, to, answers });
  }
  const last = frames.at(-1)?.state === "broken" ? null : unfinished(bytes, at, failure !== null);
  return { frames: last ? [...frames, last] : frames, verdict: verdict(failure, decoder, bytes, at), pushes };
}

/** What follows the last whole frame: the beginning of one, or what the decoder choked on. */
function unfinished(bytes: Uint8Array, from: number, isBroken: boolean): Found | null {
  if (from >= bytes.length) return null;
  const rest = bytes.subarray(from);
  const header = rest.length >= HEADER_BYTES ? decodeHeader(rest) : null;
  const isBelieved = header !== null && typeof header !== "string";
  const start = from + HEADER_BYTES;
  const to = isBelieved ? start + header.length : Math.min(start, bytes.length);
  const payload = isBelieved ? payloadFields(bytes, start, to, frameName(header.type) === "data") : [];
  const name = isBelieved ? (frameName(header.type) ?? "an unknown frame") : isBroken ? "what came next" : "a header";
  const state = isBroken ? "broken" : "unfinished";
  return {
    from,
    to,
    title: `${name}${isBroken ? "" : ", so far"}`,
    state,
    fields: [...headerFields(bytes, from), ...payload],
  };
}

function verdict(failure: FilespoolError | null, decoder: Decoder, bytes: Uint8Array, at: number): Verdict {
  if (failure) {
    const { code, message } = failure;
    return { kind: "error", code, text: message, ...pick(code) };
  }
  const held = bytes.length - at;
  if (!decoder.midFrame)
    return { kind: "done", text: bytes.length === 0 ? "Nothing has arrived." : "Every byte was used." };
  if (held < HEADER_BYTES)
    return {
      kind: "waiting",
      text: `Not yet: ${held} of the ${HEADER_BYTES} bytes of a header. Nothing in it is believed before its checksum is here.`,
    };
  const missing = decoder.frameBytes - (held - HEADER_BYTES);
  return {
    kind: "waiting",
    text: `Not yet: the header is verified, and ${missing} of ${decoder.frameBytes} payload bytes are missing.`,
  };
}

const pick = (code: ErrorCode) => {
  const { means, fault, retry } = ERRORS[code];
  return { means, fault, retry };
};
