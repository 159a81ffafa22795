/**
 * Makes foreign text safe to show on a terminal.
 *
 * A file name may hold any byte but two, and a terminal obeys escape sequences. A name with such a sequence can clear the
 * screen, rename the window, or print a line that looks like ours. Right-to-left marks make "gpj.exe" look like "exe.jpg".
 * So every text that does not come from our source is escaped when it is printed: names, paths, sentences from a server.
 *
 * Escaping only changes what people see. protocol/names.ts decides the name under which a file lands, and `--json` carries
 * the very name that was sent.
 */
import { eastAsianWidth } from "get-east-asian-width";

/** Controls (C0, DEL, C1), line and paragraph separators, direction marks, byte order mark, lone surrogates. */
const UNSAFE = /\p{Cc}|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * Replaces each unsafe character by its `\u....` escape, as JSON writes it. A second call changes nothing, so a sentence may
 * contain escaped parts.
 */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * A template literal that escapes its inserted texts and not its fixed parts. Sentences are built with it, so nobody forgets
 * to escape. Numbers are inserted as they are.
 */
export function line(fixed: TemplateStringsArray, ...inserted: readonly (string | number)[]): string {
  return String.raw({ raw: fixed }, ...inserted.map((part) => (typeof part === "string" ? escapeText(part) : part)));
}

/** A counted noun: "3 files", "1 file". */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Text of code points that are always one cell wide. Nearly all names match, which saves time. */
const PLAIN = /^[\u0020-\u007e\u00a1-\u00ac\u00ae-\u02ff]*$/;
/** Code points without a cell of their own, such as accents and joiners. */
const ZERO = /[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]/u;
/** Makes the character before it a picture, which is wider. */
const AS_PICTURE = "\ufe0f";

/**
 * The most cells that a printable text takes on a terminal. Terminals disagree about joined emoji: some draw one picture,
 * some draw all parts in a row. A line must not wrap, so all parts count.
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

/** Splits a text into letters as a person sees them: an accent or a joined emoji stays in one piece. */
export const letters = (text: string): string[] =>
  PLAIN.test(text) ? [...text] : Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);

/** The beginning of a printable text, at most `max` cells wide. */
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

/** Shortens a printable text to `max` cells in its middle, because names often differ only at their ends. */
export function shorten(text: string, max: number): string {
  if (cells(text) <= max) return text;
  const all = letters(text);
  // Takes letters from the front and from the back in turn, until one more would not fit next to the ellipsis.
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
 * Breaks a printable text between words into lines of at most `columns` cells; all lines but the first are indented. A word
 * that does not fit loses its indent first and is never broken, because people copy addresses and paths.
 */
export function wrapped(text: string, columns: number, indentCells: number): string {
  // On very narrow screens, a full indent would leave no room for text.
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
