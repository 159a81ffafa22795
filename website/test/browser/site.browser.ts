/** What the site as a whole promises: search, weight, and text without a script. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { builtFolder, builtPages, itInBrowser, startBrowser } from "./harness.ts";

/** What adr/0050 promises. */
const SCRIPT_BYTES_MAX = 200 * 1024;

const browser = startBrowser();

/** Live elements load when they come near the window; with this, nothing ever does. */
function nothingComesNear(): void {
  window.IntersectionObserver = class {
    observe() {}
    unobserve() {}
    disconnect() {}
  } as unknown as typeof IntersectionObserver;
}

describe("search", () => {
  itInBrowser("finds every word of the glossary there", async () => {
    const { page, troubles } = await browser.open("/reference/glossary");
    const words = (await page.locator("main article h2").allInnerTexts()).map((text) =>
      text.replace(/\u200b/g, "").trim(),
    );
    expect(words.length).toBeGreaterThan(15);
    await page.goto(new URL("/search", page.url()).href);
    const lost: string[] = [];
    for (const word of words) {
      await page.locator("input[name=q]").fill(word);
      // The words that were looked for are in the address of what was found, so nothing found before is taken for it.
      const marks = word
        .toLowerCase()
        .split(" ")
        .map((part) => `_highlight=${part}`);
      const hit = page.locator(`a[href*='/reference/glossary?${marks.join("&")}']`).first();
      await hit.waitFor({ timeout: 10_000 }).catch(() => lost.push(word));
    }
    expect([lost, troubles]).toEqual([[], []]);
  });
});

describe("the first page", () => {
  itInBrowser(`needs less than ${SCRIPT_BYTES_MAX / 1024} KiB of script before any live element`, async () => {
    const { page } = await browser.open("/start", {
      before: nothingComesNear,
    });
    const reading: Promise<number>[] = [];
    page.on("response", (response) => {
      if (response.request().resourceType() === "script")
        reading.push(response.body().then((body) => gzipSync(body).length));
    });
    await page.goto(new URL("/", page.url()).href, { waitUntil: "networkidle" });
    expect(await page.locator("[data-live][data-state=still]").count()).toBeGreaterThan(0);
    const sizes = await Promise.all(reading);
    expect(sizes.length).toBeGreaterThan(0);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    console.info(`The first page needs ${Math.round(bytes / 1024)} KiB of script, in ${sizes.length} files.`);
    expect(bytes).toBeLessThan(SCRIPT_BYTES_MAX);
  });
});

describe("a page of the sources", () => {
  const FILE = "/source/src/protocol/frame.ts";
  const textOf = (page: Page) => page.locator(".source-text").innerText();

  itInBrowser("is the same by a link, by its address, and without JavaScript", async () => {
    const { page, troubles } = await browser.open(FILE);
    const whole = await textOf(page);
    expect(whole).toContain("decodeHeader");
    await page.goto(new URL("/source", page.url()).href);
    const { page: still } = await browser.open(FILE, { javaScript: false });
    expect(await textOf(still)).toBe(whole);
    // A link that the site follows itself, without loading a page: from a document to a region of the file.
    await page.goto(new URL("/reference/wire", page.url()).href);
    await page.evaluate(() => Object.assign(window, { isSamePage: true }));
    await page.locator(`main a[href*='${FILE}']`).first().click();
    await page.locator(".source-text").waitFor();
    expect(await page.evaluate(() => "isSamePage" in window)).toBe(true);
    expect(await textOf(page)).toBe(whole);
    expect(await page.title()).toBe(await still.title());
    expect(troubles).toEqual([]);
  });

  itInBrowser("that cannot be loaded says so, and what to do", async () => {
    const { page } = await browser.open("/reference/wire");
    await page.route(`**${FILE}`, (route) => route.abort());
    await page.locator(`main a[href*='${FILE}']`).first().click();
    await expect.poll(() => page.locator("main").innerText()).toContain("load the page again");
  });
});

describe("a live element whose program cannot be loaded", () => {
  const PAGE = "/play/capacity";
  const scriptsOf = (page: Page) =>
    page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));

  itInBrowser("keeps its picture, and says so", async () => {
    const { page: still } = await browser.open(PAGE, { before: nothingComesNear });
    await still.waitForLoadState("networkidle");
    const own = new Set(await scriptsOf(still));
    const picture = await still.locator("[data-live] > div").first().innerText();
    expect(picture.length).toBeGreaterThan(100);
    // Whatever the page itself does not need is the element's.
    const { page } = await browser.open("/start");
    await page.route(
      (url) => url.pathname.endsWith(".js") && !own.has(url.href),
      (route) => route.abort(),
    );
    await page.goto(new URL(PAGE, page.url()).href);
    const island = page.locator("[data-live]").first();
    await island.scrollIntoViewIfNeeded();
    await island.getByText("could not be loaded").waitFor();
    expect(await island.locator("> div").first().innerText()).toBe(picture);
  });
});

describe("what is published", () => {
  it("names no folder of the machine that built it", () => {
    const home = resolve(builtFolder, "../..");
    const files = readdirSync(builtFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(?:js|html|css|json|xml|txt)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((path) => readFileSync(path).includes(home))).toEqual([]);
  });
});

describe("without JavaScript", () => {
  const withoutScript = builtPages().filter(
    (path) => !path.startsWith("/source/") && !["/search", "/source"].includes(path),
  );

  it("every page holds its text", () => {
    const withoutText = withoutScript.filter((path) => {
      const main = /<main[\s\S]*<\/main>/.exec(readFileSync(join(builtFolder, path, "index.html"), "utf8"))?.[0] ?? "";
      return main.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").length < 60;
    });
    expect([withoutScript.length > 50, withoutText]).toEqual([true, []]);
  });

  for (const [path, words] of [
    ["/", "collect it later"],
    ["/reference/wire", "CRC-32 of the payload"],
    ["/reference/states", "offer"],
    ["/source/src/protocol/frame.ts", "decodeHeader"],
  ] as const) {
    itInBrowser(`${path} reads`, async () => {
      const { page } = await browser.open(path, { javaScript: false });
      expect(await page.locator("main").innerText()).toContain(words);
    });
  }
});
