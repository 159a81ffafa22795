import { setTimeout as sleep } from "node:timers/promises";
import xterm from "@xterm/headless";
import { expect, onTestFinished, test, vi } from "vitest";
import { Progress } from "../../src/cli/report/progress.ts";
import { FRAME_MS, ProgressBars } from "../../src/cli/report/progress-bars.ts";
import type { TransferEvent } from "../../src/net/events.ts";

const MiB = 2 ** 20;

/** A real terminal without a window: what is written to it is wrapped, moved and erased as on a screen. */
class Terminal {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  writes = 0;
  constructor(cols: number, rows: number) {
    this.#terminal = new xterm.Terminal({ cols, rows, allowProposedApi: true });
  }
  get columns() {
    return this.#terminal.cols;
  }
  get rows() {
    return this.#terminal.rows;
  }
  write(text: string) {
    this.writes += 1;
    this.#terminal.write(text.replaceAll("\n", "\r\n"));
  }
  async resize(cols: number, rows = this.rows) {
    await this.#drawn();
    this.#terminal.resize(cols, rows);
  }
  /** What a person sees. */
  screen(): Promise<string[]> {
    return this.lines(this.#terminal.buffer.active.baseY);
  }
  /** Everything that was written is on the screen. */
  #drawn(): Promise<void> {
    return new Promise((done) => this.#terminal.write("", done));
  }
  /** All lines, scrolled away or not, as they were written; those that the terminal wrapped are one. */
  async lines(from = 0): Promise<string[]> {
    await this.#drawn();
    const buffer = this.#terminal.buffer.active;
    const lines: string[] = [];
    for (let y = from; y < buffer.length; y++) {
      const line = buffer.getLine(y);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped) lines.push((lines.pop() ?? "") + text);
      else lines.push(text);
    }
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }
}

/** Bars on a terminal, with a clock that the test moves. */
async function draw(cols: number, rows = 12) {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const terminal = new Terminal(cols, rows);
  const progress = new Progress();
  let nowMs = 0;
  const bars = new ProgressBars(terminal, progress, () => nowMs, { dress: (line) => line, wrapsAnew: true });
  const take = (event: TransferEvent) => {
    progress.take(event, nowMs);
    bars.wake();
  };
  const frame = async (ms = FRAME_MS) => {
    nowMs += ms;
    await bars.tick();
  };
  const print = (text: string) => bars.line(terminal, `${text}\n`);
  return { terminal, bars, take, frame, print };
}

const about = (name: string) => ({ transfer: name, queue: "default", name, size: 40 * MiB });
const offered = (name: string): TransferEvent => ({ event: "offered", path: name, ...about(name) });
const reached = (name: string, share: number): TransferEvent => ({
  event: "progress",
  offset: share * 40 * MiB,
  ...about(name),
});
const stored = (name: string): TransferEvent => ({
  event: "stored",
  digest: "",
  repeated: false,
  collected: false,
  ...about(name),
});

test.each([100, 60, 30, 20])(
  "on %d columns, results stand above the bars, and the bars leave no trace",
  async (cols) => {
    const { terminal, bars, take, frame, print } = await draw(cols);
    for (const name of ["a.bin", "b.bin"]) take(offered(name));
    await frame(1000);
    for (let step = 1; step <= 10; step++) {
      take(reached("a.bin", step / 10));
      await frame(1000);
      const lines = await terminal.lines();
      expect(lines.length).toBe(3);
      expect(lines[0]).toMatch(new RegExp(`^a\\.bin .* ${step * 10} %`));
      expect(lines[2]).toMatch(/^0 fi/);
    }
    print("stored    a.bin");
    take(stored("a.bin"));
    await frame();
    expect((await terminal.lines()).map((line) => line.split(" ")[0])).toEqual(["stored", "b.bin", "1"]);
    print("stored    b.bin");
    take(stored("b.bin"));
    bars.stop();
    print("Done.");
    expect(await terminal.lines()).toEqual(["stored    a.bin", "stored    b.bin", "Done."]);
  },
);

/** Takes the terminal through many sizes; the names are the files', the answer what is on the screen after each. */
async function resize(names: readonly string[]) {
  const { terminal, take, frame, print, bars } = await draw(100);
  const results = Array.from({ length: 9 }, (_, i) => `stored    earlier-${i}.txt`);
  for (const result of results) print(result);
  for (const name of names) take(offered(name));
  await frame(1000);
  const screens: { size: string; lines: string[]; rows: number }[] = [];
  for (const [cols, rows = 12] of [[60], [30], [20], [100], [25], [80], [80, 4], [80, 2]]) {
    await terminal.resize(cols as number, rows);
    take(reached(names[0] as string, 0.5));
    await frame(1000);
    const lines = await terminal.lines();
    expect(lines.slice(0, 9), `at ${cols}x${rows}: no result is lost`).toEqual(results);
    const seen = (await terminal.screen()).filter((line) => /%|MiB/.test(line));
    screens.push({ size: `${cols}x${rows}`, lines: seen, rows });
  }
  bars.stop();
  return { screens, left: (await terminal.screen()).filter((line) => !line.startsWith("stored")) };
}

test("a terminal that is made narrower, wider or lower while they run shows nothing twice", async () => {
  const { screens, left } = await resize(["日本の写真アルバム.bin", "e\u0301\u001b[2J\u0007evil", "b.bin"]);
  for (const { size, lines, rows } of screens)
    expect(lines, `${size}: ${lines.join("|")}`).toHaveLength(Math.min(4, rows - 1));
  expect(left).toEqual([]);
});

test("where terminals disagree about the width of a picture, no result is taken for a part of the bars", async () => {
  const { screens } = await resize(["👨‍👩‍👧❤️🇪🇸.png", "🎉🎉🎉🎉🎉🎉.png"]);
  for (const { lines } of screens) expect(lines.length).toBeGreaterThan(0);
});

test("a frame is drawn when its time has come and something has changed, however much happens", async () => {
  const { terminal, take, frame, print } = await draw(80);
  take(offered("a.bin"));
  await frame(1000);
  const before = terminal.writes;
  for (let i = 0; i < 5000; i++) {
    print(`stored    small-${i}.txt`);
    take(offered(`small-${i}`));
    take(stored(`small-${i}`));
  }
  await frame();
  expect(terminal.writes - before, "5,000 lines in a few writes").toBeLessThan(10);
  expect((await terminal.lines()).at(-2)).toMatch(/^a\.bin/);
});

test("a run that is over soon draws nothing, and its lines are printed as they are", async () => {
  const { terminal, take, frame, print, bars } = await draw(80);
  take(offered("a.txt"));
  await frame();
  print("stored    a.txt");
  take(stored("a.txt"));
  await frame();
  bars.stop();
  expect(await terminal.lines()).toEqual(["stored    a.txt"]);
  expect(terminal.writes).toBe(1);
});

test("the timer draws by itself while something is under way, and rests afterwards", async () => {
  const { terminal, take } = await draw(80);
  expect(vi.getTimerCount()).toBe(0);
  take(offered("a.bin"));
  expect(vi.getTimerCount()).toBe(1);
  take(stored("a.bin"));
  vi.advanceTimersByTime(FRAME_MS);
  await sleep(0);
  expect([vi.getTimerCount(), terminal.writes]).toEqual([0, 0]);
});
