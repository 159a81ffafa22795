/** Every page of the site, in the browser that people have. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { builtPages, DESKTOP, itInBrowser, overflowOf, PHONE, startBrowser } from "./harness.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const all = builtPages();
const isSource = (path: string) => path.startsWith("/source/");
const isTopOrLive = (path: string) => path.lastIndexOf("/") === 0 || path.startsWith("/play/");
const isDecision = (path: string) => path.startsWith("/decisions/");
/** Pages of one kind are made by one component: of the sources two stand for all. */
const pages = [...all.filter((path) => !isSource(path)), "/source/src", "/source/src/protocol/frame.ts"];

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: unknown }[];
}

/** What axe finds that keeps somebody from using the page; `rules`: only these. */
async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe);
  const found: Violation[] = await page.evaluate(async (runOnly) => {
    const tool = (window as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } }).axe;
    return (
      await tool.run({ resultTypes: ["violations"], preload: false, iframes: false, ...(runOnly && { runOnly }) })
    ).violations;
  }, rules);
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

const themeOf = (page: Page) => page.evaluate(() => document.documentElement.dataset.theme);

const browser = startBrowser();

describe("a page opens without an error, fits a phone and a desk in both themes, and is accessible:", () => {
  // One visit for all of it, since loading is what takes the time: of a theme only the colours can differ.
  for (const path of pages) {
    itInBrowser(path, async () => {
      const { page, troubles } = await browser.open(path, { size: DESKTOP, scheme: "light" });
      await expect.poll(() => page.locator("h1").count()).toBeGreaterThan(0);
      expect(await themeOf(page)).toBe("light");
      expect(await overflowOf(page), `wider than ${DESKTOP.width} pixels`).toBeLessThanOrEqual(0);
      if (!isDecision(path) || path.includes("/0001")) expect(await violations(page)).toEqual([]);

      await page.addStyleTag({ content: "* { transition: none !important; }" });
      await page.emulateMedia({ colorScheme: "dark" });
      await page.setViewportSize(PHONE);
      await expect.poll(() => themeOf(page)).toBe("dark");
      expect(await overflowOf(page), `wider than ${PHONE.width} pixels`).toBeLessThanOrEqual(0);
      if (isTopOrLive(path)) expect(await violations(page, ["color-contrast"])).toEqual([]);
      expect(troubles).toEqual([]);
    });
  }

  for (const path of ["/", "/start", "/reference/states"]) {
    itInBrowser(`${path}, in the dark and on a phone from the start`, async () => {
      const { page, troubles } = await browser.open(path, { size: PHONE, scheme: "dark" });
      expect(await themeOf(page)).toBe("dark");
      expect(await overflowOf(page)).toBeLessThanOrEqual(0);
      expect(await violations(page)).toEqual([]);
      expect(troubles).toEqual([]);
    });
  }
});
