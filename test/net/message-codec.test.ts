/** The fast way to write and read messages beside the plain one of the protocol: nobody on the wire can tell them apart. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FastCodec, PLAIN_CODEC } from "../../src/net/wire/message-codec.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { type ControlName, type Message, SCHEMAS } from "../../src/protocol/messages.ts";
import { anyMessage, SAMPLE_MESSAGES, SAMPLES, STREAM_MESSAGES } from "../protocol/samples.ts";
import { concat, utf8 } from "../protocol/wire.ts";

const names = Object.keys(SCHEMAS) as ControlName[];
const fast = new FastCodec();
const written = (codec: typeof PLAIN_CODEC, message: Message): string => {
  const { type, payload } = codec.encode(message);
  return `${type} ${Buffer.from(payload).toString("hex")}`;
};
/** The message that a codec reads, or every word of its refusal. */
function verdict(codec: typeof PLAIN_CODEC, name: ControlName, payload: Uint8Array): unknown {
  try {
    return { took: codec.decode(name, payload) };
  } catch (error) {
    if (!(error instanceof FilespoolError)) throw error;
    return { code: error.code, message: error.message };
  }
}
const expectSameVerdict = (name: ControlName, payload: Uint8Array): void =>
  expect(verdict(fast, name, payload)).toStrictEqual(verdict(PLAIN_CODEC, name, payload));

describe("the fast codec and the plain one write the same bytes for", () => {
  test("an example of every message", () => {
    const all = [...SAMPLE_MESSAGES, ...STREAM_MESSAGES.map(([, message]) => message)];
    for (const message of all) expect(written(fast, message)).toBe(written(PLAIN_CODEC, message));
  });

  test("any legal message, whatever was written before it", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(written(fast, message)).toBe(written(PLAIN_CODEC, message));
      }),
    );
  });

  test("a message whose type is not its first field, or that is longer than a frame may be", () => {
    const { acked } = SAMPLES;
    const long = "é".repeat(LIMITS.controlBytesMax);
    const odd = [
      { ...acked, type: "acked" },
      { type: "error", code: "internal", message: long },
    ] as Message[];
    for (const message of odd) expect(written(fast, message)).toBe(written(PLAIN_CODEC, message));
  });
});

describe("the fast codec and the plain one come to the same verdict on", () => {
  test("any legal message", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expectSameVerdict(message.type, PLAIN_CODEC.encode(message).payload);
      }),
    );
  });

  test("any legal message read as another one, with more fields, cut short, or with a byte changed", () => {
    let refused = 0;
    const changes = fc.record({ name: fc.constantFrom(...names), at: fc.nat(), byte: fc.nat(255) });
    fc.assert(
      fc.property(anyMessage, changes, (message, { name, at, byte }) => {
        const { payload } = PLAIN_CODEC.encode(message);
        const place = at % payload.length;
        const changed = Uint8Array.from(payload, (old, index) => (index === place ? byte : old));
        const more = concat(utf8('{"later":1,"type":"bye"'), utf8(payload.length > 2 ? "," : ""), payload.subarray(1));
        for (const [type, bytes] of [
          [name, payload],
          [message.type, more],
          [message.type, payload.subarray(0, place)],
          [message.type, changed],
        ] as const) {
          expectSameVerdict(type, bytes);
          if ("code" in (verdict(fast, type, bytes) as object)) refused++;
        }
      }),
    );
    expect(refused).toBeGreaterThan(0);
  });

  test("any JSON value in any field, and any JSON value at all", () => {
    const anyField = fc.constantFrom(...names).chain((name) =>
      fc.record({
        name: fc.constant(name),
        field: fc.constantFrom(...Object.keys(SAMPLES[name]), "__proto__", "constructor", "type"),
        value: fc.oneof(fc.jsonValue(), fc.constantFrom(0, -1, 1e300, "", "a b", "0".repeat(32), true, null)),
      }),
    );
    fc.assert(
      fc.property(anyField, fc.json(), ({ name, field, value }, json) => {
        // JSON.parse gives the last of two fields of one name, and makes a field of its own of "__proto__".
        const text = `${JSON.stringify(SAMPLES[name]).slice(0, -1)},${JSON.stringify(field)}:${JSON.stringify(value)}}`;
        expectSameVerdict(name, utf8(text.replace("{,", "{")));
        expectSameVerdict(name, utf8(json));
      }),
    );
  });
});
