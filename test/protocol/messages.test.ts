import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FRAMES } from "../../src/protocol/frame.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import {
  type ControlName,
  decodeMessage,
  encodeMessage,
  isQueueName,
  type Message,
  SCHEMAS,
} from "../../src/protocol/messages.ts";
import { anyMessage, SAMPLE_MESSAGES, SAMPLES } from "./samples.ts";
import { codeOf, failureOf, utf8 } from "./wire.ts";

const names = Object.keys(SCHEMAS) as ControlName[];
const read = (name: ControlName, body: unknown) => decodeMessage(name, utf8(JSON.stringify(body)));
const encodedBytes = (message: Message) => encodeMessage(message).payload.length;

describe("every message", () => {
  test.each(SAMPLE_MESSAGES.map((message) => [message.type, message] as const))("%s comes back as sent", (_, sent) => {
    const { type, payload } = encodeMessage(sent);
    expect(type).toBe(FRAMES[sent.type]);
    expect(decodeMessage(sent.type, payload)).toEqual(sent);
  });

  test("comes back as sent, and encodes to the same bytes again", () => {
    fc.assert(
      fc.property(anyMessage, (sent) => {
        const { payload } = encodeMessage(sent);
        const message = decodeMessage(sent.type, payload);
        expect(message).toEqual(sent);
        expect(encodedBytes(message)).toBe(payload.length);
      }),
    );
  });

  test("fits one control frame", () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(encodedBytes(message)).toBeLessThanOrEqual(LIMITS.controlBytesMax);
      }),
    );
  });

  test("has a schema, except data and zeros, which are no messages", () => {
    expect([...names, "data", "zeros"].sort()).toEqual(Object.keys(FRAMES).sort());
  });

  test.each(names)("%s ignores fields that it does not know", (name) => {
    const newer = { ...SAMPLES[name], type: "bye", later: [1, { deep: true }], "": null };
    expect(read(name, newer)).toEqual({ type: name, ...SAMPLES[name] });
  });

  test.each(names)("%s that is no object is refused", (name) => {
    for (const body of [null, 7, "{}", true, [], [{}]]) expect(codeOf(() => read(name, body))).toBe("message-invalid");
  });
});

const fields = names.flatMap((name) => Object.keys(SAMPLES[name]).map((field) => [name, field] as const));
/** Without it, and with null, an offer is one of unknown size. */
const unknown = "offer.size";
const ofTransfers = Object.keys({ ...SAMPLES.row, ...SAMPLES.state }).filter(
  (name) => !/^(transfer|state|look)$/.test(name),
);
const optional = new Set([
  ...[
    "hello.queue",
    "hello.dataBytesMax",
    "hello.zeros",
    "welcome.zeros",
    "list.queue",
    "list.cursor",
    "list.rows",
    "show.waitMs",
  ],
  ...["requeue.transfer", "page.next"],
  ...["row", "state"].flatMap((name) => ofTransfers.map((field) => `${name}.${field}`)),
]);

describe("every field is checked, and the error names it:", () => {
  const wrongFor: Record<string, readonly unknown[]> = {
    string: [null, 7, true, [], {}, ["a"]],
    number: [null, "7", true, [], {}, 1.5],
    boolean: [null, 0, 1, "true", []],
    object: [null, 7, "x", true, {}, [null], [{}]],
  };

  test.each(fields)("%s.%s of a wrong type", (name, field) => {
    const sample: Record<string, unknown> = SAMPLES[name];
    for (const wrong of wrongFor[typeof sample[field]] ?? []) {
      if (`${name}.${field}` === unknown && wrong === null) continue;
      expectRefused(name, field, { ...sample, [field]: wrong });
    }
  });

  test.each(fields)("%s.%s missing", (name, field) => {
    const { [field]: _, ...rest } = SAMPLES[name] as Record<string, unknown>;
    if (`${name}.${field}` === unknown) expect(read(name, rest)).toEqual({ type: name, ...rest, size: Infinity });
    else if (optional.has(`${name}.${field}`)) expect(read(name, rest)).toEqual({ type: name, ...rest });
    else expectRefused(name, field, rest);
  });

  const x = (length: number) => "x".repeat(length);
  const max = Number.MAX_SAFE_INTEGER;
  /** Values that are just legal and just not, by the name of the field. */
  const bounds: Record<string, { legal: readonly unknown[]; illegal: readonly unknown[] }> = {
    transfer: { legal: ["0".repeat(32)], illegal: ["", "0".repeat(31), "0".repeat(33), "A".repeat(32)] },
    peer: { legal: ["f".repeat(32)], illegal: ["f".repeat(33), `${"f".repeat(31)}g`, `${"f".repeat(32)}\n`] },
    digest: { legal: ["0".repeat(64)], illegal: ["", "0".repeat(63), "0".repeat(65), "F".repeat(64)] },
    delivery: { legal: ["1", x(64)], illegal: ["", x(65), "a b", "../a", "é"] },
    algorithm: { legal: [x(32), "sha-256"], illegal: ["", x(33), "SHA256", "a b"] },
    queue: { legal: ["é".repeat(50)], illegal: ["", x(101), "é".repeat(51), " a", ".a", "a/b", "a\u0000", "a\u202eb"] },
    name: { legal: ["", x(255), "\u0000/.."], illegal: [x(256)] },
    agent: { legal: ["", x(100)], illegal: [x(101)] },
    about: { legal: ["", x(64)], illegal: [x(65)] },
    code: { legal: ["", x(64)], illegal: [x(65)] },
    message: { legal: ["", x(1000)], illegal: [x(1001)] },
    reason: { legal: ["", x(1000)], illegal: [x(1001)] },
    size: { legal: [0, max], illegal: [-1, max + 1, 1e300] },
    offset: { legal: [0, max], illegal: [-1, max + 1, 1e300] },
    dataBytesMax: { legal: [0, max], illegal: [-1, max + 1] },
    files: { legal: [1, LIMITS.windowFiles], illegal: [0, -1, LIMITS.windowFiles + 1] },
    "tally.files": { legal: [0, max], illegal: [-1, max + 1] },
    "done.files": { legal: [0, max], illegal: [-1, max + 1] },
    rows: { legal: [1, LIMITS.pageFiles], illegal: [0, LIMITS.pageFiles + 1] },
    cursor: { legal: ["", x(200)], illegal: [x(201)] },
    next: { legal: ["", x(200)], illegal: [x(201)] },
    what: { legal: ["queues", "files", "dead", "uploads"], illegal: ["", "all", "toString"] },
    state: { legal: ["unknown", "cancelled"], illegal: ["", "gone", "toString"] },
    attempt: { legal: [1, 1_000_000], illegal: [0, 1_000_001] },
    windowFiles: { legal: [1], illegal: [0, -1] },
    versions: { legal: [[0], Array(16).fill(1)], illegal: [[], Array(17).fill(1), ["1"], [1.5]] },
    digests: { legal: [[], Array(16).fill("a")], illegal: [Array(17).fill("a"), [x(33)], [7]] },
    role: { legal: ["sender", "receiver", "operator"], illegal: ["server", "", "SENDER", "toString"] },
    durability: { legal: ["fsync", "none", "memory"], illegal: ["", "maybe"] },
  };

  const boundsOf = (name: string, field: string) => bounds[`${name}.${field}`] ?? bounds[field];

  test.each(fields.filter(([name, field]) => boundsOf(name, field)))("%s.%s out of bounds", (name, field) => {
    const { legal, illegal } = boundsOf(name, field) as (typeof bounds)[string];
    for (const value of legal) expect(read(name, { ...SAMPLES[name], [field]: value })).toHaveProperty(field, value);
    for (const value of illegal) expectRefused(name, field, { ...SAMPLES[name], [field]: value });
  });
});

