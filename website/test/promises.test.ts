/** Every promise of the design pages stands with a test that exists and is run, and every file that a page names is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { resolveTest } from "../plugins/named-tests.ts";
import { repositoryFolder } from "../plugins/repository.ts";
import { handWrittenPages } from "../scripts/hand-written.ts";

const textOf = (path: string) => readFileSync(resolve(repositoryFolder, path), "utf8");

interface Promised {
  readonly title: string;
  /** Tests that back it, as the page names them. */
  readonly tests: readonly string[];
}

/** Numbered sections are promises; where there are none, entries of a list with a bold beginning are. */
function promisesOf(text: string): Promised[] {
  const sections = text.split(/^(?=## )/m).filter((part) => /^## \d+\. /.test(part));
  const entries = text.split(/^(?=- \*\*|#|\n)/m).filter((part) => part.startsWith("- **"));
  return (sections.length > 0 ? sections : entries).map((part) => ({
    title: part.split("\n", 1)[0] as string,
    tests: [...part.matchAll(/`(test:[^`]+)`/g)].map(([, name]) => name as string),
  }));
}

/** For entries whose evidence is a program of its own, and not one title. */
const OTHERWISE = ["Tests called the wrong functions and asserted nothing."];

describe.each([
  ["website/docs/design/guarantees.md", 9],
  ["website/docs/design/threat-model.md", 15],
  ["website/docs/design/failure-catalogue.md", 30],
])("%s", (page, atLeast) => {
  const promises = promisesOf(textOf(page));

  it("makes its promises where this test looks for them", () => {
    expect(promises.length).toBeGreaterThanOrEqual(atLeast);
  });

  it("names a test for each", () => {
    const bare = promises.filter(({ tests }) => tests.length === 0).map(({ title }) => title);
    expect(bare.filter((title) => !OTHERWISE.some((words) => title.includes(words)))).toEqual([]);
  });

  it("names tests that exist and are run", () => {
    for (const { tests } of promises) for (const name of tests) expect(resolveTest(name), name).not.toBeNull();
  });
});

it("a promise without a test, or with one that is gone, would be noticed", () => {
  const [first] = promisesOf("## 1. Always\n\nReally.\n\n## Notes\n\n`test:net/tls.test.ts`\n");
  expect(first).toEqual({ title: "## 1. Always", tests: [] });
  const entries = promisesOf("- **A**: b.\n  Test: `test:net/x.test.ts#y`\n- **C**: d.\n\n`test:net/tls.test.ts`\n");
  expect(entries.map(({ tests }) => tests)).toEqual([["test:net/x.test.ts#y"], []]);
  expect(() => resolveTest("test:net/x.test.ts#y")).toThrow(/no test file/);
});

/** All titles that README.md puts in quotes in its table of promises, and all files it names there. */
it("README.md names tests that exist for each of its promises", () => {
  const [, part = ""] = textOf("README.md").split("## What it promises");
  const rows = part.split("\n## ", 1)[0]?.match(/^\| (?!Promise|---).*$/gm) ?? [];
  expect(rows.length).toBeGreaterThanOrEqual(9);
  const tests = readdirSync(resolve(repositoryFolder, "test"), { recursive: true, encoding: "utf8" });
  const texts = tests.filter((path) => path.endsWith(".ts")).map((path) => textOf(`test/${path}`));
  for (const row of rows) {
    const evidence = row.split(" | ").at(-1) as string;
    const files = [...evidence.matchAll(/`(?:test\/)?([\w./-]+)`/g)].map(([, file]) => file as string);
    const titles = [...evidence.matchAll(/"([^"]+)"/g)].map(([, title]) => title as string);
    expect(files.length + titles.length, row).toBeGreaterThan(0);
    for (const file of files)
      expect(
        tests.some((path) => path === file || path.endsWith(`/${file}`)),
        file,
      ).toBe(true);
    for (const title of titles)
      expect(
        texts.some((text) => text.includes(title)),
        title,
      ).toBe(true);
  }
});

describe("a file or folder of this repository that is named in", () => {
  const PATH = /`((?:src|test|scripts|benchmarks|examples|deploy|adr|website)\/[\w./-]*)`/g;

  it.each(handWrittenPages())("%s is there", (page) => {
    const named = [...textOf(page).matchAll(PATH)].map(([, path]) => path as string);
    expect(named.filter((path) => !existsSync(resolve(repositoryFolder, path)))).toEqual([]);
  });
});
