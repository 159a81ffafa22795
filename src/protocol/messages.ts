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
import { quickly } from "./fast-validation.ts";
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
 * The frame type and payload of a message. It is not validated again: our own messages are typed.
 * @param scratch room for the payload, if the caller copies it before the next call; it saves an array for each message
 */
export function encodeMessage(message: Message, scratch?: Uint8Array): { type: number; payload: Uint8Array } {
  const { type } = message;
  const text = JSON.stringify(message);
  // Our messages begin with their type, so it can be cut off: the comma behind it becomes the bracket that opens the
  // rest. To copy all other fields first costs more than everything else here.
  const head = `{"type":"${type}",`;
  if (!text.startsWith(head)) return { type: FRAMES[type], payload: encoder.encode(withoutType(message)) };
  const { read, written } = scratch ? encoder.encodeInto(text, scratch) : { read: -1, written: 0 };
  const whole = scratch && read === text.length ? scratch : encoder.encode(text);
  const from = head.length - 1;
  whole[from] = OPEN_BRACKET;
  return { type: FRAMES[type], payload: whole.subarray(from, whole === scratch ? written : undefined) };
}

const OPEN_BRACKET = 0x7b;
const withoutType = ({ type: _, ...body }: Message): string => JSON.stringify(body);

/**
 * For the messages that every file takes, on its way in and out. An offer of unknown size is for its schema, which makes
 * it Infinity.
 */
const QUICK: Partial<Record<FrameName, ((body: object) => boolean) | null>> = {
  offer: quickly(SCHEMAS.offer, { size: bytes }),
  finish: quickly(SCHEMAS.finish),
  stored: quickly(SCHEMAS.stored),
  deliver: quickly(SCHEMAS.deliver),
  ack: quickly(SCHEMAS.ack),
  acked: quickly(SCHEMAS.acked),
};

/**
 * Reads the payload of a control frame.
 * @throws FilespoolError message-invalid: not UTF-8, not JSON, or not as the schema says
 */
export function decodeMessage(name: ControlName, payload: Uint8Array): Message {
  let body: { type?: ControlName } | null;
  try {
    body = JSON.parse(decoder.decode(payload));
    // A schema without required fields would take an array for an object.
    if (Array.isArray(body)) throw new TypeError("not an object");
  } catch {
    throw new FilespoolError("message-invalid", `the ${name} frame does not hold a JSON object in UTF-8`);
  }
  // Nearly every message is as it should be; only for the others is it worth finding out what is wrong, and where.
  if (body && QUICK[name]?.(body)) {
    body.type = name;
    return body as Message;
  }
  const result = v.safeParse(SCHEMAS[name], body);
  if (result.success) {
    const message = result.output as { type?: ControlName }; // it is a new object
    message.type = name;
    return message as Message;
  }
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  const what = `the ${name} frame is wrong${where ? ` at "${where}"` : ""}: ${issue.message}`;
  // The sentence repeats what the peer sent, and it will be read on a terminal.
  throw new FilespoolError("message-invalid", what.slice(0, 500).replace(/\p{C}/gu, "?"));
}

/** True for a queue name that the protocol accepts, so that a command line can say so before it connects. */
export const isQueueName = (candidate: string): boolean => v.is(queue, candidate);
