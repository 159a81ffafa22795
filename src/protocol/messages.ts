/**
 * Messages: the small JSON objects inside control frames, each with one schema.
 *
 * JSON because a control frame is read by people, in packet dumps and while a second implementation is
 * being written, far more often than it is read by machines in a hurry: per file there are a few hundred
 * bytes of it beside the raw data frames. Unknown fields are ignored, so that a newer peer may say more;
 * everything known is checked here, once, so that no other file has to doubt a message. Why: adr/0006.
 *
 * No message grows with the number of files (one tool in this field refused 200,000 files because their
 * list became one 83 MB message: croc #1299).
 */
import * as v from "valibot";
import { FilespoolError } from "./errors.ts";
import { FIELDS } from "./fields.ts";
import { type ContentName, FRAMES, type FrameName } from "./frame.ts";
import { LIMITS } from "./limits.ts";
import { OPERATE_SCHEMAS } from "./operate-messages.ts";

const { algorithm, bytes, count, delivery, digest, id, kind, mode, mtime, name, queue, text } = FIELDS;
/** A sender that cannot know leaves the size out, or says null; here that is Infinity, which JSON writes as null. */
const unlessKnown = (size: number | null) => size ?? Infinity;
const sizeIfKnown = v.optional(v.pipe(v.nullable(bytes), v.transform(unlessKnown)), null);
const failure = { code: text(64), message: text(LIMITS.textCharsMax) };
const nothing = v.object({});

export const SCHEMAS = {
  /** First frame of a client. `peer` stays the same when the same run reconnects, and fences its older self. */
  hello: v.object({
    versions: v.pipe(v.array(v.pipe(v.number(), v.integer())), v.minLength(1), v.maxLength(16)),
    role: v.picklist(["sender", "receiver", "operator"]),
    peer: id,
    agent: text(100),
    /** A secret that says what its holder may do, where the server asks for one. */
    token: v.optional(text(200)),
    /** Receivers: the queue to take from, and the largest data frame they want. */
    queue: v.optional(queue),
    dataBytesMax: v.optional(bytes),
    /** It understands frames of zeros. */
    zeros: v.optional(v.boolean()),
  }),
  /** First frame of the server: the version it chose, what `stored` means here, and its limits. */
  welcome: v.object({
    version: v.pipe(v.number(), v.integer()),
    agent: text(100),
    durability: v.picklist(["fsync", "none", "memory"]),
    digests: v.pipe(v.array(algorithm), v.maxLength(16)),
    dataBytesMax: bytes,
    fileBytesMax: bytes,
    pipelineBytesMax: bytes,
    windowFiles: v.pipe(v.number(), v.integer(), v.minValue(1)),
    windowBytes: bytes,
    leaseMs: bytes,
    /** It understands frames of zeros. */
    zeros: v.optional(v.boolean()),
  }),
  /** The connection ends after this. */
  error: v.object(failure),
  ping: nothing,
  bye: nothing,

  /** "I have this file." `wait`: data follows only after `accept`; otherwise at once, from offset 0. */
  offer: v.object({ transfer: id, queue, name, size: sizeIfKnown, algorithm, wait: v.boolean(), kind, mode, mtime }),
  /** "Send from here": the durable offset, which only the server decides. */
  accept: v.object({ transfer: id, offset: bytes }),
  /** The durable offset has advanced. */
  progress: v.object({ transfer: id, offset: bytes }),
  /** `size`: where the offer could not say it. */
  finish: v.object({ transfer: id, digest, size: v.optional(bytes) }),
  /** On disk. `repeated`: it was before this offer; `collected`: and a receiver has acked it since. */
  stored: v.object({ transfer: id, digest, repeated: v.boolean(), collected: v.boolean() }),
  /** The sender gives this file up, or an operator does; nothing of it is kept. */
  cancel: v.object({ transfer: id }),
  /** "No" to one transfer or one delivery; the conversation goes on. */
  refuse: v.object({ about: text(64), ...failure }),

  /** Room for so many more deliveries. */
  want: v.object({ files: count(LIMITS.windowFiles) }),
  /** Nothing is waiting at this moment. `leased`: files of this queue that are with others, and may come back. */
  empty: v.object({ leased: v.optional(bytes) }),
  /** One attempt. The data follows at once up to `pipelineBytesMax`, otherwise after `start`. */
  deliver: v.object({
    ...{ delivery, transfer: id, queue, name, size: bytes, algorithm, digest, kind, mode, mtime },
    attempt: count(1_000_000),
  }),
  start: v.object({ delivery, offset: bytes }),
  /** Still busy with it (a long fsync, a slow disk): renews the lease. Also said for so many zeros that came: see frames of zeros. */
  working: v.object({ delivery }),
  ack: v.object({ delivery }),
  acked: v.object({ delivery }),
  /** Not landed; `deliver` or `empty` is said (again) after it. `counts`: as a failed attempt towards the dead letters; otherwise it is merely given back. */
  nack: v.object({ delivery, counts: v.boolean(), reason: text(LIMITS.textCharsMax) }),
  /** The server takes a delivery back: its lease is over, or its content cannot be read. */
  withdraw: v.object({ delivery, ...failure }),

  ...OPERATE_SCHEMAS,
} as const satisfies Record<Exclude<FrameName, ContentName>, v.GenericSchema>;

