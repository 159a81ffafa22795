/**
 * A browser for the tests of the site: Debian's Chromium, driven by playwright-core.
 *
 *     const browser = startBrowser();
 *     itInBrowser("a law", async () => {
 *       const { page, troubles } = await browser.open("/start", { width: PHONE, scheme: "dark" });
 *       ...
 *     });
 *
 * Each page is closed after its test. The pages of a file share one context, since making one takes longer than loading
 * a page, and nothing of the site is kept in it but a theme that somebody chose. Without a Chromium the tests are skipped, and their
 * names say so; FILESPOOL_CHROMIUM names another one. In CI a missing Chromium is a failure.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, inject, it } from "vitest";

export const DESKTOP = { width: 1280, height: 900 } as const;
export const PHONE = { width: 390, height: 844 } as const;
export type Scheme = "light" | "dark";

const program =
  [process.env.FILESPOOL_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
    (path) => path !== undefined && existsSync(path),
  ) ?? null;

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const isMissing = program === null && !process.env.CI;

if (isMissing) console.warn("SKIPPED: tests in a browser, since there is no Chromium here; apt-get install chromium");

/** A test that needs the browser. */
export const itInBrowser = (title: string, run: () => Promise<void>): void =>
  isMissing ? it.skip(`${title} (SKIPPED: no Chromium here; apt-get install chromium)`, run) : it(title, run);

export interface Opened {
  readonly page: Page;
  /** Errors in the console, errors that nobody caught, and files that could not be had. */
  readonly troubles: string[];
}

export interface OpenOptions {
  readonly size?: { readonly width: number; readonly height: number };
  readonly scheme?: Scheme;
  readonly javaScript?: boolean;
  /** Runs in the page before anything of the site does. */
  readonly before?: () => void;
}

export interface TestBrowser {
  /** Closed after the test, so not for tests that run beside each other. */
  open(path: string, options?: OpenOptions): Promise<Opened>;
  /** Closed when `use` is done with it. */
  visit(path: string, options: OpenOptions, use: (opened: Opened) => Promise<void>): Promise<void>;
}

/** Starts a browser for the tests of a file. */
export function startBrowser(): TestBrowser {
  let browser: Browser;
  let common: BrowserContext;
  const open: (() => Promise<void>)[] = [];
  if (!isMissing) {
    beforeAll(async () => {
      if (program === null) throw new Error("there is no Chromium; apt-get install chromium");
      browser = await chromium.launch({ executablePath: program, args: FLAGS });
      common = await browser.newContext();
    });
    afterEach(async () => {
      for (const close of open.splice(0)) await close();
    });
    afterAll(() => browser?.close());
  }
  async function begin(path: string, options: OpenOptions): Promise<Opened & { close(): Promise<void> }> {
    const { size = DESKTOP, scheme = "light", javaScript = true, before } = options;
    const isUsual = javaScript && before === undefined;
    const context = isUsual ? common : await browser.newContext({ javaScriptEnabled: javaScript });
    const page = await context.newPage();
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: scheme });
    const troubles: string[] = [];
    page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on(
      "response",
      (response) => response.status() >= 400 && troubles.push(`${response.status()} ${response.url()}`),
    );
    if (before) await page.addInitScript(before);
    await page.goto(inject("site") + path, { waitUntil: "load" });
    return { page, troubles, close: () => (isUsual ? page.close() : context.close()) };
  }
  return {
    async open(path, options = {}) {
      const opened = await begin(path, options);
      open.push(opened.close);
      return opened;
    },
    async visit(path, options, use) {
      const opened = await begin(path, options);
      try {
        await use(opened);
      } finally {
        await opened.close();
      }
    },
  };
}

/** Pixels by which a page is wider than its window. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

export const builtFolder = resolve(import.meta.dirname, "../../build");

/** The addresses of all pages of the built site. */
export function builtPages(): string[] {
  const folder = builtFolder;
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(`${sep}index.html`) || path === "index.html")
    .map(
      (path) =>
        `/${relative(folder, join(folder, path, ".."))
          .split(sep)
          .join("/")}`,
    )
    .sort();
}