test("an offer without a size is one of infinite size here, and is written with null", () => {
  const { size: _, ...rest } = SAMPLES.offer;
  for (const body of [rest, { ...rest, size: null }]) {
    const offer = read("offer", body);
    expect(offer).toEqual({ type: "offer", ...rest, size: Infinity });
    expect(new TextDecoder().decode(encodeMessage(offer).payload)).toContain('"size":null');
  }
  expect(read("finish", SAMPLES.finish)).toEqual({ type: "finish", ...SAMPLES.finish });
  for (const size of [-1, 0.5, "7", null, Number.MAX_SAFE_INTEGER + 1])
    expectRefused("finish", "size", { ...SAMPLES.finish, size });
});

test("a kind is a short word, and may be left out", () => {
  for (const name of ["offer", "deliver"] as const) {
    for (const kind of ["file", "tar", "x-1"])
      expect(read(name, { ...SAMPLES[name], kind })).toHaveProperty("kind", kind);
    for (const kind of ["", "TAR", "a b", "a".repeat(33), 7, null])
      expectRefused(name, "kind", { ...SAMPLES[name], kind });
  }
});

describe("the longest message", () => {
  const nameChars = { "control characters": "\u0001", "4-byte characters": "😀", "broken surrogates": "\ud800" };
  test.each(Object.entries(nameChars))("that offers a file, named in %s, fits one control frame", (_, char) => {
    const name = char.repeat(LIMITS.nameBytesMax / char.length);
    const longest = { ...SAMPLES.offer, name, queue: "q".repeat(100), algorithm: "a".repeat(32) };
    const message: Message = { type: "offer", ...longest, size: Number.MAX_SAFE_INTEGER };
    const { payload } = encodeMessage(message);
    expect(payload.length).toBeLessThanOrEqual(LIMITS.controlBytesMax);
    expect(decodeMessage("offer", payload)).toEqual(message);
  });

  test("that explains a failure, in characters that JSON escapes, fits one control frame", () => {
    const worst = { code: "\u0001".repeat(64), message: "\u0001".repeat(LIMITS.textCharsMax) };
    const messages: Message[] = [
      { type: "error", ...worst },
      { type: "refuse", about: "\u0001".repeat(64), ...worst },
      { type: "withdraw", delivery: "x".repeat(64), ...worst },
      { type: "nack", delivery: "x".repeat(64), counts: false, reason: worst.message },
      { type: "row", ...SAMPLES.row, queue: "q".repeat(100), name: "\u0001".repeat(255), reason: worst.message },
    ];
    for (const message of messages) expect(encodedBytes(message)).toBeLessThanOrEqual(LIMITS.controlBytesMax);
  });
});

describe("a queue name", () => {
  test("is what an offer may say", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[\p{L} ._-]+$/u)), (queue) => {
        const code = codeOf(() => read("offer", { ...SAMPLES.offer, queue }));
        expect(isQueueName(queue)).toBe(code === null);
      }),
    );
  });
});

function expectRefused(name: ControlName, field: string, body: unknown): void {
  const failure = failureOf(() => read(name, body));
  expect(failure?.code, JSON.stringify(body)).toBe("message-invalid");
  expect(failure?.message).toMatch(new RegExp(`^the ${name} frame is wrong at "${field}(\\.\\d+)?": `));
  expect(failure?.message.length).toBeLessThanOrEqual(LIMITS.textCharsMax);
}
