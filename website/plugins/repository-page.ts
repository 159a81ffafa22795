/**
 * Remark plugin: a page of the site whose text is a file at the top of the repository.
 *
 *     ```md page=ARCHITECTURE.md
 *     ```
 *
 * The block is empty in the page and replaced by the whole file, so that the repository and the site have one text. Two
 * things differ between the two places, and both are settled here: the heading of the file goes, since the page has its
 * title from its front matter; and relative links, which in the file start at its own folder, start at the page's.
 *
 * Never here: where a link leads on the site (repository-links.ts, which runs after this one).
 */
import { readFileSync } from "node:fs";
import { posix, resolve } from "node:path";
import type { Code, Heading, Root, RootContent } from "mdast";
import { visit } from "unist-util-visit";
import type { VFile } from "vfile";
import { pathInRepository, repositoryFolder, shownFiles } from "./repository.ts";
import { isRelative } from "./repository-links.ts";

const PAGE = /(?:^|\s)page=(?<file>\S+)/;

/** What a processor can do that is needed here: the same grammar, tables included, that the page was read by. */
interface Parser {
  parse(text: string): unknown;
}

/** The text of a file as a part of the page at `page`; both are paths from the top of the repository. */
export function contentOf(file: string, page: string, parser: Parser): RootContent[] {
  if (!shownFiles().has(file)) throw new Error(`${file} is not a file of the repository that the site shows`);
  const tree = parser.parse(readFileSync(resolve(repositoryFolder, file), "utf8")) as Root;
  const [title, ...content] = tree.children;
  if (title?.type !== "heading" || (title as Heading).depth !== 1)
    throw new Error(`${file} does not begin with a title`);
  visit(tree, (node) => {
    if (!("url" in node) || !isRelative(node.url)) return;
    const [target = "", anchor] = node.url.split("#");
    const moved = posix.relative(posix.dirname(page), posix.join(posix.dirname(file), target));
    node.url = anchor === undefined ? moved : `${moved}#${anchor}`;
  });
  return content;
}

export function repositoryPage(this: Parser) {
  return (tree: Root, page: VFile): void => {
    visit(tree, "code", (code: Code, index, parent) => {
      const file = PAGE.exec(code.meta ?? "")?.groups?.file;
      if (file === undefined || parent === undefined || index === undefined) return;
      const path = pathInRepository(page.path) ?? "";
      try {
        if (code.value.trim() !== "") throw new Error(`the block of ${file} is filled from there; leave it empty`);
        const content = contentOf(file, path, this);
        parent.children.splice(index, 1, ...content);
        return index + content.length;
      } catch (error) {
        throw new Error(`${path}:${code.position?.start.line ?? 0}: ${(error as Error).message}`);
      }
    });
  };
}
