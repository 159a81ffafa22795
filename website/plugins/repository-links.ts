/**
 * Remark plugin: links to files of the repository lead to the page that shows them.
 *
 * Whoever reads a decision in an editor follows `../src/protocol/frame.ts`; whoever reads it here gets the page of that
 * file. A path in `code` that names a file becomes a link as well. A relative link to a file that does not exist, or
 * that the site does not show, is an error: the build fails and names the page.
 */
import { dirname, resolve } from "node:path";
import type { InlineCode, Link, Parent, Root } from "mdast";
import { visit } from "unist-util-visit";
import type { VFile } from "vfile";
import { fileAddress, pathInRepository, shownFiles, sourceAddress } from "./repository.ts";

const HAS_SCHEME_OR_IS_ROOTED = /^(?:[a-z][a-z+.-]*:|\/|#|pathname:)/i;
const DECISION = /^adr\/(?<name>[^/]+)\.md$/;
const PAGE = /^website\/docs\/.+\.mdx?$/;

/** The address on the site of a path in the repository; undefined for pages, which Docusaurus resolves itself. */
function addressOf(path: string, from: string): string | undefined | null {
  const decision = DECISION.exec(path)?.groups?.name;
  if (decision) return from.startsWith("adr/") ? undefined : `/decisions${decision === "README" ? "" : `/${decision}`}`;
  if (path === "adr") return "/decisions";
  if (PAGE.test(path)) return undefined;
  if (path === "README.md") return "/";
  if (path.startsWith("website/")) return undefined;
  return sourceAddress(path);
}

export function repositoryLinks() {
  return (tree: Root, file: VFile): void => {
    const page = pathInRepository(file.path) ?? "";
    visit(tree, "link", (link: Link) => {
      if (HAS_SCHEME_OR_IS_ROOTED.test(link.url)) return;
      const [target = "", anchor] = link.url.split("#");
      const path = pathInRepository(resolve(dirname(file.path), decodeURI(target)));
      const address = path === null ? null : addressOf(path, page);
      if (address === null) throw new Error(`${page}: the link ${link.url} leads to nothing that the site shows`);
      if (address !== undefined) link.url = anchor === undefined ? address : `${address}#${anchor}`;
    });
    visit(tree, "inlineCode", (code: InlineCode, index, parent?: Parent) => {
      if (parent === undefined || index === undefined || parent.type === "link") return;
      if (!shownFiles().has(code.value)) return;
      parent.children[index] = { type: "link", url: fileAddress(code.value), children: [code] };
      return index + 1;
    });
  };
}
