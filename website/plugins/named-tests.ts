/**
 * Remark plugin: a promise names the test that would fail if it were broken.
 *
 *     `test:net/journal.test.ts#a reply that was lost`
 *
 * becomes a link to that line of test/net/journal.test.ts, with the title as its text. The title, or a part of it, must
 * stand in that file in one line, as a text in quotes; without `#` the whole file is meant. A test that was renamed, removed
 * or is skipped fails the build.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { InlineCode, Parent, Root } from "mdast";
import { visit } from "unist-util-visit";
import type { VFile } from "vfile";
import { fileAddress, pathInRepository, repositoryFolder, shownFiles } from "./repository.ts";

const REFERENCE = /^test:(?<file>[\w./-]+\.ts)(?:#(?<title>.+))?$/;

/** The address and the text of a named test; null for a text that names none. */
export function resolveTest(text: string): { address: string; text: string } | null {
  const { file, title } = (REFERENCE.exec(text)?.groups ?? {}) as { file?: string; title?: string };
  if (file === undefined) return null;
  const path = `test/${file}`;
  if (!shownFiles().has(path)) throw new Error(`there is no test file ${path}`);
  if (title === undefined) return { address: fileAddress(path), text: path };
  const lines = readFileSync(resolve(repositoryFolder, path), "utf8").split("\n");
  const line = lines.findIndex((each) => isTitleIn(each, title));
  if (line < 0) throw new Error(`${path} has no test with the title "${title}"`);
  // The call may be on the line before a long title.
  const call = lines.slice(Math.max(0, line - 1), line + 1).join("\n");
  if (/\b(?:test|it|describe)\.(?:skip|todo|fails)\b/.test(call)) throw new Error(`${path} does not run "${title}"`);
  return { address: `${fileAddress(path)}#L${line + 1}`, text: title };
}

/** A title is a text of the code: a comment, or a line that happens to have these words, promises nothing. */
function isTitleIn(line: string, title: string): boolean {
  const [before] = line.split(title, 1) as [string];
  return before.length < line.length && /["'`]/.test(before) && !/^\s*(?:\/\/|\/?\*)/.test(line);
}

export function namedTests() {
  return (tree: Root, page: VFile): void => {
    visit(tree, "inlineCode", (code: InlineCode, index, parent?: Parent) => {
      if (parent === undefined || index === undefined) return;
      try {
        const test = resolveTest(code.value);
        if (test === null) return;
        const children = [{ type: "text" as const, value: test.text }];
        const data = { hProperties: { className: ["named-test"], title: code.value } };
        parent.children[index] = { type: "link", url: test.address, children, data };
        return index + 1;
      } catch (error) {
        const where = `${pathInRepository(page.path)}:${code.position?.start.line ?? 0}`;
        throw new Error(`${where}: ${code.value}: ${(error as Error).message}`);
      }
    });
  };
}
