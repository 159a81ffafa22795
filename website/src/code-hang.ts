/** How far in the rest of a long line of code is set. */
const COMMENT = /^ *(?:\/\*\*|\*|\/\/) /;
const INDENT = /^ */;

/** By how many characters the rest of a line is set in. */
export function hangOf(text: string): number {
  return COMMENT.exec(text)?.[0].length ?? (INDENT.exec(text)?.[0].length ?? 0) + 2;
}
