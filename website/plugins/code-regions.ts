/**
 * Remark plugin: code in a page is a region of the real source.
 *
 *     ```ts file=src/protocol/frame.ts region=layout
 *     ```
 *
 * The block is empty in the page and filled at build time with the lines between `// region: layout` and
 * `// endregion: layout` of that file, without the markers and without the indentation they share. A line under the
 * block links to the file. A region that is missing, empty, opened twice or never closed fails the build, and so
 * does text in the block: code in two places is what this exists to prevent.
 *
 * Whether each region of the sources is shown by some page is a question about all pages: test/regions.test.ts asks it.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Code, Paragraph, Root } from "mdast";
import { visit } from "unist-util-visit";
import type { VFile } from "vfile";
import { fileAddress, pathInRepository, repositoryFolder, shownFiles } from "./repository.ts";

/** What a block asks for. Without a region it is the whole file. */
export interface Request {
  readonly file: string;
  readonly region: string | null;
}

/** A region's text, and where it is in its file, counted from line 1. */
export interface Region {
  readonly text: string;
  readonly firstLine: number;
  readonly lastLine: number;
}

const MARKER = /^\s*(?:\/\/|#)\s*(?<end>end)?region:\s*(?<name>[a-z0-9-]+)\s*$/;
const FILE = /(?:^|\s)file=(?<value>\S+)/;
const REGION = /(?:^|\s)region=(?<value>\S+)/;

/** What the words behind the language of a block ask for, or null for a block that asks for nothing. */
export function parseRequest(meta: string | null | undefined): Request | null {
  const file = FILE.exec(meta ?? "")?.groups?.value;
  const region = REGION.exec(meta ?? "")?.groups?.value ?? null;
  if (file === undefined && region !== null) throw new Error(`region=${region} needs file=`);
  return file === undefined ? null : { file, region };
}

/** All regions of a text, by name. Regions may nest; the markers of inner ones are left out of outer ones. */
export function regionsOf(text: string, file: string): Map<string, Region> {
  const lines = text.split("\n");
  const open = new Map<string, number>();
  const regions = new Map<string, Region>();
  lines.forEach((line, index) => {
    const marker = MARKER.exec(line)?.groups;
    if (marker === undefined) return;
    const name = marker.name as string;
    const where = `${file}:${index + 1}: region ${name}`;
    if (marker.end === undefined) {
      if (open.has(name) || regions.has(name)) throw new Error(`${where} is opened twice`);
      open.set(name, index);
      return;
    }
    const from = open.get(name);
    if (from === undefined) throw new Error(`${where} is closed and was not opened`);
    open.delete(name);
    const inside = lines.slice(from + 1, index).filter((each) => !MARKER.test(each));
    if (inside.every((each) => each.trim() === "")) throw new Error(`${where} is empty`);
    regions.set(name, { text: withoutIndentation(inside), firstLine: from + 2, lastLine: index });
  });
  for (const [name, index] of open) throw new Error(`${file}:${index + 1}: region ${name} is not closed`);
  return regions;
}

/** Takes off the indentation that all lines share, and blank lines at both ends. */
function withoutIndentation(lines: readonly string[]): string {
  const filled = lines.filter((line) => line.trim() !== "");
  const shared = Math.min(...filled.map((line) => line.length - line.trimStart().length));
  return lines
    .map((line) => line.slice(shared))
    .join("\n")
    .replace(/^\n+|\n+$/g, "");
}

/** The text that a request stands for. */
export function resolveRequest({ file, region }: Request): Region {
  if (!shownFiles().has(file)) throw new Error(`${file} is not a file of the repository that the site shows`);
  const text = readFileSync(resolve(repositoryFolder, file), "utf8");
  if (region === null) {
    const lines = text.trimEnd().split("\n");
    return { text: lines.filter((line) => !MARKER.test(line)).join("\n"), firstLine: 1, lastLine: lines.length };
  }
  const found = regionsOf(text, file).get(region);
  if (found === undefined) throw new Error(`${file} has no region ${region}`);
  return found;
}

function sourceLine({ file }: Request, { firstLine, lastLine }: Region): Paragraph {
  return {
    type: "paragraph",
    data: { hProperties: { className: ["source-line"] } },
    children: [
      { type: "link", url: `${fileAddress(file)}#L${firstLine}`, children: [{ type: "text", value: file }] },
      { type: "text", value: `, lines ${firstLine} to ${lastLine}` },
    ],
  };
}

export function codeRegions() {
  return (tree: Root, page: VFile): void => {
    visit(tree, "code", (code: Code, index, parent) => {
      try {
        const request = parseRequest(code.meta);
        if (request === null || parent === undefined || index === undefined) return;
        if (code.value.trim() !== "")
          throw new Error(`the block of ${request.file} is filled from there; leave it empty`);
        const region = resolveRequest(request);
        code.value = region.text;
        parent.children.splice(index + 1, 0, sourceLine(request, region));
        return index + 2;
      } catch (error) {
        const line = code.position?.start.line ?? 0;
        throw new Error(`${pathInRepository(page.path)}:${line}: ${(error as Error).message}`);
      }
    });
  };
}
