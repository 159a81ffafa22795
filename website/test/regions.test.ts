/** The regions of the sources as a whole: what a page asks for is there, and what is marked is shown. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { parseRequest, regionsOf } from "../plugins/code-regions.ts";
import { repositoryFolder, shownFiles } from "../plugins/repository.ts";
import { handWrittenPages } from "../scripts/hand-written.ts";

const textOf = (path: string) => readFileSync(resolve(repositoryFolder, path), "utf8");

/** Tests speak of markers without meaning any. */
const isMarked = (path: string) => /\.[cm]?[jt]sx?$/.test(path) && !path.endsWith(".test.ts");

const marked = [...shownFiles()]
  .filter(isMarked)
  .flatMap((file) => [...regionsOf(textOf(file), file).keys()].map((name) => `${file} ${name}`));

const asked = handWrittenPages().flatMap((page) =>
  [...textOf(page).matchAll(/^ *`{3,}\S+ (?<meta>.*file=.*)$/gm)].map((found) => {
    const request = parseRequest(found.groups?.meta);
    return `${request?.file} ${request?.region ?? ""}`;
  }),
);

it("every region of the sources is shown by a page", () => {
  expect(marked.length).toBeGreaterThan(0);
  expect(marked.filter((region) => !asked.includes(region))).toEqual([]);
});

it("every region that a page asks for is marked in its file", () => {
  const wanted = asked.filter((request) => !request.endsWith(" "));
  expect(wanted.filter((request) => !marked.includes(request))).toEqual([]);
});
