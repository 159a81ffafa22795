/** The budget of the minimal pair: what one person reads in an hour, and what it may know (adr/0106). */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const FILES = readdirSync(join(ROOT, "minimal"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `minimal/${name}`);
const importsOf = (path: string): string[] =>
  [...read(path).matchAll(/\bfrom\s*"([^"]+)"/g)].map(([, name]) => name as string);

/** Markers of regions tell the site what to show; they are no text to read. */
const isMarker = (line: string): boolean => /^\s*\/\/ (end)?region: /.test(line);
const linesOf = (path: string): string[] =>
  read(path)
    .trimEnd()
    .split("\n")
    .filter((line) => !isMarker(line));
const lineCount = (path: string): number => linesOf(path).length;

/** Lines that are not blank, and those of them that are comments. */
function textOf(path: string): { code: number; comments: string[] } {
  const lines = linesOf(path).filter((line) => line.trim() !== "");
  const comments = lines.filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line));
  return { code: lines.length - comments.length, comments };
}

test("the minimal pair is short, two fifths of each file are comments, and it stands on the protocol and the digest alone", () => {
  const sum = (count: (path: string) => number) => FILES.reduce((total, path) => total + count(path), 0);
  // The budget of adr/0106: what one person reads in an hour.
  expect(sum(lineCount)).toBeLessThanOrEqual(1250);
  expect(sum((path) => textOf(path).code)).toBeLessThanOrEqual(750);
  for (const path of FILES) {
    const { code, comments } = textOf(path);
    expect(comments.length / (comments.length + code), `comments of ${path}`).toBeGreaterThanOrEqual(0.4);
    expect(
      comments.filter((line) => line.length > 100),
      `wide comments of ${path}`,
    ).toEqual([]);
  }
  const allowed = /^(node:|\.\/|\.\.\/src\/protocol\/index\.ts$|\.\.\/src\/disk\/digest\.ts$)/;
  const imports = FILES.flatMap((path) => importsOf(path).map((name) => `${path} imports ${name}`));
  expect(imports.filter((line) => !allowed.test(line.split(" imports ")[1] as string))).toEqual([]);
  // A session runs over any wire, also in a browser: only main.ts knows sockets.
  expect(imports.filter((line) => line.endsWith("node:net"))).toEqual(["minimal/main.ts imports node:net"]);
});

test("what the minimal pair says about the full program can be found there", () => {
  const wrong = FILES.flatMap((path) =>
    [...read(path).matchAll(/\b(src\/[\w./-]+)/g)]
      .map(([, name]) => (name as string).replace(/\.$/, ""))
      .filter((name) => !existsSync(join(ROOT, name)))
      .map((name) => `${path} names ${name}`),
  );
  expect(wrong).toEqual([]);
});
