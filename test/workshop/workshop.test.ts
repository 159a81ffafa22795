/** The lessons fail in the way the text says, and each of them can be solved. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "examples/workshop");
const PAGES = join(ROOT, "website/docs/workshop");

/** Of each broken program, the laws that hold and those that do not, with the beginning of what is said. */
const MATRIX: Record<string, { holds: number; broken: string[] }> = {
  "01-bytes": {
    holds: 1,
    broken: ["4 messages went in, 1 came out", "reads of 1 byte(s) gave 63 |", "1 of 12 bytes arrived"],
  },
  "02-frames": { holds: 2, broken: ["85 of 400 do, for up to 2147483648 bytes"] },
  "03-chunks": {
    holds: 1,
    broken: [
      "on the disk is abcdefghijklmnopqrstklmnopqrstuvwxyz",
      "on the disk is abcdefghijfghijklmnopqrstuvwxyz",
      "bytes 10 to 19 never came",
      "on the disk is abc.......klm",
    ],
  },
  "04-conversation": {
    holds: 1,
    broken: ["the conversation ended with TypeError", 'nobody minds; stored: {"b":"abcxyz"}', "data: data is taken"],
  },
  "05-crash": {
    holds: 1,
    broken: ["cut after 3 calls: stored was said, and report.txt has 0 of 13 bytes", "cut after 3 calls"],
  },
  "06-resume": { holds: 2, broken: ["cut after 1 and 1 bytes: ..cdefghijklmnopqrstuvwxyz"] },
  "07-delivery": { holds: 3, broken: ["its late ack is believed"] },
  "08-speed": { holds: 1, broken: ["256 of 256 were", "it took 0 syncs"] },
  "08-honest-and-slow": { holds: 2, broken: ["256 files took 256 syncs"] },
  "09-tests": { holds: 1, broken: Array(5).fill("the test has not noticed") },
};
const LESSONS = readdirSync(FOLDER).filter((name) => /^\d\d-.*\.mjs$/.test(name));

function run(lesson: string, ...words: string[]): Promise<{ code: number; output: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(FOLDER, lesson), ...words], (error, output, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output, stderr }),
    );
  });
}

test.each(Object.entries(MATRIX))("the program of %s breaks as the text says, and no other way", async (name, laws) => {
  const lesson = LESSONS.find((file) => file.startsWith(name.slice(0, 2))) as string;
  const { code, output, stderr } = await run(lesson, join(FOLDER, "broken", `${name}.mjs`));
  expect([code, stderr]).toEqual([1, ""]);
  expect(output.match(/^holds /gm)).toHaveLength(laws.holds);
  const said = [...output.matchAll(/^BROKEN .*\n {8}(.*)$/gm)].map(([, sentence]) => sentence);
  expect(said).toEqual(laws.broken.map((start) => expect.stringContaining(start)));
});

test.each(LESSONS)(
  "%s shows the broken program unless told otherwise, and its solution keeps every law",
  async (lesson) => {
    const shown = await run(lesson);
    expect(shown).toMatchObject({ code: 1, output: expect.stringContaining(`broken/${lesson}`) });
    const solved = await run(lesson, "--solved");
    expect(solved).toMatchObject({ code: 0, stderr: "", output: expect.stringMatching(/^holds /m) });
    expect(solved.output).not.toContain("BROKEN");
  },
);

test("every broken program is in the list, and every lesson has a solution", () => {
  const names = (folder: string) => readdirSync(join(FOLDER, folder)).sort();
  expect(names("broken")).toEqual(
    Object.keys(MATRIX)
      .map((name) => `${name}.mjs`)
      .sort(),
  );
  expect(names("solved")).toEqual(LESSONS);
});

/** A block of a page: a command, and what it prints. */
const SHOWN = readdirSync(PAGES).flatMap((page) =>
  [...readFileSync(join(PAGES, page), "utf8").matchAll(/^```console\n\$ (node .*)\n([\s\S]*?)^```$/gm)].map(
    ([, command = "", output = ""]) => ({ page, command, output }),
  ),
);

test.each(SHOWN)("what $page shows is what the program says: $command", async ({ command, output }) => {
  const [, ...words] = command.split(" ");
  const said = await new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: ROOT }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
  expect(said).toBe(output);
});

test("each page of a lesson shows its program failing", () => {
  const numbers = SHOWN.filter(({ output }) => output.includes("BROKEN")).map(({ page }) => page.slice(0, 2));
  expect([...new Set(numbers)]).toEqual(LESSONS.map((name) => name.slice(0, 2)));
});
