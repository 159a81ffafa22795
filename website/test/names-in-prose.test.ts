/** Names in prose are names in the code: a metric, a variable, a flag or a command that was renamed turns this red. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { COMMAND_NAMES } from "../../src/cli/settings/command-names.ts";
import { SETTING_NAMES } from "../../src/cli/settings/settings.ts";
import { repositoryFolder } from "../plugins/repository.ts";
import { handWrittenPages } from "../scripts/hand-written.ts";
import { currentMetrics } from "../scripts/pages/metrics.ts";

const PAGES = [...handWrittenPages(), "test/README.md", "deploy/README.md"].map((path) => ({
  path,
  text: readFileSync(resolve(repositoryFolder, path), "utf8"),
}));

/** Every match of `pattern`, with the page on which it stands, that is not known. */
const unknown = (pattern: RegExp, isKnown: (name: string) => boolean): string[] =>
  PAGES.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)]
      .map((match) => match[1] as string)
      .filter((name) => !isKnown(name))
      .map((name) => `${path}: ${name}`),
  );

it("a metric that a page names is one that the server has", async () => {
  const names = new Set((await currentMetrics()).map(({ name }) => name));
  expect(names.size).toBeGreaterThan(20);
  expect(unknown(/\b(filespool_[a-z_]+[a-z])\b/g, (name) => names.has(name.replace(/_bucket$/, "")))).toEqual([]);
});

it("a variable that a page names is read by some program here", () => {
  const words = ["grep", "-hoE", "\\bFILESPOOL_[A-Z_]+\\b", "--", "*.ts", "*.mts", "*.mjs", "scripts", "Dockerfile"];
  const read = execFileSync("git", words, { cwd: repositoryFolder, encoding: "utf8" }).split("\n");
  const names = new Set([
    ...read,
    ...SETTING_NAMES.map((name) => `FILESPOOL_${name.toUpperCase().replaceAll("-", "_")}`),
  ]);
  expect(unknown(/\b(FILESPOOL_[A-Z_]+)\b/g, (name) => names.has(name))).toEqual([]);
});

it("a command that a page names is one", () => {
  const names: readonly string[] = COMMAND_NAMES;
  expect(unknown(/`(?:\$ )?(?:npx )?filespool ([a-z]+)\b/g, (name) => names.includes(name))).toEqual([]);
});

/** Of the help, of our own tools, and of other programs that pages speak of. */
const FLAGS_OF_OTHERS = new Set([
  "--help",
  ...["--compare", "--solved"],
  ...["--store", "--partial", "--fsync", "--build-arg", "--no-healthcheck"],
]);

it("a flag that a page names is one of ours, or is known to be another program's", () => {
  const own = new Set(["--config", ...SETTING_NAMES.map((name) => `--${name}`)]);
  expect(unknown(/`(--[a-z][a-z-]+)(?=[` =])/g, (name) => own.has(name) || FLAGS_OF_OTHERS.has(name))).toEqual([]);
});
