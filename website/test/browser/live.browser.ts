/** Uses each live element as a reader would: flips, splits, steps, cuts, crashes, and shares what it sees as a link. */
import type { Locator, Page } from "playwright-core";
import { describe, expect } from "vitest";
import { itInBrowser, overflowOf, PHONE, startBrowser } from "./harness.ts";

const browser = startBrowser();
const PAGES = {
  FrameExplorer: "/play/frame-explorer",
  StateStepper: "/play/state-stepper",
  Timeline: "/play/timeline",
  CrashScrubber: "/play/crash-scrubber",
  BufferChart: "/play/buffer-sizes",
  Capacity: "/play/capacity",
} as const;

/** The first element of a page, once its code is there. */
async function live(
  name: keyof typeof PAGES,
  query = "",
): Promise<{ page: Page; element: Locator; says: Locator; troubles: string[] }> {
  const { page, troubles } = await browser.open(PAGES[name] + query);
  const element = page.locator(`[data-live=${name}]`).first();
  await element.and(page.locator("[data-state=live]")).waitFor({ timeout: 30_000 });
  return { page, element, says: element.locator("p[data-kind]").first(), troubles };
}

/** The same view, as somebody sees it who got the link. */
async function shared(page: Page, name: keyof typeof PAGES): Promise<Locator> {
  return (await live(name, new URL(page.url()).search)).says;
}

const press = (element: Locator, name: string | RegExp) => element.getByRole("button", { name }).first().click();
const text = (locator: Locator) => locator.innerText();

describe("the frame explorer", () => {
  itInBrowser("a flipped bit is damage, the link shows it to others, and it can be taken back", async () => {
    const { page, element, says, troubles } = await live("FrameExplorer");
    expect(await text(says)).toContain("1 frame");
    await press(element, "bit 0");
    expect(await text(says)).toContain("frame-damaged");
    expect(await text(await shared(page, "FrameExplorer"))).toContain("frame-damaged");
    await press(element, "Take changes back");
    expect(await text(says)).toContain("1 frame");
    expect([new URL(page.url()).search, troubles]).toEqual(["", []]);
  });

  itInBrowser("cut anywhere, the decoder waits, and says for what", async () => {
    const { element, says } = await live("FrameExplorer");
    await element.getByLabel(/Arrived so far/).fill("10");
    expect(await text(says)).toContain("10 of the 24 bytes of a header");
    await element.getByLabel(/Arrived so far/).fill("30");
    expect(await text(says)).toMatch(/header is verified.*117 of 123 payload bytes are missing/);
    await element.getByLabel(/Arrived so far/).fill("147");
    expect(await text(says)).toContain("Every byte was used");
  });

  itInBrowser("bytes are edited from the keyboard alone", async () => {
    const { page, element, says } = await live("FrameExplorer");
    await element.locator("[data-at='4']").focus();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("data-at"))).toBe("2");
    await page.keyboard.type("7f");
    expect(await text(says)).toContain("frame-damaged");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Delete");
    expect(await text(says)).toContain("1 frame");
  });

  itInBrowser("a recorded stream holds the same frames, byte by byte", async () => {
    const { element, says } = await live("FrameExplorer");
    await element.getByLabel("Bytes", { exact: true }).selectOption("sender-to-server");
    const whole = await text(says);
    expect(whole).toMatch(/^[5-9] frames/);
    await element.getByLabel("The decoder gets them").selectOption("1");
    expect(await text(says)).toBe(whole);
    expect(await text(element.getByRole("group", { name: "Frames in these bytes" }))).toMatch(
      /hello[\s\S]*offer[\s\S]*data[\s\S]*finish/,
    );
  });
});

describe("the state stepper", () => {
  itInBrowser("takes events by button and by key, and an absent one ends the conversation", async () => {
    const { page, element, says } = await live("StateStepper");
    await press(element, /hello$/);
    expect(await text(says)).toContain("leads from greeting to ready");
    await page.keyboard.press("1");
    expect(await text(says)).toContain("leads from ready to opening");
    await press(element, /^data$/);
    expect(await text(says)).toContain("frame-unexpected");
    expect(await text(await shared(page, "StateStepper"))).toContain("frame-unexpected");
    await press(element, "Back one");
    expect(await text(says)).toContain("leads from ready to opening");
    await press(element, "Start again");
    expect(await text(says)).toContain("is where it starts");
  });

  itInBrowser("every conversation has its picture", async () => {
    const { element } = await live("StateStepper");
    for (const [machine, state] of [
      ["UPLOAD_SENDER", "finishing"],
      ["DELIVERY_SERVER", "streaming"],
      ["DELIVERY_RECEIVER", "deciding"],
    ]) {
      await element.getByLabel("Conversation").selectOption(machine as string);
      expect(await element.locator("svg[role=img]").textContent()).toContain(state);
    }
  });
});

