/** A text that is not JSON: the line and column where it stops being JSON, and what should be there. */
import { expect, test } from "vitest";
import { jsonMistake } from "../../src/cli/settings/json-mistake.ts";

test.each([
  ['{"port": 5011,\n "host": localhost}', "line 2, column 10: expected a value, such as"],
  ['{"port": 5011,\n}', "line 2, column 1: remove the comma before this }"],
  ['{"a": [1,]}', "line 1, column 10: remove the comma before this ]"],
  ['{"port": 5011', "line 1, column 14: the file ends here; expected a comma or }"],
  ["{ port: 1 }", "line 1, column 3: expected a key in double quotes or }"],
  ['{"a" 1}', "line 1, column 6: expected a colon after the key"],
  ['{"a": 1 "b": 2}', "line 1, column 9: expected a comma or }"],
  ['{"a": 01}', "line 1, column 7: expected a value"],
  ['{"a": "x\ny"}', "line 1, column 7: this text lacks its closing quote"],
  ['{"a":1}}', "line 1, column 8: expected the end of the file"],
  ["// no comments\n{}", "line 1, column 1: expected a value"],
  ["[}", "line 1, column 2: expected a value"],
])("%j: %s", (text, sentence) => {
  expect(() => JSON.parse(text)).toThrow();
  expect(jsonMistake(text, "")).toContain(sentence);
});

test("in a text that is JSON there is no mistake to name", () => {
  for (const text of ['{"a":[1,-2.5e3,{"b":null}],"c":"\\u00e9\\n\u0085","d":{}}', " [ ] ", "true"])
    expect([JSON.parse(text) !== undefined, jsonMistake(text, "none")]).toEqual([true, "none"]);
});
