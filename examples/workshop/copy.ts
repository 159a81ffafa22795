/**
 * The reader's copy of minimal/: made with gaps, and looked at and filled gap by gap.
 *
 * The markers of the regions stay in the copy. They are how a gap is found again, whatever the reader has written in it.
 * Invariant: no text of the reader's is ever lost. What is replaced is kept in a file beside the copy.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { isAbsolute, join, relative, sep } from "node:path";
import { COURSE, type Gap, type Page } from "./course.ts";

const ROOT = join(import.meta.dirname, "../..");
const ORIGINALS = join(ROOT, "minimal");
/** Longest line of a task in the copy. */
const WIDTH = 100;

/** One line of text for each line of code, and where the gap is: the indexes of its two markers. */
interface Place {
  readonly lines: string[];
  readonly from: number;
  readonly to: number;
}

function placeOf(text: string, { file, region }: Gap): Place {
  const lines = text.split("\n");
  const find = (marker: string) => lines.findIndex((line) => line.trim() === `// ${marker}: ${region}`);
  const [from, to] = [find("region"), find("endregion")];
  if (from < 0 || to < from)
    throw new Error(`${file} lacks the lines "// region: ${region}" and "// endregion: ${region}" around that gap`);
  return { lines, from, to };
}

const textIn = ({ lines, from, to }: Place): string => lines.slice(from + 1, to).join("\n");

function withText({ lines, from, to }: Place, text: string): string {
  return [...lines.slice(0, from + 1), text, ...lines.slice(to)].join("\n");
}

/** What stands in a gap before somebody has written something: the task, and code that throws or does less. */
function openText(page: Page, gap: Gap, indentation: string): string {
  const lines = [`Your turn, page ${page.number}:`];
  for (const word of gap.task.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length + indentation.length + 3 <= WIDTH) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  const code = gap.standIn ?? `throw new Error("page ${page.number}: ${gap.region} in ${gap.file} is yours to write");`;
  return [...lines.map((line) => `// ${line}`), ...code.split("\n")].map((line) => indentation + line).join("\n");
}

/** The program without the bodies that some pages ask for. */
function withGaps(file: string, original: string, pages: readonly Page[]): string {
  let text = original;
  for (const page of pages)
    for (const gap of page.gaps.filter((each) => each.file === file)) {
      const place = placeOf(text, gap);
      text = withText(place, openText(page, gap, indentationOf(place)));
    }
  return text;
}

const indentationOf = ({ lines, from }: Place): string => /^\s*/.exec(lines[from] as string)?.[0] ?? "";

const originalOf = (file: string): string => readFileSync(join(ORIGINALS, file), "utf8");

export class Copy {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get exists(): boolean {
    return existsSync(this.#path("connection.ts"));
  }

  #path(file: string): string {
    return join(this.folder, file);
  }

  #read(file: string): string {
    return readFileSync(this.#path(file), "utf8");
  }

  /** Makes the copy, with the gaps of these pages open. The folder must be empty or missing. */
  create(open: readonly Page[] = COURSE): void {
    if (existsSync(this.folder) && readdirSync(this.folder).length > 0)
      throw new Error(`${this.folder} is not empty; nothing in it was changed`);
    mkdirSync(this.folder, { recursive: true });
    const source = relative(this.folder, join(ROOT, "src")).split(sep).join("/");
    for (const file of readdirSync(ORIGINALS).filter((name) => name.endsWith(".ts"))) {
      const text = withGaps(file, originalOf(file), open);
      writeFileSync(this.#path(file), text.replaceAll('"../src/', `"${source}/`));
    }
    // A folder of the repository inherits this from the package.json at the top; another one does not.
    const isInside = !relative(ROOT, this.folder).startsWith("..") && !isAbsolute(relative(ROOT, this.folder));
    if (!isInside) writeFileSync(this.#path("package.json"), '{ "type": "module" }\n');
  }

  /** Whether a gap is still as it was, and the line where it begins. */
  look(page: Page, gap: Gap): { isOpen: boolean; line: number } {
    const place = placeOf(this.#read(gap.file), gap);
    const isOpen = textIn(place) === openText(page, gap, indentationOf(place));
    return { isOpen, line: place.from + 2 };
  }

  /** Puts the original into a gap. @returns where the replaced text of the reader is kept; null for an open gap */
  solve(page: Page, gap: Gap): string | null {
    const place = placeOf(this.#read(gap.file), gap);
    const { isOpen } = this.look(page, gap);
    const original = textIn(placeOf(originalOf(gap.file), gap));
    const theirs = textIn(place);
    let kept: string | null = null;
    if (!isOpen && theirs !== original) {
      mkdirSync(this.#path("replaced"), { recursive: true });
      const name = (number: number) => join("replaced", `page-${page.number}-${gap.region}-${number}.txt`);
      let number = 1;
      while (existsSync(this.#path(name(number)))) number++;
      kept = name(number);
      writeFileSync(this.#path(kept), `${theirs}\n`);
    }
    writeFileSync(this.#path(gap.file), withText(place, original));
    return kept;
  }
}
