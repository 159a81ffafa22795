/** Laws of console blocks, and the blocks of all pages. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkPage, masked, matches, readPage, run, stepsOf } from "../scripts/console-blocks.ts";
import { handWrittenPages } from "../scripts/hand-written.ts";

const page = (...lines: string[]) => ["Text", "```console", ...lines, "```", "More"].join("\n");

describe("a page", () => {
  it("is run in order, in one folder and one shell", async () => {
    const text = page("$ echo one > file; word=two", "$ cat file; echo $word", "one", "two");
    expect((await checkPage(text)).differences).toEqual([]);
  });

  it("that says something else is told so, and can be corrected", async () => {
    const { differences, corrected } = await checkPage(page("$ echo right", "wrong", "$ echo second", "second"));
    expect(differences).toEqual([{ line: 3, command: "echo right", expected: ["wrong"], actual: ["right"] }]);
    expect(corrected).toBe(page("$ echo right", "right", "$ echo second", "second"));
    expect((await checkPage(corrected)).differences).toEqual([]);
  });

  it("shows what is said on standard error, and goes on after a failure", async () => {
    expect(await run(["echo oh >&2; false", "echo on"])).toEqual([["oh"], ["on"]]);
  });

  it("leaves nothing running", async () => {
    const [first] = await run(["sleep 1000 & echo $!"]);
    const pid = Number(first?.[0]);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("with a command that does not end is an error that names it", async () => {
    await expect(run(["echo a", "sleep 1000"], 3000)).rejects.toThrow(/"sleep 1000" did not end/);
  });

  it("may continue a line, and may hold blocks that are not run", () => {
    const text = `${page("$ echo a \\", "> b", "a b")}\n\`\`\`console skip\nanything\n\`\`\`\n`;
    expect(stepsOf(text).map(({ command }) => command)).toEqual(["echo a \\\nb"]);
  });

  it("whose block does not begin with a command is an error", () => {
    expect(() => stepsOf(page("text"))).toThrow(/line 3/);
  });
});

describe("what differs from run to run", () => {
  it("is masked", () => {
    const first = `stored 4.0 KiB in 12 ms at localhost:5011, 81.2 MiB/s, ${"ab".repeat(16)}`;
    const second = `stored 4.0 KiB in 1.5 s at localhost:40123, 1.0 MiB/s, ${"12".repeat(16)}`;
    expect(masked(first)).toBe(masked(second));
    expect(masked("stored 4.0 KiB")).not.toBe(masked("stored 5.0 KiB"));
  });

  it("may be left out as lines", () => {
    expect(matches(["a", "...", "z"], ["a", "b", "c", "z"])).toBe(true);
    expect(matches(["a", "...", "z"], ["a", "z"])).toBe(true);
    expect(matches(["a", "..."], ["b"])).toBe(false);
    expect(matches([], ["b"])).toBe(false);
  });
});

describe("a console block prints what its page says:", () => {
  for (const path of handWrittenPages().filter((each) => stepsOf(readPage(each)).length > 0)) {
    it(path, { timeout: 180_000 }, async () => {
      expect((await checkPage(readPage(path))).differences).toEqual([]);
    });
  }
});

/** A process that was killed and that nobody has asked after yet counts as ended. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
