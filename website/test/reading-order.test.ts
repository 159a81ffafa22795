/** The reading order is what it says: every file of the core, once, with as many minutes as it has lines for. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, it } from "vitest";
import { repositoryFolder } from "../plugins/repository.ts";

const LINES_A_MINUTE = 30;
const textOf = (path: string) => readFileSync(resolve(repositoryFolder, path), "utf8");
const lineCount = (path: string) => textOf(path).split("\n").length - 1;

const steps = (textOf("website/docs/start/reading-order.md").match(/^\| .*$/gm) ?? []).slice(1).map((row) => {
  const [step = "", minutes = "", files = ""] = row.slice(2).split(" | ");
  return {
    step,
    minutes: Number(minutes),
    files: [...files.matchAll(/`((?:src|minimal)\/[^`]+)`/g)].map(([, path]) => path as string),
  };
});

/** What only passes on what others have, or declares what a package does not; READMEs are linked by their folders. */
const isNothingToRead = (path: string) => /^src\/\w+\/index\.ts$|\.d\.ts$|\/README\.md$/.test(path);

const filesIn = (folder: string): string[] =>
  readdirSync(resolve(repositoryFolder, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(repositoryFolder, join(entry.parentPath, entry.name)));

it("has every file of the core once, and says what else it has", () => {
  const [, list = ""] = /const EXTENSIONS = \[([^\]]+)\]/.exec(textOf("test/architecture.test.ts")) ?? [];
  const extensions = [...list.matchAll(/"([^"]+)"/g)].map(([, path]) => path as string);
  expect(extensions.length).toBeGreaterThan(3);
  const core = ["protocol", "disk", "spool", "net"]
    .flatMap((layer) => filesIn(`src/${layer}`))
    .filter((path) => !extensions.some((start) => path.startsWith(start)) && !isNothingToRead(path));
  const named = steps.flatMap(({ files }) => files).filter((path) => path.startsWith("src/"));
  expect(core.filter((path) => !named.includes(path))).toEqual([]);
  expect(named.filter((path, at) => named.indexOf(path) !== at)).toEqual([]);
});

it("says minutes that are right to within one in ten", () => {
  const timed = steps.filter(({ files }) => files.length > 0);
  expect(timed.length).toBeGreaterThanOrEqual(8);
  for (const { step, minutes, files } of timed) {
    const lines = files.reduce((sum, path) => sum + lineCount(path), 0);
    expect(Math.abs(minutes - lines / LINES_A_MINUTE), `${step}: ${lines} lines`).toBeLessThan(1 + minutes / 10);
  }
});
