/**
 * Every page of the site, in the browser that people have.
 *
 * Loading a page takes the time, so each is loaded once and then looked at in both themes and at both widths. Pages
 * that one generator made differ in their words alone: all are loaded, and some, by a seed that is printed, are read by
 * axe. FILESPOOL_SITE_SEED repeats a run; FILESPOOL_SITE_ALL=1 reads all; FILESPOOL_SITE_QUICK=1, as the gate has it,
 * opens every page that was written by hand, but lets axe read only some of them, and opens some of the decisions.
 */
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { builtPages, DESKTOP, itInBrowser, PHONE, type Scheme, type Size, startBrowser } from "./harness.ts";
import { AXE } from "./serve.ts";

const seed = Number(process.env.FILESPOOL_SITE_SEED ?? 1);
const isWhole = process.env.FILESPOOL_SITE_ALL === "1";
const isQuick = !isWhole && process.env.FILESPOOL_SITE_QUICK === "1";

/** Some of the pages, the same for the same seed. */
function sample(pages: readonly string[], count: number): string[] {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  const shuffled = pages.map((path) => ({ path, at: next() })).sort((one, other) => one.at - other.at);
  return shuffled.slice(0, isWhole ? pages.length : count).map(({ path }) => path);
}

const all = builtPages();
const ofKind = (start: string) => all.filter((path) => path.startsWith(start));
const MADE_ALIKE = ["/source/", "/decisions/", "/reference/", "/code/"];
const byHand = all.filter((path) => !MADE_ALIKE.some((start) => path.startsWith(start)));
const sources = ["/source/src", ...sample(ofKind("/source/"), 8)];
const read = new Set([
  ...(isQuick ? sample(byHand, 12) : byHand),
  ...sources.slice(0, 2),
  ...MADE_ALIKE.slice(1).flatMap((start) => sample(ofKind(start), 3)),
]);
const isRead = (path: string) => isWhole || read.has(path);
/** Those whose text comes from one generator and differs in words alone, so that some stand for all. */
const sampled = isQuick ? ["/source/", "/decisions/", "/code/"] : ["/source/"];
const others = all.filter((path) => !sampled.some((start) => path.startsWith(start)));
const someAlike = isQuick ? [...sample(ofKind("/decisions/"), 8), ...sample(ofKind("/code/"), 3)] : [];
const pages = isWhole ? all : [...new Set([...others, ...sources, ...someAlike])];

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: unknown }[];
}

interface Axe {
  readonly violations: Violation[];
}

/** Of what repeats itself, with other words in it, axe reads the beginning. */
const REPEATED = [
  ".markdown > :nth-child(n+120)",
  ".table-of-contents li:nth-child(n+40)",
  "tr:nth-child(n+25)",
  ".source-text-line:nth-child(n+40)",
  ".token-line:nth-child(n+15)",
  "[data-at]:nth-child(n+40)",
];

/** What axe finds that keeps somebody from using the page; `rules`: only these. */
async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.addScriptTag({ url: AXE });
  const found: Violation[] = await page.evaluate(
    async ([runOnly, repeated]) => {
      const tool = (window as unknown as { axe: { run(context: object, options: object): Promise<Axe> } }).axe;
      // Taken out of the page meanwhile: what axe is told to leave out, and what is hidden, it weighs all the same.
      const taken = repeated === "" ? [] : [...document.querySelectorAll(repeated)];
      const places = taken.map((element) => {
        const place = document.createComment("");
        element.replaceWith(place);
        return place;
      });
      const options = { resultTypes: ["violations"], preload: false, iframes: false, ...(runOnly && { runOnly }) };
      const { violations } = await tool.run({ include: ["body"] }, options);
      for (const [index, place] of places.entries()) place.replaceWith(taken[index] as Element);
      return violations;
    },
    [rules, isWhole ? "" : REPEATED.join()] as const,
  );
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map(({ target }) => String(target))
          .join(" and ")}`,
    );
}

/** Colours that are on their way from one theme to the other are of neither. */
const STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }";

/**
 * Waits until the page listens, since before that it does not hear of a change of theme. All that is asked of a page
 * goes by `evaluate`: each locator would bring a program of its own into every page.
 */
const settle = (page: Page) =>
  page.evaluate(async (css) => {
    const root = document.documentElement;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (root.dataset.hasHydrated !== "true" || document.querySelector("h1") === null) return;
        observer.disconnect();
        resolve();
      };
      const observer = new MutationObserver(look);
      observer.observe(root, { attributes: true, childList: true, subtree: true });
      look();
    });
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  }, STILL);

/** What scrolls sideways on a phone though nobody expects it to: of what is read there, only sources are that wide. */
const sideways = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>(".markdown :is(pre, table, .diagram)")]
      .filter((element) => element.clientWidth > 0 && element.scrollWidth > element.clientWidth)
      .map((element) => `${element.tagName} ${element.scrollWidth}: ${element.textContent?.trim().slice(0, 40)}`),
  );

/** Pixels by which the page is wider than its window, once it has this theme. */
const overflowIn = (page: Page, scheme: Scheme) =>
  page.evaluate(async (theme) => {
    const root = document.documentElement;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (root.dataset.theme !== theme) return;
        observer.disconnect();
        resolve();
      };
      const observer = new MutationObserver(look);
      observer.observe(root, { attributes: true });
      look();
    });
    return root.scrollWidth - window.innerWidth;
  }, scheme);

const browser = startBrowser();
if (!isWhole) console.log(`axe reads ${read.size} of ${pages.length} pages (FILESPOOL_SITE_SEED=${seed})`);

/** How a page is opened: in either theme, at either width, each in its turn. */
const OPENINGS = [
  [DESKTOP, "light"],
  [PHONE, "dark"],
  [PHONE, "light"],
  [DESKTOP, "dark"],
] as const;
const other = <T>(pair: readonly [T, T], one: T): T => (pair[0] === one ? pair[1] : pair[0]);

describe.concurrent("a page opens without an error, fits a phone and a desk in both themes, and is accessible:", () => {
  for (const [index, path] of pages.entries()) {
    const [size, scheme] = OPENINGS[index % OPENINGS.length] as (typeof OPENINGS)[number];
    itInBrowser(path, () =>
      browser.visit(path, { size, scheme }, async ({ page, troubles }) => {
        await settle(page);
        const found: string[] = [];
        const look = async (theme: Scheme, width: Size) => {
          await page.emulateMedia({ colorScheme: theme });
          await page.setViewportSize(width);
          const overflow = await overflowIn(page, theme);
          if (overflow > 0) found.push(`${theme}, ${width.width} pixels: ${overflow} too wide`);
          if (width === PHONE) found.push(...(await sideways(page)));
        };
        const [theme, width] = [other<Scheme>(["light", "dark"], scheme), other<Size>([DESKTOP, PHONE], size)];
        // Each step changes one thing, so that all four cost three changes. Of a theme only the colours can differ.
        await look(scheme, size);
        await look(scheme, width);
        if (isRead(path)) found.push(...(await violations(page)));
        await look(theme, width);
        await look(theme, size);
        if (isRead(path)) found.push(...(await violations(page, ["color-contrast"])));
        expect([found, troubles]).toEqual([[], []]);
      }),
    );
  }

  for (const path of ["/", "/start", "/reference/states"]) {
    itInBrowser(`${path}, in the dark and on a phone from the start`, () =>
      browser.visit(path, { size: PHONE, scheme: "dark" }, async ({ page, troubles }) => {
        await settle(page);
        expect([await overflowIn(page, "dark"), await violations(page), troubles]).toEqual([0, [], []]);
      }),
    );
  }
});
