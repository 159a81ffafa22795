/** Laws of code in sentences: flags stay whole, long names may break, and what is copied is what was written. */
import type { Root } from "mdast";
import { expect, it } from "vitest";
import { breaksOf, codeBreaks } from "../plugins/code-breaks.ts";

it("a flag stays whole, alone or with its word, as long as it fits", () => {
  for (const flag of ["--follow", "-y", "--if-exists", "--count 3", "--durability none"]) {
    expect(breaksOf(flag)).toBe("whole");
  }
  for (const other of ["npm run demo", "--max-free-disk-of-everything", "a-b", "src/net/tls.ts"]) {
    expect(breaksOf(other)).toBeNull();
  }
});

it("a long name may break where it must, a short one and a sentence as ever", () => {
  expect(breaksOf("filespool_transfers_refused_total")).toBe("long");
  for (const other of ["short_name", "a sentence with_an underscore in it"]) expect(breaksOf(other)).toBeNull();
});

it("code in a page gets a class at most, and stays one text", () => {
  const tree = (value: string): Root => ({
    type: "root",
    children: [{ type: "paragraph", children: [{ type: "inlineCode", value }] }],
  });
  const flag = tree("--follow");
  codeBreaks()(flag);
  expect(JSON.stringify(flag)).toContain('"value":"--follow","data":{"hProperties":{"className":["whole"]}}');
  const plain = tree("stored");
  codeBreaks()(plain);
  expect(plain).toEqual(tree("stored"));
});
