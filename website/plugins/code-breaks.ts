/**
 * Remark plugin: where a line may break inside of code in a sentence or a cell.
 *
 * A browser breaks behind a dash, so that `--follow` becomes "-" and "-follow", and it does not break a long name such as
 * `filespool_transfers_refused_total` at all, so that on a phone the cell beside it is pushed out of sight. So short flags
 * are marked to stay whole, and long names to break where they must; the marks are classes, whose meaning is in site.css.
 * The content stays one text, because the theme takes code with elements in it for a block. Runs last: what other plugins
 * make of code is theirs.
 */
import type { InlineCode, Root } from "mdast";
import { visit } from "unist-util-visit";

/** A flag, alone or with a word, that fits half the width of a phone. */
const FLAG = /^--?[\w-]+(?:[ =][\w.:/-]+)?$/;
const FLAG_CHARS_MAX = 24;
const NAME_CHARS_MAX = 18;

/** How a piece of code may break; null for as a browser does it. */
export function breaksOf(text: string): "whole" | "long" | null {
  if (FLAG.test(text) && text.length <= FLAG_CHARS_MAX) return "whole";
  return text.length > NAME_CHARS_MAX && /^\w+$/.test(text) ? "long" : null;
}

export function codeBreaks() {
  return (tree: Root): void => {
    visit(tree, "inlineCode", (code: InlineCode) => {
      const breaks = breaksOf(code.value);
      if (breaks) code.data = { ...code.data, hProperties: { className: [breaks] } } as InlineCode["data"];
    });
  };
}
