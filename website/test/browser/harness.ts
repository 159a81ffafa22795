/**
 * A browser for the tests of the site: Debian's Chromium, driven by playwright-core.
 *
 *     const browser = startBrowser();
 *     itInBrowser("a law", async () => {
 *       const { page, troubles } = await browser.open("/start", { width: PHONE, scheme: "dark" });
 *       ...
 *     });
 *
 * The pages of a file share one context, since making one takes longer than loading a page, and nothing of the site is
 * kept in it but a theme that somebody chose. What `open` opened is closed after its test; `visit` goes on in a tab that
 * an earlier visit is done with, where the programs of the site are compiled already: a third of the time. Without a
 * Chromium the tests are skipped, and their names say so; FILESPOOL_CHROMIUM names another one. In CI a missing Chromium
 * is a failure.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import {
  type Browser,
  type BrowserContext,
  type ConsoleMessage,
  chromium,
  type Page,
  type Response,
} from "playwright-core";
import { afterAll, afterEach, beforeAll, inject, it } from "vitest";

export const DESKTOP = { width: 1280, height: 900 } as const;
export const PHONE = { width: 390, height: 844 } as const;
export type Size = { readonly width: number; readonly height: number };
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
  readonly size?: Size;
  readonly scheme?: Scheme;
  readonly javaScript?: boolean;
  /** Runs in the page before anything of the site does. */
  readonly before?: () => void;
}

export interface TestBrowser {
  /** Closed after the test, so not for tests that run beside each other. */
  open(path: string, options?: OpenOptions): Promise<Opened>;
  /** In a tab that is used again; only for pages that are looked at as they come. */
  visit(
    path: string,
    options: Pick<OpenOptions, "size" | "scheme">,
    use: (opened: Opened) => Promise<void>,
  ): Promise<void>;
}

/** Goes to a page of the site, and listens for what goes wrong there until `leave`. */
async function enter(page: Page, path: string, options: OpenOptions): Promise<Opened & { leave(): void }> {
  const { size = DESKTOP, scheme = "light" } = options;
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: scheme });
  const troubles: string[] = [];
  const onConsole = (message: ConsoleMessage) => message.type() === "error" && troubles.push(message.text());
  const onError = (error: Error) => troubles.push(String(error));
  const onResponse = (answer: Response) =>
    answer.status() >= 400 && troubles.push(`${answer.status()} ${answer.url()}`);
  page.on("console", onConsole).on("pageerror", onError).on("response", onResponse);
  // As patient as the test is: a busy machine is no fault of the page.
  await page.goto(inject("site") + path, { waitUntil: "load", timeout: 0 });
  const leave = () => {
    page.off("console", onConsole).off("pageerror", onError).off("response", onResponse);
  };
  return { page, troubles, leave };
}

/** Starts a browser for the tests of a file. */
export function startBrowser(): TestBrowser {
  let browser: Browser;
  let common: BrowserContext;
  const open: (() => Promise<void>)[] = [];
  const idle: Page[] = [];
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
  return {
    async open(path, options = {}) {
      const { javaScript = true, before } = options;
      const isUsual = javaScript && before === undefined;
      const context = isUsual ? common : await browser.newContext({ javaScriptEnabled: javaScript });
      const page = await context.newPage();
      open.push(() => (isUsual ? page.close() : context.close()));
      if (before) await page.addInitScript(before);
      return enter(page, path, options);
    },
    async visit(path, options, use) {
      const page = idle.pop() ?? (await common.newPage());
      const { troubles, leave } = await enter(page, path, options);
      await use({ page, troubles });
      leave();
      // What a page says when it is left half-loaded is nobody's trouble, the next page's least of all.
      await page.goto("about:blank");
      // Not after a failure: that tab may be in any state, and goes with the browser.
      idle.push(page);
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
