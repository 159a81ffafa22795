/**
 * Where a text stops being JSON, by line and column, and what should be there.
 *
 *   {"port": 5011,
 *    "host": localhost}      line 2, column 10: expected a value, such as "text", 5011 or true
 *
 * JSON.parse decides what is valid; this file only explains a text that it has refused. The messages of JSON.parse differ
 * between versions of Node, and some of them name no place or count from the beginning of the file.
 */

/** One token, or nothing where the text is wrong. JSON knows only these four kinds of space. */
const TOKEN =
  /[ \t\n\r]*(?:([{}[\]:,])|("(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.]))/uy;
const SPACE = /[ \t\n\r]*/y;

const A_VALUE = 'expected a value, such as "text", 5011 or true';
const A_KEY = "expected a key in double quotes";
const A_BAD_TEXT = "this text lacks its closing quote, or has a line break or a wrong backslash in it";

/**
 * The mistake in a text that is not JSON.
 * @param fallback the sentence for a text in which this file finds no mistake
 */
export function jsonMistake(text: string, fallback: string): string {
  const closers: string[] = [];
  // What may come next: the texts of brackets, and "string" or "value".
  let next: readonly string[] = ["value"];
  let expected = A_VALUE;
  const expect = (what: string, ...tokens: readonly string[]) => {
    [expected, next] = [what, tokens];
  };
  const afterValue = () => {
    const closer = closers.at(-1);
    if (closer === undefined) expect("expected the end of the file");
    else expect(`expected a comma or ${closer}`, ",", closer);
  };
  for (let at = 0; ; at = TOKEN.lastIndex) {
    SPACE.lastIndex = TOKEN.lastIndex = at;
    SPACE.exec(text);
    const start = SPACE.lastIndex;
    if (start === text.length)
      return next.length === 0 ? fallback : place(text, start, `the file ends here; ${expected}`);
    const [token, bracket, string] = TOKEN.exec(text) ?? [];
    if (token === undefined) return place(text, start, text[start] === '"' ? A_BAD_TEXT : expected);
    const isOpening = bracket === "{" || bracket === "[";
    const isValue = bracket === undefined || isOpening;
    const fits = next.includes(bracket ?? "value") || (isValue && next.includes("value"));
    if (!fits && !(string !== undefined && next.includes("string"))) {
      const isAfterComma = /,[ \t\n\r]*$/.test(text.slice(0, start));
      const isTooMany = isAfterComma && (bracket === "}" || bracket === "]");
      return place(text, start, isTooMany ? `remove the comma before this ${bracket}` : expected);
    }
    if (bracket === "{") {
      closers.push("}");
      expect(`${A_KEY} or }`, "string", "}");
    } else if (bracket === "[") {
      closers.push("]");
      expect(`${A_VALUE}, or ]`, "value", "]");
    } else if (bracket === ":") expect(A_VALUE, "value");
    else if (bracket === ",") closers.at(-1) === "}" ? expect(A_KEY, "string") : expect(A_VALUE, "value");
    else if (bracket !== undefined) {
      closers.pop();
      afterValue();
    } else if (string !== undefined && next.includes("string")) expect("expected a colon after the key", ":");
    else afterValue();
  }
}

/** Lines and columns count from 1, as editors count them. */
function place(text: string, at: number, what: string): string {
  const lines = text.slice(0, at).split("\n");
  return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}: ${what}`;
}
