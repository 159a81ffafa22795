import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cells, clip, escapeText, line, shorten, wrapped } from "../../src/cli/report/escape.ts";

/** What a terminal would obey, or show in a way that misleads. */
const HOSTILE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

describe("text from elsewhere", () => {
  test("no text of any kind puts on the screen what a terminal obeys", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !HOSTILE.test(escapeText(text))));
    expect(escapeText("a\u001b[2Jb\u202eexe\ud800")).toBe("a\\u001b[2Jb\\u202eexe\\ud800");
  });

  test("harmless text stays as it is", () => {
    fc.assert(fc.property(fc.stringMatching(/^[\p{L}\p{N} ._()“”–-]*$/u), (text) => escapeText(text) === text));
  });

  test("a sentence escapes what is put into it, and nothing of its own", () => {
    expect(line`a\n${"b\n"} ${3}`).toBe("a\nb\\u000a 3");
  });

  test("a shortened text fits, and keeps both ends", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }).map(escapeText), fc.integer({ min: 1, max: 40 }), (text, max) => {
        const short = shorten(text, max);
        return cells(short) <= max && (short === text || short.includes("…")) && text.startsWith(clip(text, max));
      }),
    );
    expect(shorten("holiday-in-spain.jpeg", 12)).toBe("holida….jpeg");
    expect(cells("日本e\u0301")).toBe(5);
  });

  test("a wrapped text has the same words, breaks at spaces only, and fits unless a word cannot", () => {
    const text = fc.array(fc.stringMatching(/^[a-z/:.日]{1,30}$/u), { minLength: 1 }).map((words) => words.join(" "));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 80 }), fc.nat(12), (text, columns, indent) => {
        const lines = wrapped(text, columns, indent).split("\n");
        const isSame = lines.map((line) => line.trim()).join(" ") === text;
        return isSame && lines.every((line) => cells(line) <= columns || !line.trim().includes(" "));
      }),
    );
    expect(wrapped("error: cannot reach a server at localhost:1", 24, 7)).toBe(
      "error: cannot reach a\n      server at\n      localhost:1",
    );
    expect(wrapped("failed    /a/path/of/twenty-six/cells: no", 32, 10)).toBe(
      "failed\n     /a/path/of/twenty-six/cells:\n        no".replace("     /a", "    /a"),
    );
  });
});
