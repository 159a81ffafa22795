/** Laws of the pages that are files of the repository: one text, whose links lead to the same places from both. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Root } from "mdast";
import { describe, expect, it } from "vitest";
import { repositoryFolder } from "../plugins/repository.ts";
import { contentOf, repositoryPage } from "../plugins/repository-page.ts";

/** A grammar of its own: the first line is a title, each other line a link to what it says. */
const parser = {
  parse: (text: string): Root => {
    const [title = "", ...lines] = text.split("\n").slice(0, 3);
    const heading = {
      type: "heading" as const,
      depth: title.startsWith("# ") ? (1 as const) : (2 as const),
      children: [],
    };
    return {
      type: "root",
      children: [heading, ...lines.map((url) => ({ type: "definition" as const, identifier: "", url }))],
    };
  },
};
const reading = (text: string) => ({ parse: () => parser.parse(text) });
const PAGE = "website/docs/design/architecture.md";
const urlsOf = (text: string) =>
  contentOf("ARCHITECTURE.md", PAGE, reading(text)).map((node) => ("url" in node ? node.url : null));

describe("a page that is a file of the repository", () => {
  it("has all of it but the title, which the page has already", () => {
    expect(contentOf("ARCHITECTURE.md", PAGE, reading("# Title\na\nb"))).toHaveLength(2);
    expect(() => contentOf("ARCHITECTURE.md", PAGE, reading("## Title\na"))).toThrow(/does not begin with a title/);
  });

  it("leads where the file leads, from a folder further down", () => {
    expect(urlsOf("# T\nadr/0001-x.md\nwebsite/docs/design/scaling.mdx#formulas")).toEqual([
      "../../../adr/0001-x.md",
      "scaling.mdx#formulas",
    ]);
    expect(urlsOf("# T\nhttps://example.org/x\n#here")).toEqual(["https://example.org/x", "#here"]);
  });

  const treeWith = (meta: string, value: string): Root => ({
    type: "root",
    children: [{ type: "code", lang: "md", meta, value }],
  });

  it("takes the place of its block, which is empty", () => {
    const tree = treeWith("page=ARCHITECTURE.md", "");
    repositoryPage.call(reading("# T\na"))(tree, { path: resolve(repositoryFolder, PAGE) } as never);
    expect(tree.children.map(({ type }) => type)).toEqual(["definition"]);
    const wrong = (meta: string, value: string) => () =>
      repositoryPage.call(reading("# T"))(treeWith(meta, value), { path: resolve(repositoryFolder, PAGE) } as never);
    expect(wrong("page=ARCHITECTURE.md", "text")).toThrow(/leave it empty/);
    expect(wrong("page=NOTHING.md", "")).toThrow(/is not a file of the repository/);
  });

  it("has no key that nothing resolves where the file is read by itself", () => {
    for (const file of ["ARCHITECTURE.md", "CONTRIBUTING.md"])
      expect(readFileSync(resolve(repositoryFolder, file), "utf8")).not.toMatch(
        /[`{](?:bench|limit|setting|exit|test):/,
      );
  });
});
