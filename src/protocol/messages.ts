/**
 * Messages: the small JSON objects inside control frames, each with one schema.
 *
 * A control frame is JSON because people read it far more often than machines in a hurry do: in
 * packet dumps, and while somebody writes a second implementation. For each file there are only a
 * few hundred bytes of it, beside the raw data frames. Unknown fields are ignored, so that a newer
 * peer may say more. Everything known is checked here, once, so that no other file has to doubt a
 * message. Why: adr/0006.
 *
 * No message grows with the number of files. One tool in this field refused 200,000 files, because
 * their list became one message of 83 MB (croc #1299).
 *
 * Read next: upload.ts, which says when each message may be sent. The full programs write and read
 * messages faster, with the same result: net/wire/message-codec.ts.
 */
import * as v from "valibot";
import { FilespoolError } from "./errors.ts";
import { FIELDS } from "./fields.ts";
import { type ContentName, FRAMES, type FrameName } from "./frame.ts";
import { LIMITS } from "./limits.ts";
import { OPERATE_SCHEMAS } from "./operate-messages.ts";

const { algorithm, bytes, count, delivery, digest, id, kind, mode, mtime, name, queue, text } = FIELDS;
/**
 * A size that nobody knows is left out, or null, on the wire. Here it is Infinity, which JSON
 * writes as null.
 */
const unlessKnown = (size: number | null) => size ?? Infinity;
const sizeIfKnown = v.optional(v.pipe(v.nullable(bytes), v.transform(unlessKnown)), null);
const failure = { code: text(64), message: text(LIMITS.textCharsMax) };
const nothing = v.object({});

/**
 * The schema of every message, by the name of its frame type.
 *
 * The comment above a message says what it means; comments on its fields stand inside it, or beside
 * the field in fields.ts. The reference on the site is made of these comments.
 */
export const SCHEMAS = {
  /**
   * The first frame of a client. `peer` stays the same when a run connects again; the server then
   * ends the older connection of that peer.
   */
  hello: v.object({
    versions: v.pipe(v.array(v.pipe(v.number(), v.integer())), v.minLength(1), v.maxLength(16)),
    role: v.picklist(["sender", "receiver", "operator"]),
    peer: id,
    agent: text(100),
    /** A secret that says what its holder may do. A server may demand one. */
    token: v.optional(text(200)),
    /**
     * For a receiver: the queue to take from, and the most bytes that it wants in one data frame.
     */
    queue: v.optional(queue),
    dataBytesMax: v.optional(bytes),
    /** Whether the client understands frames of zeros. */
    zeros: v.optional(v.boolean()),
  }),
  /**
   * The first frame of a server: the version that it chose, what `stored` means on it, and its
   * limits.
   */
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
    /** Whether the server understands frames of zeros. */
    zeros: v.optional(v.boolean()),
  }),
  /** Says why a connection ends. Nothing follows it. */
  error: v.object(failure),
  ping: nothing,
  bye: nothing,

  /**
   * "I have this file." With `wait`, the data follows after `accept`; without it, the data follows
   * at once, from offset 0.
   */
  offer: v.object({ transfer: id, queue, name, size: sizeIfKnown, algorithm, wait: v.boolean(), kind, mode, mtime }),
  /** "Send from here." The offset is the durable one; only the server decides it. */
  accept: v.object({ transfer: id, offset: bytes }),
  /** The durable offset has advanced to here. */
  progress: v.object({ transfer: id, offset: bytes }),
  /** All data was sent. `size` is given where the offer could not say it. */
  finish: v.object({ transfer: id, digest, size: v.optional(bytes) }),
  /**
   * The file is on disk. `repeated`: it was there before this offer. `collected`: a receiver has
   * acked it since.
   */
  stored: v.object({ transfer: id, digest, repeated: v.boolean(), collected: v.boolean() }),
  /** The sender or an operator gives this file up. The server keeps nothing of it. */
  cancel: v.object({ transfer: id }),
  /**
   * "No" to one transfer, one delivery or one order. The conversation goes on. `about` says to
   * which: an id, a token, the name of an order, or the number of a look.
   */
  refuse: v.object({ about: text(64), ...failure }),

  /** The receiver has room for so many more deliveries. */
  want: v.object({ files: count(LIMITS.windowFiles) }),
  /**
   * Nothing is waiting at this moment. `leased`: so many files of this queue are with other
   * receivers, and may come back.
   */
  empty: v.object({ leased: v.optional(bytes) }),
  /**
   * One attempt to hand over a file. A file of up to `pipelineBytesMax` follows at once, a larger
   * one after `start`.
   */
  deliver: v.object({
    ...{ delivery, transfer: id, queue, name, size: bytes, algorithm, digest, kind, mode, mtime },
    attempt: count(1_000_000),
  }),
  /** "Send the content from here." The receiver has everything before that offset on its disk. */
  start: v.object({ delivery, offset: bytes }),
  /**
   * The receiver is still busy with the file, and the lease begins anew: a long fsync, a slow disk.
   * It also says that the receiver has taken so many zeros; see frames of zeros.
   */
  working: v.object({ delivery }),
  /** The receiver has the file in its folder, on disk. */
  ack: v.object({ delivery }),
  /** The verdict is on the server's disk: the file will not be delivered again. */
  acked: v.object({ delivery }),
  /**
   * The file has not landed. With `counts`, this is a failed attempt, and too many of those make a
   * dead letter; without it, the file is merely given back. The server says `deliver` or `empty`
   * again after it.
   */
  nack: v.object({ delivery, counts: v.boolean(), reason: text(LIMITS.textCharsMax) }),
  /** The server takes a delivery back, because its lease is over or its content cannot be read. */
  withdraw: v.object({ delivery, ...failure }),

  ...OPERATE_SCHEMAS,
} as const satisfies Record<Exclude<FrameName, ContentName>, v.GenericSchema>;

/** The names of the frame types that hold a message. */
export type ControlName = keyof typeof SCHEMAS;
/** The fields of a message, without its type. */
export type Body<N extends ControlName> = v.InferOutput<(typeof SCHEMAS)[N]>;
/** A message that has passed its schema. `type` says which message it is. */
export type Message = { readonly [N in ControlName]: { readonly type: N } & Readonly<Body<N>> }[ControlName];
export type MessageOf<N extends ControlName> = Extract<Message, { type: N }>;

const encoder = new TextEncoder();
// Strict, because a payload that is nearly UTF-8 would become another text. And a byte order mark
// is no JSON.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Turns a message into the type and the payload of a frame.
 *
 * The type travels in the frame's header, so the JSON text leaves it out. Nothing is checked again:
 * the compiler has checked our own messages.
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
 * @throws FilespoolError message-invalid: the payload is not UTF-8 or not JSON, or the object
 * breaks its schema
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
    // valibot takes an array for an object, and would accept one where a schema has no required
    // field.
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
  // The sentence quotes what the peer sent, and a person will read it on a terminal: no control
  // characters.
  throw new FilespoolError("message-invalid", what.slice(0, 500).replace(/\p{C}/gu, "?"));
}

/**
 * True for a queue name that the protocol accepts, so that a command line can say so before it
 * connects.
 */
export const isQueueName = (candidate: string): boolean => v.is(queue, candidate);
