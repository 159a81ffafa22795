/**
 * Text from elsewhere, made safe to show.
 *
 * A file name may hold any byte but two, and a terminal obeys what it is sent: an escape sequence in a name
 * can clear the screen, rename the window, or write a line that looks like ours. Right-to-left marks make
 * "gpj.exe" read as "exe.jpg". So whatever did not come from this program's own source is escaped when it is
 * printed, at one place, whether it is a name, a path or a sentence that a server sent.
 *
 * Escaping is for the eyes only. The name under which a file lands is decided by protocol/names.ts, and what
 * `--json` carries decodes to the very name that was sent.
 */
import { eastAsianWidth } from "get-east-asian-width";

/** Controls (C0, DEL, C1), line and paragraph separators, direction marks, byte order mark, lone surrogates. */
const UNSAFE = /\p{Cc}|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * Replaces each unsafe character by its `\u....` escape, which is also how JSON would write it. Doing it twice
 * changes nothing, so that a sentence may be built from parts that are escaped already.
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * A template literal whose fixed parts are ours and whose inserted parts are not: sentences are built with
 * it, so that forgetting to escape takes an effort. Numbers are inserted as they are.
 */
export function line(fixed: TemplateStringsArray, ...inserted: readonly (string | number)[]): string {
  return String.raw({ raw: fixed }, ...inserted.map((part) => (typeof part === "string" ? escapeText(part) : part)));
}

/** "3 files", "1 file": a counted noun. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Code points that are one cell wide everywhere: of nearly all names, there is nothing more to find out. */
const PLAIN = /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u02ff]*$/;
/** Marks that are drawn on the letter before them, joiners, and the like: no cell of their own. */
const ZERO = /[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]/u;
/** Asks for the letter before it to be drawn as a picture, which is wider. */
const AS_PICTURE = "\ufe0f";

/**
 * Cells that a printable text takes on a terminal, at most. Terminals disagree about joined emoji: some draw one
 * picture, some all of its parts in a row. What is at stake is that a line wraps, so all parts count.
 */
export function cells(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let sum = 0;
  for (const char of text) {
    if (char === AS_PICTURE) sum += 1;
    else if (!ZERO.test(char)) sum += eastAsianWidth(char.codePointAt(0) as number);
  }
  return sum;
}

/** Cuts a text where a person sees the edge of a letter: an accent or a family of emoji stays in one piece. */
export const letters = (text: string): string[] =>
  PLAIN.test(text) ? [...text] : Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);

/** As much of the beginning of a printable text as fits into `max` cells. */
export function clip(text: string, max: number): string {
  if (cells(text) <= max) return text;
  let [head, used] = ["", 0];
  for (const letter of letters(text)) {
    used += cells(letter);
    if (used > max) break;
    head += letter;
  }
  return head;
}

/** Cuts a printable text to `max` cells, from the middle: names often differ at their ends only. */
export function shorten(text: string, max: number): string {
  if (cells(text) <= max) return text;
  const all = letters(text);
  // Take letters from the front and from the back in turn until one more would not fit beside the ellipsis.
  let [head, tail, used] = ["", "", 1];
  for (let i = 0; i < all.length; i++) {
    const isFront = i % 2 === 0;
    const letter = all[isFront ? i / 2 : all.length - (i + 1) / 2] as string;
    used += cells(letter);
    if (used > max) break;
    [head, tail] = isFront ? [head + letter, tail] : [head, letter + tail];
  }
  return `${head}\u2026${tail}`;
}

/**
 * Breaks a printable text between words, so that its lines fit into `columns` cells and all but the first are indented.
 * What has no space in it stays whole even where it does not fit, and gives up its indent first: addresses and paths
 * are there to be copied.
 */
export function wrapped(text: string, columns: number, indentCells: number): string {
  // On the narrowest screens, an indent would leave no room for anything else.
  const indent = Math.min(indentCells, Math.floor(columns / 4));
  let [lines, used] = ["", 0];
  for (const [, gap = "", word = ""] of text.matchAll(/( *)([^ ]+)/g)) {
    const width = cells(word);
    const isBroken = lines !== "" && used + gap.length + width > columns;
    const before = isBroken
      ? Math.max(0, Math.min(indent, columns - width))
      : lines === ""
        ? Math.min(gap.length, indent)
        : gap.length;
    lines += (isBroken ? "\n" : "") + " ".repeat(before) + word;
    used = (isBroken ? 0 : used) + before + width;
  }
  return lines;
}
