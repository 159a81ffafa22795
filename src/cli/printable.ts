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

/** Controls (C0, DEL, C1), line and paragraph separators, direction marks, byte order mark, lone surrogates. */
const UNSAFE = /\p{Cc}|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * Replaces each unsafe character by its `\u....` escape, which is also how JSON would write it. Doing it twice
 * changes nothing, so that a sentence may be built from parts that are escaped already.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * A template literal whose fixed parts are ours and whose inserted parts are not: sentences are built with
 * it, so that forgetting to escape takes an effort. Numbers are inserted as they are.
 */
export function line(fixed: TemplateStringsArray, ...inserted: readonly (string | number)[]): string {
  return String.raw({ raw: fixed }, ...inserted.map((part) => (typeof part === "string" ? printable(part) : part)));
}

/** "3 files", "1 file": a counted noun. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Letters that take two cells of a terminal: East Asian wide and full-width ones, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
/** Marks that are drawn on the letter before them and take none. */
const ZERO = /\p{Mn}|\p{Me}|[\u200b-\u200d]/u;

/** Cells that a printable text takes on a terminal; close enough to keep a line from wrapping. */
export function cells(text: string): number {
  let sum = 0;
  for (const char of text) sum += ZERO.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return sum;
}

/** As much of the beginning of a printable text as fits into `max` cells. */
export function clip(text: string, max: number): string {
  let head = "";
  for (const char of text) {
    if (cells(head + char) > max) break;
    head += char;
  }
  return head;
}

/** Cuts a printable text to `max` cells, from the middle: names often differ at their ends only. */
export function shorten(text: string, max: number): string {
  if (cells(text) <= max) return text;
  const chars = [...text];
  // Take letters from the front and from the back in turn until one more would not fit beside the ellipsis.
  let [head, tail] = ["", ""];
  for (let i = 0; i < chars.length; i++) {
    const [nextHead, nextTail] =
      i % 2 === 0 ? [head + chars[i / 2], tail] : [head, chars[chars.length - (i + 1) / 2] + tail];
    if (cells(nextHead) + cells(nextTail) + 1 > max) break;
    [head, tail] = [nextHead, nextTail];
  }
  return `${head}\u2026${tail}`;
}
