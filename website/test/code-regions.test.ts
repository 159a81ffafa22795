/** Laws of the regions: what is shown is what stands between the markers, and every mistake is an error. */
import type { Root } from "mdast";
import { describe, expect, it } from "vitest";
import { codeRegions, parseRequest, regionsOf } from "../plugins/code-regions.ts";

const text = (...lines: string[]) => lines.join("\n");

describe("a region", () => {
  it("is the text between its markers, without the indentation that its lines share", () => {
    const source = text("a", "  // region: one", "  b {", "    c", "  }", "  // endregion: one", "d");
    expect(regionsOf(source, "x.ts").get("one")).toEqual({ text: text("b {", "  c", "}"), firstLine: 3, lastLine: 5 });
  });

  it("may lie in another one, whose text then shows no marker", () => {
    const source = text("// region: outer", "a", "// region: inner", "b", "// endregion: inner", "// endregion: outer");
    expect(regionsOf(source, "x.ts").get("outer")?.text).toBe(text("a", "b"));
    expect(regionsOf(source, "x.ts").get("inner")?.text).toBe("b");
  });

  it.each([
    ["empty", text("// region: a", "  ", "// endregion: a"), "x.ts:3: region a is empty"],
    ["not closed", text("// region: a", "b"), "x.ts:1: region a is not closed"],
    ["not opened", text("b", "// endregion: a"), "x.ts:2: region a is closed and was not opened"],
    ["opened twice", text("// region: a", "b", "// region: a", "// endregion: a"), "x.ts:3: region a is opened twice"],
  ])("that is %s is an error that names the line", (_, source, message) => {
    expect(() => regionsOf(source, "x.ts")).toThrow(message);
  });
});

describe("a block in a page", () => {
  const treeWith = (meta: string | null, value: string): Root => ({
    type: "root",
    children: [{ type: "code", lang: "ts", meta, value }],
  });
  const page = { path: "docs/page.md" } as never;

  it("is filled from the source, and a line under it leads there", () => {
    const tree = treeWith("file=src/protocol/limits.ts", "");
    codeRegions()(tree, page);
    expect(tree.children).toHaveLength(2);
    expect((tree.children[0] as { value: string }).value).toContain("export const LIMITS");
    expect(JSON.stringify(tree.children[1])).toContain("/source/src/protocol/limits.ts#L1");
  });

  it("that asks for nothing is left alone", () => {
    const tree = treeWith("title=here", "text");
    codeRegions()(tree, page);
    expect(tree).toEqual(treeWith("title=here", "text"));
  });

  it.each([
    ["a file that does not exist", "file=src/protocol/nothing.ts", "", /nothing.ts is not a file/],
    ["a file outside of what is shown", "file=../../etc/passwd", "", /is not a file/],
    ["a region that does not exist", "file=src/protocol/limits.ts region=nothing", "", /has no region nothing/],
    ["a text of its own", "file=src/protocol/limits.ts", "const x = 1;", /leave it empty/],
    ["a region without a file", "region=layout", "", /needs file=/],
  ])("with %s is an error", (_, meta, value, message) => {
    expect(() => codeRegions()(treeWith(meta, value), page)).toThrow(message);
  });

  it("says what it wants behind its language", () => {
    expect(parseRequest("file=a/b.ts region=c-d title=x")).toEqual({ file: "a/b.ts", region: "c-d" });
    expect(parseRequest(null)).toBeNull();
  });
});
