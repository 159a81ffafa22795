/** Every page of the site, in the browser that people have. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { describe, expect } from "vitest";
import { builtPages, DESKTOP, itInBrowser, overflowOf, PHONE, startBrowser } from "./harness.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const all = builtPages();
const isSource = (path: string) => path.startsWith("/source/");
const isDecision = (path: string) => path.startsWith("/decisions/");
/** Pages of one kind are made by one component: of the sources two stand for all. */
const pages = [...all.filter((path) => !isSource(path)), "/source/src", "/source/src/protocol/frame.ts"];

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly target: unknown }[];
}

/** What axe finds that keeps somebody from using the page. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found: Violation[] = await page.evaluate(async () => {
    const tool = (window as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } }).axe;
    return (await tool.run({ resultTypes: ["violations"] })).violations;
  });
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

const browser = startBrowser();

describe("a page opens without an error, fits a phone and a desk in both themes, and is accessible:", () => {
  for (const path of pages) {
    itInBrowser(path, async () => {
      for (const [size, other, scheme] of [
        [DESKTOP, PHONE, "light"],
        [PHONE, DESKTOP, "dark"],
      ] as const) {
        const { page, troubles } = await browser.open(path, { size, scheme });
        await expect.poll(() => page.locator("h1").count()).toBeGreaterThan(0);
        expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(scheme);
        expect(await overflowOf(page), `wider than ${size.width} pixels`).toBeLessThanOrEqual(0);
        if (!isDecision(path) || path.includes("/0001")) expect(await violations(page)).toEqual([]);
        await page.setViewportSize(other);
        expect(await overflowOf(page), `wider than ${other.width} pixels`).toBeLessThanOrEqual(0);
        expect(troubles).toEqual([]);
      }
    });
  }
});
