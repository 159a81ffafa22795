/**
 * Remark plugin: links to files of the repository lead to the page that shows them.
 *
 * Whoever reads a decision in an editor follows `../src/protocol/frame.ts`; whoever reads it here gets the page of that
 * file. A path in `code` that names a file becomes a link as well. A relative link to a file that does not exist, or
 * that the site does not show, is an error: the build fails and names the page.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, posix, resolve } from "node:path";
import type { InlineCode, Link, Parent, Root } from "mdast";
import { visit } from "unist-util-visit";
import type { VFile } from "vfile";
import {
  codeAddress,
  fileAddress,
  pathInRepository,
  repositoryFolder,
  shownFiles,
  sourceAddress,
} from "./repository.ts";

const HAS_SCHEME_OR_IS_ROOTED = /^(?:[a-z][a-z+.-]*:|\/|#|pathname:)/i;
const DECISION = /^adr\/(?<name>[^/]+)\.md$/;
const PAGE = /^website\/docs\/.+\.mdx?$/;
/** Files that are pages of their own, or are shown by one (repository-page.ts). */
const SHOWN_AT: Readonly<Record<string, string>> = {
  "README.md": "/",
  "ARCHITECTURE.md": "/design/architecture",
  "CONTRIBUTING.md": "/contributing",
};

/** Whether a link starts at the file that it is in. */
export const isRelative = (url: string): boolean => !HAS_SCHEME_OR_IS_ROOTED.test(url);

/** The address of a page of docs, for a file that is not one: the page says it, or its place does. Null: there is no such page. */
function pageAddress(path: string): string | null {
  const file = resolve(repositoryFolder, path);
  if (!existsSync(file)) return null;
  const slug = /^slug: (?<slug>\S+)$/m.exec(readFileSync(file, "utf8"))?.groups?.slug;
  return slug ?? path.replace(/^website\/docs|\d+-(?=[^/]*$)|(?:\/index)?\.mdx?$/g, "");
}

/** A folder of src is the page that its README is. */
const readmeOf = (path: string): string => (path.endsWith("README.md") ? path : posix.join(path, "README.md"));

/** The address on the site of a path in the repository; undefined for what Docusaurus resolves itself. */
function addressOf(path: string, from: string): string | undefined | null {
  const decision = DECISION.exec(path)?.groups?.name;
  if (decision) return from.startsWith("adr/") ? undefined : `/decisions${decision === "README" ? "" : `/${decision}`}`;
  if (path === "adr") return "/decisions";
  if (PAGE.test(path)) return PAGE.test(from) ? undefined : pageAddress(path);
  if (Object.hasOwn(SHOWN_AT, path)) return SHOWN_AT[path];
  if (path.startsWith("website/") && !shownFiles().has(path)) return undefined;
  const readme = readmeOf(path);
  if (readme.startsWith("src/") && shownFiles().has(readme)) return codeAddress(readme);
  return sourceAddress(path);
}

export function repositoryLinks() {
  return (tree: Root, file: VFile): void => {
    const page = pathInRepository(file.path) ?? "";
    visit(tree, "link", (link: Link) => {
      if (!isRelative(link.url)) return;
      const [target = "", anchor] = link.url.split("#");
      const path = pathInRepository(resolve(dirname(file.path), decodeURI(target)));
      const address = path === null ? null : addressOf(path, page);
      if (address === null) throw new Error(`${page}: the link ${link.url} leads to nothing that the site shows`);
      if (address !== undefined) link.url = anchor === undefined ? address : `${address}#${anchor}`;
    });
    visit(tree, "inlineCode", (code: InlineCode, index, parent?: Parent) => {
      if (parent === undefined || index === undefined || parent.type === "link") return;
      // In the README of a folder, a name is first of all a name in that folder.
      const path = [posix.join(posix.dirname(page), code.value), code.value].find((path) => shownFiles().has(path));
      if (path === undefined) return;
      parent.children[index] = { type: "link", url: fileAddress(path), children: [code] };
      return index + 1;
    });
  };
}
