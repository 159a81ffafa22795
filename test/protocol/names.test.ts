import { readFileSync } from "node:fs";
import { posix, win32 } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONFIG_NAME, checkQueue, OWN_PREFIX, quoteName, safeName } from "../../src/protocol/names.ts";
import { codeOf, failureOf, manyRuns, utf8 } from "./wire.ts";

interface Rule {
  rule: string;
  cases: { wire: string; safe?: string; refused?: string }[];
}
const rules: Rule[] = JSON.parse(readFileSync(new URL("../vectors/names.json", import.meta.url), "utf8"));
const cases = rules.flatMap(({ cases }) => cases);

/** Pieces that hostile names are made of, so that random ones meet the rules more often than never. */
const pieces = [
  ".",
  "..",
  "/",
  "\\",
  ":",
  " ",
  "c:",
  "con",
  "NUL",
  "com1",
  "lpt\u00b9",
  "$",
  OWN_PREFIX,
  CONFIG_NAME,
  CONFIG_NAME.toUpperCase(),
  "~",
  "-",
].concat(
  ["\u0000", "\u001b[", "\u007f", "\u0085", "\u2028", "\u202e", "\u2066", "\ufeff", "\u200b", "\u200d"],
  [
    "e\u0301",
    "\u212b",
    "\u0301",
    "\u0338",
    "\ud55c",
    "\ufb01",
    "\u017f",
    "\u0130",
    "\u0131",
    "😀",
    "\ud83d",
    "\ude00",
    "a.txt",
  ],
);
const codeUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
const anyName = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "grapheme", minLength: 60, maxLength: 300, size: "max" }),
  fc.string({ unit: "binary" }),
  fc.string({ unit: codeUnit }),
  fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((some) => some.join("")),
  fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 }))).map((some) => some.join("")),
);

describe.each(rules)("$rule:", ({ cases }) => {
  test.each(cases.map((row) => [label(row.wire), row] as const))("%s", (_, { wire, safe, refused }) => {
    if (refused === undefined) return expect(safeName(wire)).toBe(safe);
    const failure = failureOf(() => safeName(wire));
    expect(failure?.code).toBe("name-refused");
    expect(failure?.message).toContain(refused);
  });
});

describe("for every name from the wire", () => {
  /** Checks a law for random names and for all of the table, wherever they are not refused. */
  const forEverySafeName = (law: (safe: string, wire: string) => void) => {
    const check = (wire: string) => {
      if (codeOf(() => safeName(wire)) === null) law(safeName(wire), wire);
    };
    for (const { wire } of cases) check(wire);
    fc.assert(fc.property(anyName, check), manyRuns);
  };

  test("the result is one component of a path inside the folder, on every system", () => {
    forEverySafeName((safe) => {
      expect(posix.resolve("/in/here", safe)).toBe(`/in/here/${safe}`);
      expect(win32.resolve("D:\\in\\here", safe)).toBe(`D:\\in\\here\\${safe}`);
      expect(safe).not.toMatch(/[/\\\0]/);
      expect([".", ".."]).not.toContain(safe);
    });
  });

  test("the result is itself a safe name", () => {
    forEverySafeName((safe) => expect(safeName(safe)).toBe(safe));
  });

  test("the result has 1 to 255 bytes of valid, composed Unicode", () => {
    forEverySafeName((safe) => {
      expect(utf8(safe).length).toBeGreaterThanOrEqual(1);
      expect(utf8(safe).length).toBeLessThanOrEqual(255);
      expect(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(utf8(safe))).toBe(safe);
      expect(safe.normalize("NFC")).toBe(safe);
    });
  });

  test("the result has no character that controls a terminal or the direction of text", () => {
    forEverySafeName((safe) => expect(safe).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u));
  });

  test("the result is no device, and Windows drops nothing from its end", () => {
    forEverySafeName((safe) => {
      const stem = safe.split(".")[0]?.trimEnd().toUpperCase() ?? "";
      expect(stem).not.toMatch(/^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])$/);
      expect(safe).not.toMatch(/[. ]$/);
    });
  });

  test("the result is never one of our own names", () => {
    forEverySafeName((safe) => {
      expect(safe.toLowerCase().startsWith(OWN_PREFIX)).toBe(false);
      expect(safe.normalize("NFKC").toUpperCase().startsWith(OWN_PREFIX.toUpperCase())).toBe(false);
      expect(safe.toLowerCase()).not.toBe(CONFIG_NAME);
      const seen = safe.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, "");
      expect(seen.toUpperCase()).not.toBe(CONFIG_NAME.toUpperCase());
    });
  });

  test("a name of letters, digits, dashes and inner dots stays as it is", () => {
    const plain = fc.stringMatching(/^[a-z0-9-]{4,20}(\.[a-z0-9]{1,4})?$/);
    fc.assert(fc.property(plain, (name) => void expect(safeName(`x${name}`)).toBe(`x${name}`)));
  });

  test("two spellings of one name are one name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), (name) => {
        const spelt = (form: string) =>
          failureOf(() => safeName(name.normalize(form)))?.code ?? safeName(name.normalize(form));
        expect(spelt("NFD")).toBe(spelt("NFC"));
      }),
    );
  });

  test("nothing is thrown but name-refused", () => {
    fc.assert(
      fc.property(anyName, (wire) => {
        expect([null, "name-refused"]).toContain(codeOf(() => safeName(wire)));
      }),
      manyRuns,
    );
  });
});

