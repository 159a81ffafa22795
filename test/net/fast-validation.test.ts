import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { quickly } from "../../src/net/wire/fast-validation.ts";
import { QUICK } from "../../src/net/wire/message-codec.ts";
import { SCHEMAS } from "../../src/protocol/messages.ts";
import { SAMPLES } from "../protocol/samples.ts";

const names = Object.keys(QUICK) as (keyof typeof QUICK)[];

/** What a field may hold: what belongs there, nearly that, and anything else. */
const values = fc.oneof(
  fc.constantFrom(...names.flatMap((name) => Object.values(SAMPLES[name]))),
  fc.constantFrom(
    0,
    -1,
    1.5,
    2 ** 53,
    1e300,
    "",
    "a b",
    "é".repeat(51),
    "0".repeat(31),
    "0".repeat(33),
    "A".repeat(32),
  ),
  fc.constantFrom(null, true, [], {}, "x".repeat(65), "x".repeat(256), "\u0000", "file", "tar", "Tar"),
  fc.jsonValue({ maxDepth: 1 }),
);

describe.each(names)("of %s", (name) => {
  const yes = QUICK[name];
  const keys = Object.keys(SCHEMAS[name].entries);

  test("what is as it should be gets a quick yes", () => {
    expect(yes?.(SAMPLES[name])).toBe(true);
  });

  test("a quick yes is never another word than that of the schema, and leaves nothing for it to change", () => {
    let [quick, slow] = [0, 0];
    const key = fc.oneof(fc.constantFrom(...keys), fc.constantFrom("type", "later", "__proto__", "constructor", ""));
    const changes = fc.array(fc.tuple(key, fc.option(values, { nil: undefined })), { maxLength: 3 });
    fc.assert(
      fc.property(changes, (changed) => {
        const body: Record<string, unknown> = { ...SAMPLES[name] };
        for (const [field, value] of changed) {
          if (value === undefined) delete body[field];
          else Object.defineProperty(body, field, { value, enumerable: true, configurable: true, writable: true });
        }
        if (!yes?.(body)) return void slow++;
        quick++;
        const result = v.safeParse(SCHEMAS[name], body);
        expect(result.success).toBe(true);
        expect(result.output).toEqual(body);
      }),
    );
    expect(Math.min(quick, slow)).toBeGreaterThan(0); // else the law would hold for want of cases
  });

  test("each field that must be there is asked for, and one that nobody knows is no yes", () => {
    for (const field of Object.keys(SAMPLES[name])) {
      const { [field]: _, ...rest } = SAMPLES[name] as Record<string, unknown>;
      expect(yes?.(rest)).toBe(false);
    }
    for (const unknown of ["later", "type", "toString", "__proto__"]) {
      const more = Object.defineProperty({ ...SAMPLES[name] }, unknown, { value: 1, enumerable: true });
      expect(yes?.(more)).toBe(false);
    }
  });
});

test("a schema with a rule that is not known, or a value that it puts in, is never quick", () => {
  expect(quickly(v.object({ a: v.pipe(v.string(), v.trim()) }))).toBeNull();
  expect(quickly(v.object({ a: v.pipe(v.string(), v.email()) }))).toBeNull();
  expect(quickly(v.object({ a: v.array(v.string()) }))).toBeNull();
  expect(quickly(v.object({ a: v.optional(v.string(), "x") }))).toBeNull();
  expect(quickly(SCHEMAS.offer)).toBeNull();
});

test("no primitive and nothing empty is taken for a message", () => {
  for (const body of ["text", 7, true, Object(""), []]) expect(QUICK.ack?.(body as object)).toBe(false);
});
