/**
 * Wire format: header, frame types, a frame taken apart. The layout is read from the comment in frame.ts and held against
 * what the code really writes, so that the drawing there cannot be wrong either.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { crc32 } from "../../../src/protocol/checksum.ts";
import {
  decodeHeader,
  encodeHeader,
  FLAG_OPTIONAL,
  FRAMES,
  HEADER_BYTES,
  MAGIC,
  payloadBytesMax,
  ZEROS_PAYLOAD_BYTES,
} from "../../../src/protocol/frame.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes, duration } from "../../plugins/units.ts";
import { cell, code, fence, join, type Page, table } from "../markdown.ts";
import { prose } from "../prose.ts";
import { fileComment } from "../source-comments.ts";
import { sendersOf } from "./states.ts";

const FRAME = "src/protocol/frame.ts";

interface Field {
  readonly offset: number;
  readonly bytes: number;
  readonly what: string;
}

/** Lines of the drawing: `offset  bytes  field`. */
function layout(): Field[] {
  const lines = fileComment(FRAME).split("\n");
  const fields = lines.flatMap((line) => {
    const found = /^\s+(?<offset>\d+)\s+(?<bytes>\d+)\s+(?<what>\S.*)$/.exec(line)?.groups;
    return found ? [{ offset: Number(found.offset), bytes: Number(found.bytes), what: found.what as string }] : [];
  });
  let next = 0;
  for (const field of fields) {
    if (field.offset !== next) throw new Error(`${FRAME}: the drawing has a hole before offset ${field.offset}`);
    next += field.bytes;
  }
  if (next !== HEADER_BYTES) throw new Error(`${FRAME}: the drawing has ${next} bytes, the code has ${HEADER_BYTES}`);
  return fields;
}

const hex = (data: Uint8Array): string => [...data].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** The checksum of a header over what stands before it. */
const ownSum = (header: Uint8Array): number => crc32(header.subarray(0, HEADER_BYTES - 4), 0);

