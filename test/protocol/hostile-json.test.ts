import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { type ControlName, decodeMessage, encodeMessage, SCHEMAS } from "../../src/protocol/messages.ts";
import { anyMessage, SAMPLES } from "./samples.ts";
import { bytesOf, codeOf, concat, failureOf, utf8 } from "./wire.ts";

const names = Object.keys(SCHEMAS) as ControlName[];
const OFFER = JSON.stringify(SAMPLES.offer);
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("a payload that is no JSON object in UTF-8 is refused:", () => {
  const payloads: [string, Uint8Array][] = [
    ["nothing", utf8("")],
    ["a truncated object", utf8(OFFER.slice(0, -1))],
    ["two objects", utf8("{}{}")],
    ["a trailing NUL", utf8("{}\0")],
    ["a trailing comma", utf8('{"a":1,}')],
    ["a comment", utf8("{} // hello")],
    ["single quotes", utf8("{'a':1}")],
    ["a byte order mark", concat(bytesOf("ef bb bf"), utf8(OFFER))],
    ["UTF-16", bytesOf("7b 00 7d 00")],
    ["a byte that UTF-8 never has", concat(utf8('{"a":"'), bytesOf("ff"), utf8('"}'))],
    ["an overlong form", concat(utf8('{"a":"'), bytesOf("c0 af"), utf8('"}'))],
    ["a surrogate in UTF-8", concat(utf8('{"a":"'), bytesOf("ed a0 80"), utf8('"}'))],
    ["a cut character", concat(utf8('{"a":"'), bytesOf("e2 82"), utf8('"}'))],
    ["a raw control character", utf8('{"a":"\u0001"}')],
    ["NaN", utf8('{"a":NaN}')],
    ["Infinity", utf8('{"a":-Infinity}')],
    ["a hexadecimal number", utf8('{"a":0x10}')],
    ["an array", utf8("[]")],
    ["deep nesting", utf8(nested(LIMITS.controlBytesMax / 2))],
  ];
  test.each(payloads)("%s", (_, payload) => {
    for (const name of names)
      expect(
        codeOf(() => decodeMessage(name, payload)),
        name,
      ).toBe("message-invalid");
  });

  test("any message that was cut short", () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, where) => {
        const { payload } = encodeMessage(message);
        const short = payload.subarray(0, where % payload.length);
        expect(codeOf(() => decodeMessage(message.type, short))).toBe("message-invalid");
      }),
    );
  });
});

describe("hostile JSON raises only message-invalid:", () => {
  test("any bytes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 100 }), (name, payload) => {
        expect([null, "message-invalid"]).toContain(codeOf(() => decodeMessage(name, payload)));
      }),
    );
  });

  test("any JSON value", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.json(), (name, json) => {
        expect([null, "message-invalid"]).toContain(codeOf(() => decodeMessage(name, utf8(json))));
      }),
    );
  });

  test("any value in any field", () => {
    const anyField = fc.constantFrom(...names).chain((name) =>
      fc.record({
        name: fc.constant(name),
        field: fc.constantFrom(...Object.keys(SAMPLES[name]), "__proto__", "constructor", "type"),
        value: fc.jsonValue(),
      }),
    );
    fc.assert(
      fc.property(anyField, ({ name, field, value }) => {
        const json = `{${JSON.stringify(field)}:${JSON.stringify(value)},${JSON.stringify(SAMPLES[name]).slice(1)}`;
        const payload = utf8(json.replace(",}", "}"));
        expect([null, "message-invalid"]).toContain(codeOf(() => decodeMessage(name, payload)));
      }),
    );
  });

  test.each([
    ["1e400", "infinite once it is read"],
    ["-1e400", "infinite once it is read"],
    ["9007199254740993", "beyond 2^53"],
    ["1".repeat(400), "of 400 digits"],
    ["-0.5", "negative and broken"],
  ])("the size %s, %s", (size) => {
    const failure = failureOf(() => decodeMessage("offer", utf8(OFFER.replace('"size":5', `"size":${size}`))));
    expect(failure?.message).toMatch(/^the offer frame is wrong at "size": /);
  });

  test("a megabyte of nesting", () => {
    expect(codeOf(() => decodeMessage("ping", utf8(nested(500_000))))).toBe("message-invalid");
    expect(codeOf(() => decodeMessage("ping", utf8(`{"a":${nested(500_000)}`)))).toBe("message-invalid");
  });
});

describe("legal JSON that means harm does none:", () => {
  test("__proto__ and constructor are unknown fields like any other", () => {
    const json = `{"__proto__":{"wait":true,"polluted":1},"constructor":{"prototype":{"polluted":1}},${OFFER.slice(1)}`;
    const message = decodeMessage("offer", utf8(json));
    expect(message).toEqual({ type: "offer", ...SAMPLES.offer });
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect({}).not.toHaveProperty("polluted");
  });

  test("a field that only a prototype has is missing", () => {
    const json = `{"__proto__":${OFFER}}`;
    expect(codeOf(() => decodeMessage("offer", utf8(json)))).toBe("message-invalid");
  });

  test("of a duplicate field the last one counts, and it is checked", () => {
    const twice = (second: string) => utf8(`${OFFER.slice(0, -1)},"size":${second}}`);
    expect(decodeMessage("offer", twice("6"))).toMatchObject({ size: 6 });
    expect(codeOf(() => decodeMessage("offer", twice("-6")))).toBe("message-invalid");
  });

  test("deep nesting in an unknown field is ignored", () => {
    expect(decodeMessage("ping", utf8(`{"later":${nested(8000)}}`))).toEqual({ type: "ping" });
  });

  test("an error repeats at most 500 characters of what was sent, none of them a control character", () => {
    const role = `\u001b[2J\u202e${"x".repeat(5000)}`;
    const failure = failureOf(() => decodeMessage("hello", utf8(JSON.stringify({ ...SAMPLES.hello, role }))));
    expect(failure?.message.length).toBeLessThanOrEqual(500);
    expect(failure?.message).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });
});
