/**
 * Rehype plugin: a table that a phone has no room for says what it needs to be shown there as one card for each row.
 *
 * Each cell gets the head of its column as `data-label`, which the style sheet puts in front of it on a narrow page
 * (site.css); no script is needed. The roles are what the elements have by themselves, and would lose in some browsers
 * once they are no longer laid out as a table. Invariant: the text of the table is the same, in the same order.
 *
 * Whether there is room is estimated from the words, once, when the site is built: the width of a phone does not change.
 */
import type { Element, ElementContent, Root } from "hast";
import { visit } from "unist-util-visit";
import { piecesOf } from "../src/code-words.ts";

/** Pixels: between the edges of a phone's page, of a letter, of a letter of code, beside a piece of code and a cell. */
const PAGE = 340;
const CHAR = 7;
const CODE_CHAR = 7.4;
const CODE_AIR = 8;
const CELL_AIR = 12;
/** Lines of a row, were it shared out well. More than so many beside each other are columns of single words. */
const LINES_MAX = 2.3;
/** What opens a row is the title of its card, but for a column of numbers, which say too little for one. */
const TITLE_CHARS_MIN = 4;

const isElement = (node: ElementContent, ...names: readonly string[]): node is Element =>
  node.type === "element" && names.includes(node.tagName);

const elementsOf = (element: Element, ...names: readonly string[]): Element[] =>
  element.children.filter((child): child is Element => isElement(child, ...names));

const textOf = (node: ElementContent): string =>
  node.type === "text" ? node.value : "children" in node ? node.children.map(textOf).join("") : "";

/** The width of the longest thing that does not break, in pixels. */
function narrowest(node: ElementContent): number {
  if (node.type === "text") return Math.max(...node.value.split(/\s+/).map(({ length }) => length)) * CHAR;
  if (!("children" in node)) return 0;
  if (!isElement(node, "code")) return Math.max(0, ...node.children.map(narrowest));
  const words = piecesOf(textOf(node)).flatMap(({ text, isWhole }) => (isWhole ? [text] : text.split(/\s+/)));
  return Math.max(...words.map(({ length }) => length)) * CODE_CHAR + CODE_AIR;
}

/** Whether these rows fit a phone beside each other. */
function hasRoom(rows: readonly (readonly Element[])[]): boolean {
  const columns = Math.max(...rows.map(({ length }) => length));
  const width = Array.from({ length: columns }, (_, at) =>
    Math.max(...rows.map((row) => (row[at] ? narrowest(row[at]) : 0))),
  ).reduce((sum, column) => sum + column + CELL_AIR, 0);
  const chars = Math.max(...rows.map((row) => row.reduce((sum, cell) => sum + textOf(cell).length, 0)));
  return width <= PAGE && (columns < 3 || (chars * CHAR) / (PAGE - columns * CELL_AIR) <= LINES_MAX);
}

function stack(table: Element, head: Element[], rows: readonly Element[]): void {
  const classes = table.properties.className;
  table.properties = {
    ...table.properties,
    className: [...(Array.isArray(classes) ? classes : []), "stacks"],
    role: "table",
  };
  for (const part of elementsOf(table, "thead", "tbody")) part.properties.role = "rowgroup";
  for (const cell of head) Object.assign(cell.properties, { role: "columnheader", scope: "col" });
  const labels = head.map((cell) => textOf(cell).trim());
  const isTitle = rows
    .flatMap((row) => elementsOf(row, "td").slice(0, 1))
    .some((cell) => textOf(cell).trim().length >= TITLE_CHARS_MIN);
  for (const row of rows) {
    row.properties.role = "row";
    for (const [at, cell] of elementsOf(row, "td").entries()) {
      cell.properties.role = "cell";
      if (at > 0 || !isTitle) cell.properties.dataLabel = labels[at] ?? "";
    }
  }
}

export function stackedTables() {
  return (tree: Root): void => {
    visit(tree, "element", (table: Element) => {
      if (table.tagName !== "table") return;
      const rows = elementsOf(table, "thead", "tbody").flatMap((part) => elementsOf(part, "tr"));
      const cells = rows.map((row) => elementsOf(row, "td", "th"));
      const head = rows[0] ? elementsOf(rows[0], "th") : [];
      if (head.length > 0 && !hasRoom(cells)) stack(table, head, rows);
    });
  };
}