describe("the timeline", () => {
  const log = (element: Locator) => element.getByRole("group", { name: "What happens" });
  const told = (element: Locator, words: string) =>
    expect.poll(() => text(log(element)), { timeout: 15_000 }).toContain(words);

  itInBrowser("a crash costs what was not durable, and the file lands all the same", async () => {
    const { page, element, says } = await live("Timeline");
    await told(element, "goes on at byte");
    await press(element, /cut the sender off, take back/);
    await expect.poll(() => text(log(element))).not.toContain("it was cut");
    await element.getByLabel(/Moment/).fill("450");
    await press(element, "cut the server's power");
    await told(element, "started again");
    await element.getByLabel(/Moment/).fill("100000");
    expect(await text(says)).toContain("Landed, digest matches");
    const here = await text(log(element));
    const { element: there } = await live("Timeline", new URL(page.url()).search);
    await told(there, "started again");
    expect(await text(log(there))).toBe(here);
  });

  itInBrowser("is scrubbed from the keyboard, event by event", async () => {
    const { page, element } = await live("Timeline");
    await told(element, "landed");
    await element.getByLabel(/Moment/).fill("0");
    const states = element.locator("dl");
    expect(await text(states)).toContain("no connection");
    await element.getByRole("button", { name: "Next event" }).focus();
    for (let step = 0; step < 6; step++) await page.keyboard.press("Enter");
    expect(await text(states)).toMatch(/asking|sending/);
  });

  itInBrowser("nothing plays by itself for who asked for less motion", async () => {
    const { page, element } = await live("Timeline");
    await page.emulateMedia({ reducedMotion: "reduce" });
    expect(await element.getByRole("button", { name: "Play" }).isVisible()).toBe(false);
    expect(await element.getByRole("button", { name: "Event before" }).isVisible()).toBe(true);
  });
});

describe("the others", () => {
  itInBrowser("in a wrong order some crash breaks the promise, in ours none", async () => {
    const { element, says } = await live("CrashScrubber");
    const verdicts = async () => {
      const slider = element.getByLabel(/The crash comes/);
      const all: string[] = [];
      for (let done = 0; done <= 11; done++) {
        await slider.fill(String(done));
        all.push(await text(says));
      }
      return all.filter((verdict) => verdict.includes("broken")).length;
    };
    expect(await verdicts()).toBe(0);
    await element.getByLabel("The order").selectOption("early-stored");
    expect(await verdicts()).toBeGreaterThan(0);
  });

  itInBrowser("a slower link is predicted to take longer, and the formula says so", async () => {
    const { page, element, says } = await live("BufferChart");
    const before = await text(says);
    await element.getByLabel(/Your link/).fill("0");
    expect(await text(says)).not.toBe(before);
    expect(await text(says)).toMatch(/About [\d.]+ (h|min).*the link/);
    expect(await text(await shared(page, "BufferChart"))).toBe(await text(says));
  });

  itInBrowser("more files than a machine can take are called too much", async () => {
    const { page, element, says } = await live("Capacity");
    expect(await text(says)).toContain("One machine is enough");
    await element.getByLabel(/Files a day/).fill("7");
    expect(await text(says)).toContain("Too much for one machine");
    expect(await text(await shared(page, "Capacity"))).toContain("Too much for one machine");
  });
});

describe.each(Object.entries(PAGES))("%s", (name, path) => {
  itInBrowser("fits a phone, and its picture takes the room that it takes itself", async () => {
    const { page, troubles } = await browser.open(path, { size: PHONE, scheme: "dark" });
    const element = page.locator(`[data-live=${name}]`).first();
    await element.and(page.locator("[data-state=live]")).waitFor({ timeout: 30_000 });
    expect([await overflowOf(page), troubles]).toEqual([0, []]);
    const { page: still } = await browser.open(path, { size: PHONE, scheme: "dark", javaScript: false });
    const picture = still.locator(`[data-live=${name}]`).first();
    expect((await text(picture)).length).toBeGreaterThan(100);
    const [here, there] = [await element.boundingBox(), await picture.boundingBox()];
    // Without a script there is one line more, which says so.
    expect(Math.abs((here?.height ?? 0) - (there?.height ?? 0))).toBeLessThan(90);
  });
});
