/**
 * Tables for people: columns that line up, and that fit the terminal.
 *
 *   STATE    SIZE      AGE       TRANSFER                          NAME
 *   leased   48.0 MiB  2 m 10 s  6f2a9c01...                       holiday.raw
 *   waiting  12.0 KiB  1 m 05 s  0b71e2d4...                       a.txt
 *
 * Rows come from a server page by page, and there may be millions. So a table is printed in blocks: the columns of one block
 * line up, and only one block is in memory. Widths count cells of a terminal (escape.ts), so "文件" is as wide as it looks.
 *
 * Invariant: no line is wider than the terminal. First, columns that may be cut lose letters in the middle. If that is not
 * enough, each row becomes a few lines of its own, which a terminal may fold. Output to a file or a pipe is never cut. The
 * caller escapes the cells; rows are data without colours.
 */
import { cells, shorten } from "./escape.ts";

export interface Column {
  readonly title: string;
  /** Numbers line up at their ends. */
  readonly align?: "right";
  /** May be cut on a narrow terminal: a name or a sentence, but never an id, which people copy. */
  readonly mayCut?: true;
}

/** Between two columns. */
const GAP = "  ";
/** The least width of a column that is cut. */
const CELLS_MIN = 8;

/** Rows of one block. */
export const BLOCK_ROWS = 100;

/**
 * The lines of one block.
 * @param columns the width of the terminal; null when the output is none
 * @param isFirst whether to print the titles, which only the first block has
 */
export function tableLines(
  table: readonly Column[],
  rows: readonly (readonly string[])[],
  columns: number | null,
  isFirst = true,
): string[] {
  const titles = table.map(({ title }) => title);
  // Titles count for the width in every block, so that the blocks of a list differ little.
  const widths = table.map((_, at) => Math.max(...[titles, ...rows].map((row) => cells(row[at] ?? ""))));
  const gaps = GAP.length * (table.length - 1);
  if (columns !== null && !narrow(table, widths, columns - gaps)) return rows.flatMap((row) => record(titles, row));
  // No spaces at the end of a line: people would copy them without noticing.
  const line = (row: readonly string[]) =>
    table
      .map(({ align }, at) => pad(row[at] ?? "", widths[at] as number, align))
      .join(GAP)
      .trimEnd();
  return (isFirst ? [titles, ...rows] : rows).map(line);
}

/** Narrows the columns that may be cut, the widest first, until all fit; false when they cannot. */
function narrow(table: readonly Column[], widths: number[], columns: number): boolean {
  const excess = () => widths.reduce((sum, width) => sum + width, 0) - columns;
  // Each round narrows one column to the minimum, or ends the loop: at most as many rounds as columns.
  while (excess() > 0) {
    let widest = -1;
    for (const [at, { mayCut }] of table.entries()) {
      const width = widths[at] as number;
      if (mayCut && width > CELLS_MIN && (widest < 0 || width > (widths[widest] as number))) widest = at;
    }
    if (widest < 0) return false;
    widths[widest] = Math.max(CELLS_MIN, (widths[widest] as number) - excess());
  }
  return true;
}

/** Pads a text to the width, or cuts it in the middle, because names often differ only at their ends. */
function pad(text: string, width: number, align: "right" | undefined): string {
  const shown = shorten(text, width);
  const fill = " ".repeat(Math.max(0, width - cells(shown)));
  return align === "right" ? fill + shown : shown + fill;
}

/** One row as lines "title  text": for a narrow terminal, and for `filespool show`. */
export function record(titles: readonly string[], row: readonly string[]): string[] {
  const width = Math.max(...titles.map(cells));
  const lines = titles.flatMap((title, at) => {
    const text = row[at] ?? "";
    return text === "" ? [] : [`${pad(title.toLowerCase(), width, undefined)}${GAP}${text}`];
  });
  return [...lines, ""];
}
