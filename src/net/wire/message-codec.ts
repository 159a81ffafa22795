/**
 * How a connection turns messages into bytes and back: an interface, and the fast way to do it.
 *
 * The plain way is in protocol/messages.ts, and it is the one to read. Two of its steps cost more
 * than all the others together when a server takes 20,000 small files a second: it copies each
 * outgoing message to leave one field out, and it has valibot copy each incoming one. This file
 * saves both copies. It keeps no rule of its own: whatever it cannot decide at once, it hands to
 * the plain way.
 *
 * Invariant: for every message, both ways write the same bytes; for every payload, both give the
 * same message or the same error. test/net/message-codec.test.ts compares them.
 *
 * What that saves: adr/0053. Why it is not in the protocol: adr/0109.
 */
import { FIELDS } from "../../protocol/fields.ts";
import { FRAMES, type FrameName } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";
import {
  type ControlName,
  checkBody,
  decodeMessage,
  type EncodedMessage,
  encodeMessage,
  type Message,
  parseBody,
  SCHEMAS,
} from "../../protocol/messages.ts";
import { quickly } from "./fast-validation.ts";

/** What a connection needs for its messages. */
export interface MessageCodec {
  /** The payload is valid until the next call of `encode`: copy it, or use it up, before that. */
  encode(message: Message): EncodedMessage;
  /** @throws FilespoolError message-invalid */
  decode(name: ControlName, payload: Uint8Array): Message;
}

/**
 * The protocol's own way. Tests run whole conversations on it, to show that the fast one changes
 * nothing.
 */
export const PLAIN_CODEC: MessageCodec = { encode: encodeMessage, decode: decodeMessage };

const OPEN_BRACKET = 0x7b;
const encoder = new TextEncoder();

/** What says yes at once, by the message; null where a schema has a rule that no shortcut knows. */
type QuickChecks = Partial<Record<FrameName, ((body: object) => boolean) | null>>;

/**
 * Says yes at once to the six messages that every file takes on its way in and out. All other
 * messages are rare.
 *
 * An offer of unknown size gets no quick yes. Its size becomes Infinity, and only the schema does
 * that.
 */
export const QUICK = {
  offer: quickly(SCHEMAS.offer, { size: FIELDS.bytes }),
  finish: quickly(SCHEMAS.finish),
  stored: quickly(SCHEMAS.stored),
  deliver: quickly(SCHEMAS.deliver),
  ack: quickly(SCHEMAS.ack),
  acked: quickly(SCHEMAS.acked),
} satisfies QuickChecks;

export class FastCodec implements MessageCodec {
  /**
   * Where messages are written, one after the other: an array for each would be garbage at once.
   */
  readonly #scratch = new Uint8Array(LIMITS.controlBytesMax);

  /**
   * Writes the whole message, and cuts its type off afterwards. Our messages begin with their type,
   * so the comma behind it can become the bracket that opens the rest:
   *
   *   {"type":"ack","delivery":"d1"}      the text of the message
   *                {"delivery":"d1"}      the payload: the same bytes from that comma on
   */
  encode(message: Message): EncodedMessage {
    const { type } = message;
    const text = JSON.stringify(message);
    const head = `{"type":"${type}",`;
    if (!text.startsWith(head)) return encodeMessage(message); // it has no other field, or begins with another
    const { read, written } = encoder.encodeInto(text, this.#scratch);
    const fits = read === text.length;
    const whole = fits ? this.#scratch : encoder.encode(text);
    const from = head.length - 1;
    whole[from] = OPEN_BRACKET;
    return { type: FRAMES[type], payload: whole.subarray(from, fits ? written : undefined) };
  }

  /** Only for a message that gets no quick yes is it worth finding out what is wrong, and where. */
  decode(name: ControlName, payload: Uint8Array): Message {
    const body = parseBody(name, payload) as { type?: ControlName };
    if (!body || !(QUICK as QuickChecks)[name]?.(body)) return checkBody(name, body);
    // The object came out of JSON.parse a moment ago, so nobody else holds it and it needs no copy.
    body.type = name;
    return body as Message;
  }
}