describe("the name of a queue that files are put into", () => {
  test.each(["default", "team a", "photos-2026_x.y", "données", "文件", "한글", "Å", "a b c"])("may be %s", (name) => {
    expect(codeOf(() => checkQueue(name))).toBeNull();
  });

  test.each<[string, string]>([
    ["photos ", "ends with a space"],
    ["photos  ", "ends with a space"],
    ["team  a", "has two spaces in a row"],
    ["photos\u3164", "has a letter that cannot be seen"],
    ["pho\u115ftos", "has a letter that cannot be seen"],
    ["photos\uffa0", "has a letter that cannot be seen"],
    ["\u1112\u1161\u11ab", "has letters that are not in their usual form"],
    ["\u212b", "has letters that are not in their usual form"],
  ])("must not be %j, which looks like another", (name, why) => {
    const failure = failureOf(() => checkQueue(name));
    expect([failure?.code, failure?.message]).toEqual(["name-refused", expect.stringContaining(why)]);
  });

  test("looks like no other, whatever is added to it that cannot be seen", () => {
    const visible = fc.stringMatching(/^[a-z0-9]{1,6}( [a-z0-9]{1,6})?$/);
    fc.assert(
      fc.property(visible, fc.constantFrom(" ", "\u3164", "\u1160", "\uffa0"), fc.nat(), (name, added, seed) => {
        const at = 1 + (seed % name.length);
        const twin = name.slice(0, at) + added + name.slice(at);
        expect(codeOf(() => checkQueue(name))).toBeNull();
        // A single space between two letters can be seen; at the end, or beside another one, it cannot.
        const isSeen = added === " " && at < name.length && name[at] !== " " && name[at - 1] !== " ";
        expect(codeOf(() => checkQueue(twin))).toBe(isSeen ? null : "name-refused");
      }),
    );
  });
});

describe("a name in a sentence", () => {
  test("is in quotes, and what cannot be seen is escaped", () => {
    expect(quoteName("a\u001b[2J\u202eb")).toBe('"a\\u001b[2J\\u202eb"');
  });

  test("is bounded and controls no terminal, whatever it was", () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(quoteName(name)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        expect(quoteName(name).length).toBeLessThanOrEqual(2 + 80 * 6);
      }),
    );
  });
});

/** A case as a test title: printable, whatever it is. */
function label(wire: string): string {
  const shown = JSON.stringify(wire).replace(/[^ -~\p{L}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
  return shown.length > 60 ? `${shown.slice(0, 60)}... (${utf8(wire).length} bytes)` : shown;
}
