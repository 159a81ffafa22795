/**
 * Every page of the site, in the browser that people have.
 *
 * Loading a page takes the time, so each is loaded once and then looked at in both themes and at both widths. Pages
 * that one generator made differ in their words alone: all are loaded, and some, by a seed that is printed, are read by
 * axe. FILESPOOL_SITE_SEED repeats a run; FILESPOOL_SITE_ALL=1 reads all.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { builtPages, DESKTOP, itInBrowser, overflowOf, PHONE, startBrowser } from "./harness.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const seed = Number(process.env.FILESPOOL_SITE_SEED ?? 1);
const isWhole = process.env.FILESPOOL_SITE_ALL === "1";

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
const MADE_ALIKE = ["/source/", "/decisions/", "/reference/"];
const byHand = all.filter((path) => !MADE_ALIKE.some((start) => path.startsWith(start)));
const sources = ["/source/src", ...sample(ofKind("/source/"), 8)];
const read = new Set([
  ...byHand,
  ...sources.slice(0, 2),
  ...MADE_ALIKE.slice(1).flatMap((start) => sample(ofKind(start), 3)),
]);
const pages = isWhole ? all : [...all.filter((path) => !path.startsWith("/source/")), ...new Set(sources)];

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: unknown }[];
}

/** Of what repeats itself, with other words in it, axe reads the beginning. */
const REPEATED = [
  ".markdown > :nth-child(n+120)",
  "tr:nth-child(n+25)",
  ".source-text-line:nth-child(n+40)",
  ".token-line:nth-child(n+25)",
  "[data-at]:nth-child(n+40)",
];

/** What axe finds that keeps somebody from using the page; `rules`: only these. */
async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(`window.axe ?? (() => { ${axe} })()`);
  const found: Violation[] = await page.evaluate(
    async ([runOnly, exclude]) => {
      const tool = (
        window as unknown as { axe: { run(context: object, options: object): Promise<{ violations: Violation[] }> } }
      ).axe;
      return (
        await tool.run(
          { include: ["body"], exclude },
          { resultTypes: ["violations"], preload: false, iframes: false, ...(runOnly && { runOnly }) },
        )
      ).violations;
    },
    [rules, isWhole ? [] : REPEATED] as const,
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

const themeBecomes = (page: Page, scheme: string) =>
  page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, scheme, { polling: 50 });
/** Colours that are on their way from one theme to the other are of neither. */
const STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }";

const browser = startBrowser();
if (!isWhole) console.log(`axe reads ${read.size} of ${pages.length} pages (FILESPOOL_SITE_SEED=${seed})`);

describe.concurrent("a page opens without an error, fits a phone and a desk in both themes, and is accessible:", () => {
  for (const path of pages) {
    itInBrowser(path, () =>
      browser.visit(path, { size: DESKTOP, scheme: "light" }, async ({ page, troubles }) => {
        await page.locator("h1").first().waitFor({ state: "attached" });
        // Before that nobody listens for a change of theme.
        await page.locator("html[data-has-hydrated=true]").waitFor({ state: "attached" });
        await page.addStyleTag({ content: STILL });
        const found: string[] = [];
        for (const scheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme: scheme });
          await themeBecomes(page, scheme);
          for (const size of [DESKTOP, PHONE]) {
            await page.setViewportSize(size);
            const overflow = await overflowOf(page);
            if (overflow > 0) found.push(`${scheme}, ${size.width} pixels: ${overflow} too wide`);
          }
          // Of a theme only the colours can differ.
          if (isWhole || read.has(path))
            found.push(...(await violations(page, scheme === "dark" ? ["color-contrast"] : undefined)));
        }
        expect([found, troubles]).toEqual([[], []]);
      }),
    );
  }

  for (const path of ["/", "/start", "/reference/states"]) {
    itInBrowser(`${path}, in the dark and on a phone from the start`, () =>
      browser.visit(path, { size: PHONE, scheme: "dark" }, async ({ page, troubles }) => {
        await themeBecomes(page, "dark");
        await page.addStyleTag({ content: STILL });
        expect([await overflowOf(page), await violations(page), troubles]).toEqual([0, [], []]);
      }),
    );
  }
});
