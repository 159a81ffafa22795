/**
 * Tables for people: columns that line up, and that fit the terminal.
 *
 *   STATE    SIZE      AGE       TRANSFER                          NAME
 *   leased   48.0 MiB  2 m 10 s  6f2a9c01...                       holiday.raw
 *   waiting  12.0 KiB  1 m 05 s  0b71e2d4...                       a.txt
 *
 * Rows come from a server page by page, and there may be millions, so a table is printed in blocks: each lines up in itself, and
 * none is held longer than that. Widths are counted in cells of a terminal (escape.ts), so that "文件" is as wide as it looks.
 *
 * Invariant: on a terminal, no line is wider than it is. First the columns that may be cut lose letters from their middle; where
 * that is not enough, each row becomes a few lines of its own, which a terminal may fold without garbling anything. What goes to
 * a file or a pipe is never cut. Cells must be escaped by whoever made them; the rows are data, and no colour is in them.
 */
import { cells, shorten } from "./escape.ts";

export interface Column {
  readonly title: string;
  /** Numbers line up at their ends. */
  readonly align?: "right";
  /** May be cut where the terminal is narrow: a name or a sentence, but never an id that somebody will copy. */
  readonly mayCut?: true;
}

/** Between two columns. */
const GAP = "  ";
/** Cells that a column keeps when it is cut: fewer letters say nothing. */
const CELLS_MIN = 8;

/** Rows that are lined up together. */
export const BLOCK_ROWS = 100;

/**
 * The lines of one block.
 * @param columns as wide as the terminal is; null when it is none
 * @param isFirst the titles come with the first block only
 */
export function tableLines(
  table: readonly Column[],
  rows: readonly (readonly string[])[],
  columns: number | null,
  isFirst = true,
): string[] {
  const titles = table.map(({ title }) => title);
  // A title takes part in the width in every block, so that blocks of one list differ as little as can be.
  const widths = table.map((_, at) => Math.max(...[titles, ...rows].map((row) => cells(row[at] ?? ""))));
  const gaps = GAP.length * (table.length - 1);
  if (columns !== null && !narrow(table, widths, columns - gaps)) return rows.flatMap((row) => record(titles, row));
  // Spaces at the end of a line are invisible until somebody copies them.
  const line = (row: readonly string[]) =>
    table
      .map(({ align }, at) => pad(row[at] ?? "", widths[at] as number, align))
      .join(GAP)
      .trimEnd();
  return (isFirst ? [titles, ...rows] : rows).map(line);
}

/** Takes cells from the columns that may be cut, the widest first, until all fit; false when they cannot. */
function narrow(table: readonly Column[], widths: number[], columns: number): boolean {
  const excess = () => widths.reduce((sum, width) => sum + width, 0) - columns;
  // Each turn takes one column down to the minimum or ends it, so there are at most as many turns as columns.
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

/** Fills up to the width, or cuts from the middle: names often differ at their ends only. */
function pad(text: string, width: number, align: "right" | undefined): string {
  const shown = shorten(text, width);
  const fill = " ".repeat(Math.max(0, width - cells(shown)));
  return align === "right" ? fill + shown : shown + fill;
}

/** One row as lines of their own, for a terminal that is too narrow, or for one transfer with all that is known of it. */
export function record(titles: readonly string[], row: readonly string[]): string[] {
  const width = Math.max(...titles.map(cells));
  const lines = titles.flatMap((title, at) => {
    const text = row[at] ?? "";
    return text === "" ? [] : [`${pad(title.toLowerCase(), width, undefined)}${GAP}${text}`];
  });
  return [...lines, ""];
}
