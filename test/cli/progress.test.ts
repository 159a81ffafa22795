import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cells } from "../../src/cli/printable.ts";
import { ProgressLine, progressText } from "../../src/cli/progress.ts";

describe("the progress line", () => {
  const step = (offset: number, transfer = "t") => ({ transfer, name: "big.bin", offset, size: 1000 });

  test("is never wider than the terminal", () => {
    const sizes = fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => ({ offset: Math.min(a, b), size: Math.max(a, b) }));
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        sizes,
        fc.nat(5000),
        fc.integer({ min: 1, max: 200 }),
        (name, size, ms, columns) => {
          const text = progressText({ transfer: "t", name, ...size }, size.offset, ms, columns);
          return cells(text) < columns;
        },
      ),
    );
  });

  test("shows share, bytes, rate and what is left", () => {
    const text = progressText(
      { transfer: "t", name: "big.bin", offset: 24 * 2 ** 20, size: 48 * 2 ** 20 },
      2 ** 20,
      1000,
      100,
    );
    expect(text).toBe("big.bin [#####-----]  50 %  24.0 MiB of 48.0 MiB  1.00 MiB/s  24.0 s left");
    expect(progressText({ transfer: "t", name: "e", offset: 0, size: 0 }, 0, 9000, 80)).toBe(
      "e [##########] 100 %  0 B of 0 B",
    );
    expect(progressText(step(1000), 500, 1000, 80)).toBe("big.bin [##########] 100 %  0.98 KiB of 0.98 KiB  500 B/s");
  });

  test("is drawn at most every 100 ms, at once for a new file, and leaves no trace", () => {
    let written: string[] = [];
    let nowMs = 0;
    const progress = new ProgressLine({ write: (text) => written.push(text) }, () => nowMs);
    progress.clear();
    progress.update(step(0));
    nowMs = 50;
    progress.update(step(10));
    progress.update(step(10, "u"));
    nowMs = 150;
    progress.update(step(20, "u"));
    expect(written.length).toBe(3);
    written = [];
    progress.clear();
    progress.clear();
    expect(written).toEqual(["\r\u001b[2K"]);
  });
});
