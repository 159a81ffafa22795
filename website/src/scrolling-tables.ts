/**
 * A table or diagram that is wider than the page scrolls by itself, so a keyboard has to reach it; one that fits is no
 * stop on the way.
 *
 * Run by Docusaurus in the browser after each change of page. Without JavaScript the browser's own rule holds, by which
 * newer ones let a keyboard reach whatever scrolls.
 */
const TABLES = ".markdown table, .diagram";

const resized =
  typeof ResizeObserver === "undefined"
    ? null
    : new ResizeObserver((entries) => {
        for (const { target } of entries) mark(target as HTMLElement);
      });

function mark(table: HTMLElement): void {
  if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
  else table.removeAttribute("tabindex");
}

export function onRouteDidUpdate(): void {
  resized?.disconnect();
  for (const table of document.querySelectorAll<HTMLElement>(TABLES)) {
    mark(table);
    resized?.observe(table);
  }
}
