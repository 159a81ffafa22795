/**
 * A table or diagram that is wider than the page scrolls by itself, so a keyboard has to reach it; one that fits is no
 * stop on the way.
 *
 * Run by Docusaurus in the browser after each change of page. Without JavaScript the browser's own rule holds, by which
 * newer ones let a keyboard reach whatever scrolls.
 */
const SCROLLING = ".markdown table, .diagram";

const resized =
  typeof ResizeObserver === "undefined"
    ? null
    : new ResizeObserver((entries) => {
        for (const { target } of entries) mark(target.closest(SCROLLING) as HTMLElement | null);
      });

/** A diagram is drawn after its frame is there, and the frame need not change its size for it. */
const drawn =
  typeof MutationObserver === "undefined"
    ? null
    : new MutationObserver((changes) => {
        for (const { target, addedNodes } of changes) {
          mark((target as Element).closest<HTMLElement>(SCROLLING));
          for (const node of addedNodes) if (node instanceof Element) resized?.observe(node);
        }
      });

function mark(element: HTMLElement | null): void {
  if (element === null) return;
  if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
}

export function onRouteDidUpdate(): void {
  resized?.disconnect();
  drawn?.disconnect();
  for (const element of document.querySelectorAll<HTMLElement>(SCROLLING)) {
    mark(element);
    resized?.observe(element);
    drawn?.observe(element, { childList: true, subtree: true });
  }
}
