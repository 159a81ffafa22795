/**
 * A comment of the code as a piece of a page: paragraphs are joined, what is indented is a drawing (drawings.ts).
 */
import { drawing } from "./drawings.ts";
import { join } from "./markdown.ts";

/** Sentences that lead a reader of code to the next file; they mean nothing on a page. */
const FOR_READERS_OF_CODE = /(?:^|\s)(?:Read next|Reading order|Never here):.*$/;

export function prose(comment: string): string {
  const blocks = comment.split(/\n[ \t]*\n/);
  return join(
    ...blocks.map((block) => {
      const lines = block.split("\n");
      const from = lines.findIndex((line) => /^ {2,}\S/.test(line));
      if (from < 0) return sentences(block);
      const drawn = lines.slice(from);
      const shared = Math.min(...drawn.map((line) => line.length - line.trimStart().length));
      const part = drawing(drawn.map((line) => line.slice(shared)).join("\n"));
      return join(from === 0 ? "" : sentences(lines.slice(0, from).join("\n")), part);
    }),
  );
}

/** One paragraph on one line, with links to decisions where it names them. */
export function sentences(text: string): string {
  return text
    .replace(/\s*\n\s*/g, " ")
    .replace(FOR_READERS_OF_CODE, "")
    .replace(/@(?:param|throws|returns)\b/g, "; $&")
    .replace(/\badr\/(\d{4})/g, (_, number: string) => decisionLink(number))
    .trim();
}

let decisions: ReadonlyMap<string, string> = new Map();

/** Tells this file which decisions there are: number to file name. */
export const knowDecisions = (files: readonly string[]): void => {
  decisions = new Map(files.map((file) => [file.slice(0, 4), file]));
};

function decisionLink(number: string): string {
  const file = decisions.get(number);
  if (file === undefined) throw new Error(`a comment names the decision ${number}, which does not exist`);
  return `[decision ${number}](../../../adr/${file})`;
}
