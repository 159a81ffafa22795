import fc from "fast-check";
import { expect, test } from "vitest";
import { formatInvite, type Invite, parseInvite } from "../../src/net/extensions/trust/invite.ts";
import { isQueueName } from "../../src/protocol/messages.ts";

const host = fc.oneof(fc.constantFrom("localhost", "files.example.org", "192.0.2.7", "::1", "2001:db8::7"));
const queue = fc.oneof(
  fc.constantFrom("default", "Fotos aus Köln", "a.b_c-d", "写真"),
  fc.string().filter(isQueueName),
);
const fingerprint = fc
  .array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 })
  .map((all) => all.join(""));
const tls = fc.oneof(
  fc.constant({}),
  fc.array(fingerprint, { minLength: 1, maxLength: 3 }).map((fingerprints) => ({ fingerprints })),
);
const invite: fc.Arbitrary<Invite> = fc.record(
  { host, port: fc.integer({ min: 1, max: 65_535 }), queue, token: fc.string({ minLength: 1 }), tls },
  { requiredKeys: ["host", "port", "queue"] },
);

test("an invite that is read is the invite that was written", () => {
  fc.assert(
    fc.property(invite, (one) => {
      expect(parseInvite(formatInvite(one))).toEqual(one);
    }),
  );
});

test("what may be left out has its default", () => {
  expect(parseInvite("filespool://example.org")).toEqual({ host: "example.org", port: 5011, queue: "default" });
  expect(parseInvite("  filespool://example.org/q#new=thing\n".trimStart())).toMatchObject({ queue: "q" });
});

test("whatever is no invite is refused in a sentence that does not repeat its secret", () => {
  const wrong = [
    "",
    "http://example.org/",
    "filespool://",
    "filespool:///queue#token=SECRET",
    "filespool://a:99999/q#token=SECRET",
    "filespool://a/%ff#token=SECRET",
    "filespool://a/..%2fb#token=SECRET",
    "filespool://user:SECRET@a/q",
    "filespool://a/q?token=SECRET",
    "filespool://a/q#token=SECRET&cert=abc",
    "filespool://a/q#token=SECRET&",
    "filespool://a/q#token=SECRET&ce",
    "filespool://a/q#token=fst_20e46a83_SECRET",
    "filespool://a/q#tok",
  ];
  for (const text of wrong) {
    expect(() => parseInvite(text), text).toThrow(TypeError);
    expect(() => parseInvite(text), text).not.toThrow("SECRET");
  }
});