/** A frame as the code writes it, cut at the fields of the drawing. */
function takenApart(fields: readonly Field[]): string {
  const payload = new TextEncoder().encode("hello, spool");
  const header = encodeHeader(FRAMES.data, payload, crc32, 2 ** 32 + 5);
  const read = decodeHeader(header);
  if (typeof read === "string" || read.length !== payload.length) throw new Error("the example cannot be read back");
  // What the drawing says stands where, in its order. A field that the code writes elsewhere must not be drawn here.
  const meant = [MAGIC, FRAMES.data, 0, payload.length, read.offset, crc32(payload, 0), ownSum(header)];
  if (meant.length !== fields.length) throw new Error(`${FRAME}: the drawing has ${fields.length} fields`);
  const rows = fields.map(({ offset, bytes: length, what }, at) => {
    const part = header.subarray(offset, offset + length);
    const value = part.reduce((sum, byte) => sum * 256 + byte, 0);
    if (value !== meant[at]) throw new Error(`${FRAME}: the drawing has "${what}" at ${offset}, the code does not`);
    return [
      String(offset),
      code(hex(part)),
      cell((what.split(/[:,(]/)[0] as string).trim()),
      value.toLocaleString("en"),
    ];
  });
  const behind = [String(HEADER_BYTES), code(hex(payload)), "payload", `"${new TextDecoder().decode(payload)}"`];
  return table(["Offset", "Bytes", "Field", "Value"], [...rows, behind]);
}

/** What the frames hold that hold a piece of a file. */
const CONTENT: Readonly<Record<string, string>> = { data: "bytes of a file, as they are", zeros: "how many zeros" };

interface Vectors {
  readonly frames: readonly { readonly title: string; readonly type: string; readonly hex: string }[];
}

export function wirePage(): Page {
  const fields = layout();
  const vectors: Vectors = JSON.parse(readFileSync(resolve(__dirname, "../../../test/vectors/frames.json"), "utf8"));
  const example = vectors.frames.find(({ type }) => type === "accept");
  if (!example) throw new Error("the vectors have no accept frame");
  const types = Object.entries(FRAMES).map(([name, type]) => [
    code(`0x${type.toString(16).padStart(2, "0")}`),
    name in CONTENT ? code(name) : `[${code(name)}](messages.md#${name})`,
    sendersOf(name === "zeros" ? "data" : name),
    CONTENT[name] ?? "a JSON object",
    bytes(payloadBytesMax(type)),
  ]);
  return {
    name: "wire",
    title: "Wire format",
    about: "Byte by byte: the header of a frame, the types of frames, and the rules that both ends keep.",
    from: [
      FRAME,
      "src/protocol/decoder.ts",
      "src/protocol/chunks.ts",
      "src/protocol/names.ts",
      "test/vectors/frames.json",
    ],
    body: join(
      "One TCP connection carries one conversation between a client (a sender, a receiver or an operator) and a server. Both directions are a sequence of frames and nothing else: no preamble, no separator, no end mark. Where a server encrypts, the same bytes are inside of TLS 1.3, from the first to the last ([how](client.md#encrypt)). All numbers are unsigned and big-endian.",
      "## Header",
      `Each frame opens with ${HEADER_BYTES} bytes.`,
      table(
        ["Offset", "Bytes", "Field"],
        fields.map((field) => [String(field.offset), String(field.bytes), cell(field.what)]),
      ),
      `The magic is ${code(`0x${MAGIC.toString(16)}`)}. Both checksums are CRC-32 as in ISO 3309, zip and PNG: polynomial \`0xEDB88320\` reflected, start and end inverted; \`crc32("123456789")\` is \`${crc32(new TextEncoder().encode("123456789"), 0).toString(16)}\`. More values are in [test/vectors/crc32.json](pathname:///vectors/crc32.json).`,
      `Flag ${code(`0x${FLAG_OPTIONAL.toString(16).padStart(2, "0")}`)} is *optional*: a receiver that does not know the type of such a frame skips it, payload and all. Without the flag an unknown type ends the connection with [\`frame-unknown\`](errors.md#frame-unknown). Write other flags as 0, and pass over them when you read.`,
      "## Reading a frame",
      "In this order, because each step is what makes the next one safe:",
      [
        "1. The magic, as soon as its bytes are there, and the first of them by itself. Anything else in the first header of a connection is [`not-filespool`](errors.md#not-filespool): an HTTP request, a port scanner. After one good header it is [`frame-damaged`](errors.md#frame-damaged), because the other end has shown that it speaks this protocol. To wait for a whole header first would be to wait for somebody who speaks another language.",
        `2. Wait for ${HEADER_BYTES} bytes. Fewer is not an error, it is not yet.`,
        "3. The checksum of the header. Before it matches, no number in the header is believed: [`frame-damaged`](errors.md#frame-damaged).",
        `4. The length, against the bound of its type, which for an unknown one is ${bytes(LIMITS.controlBytesMax)}: [\`frame-too-large\`](errors.md#frame-too-large).`,
        `5. The one way to write it: a data frame has at least one byte, and its offset plus its length is at most 2^53 - 1; a frame of zeros has ${ZEROS_PAYLOAD_BYTES} bytes; every other frame has offset 0. Else [\`message-invalid\`](errors.md#message-invalid).`,
        "6. Wait for the payload, and compare its checksum: [`frame-damaged`](errors.md#frame-damaged).",
        "7. The type. An unknown one is skipped now, or is [`frame-unknown`](errors.md#frame-unknown). One that is skipped counts as a ping.",
      ].join("\n"),
      "After an error the connection ends. There is no search for the next frame: the transfer goes on over a new connection, from what is on disk.",
      "## A data frame, taken apart",
      takenApart(fields),
      "## A control frame",
      `Its payload is one JSON object in UTF-8, without a byte order mark. The type is in the header, not in the object. This is \`accept\`, from the vectors, twelve bytes to a line:`,
      fence(
        "text",
        (example.hex.match(/.{1,24}/g) ?? []).map((line) => (line.match(/../g) ?? []).join(" ")).join("\n"),
      ),
      "## Frame types",
      table(["Type", "Name", "Sent by", "Payload", "At most"], types),
      "## Pieces of a file",
      prose(fileComment("src/protocol/chunks.ts")),
      `Every data frame but the last of a file has at least ${bytes(LIMITS.bufferBytesMin)}; a smaller one is a [\`flood\`](errors.md#flood). Where the offer did not say the size, a smaller one says that the content ends with it.`,
      `A frame of zeros stands for a data frame whose payload is zero, at the same offset. Its payload is the number of those zeros, ${ZEROS_PAYLOAD_BYTES * 8} bits, under the rules for the length of a data frame: too many are a [\`frame-too-large\`](errors.md#frame-too-large), none are a [\`message-invalid\`](errors.md#message-invalid). Everything that is counted in bytes of a file counts them in full. Send one only to a peer whose [\`hello\`](messages.md#hello) or [\`welcome\`](messages.md#welcome) says \`zeros\`; nobody has to send any. They never fill the buffers of the kernel, so send no more than ${bytes(LIMITS.zerosAheadBytesMax)} of them ahead of what the other end has told to have taken: a server tells it by [\`progress\`](messages.md#progress), and a receiver that says \`zeros\` by a [\`working\`](messages.md#working) for each ${bytes(LIMITS.zerosToldBytes)}.`,
      "## Names of files",
      prose(fileComment("src/protocol/names.ts")),
      "## Time",
      [
        `- The first frame of a client is complete within ${duration(LIMITS.handshakeMs)} of connecting.`,
        `- Whoever has sent nothing for ${duration(LIMITS.heartbeatMs)} sends a [\`ping\`](messages.md#ping). It is not answered; it is heard. More than ${LIMITS.pingsPerSecondMax} in one second with nothing in between are a [\`flood\`](errors.md#flood).`,
        `- Whoever has heard nothing for ${duration(LIMITS.idleMs)} gives the connection up.`,
        `- A frame that has begun is complete after ${duration(LIMITS.stallMs)} plus its length at ${bytes(LIMITS.bytesPerSecondMin)} a second. A peer that takes nothing of what is sent has as long.`,
      ].join("\n"),
      "## Check yourself",
      "[frames.json](pathname:///vectors/frames.json) has every frame type with its bytes, frames that must be skipped, and damaged ones with the error that each must end in. [names.json](pathname:///vectors/names.json) has file names as they may arrive, and what a receiver makes of each. The tests here read the same files.",
    ),
  };
}
