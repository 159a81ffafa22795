import { describe, expect, test } from "vitest";
import { listen } from "./listen.ts";

const about = { transfer: "0".repeat(32), queue: "default", name: "a.txt", size: 2048 };
const digest = "d";

describe("progress", () => {
  test("is drawn only where stderr is a terminal that belongs to people", async () => {
    for (const [options, isDrawn] of [
      [{}, false],
      [{ isTTY: true, json: true }, false],
      [{ isTTY: true, quiet: true }, false],
      [{ isTTY: true }, true],
    ] as const) {
      const { report, written } = listen(options);
      report.transfer({ event: "offered", path: "a", ...about });
      report.transfer({ event: "progress", offset: 1, ...about });
      if (isDrawn) await expect.poll(() => written.stderr).toContain("[---");
      report.flush();
      expect(written.stderr === "").toBe(!isDrawn);
    }
  });

  test("on a terminal, what was held back for the next frame is out when the run ends", () => {
    const { report, written } = listen({ isTTY: true });
    report.transfer({ event: "offered", path: "a", ...about });
    report.transfer({ event: "stored", digest, repeated: false, collected: false, ...about });
    report.done({ stored: 1 }, "Done.");
    report.flush();
    expect(written.stdout).toMatch(/stored.*a\.txt[\s\S]*\nDone\.\n$/);
  });

  test("on a narrow terminal, what was achieved is broken between words", () => {
    const { report, written } = listen({ isTTY: true, columns: 40 });
    report.done({}, "Done: 2 files stored, 1 already stored; 13 B in 36 ms.");
    expect(written.stdout).toBe("Done: 2 files stored, 1 already stored;\n      13 B in 36 ms.\n");
  });

  test("in a log it is a line now and then, and a file that is over soon has none", () => {
    let nowMs = 0;
    const { report, written } = listen({ now: () => nowMs });
    report.transfer({ event: "offered", path: "a", ...about });
    for (nowMs = 1000; nowMs < 90_000; nowMs += 1000) report.transfer({ event: "progress", offset: 1024, ...about });
    expect(written.stderr.trimEnd().split("\n")).toEqual(
      Array(2).fill(expect.stringMatching(/^progress {2}a\.txt \[#####-----\] {2}50 % /)),
    );
  });
});