export type ControlName = keyof typeof SCHEMAS;
export type Body<N extends ControlName> = v.InferOutput<(typeof SCHEMAS)[N]>;
/** A validated message: `type` says which, the other fields are those of its schema. */
export type Message = { readonly [N in ControlName]: { readonly type: N } & Readonly<Body<N>> }[ControlName];
export type MessageOf<N extends ControlName> = Extract<Message, { type: N }>;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Turns a message into the type and the payload of a frame.
 *
 * The type travels in the frame's header, so the JSON text leaves it out. Nothing is checked again: the compiler has
 * checked our own messages.
 */
export function encodeMessage(message: Message): EncodedMessage {
  const { type, ...body } = message;
  return { type: FRAMES[type], payload: encoder.encode(JSON.stringify(body)) };
}

/** A message as a frame carries it. */
export interface EncodedMessage {
  /** The number of the frame type, of FRAMES. */
  readonly type: number;
  readonly payload: Uint8Array;
}

/**
 * Reads the payload of a control frame.
 * @throws FilespoolError message-invalid: the payload is not UTF-8 or not JSON, or the object breaks its schema
 */
export function decodeMessage(name: ControlName, payload: Uint8Array): Message {
  return checkBody(name, parseBody(name, payload));
}

/**
 * The first half of decoding: from bytes to whatever value the JSON text stands for.
 * @throws FilespoolError message-invalid: the payload is not UTF-8, not JSON, or an array
 */
export function parseBody(name: ControlName, payload: Uint8Array): unknown {
  try {
    const body: unknown = JSON.parse(decoder.decode(payload));
    // valibot takes an array for an object, and would accept one where a schema has no required field.
    if (Array.isArray(body)) throw new TypeError("not an object");
    return body;
  } catch {
    throw new FilespoolError("message-invalid", `the ${name} frame does not hold a JSON object in UTF-8`);
  }
}

/**
 * The second half of decoding: from that value to a message, if the schema of `name` accepts it.
 *
 * The result is a new object, and holds only fields that the schema knows.
 * @throws FilespoolError message-invalid: names the first field that is wrong, and says why
 */
export function checkBody(name: ControlName, body: unknown): Message {
  const result = v.safeParse(SCHEMAS[name], body);
  if (result.success) return { type: name, ...result.output } as Message;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  const what = `the ${name} frame is wrong${where ? ` at "${where}"` : ""}: ${issue.message}`;
  // The sentence quotes what the peer sent, and a person will read it on a terminal: no control characters.
  throw new FilespoolError("message-invalid", what.slice(0, 500).replace(/\p{C}/gu, "?"));
}

/** True for a queue name that the protocol accepts, so that a command line can say so before it connects. */
export const isQueueName = (candidate: string): boolean => v.is(queue, candidate);
