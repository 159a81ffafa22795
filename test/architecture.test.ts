import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { isIndexFresh, readAdrs } from "../scripts/adr-index.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const filesIn = (folder: string, kinds = /\.(ts|mjs|md)$/): string[] =>
  readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && kinds.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
const lineCount = (path: string): number => read(path).trimEnd().split("\n").length;
const COMMENT = /^\s*(\/\/|\/\*|\*)/;
const textLines = (path: string): string[] =>
  read(path)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s*\/\/ (end)?region: /.test(line));
const codeCount = (path: string): number => textLines(path).filter((line) => !COMMENT.test(line)).length;
/** Without comments: these say "node:" and "process" freely. */
const code = (path: string): string => read(path).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*|\s\/\/ .*/gm, "");
const importsOf = (path: string): string[] =>
  [...code(path).matchAll(/(?:\bfrom|\bimport\(?)\s*"([^"]+)"/g)].map(([, name]) => name as string);
const offenders = (paths: string[], pattern: RegExp): string[] =>
  paths.flatMap(
    (path) =>
      code(path)
        .match(pattern)
        ?.map((found) => `${path}: ${found}`) ?? [],
  );

const LAYERS = ["protocol", "disk", "spool", "net", "cli"];
const layerOf = (path: string): string => path.split("/")[1] ?? "";
const SRC = filesIn("src", /\.ts$/);
const FOLDERS = ["src", "minimal", "test", "scripts", "examples", "benchmarks", "adr"];
const TEXTS = FOLDERS.filter((folder) => existsSync(join(ROOT, folder)))
  .flatMap((folder) => filesIn(folder))
  .concat("README.md");

test("imports point one way only: protocol <- disk <- spool <- net <- cli", () => {
  const isAllowed = (from: string, to: string): boolean =>
    SRC.includes(to) && LAYERS.indexOf(layerOf(to)) <= LAYERS.indexOf(layerOf(from));
  const wrong = SRC.flatMap((path) =>
    importsOf(path)
      .filter((name) => name.startsWith(".") && !isAllowed(path, join(dirname(path), name)))
      .map((name) => `${path} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});

/** Imports of ours, types included, by file. */
function graphOf(paths: readonly string[]): Map<string, string[]> {
  const known = new Set(paths);
  return new Map(
    paths.map((path) => {
      const names = importsOf(path).filter((name) => name.startsWith("."));
      return [path, names.map((name) => join(dirname(path), name)).filter((to) => known.has(to))];
    }),
  );
}

/** Each file on a way back to itself, with that way. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  return [...graph.keys()].flatMap((start) => {
    const cameFrom = new Map<string, string>();
    const queue = [start];
    for (let at = queue.shift(); at !== undefined; at = queue.shift())
      for (const to of graph.get(at) ?? []) {
        if (to === start) {
          const way = [start];
          for (let back = at; back !== start; back = cameFrom.get(back) as string) way.unshift(back);
          return [[start, ...way].join(" -> ")];
        }
        if (!cameFrom.has(to)) queue.push(to);
        if (!cameFrom.has(to)) cameFrom.set(to, at);
      }
    return [];
  });
}

test("no file imports itself, by whatever way", () => {
  const paths = ["src", "minimal", "benchmarks", "website/src", "website/plugins", "website/scripts"].flatMap(
    (folder) => filesIn(folder, /\.tsx?$/),
  );
  expect(
    circlesIn(
      new Map([
        ["a", ["b"]],
        ["b", ["c", "b2"]],
        ["b2", []],
        ["c", ["a"]],
      ]),
    ),
  ).toHaveLength(3);
  expect(circlesIn(graphOf(paths))).toEqual([]);
});

test("the protocol needs nothing but itself and valibot, neither clock nor chance", () => {
  const protocol = SRC.filter((path) => layerOf(path) === "protocol");
  expect(protocol.flatMap(importsOf).filter((name) => !/^\.\/|^valibot$/.test(name))).toEqual([]);
  const impure = /\b(node:|Buffer\b|Date\b|Math\.random|performance\b|process\.|console\b|set(Timeout|Interval)\b)/g;
  expect(offenders(protocol, impure)).toEqual([]);
});

test("a command loads what it needs: no database to send or to receive, no target folder to send", () => {
  const loadedBy = (path: string, seen = new Set<string>()): Set<string> => {
    const isType = /^import type .*$/gm;
    const names = [
      ...code(path)
        .replaceAll(isType, "")
        .matchAll(/^(?:import|export) [^;]*?from "([^"]+)"/gm),
    ];
    for (const [, name = ""] of names) {
      const next = name.startsWith(".") ? join(dirname(path), name) : name;
      if (!seen.has(next) && next.startsWith("src/")) loadedBy(next, seen.add(next));
      seen.add(next);
    }
    return seen;
  };
  expect([...loadedBy("src/cli/commands/serve.ts")]).toEqual(
    expect.arrayContaining(["lmdb", "src/net/server/server.ts"]),
  );
  for (const name of ["lmdb", "src/net/server/server.ts"])
    expect([...loadedBy("src/cli/commands/receive.ts")]).not.toContain(name);
  for (const name of ["lmdb", "fs-native-extensions", "src/net/server/server.ts", "src/net/receiver/landing.ts"])
    expect([...loadedBy("src/cli/commands/send.ts")]).not.toContain(name);
});

test("the contract of the spool, its leases and its memory implementation run in a browser", () => {
  const paths = ["memory-spool.ts", "memory/store.ts", "memory/sweep.ts", "leases.ts", "contract.ts"].map(
    (name) => `src/spool/${name}`,
  );
  expect(offenders(paths, /"node:[^"]*"/g)).toEqual([]);
});

test("only the command line reads arguments and environment, or prints", () => {
  const others = SRC.filter((path) => layerOf(path) !== "cli");
  expect(offenders(others, /\bprocess\.(argv|env|stdin|stdout|stderr)\b|\bconsole\./g)).toEqual([]);
});

/** What can be left out without touching a promise is in a folder of its own (adr/0036, adr/0103). */
const EXTENSIONS = ["src/net/extensions/", "src/spool/operate/", "src/spool/memory/", "src/protocol/operate"];
const isExtension = (path: string): boolean => EXTENSIONS.some((start) => path.startsWith(start));

/** The files that put core and extensions together: nothing else of the core may import an extension. */
const WIRING = [
  ...["create-server.ts", "send.ts", "receive.ts", "index.ts"].map((name) => `src/net/${name}`),
  ...["local-spool.ts", "memory-spool.ts"].map((name) => `src/spool/${name}`),
];
/** Layers below the command line, which is free to use whatever there is. */
const isCore = (path: string): boolean => layerOf(path) !== "cli" && !isExtension(path);

test("the core imports no extension; the files that wire do", () => {
  const imports = graphOf(SRC);
  const wrong = SRC.filter((path) => isCore(path) && !WIRING.includes(path)).flatMap((path) =>
    (imports.get(path) ?? [])
      .filter((to) => isExtension(to) && !to.startsWith("src/protocol/"))
      .map((to) => `${path} imports ${to}`),
  );
  expect(wrong).toEqual([]);
  expect(WIRING.filter((path) => !imports.get(path)?.some(isExtension))).toEqual([]);
});

test("every folder of extensions exists", () => {
  expect(EXTENSIONS.filter((start) => !SRC.some((path) => path.startsWith(start)))).toEqual([]);
});

test("no file is longer than 300 lines, and the core does not grow", () => {
  const programs = TEXTS.filter((path) => !path.endsWith(".md"));
  const isLong = (path: string) => lineCount(path) > (path.startsWith("minimal/") ? 330 : 300);
  expect(programs.filter(isLong).map((path) => `${path}: ${lineCount(path)}`)).toEqual([]);
  const core = SRC.filter(isCore);
  // Lines of code, since comments should never cost anything (adr/0107). It rises only by a decision that says for what (adr/0111, adr/0109).
  expect(core.reduce((sum, path) => sum + codeCount(path), 0)).toBeLessThanOrEqual(8_400);
});

/** Lines that are comments among those that are not blank; markers of regions are neither. */
const commentShare = (path: string): number =>
  textLines(path).filter((line) => COMMENT.test(line)).length / textLines(path).length;

test("every file of the core explains itself: 25 of 100 lines are comments, 35 in the protocol", () => {
  const least = (path: string): number => (layerOf(path) === "protocol" ? 0.35 : 0.25);
  // File by file: an average says nothing of the file that somebody reads (adr/0107).
  const silent = SRC.filter((path) => isCore(path) && commentShare(path) < least(path));
  expect(silent.map((path) => `${path}: ${Math.floor(commentShare(path) * 100)} of 100`)).toEqual([]);
});

/** An indented line of a comment is part of a table or a picture, which is as wide as it has to be. */
const PICTURE = /^\s*\* {3,}/;

test("a sentence of a comment is at most 100 columns wide, but for the command line", () => {
  const wide = SRC.filter((path) => layerOf(path) !== "cli").flatMap((path) =>
    textLines(path)
      .filter((line) => COMMENT.test(line) && !PICTURE.test(line) && line.length > 100)
      .map((line) => `${path}: ${line.trim().slice(0, 60)}`),
  );
  expect(wide).toEqual([]);
});

test("at least 27 of 100 lines in src are comments", () => {
  const lines = SRC.flatMap(textLines);
  const share = lines.filter((line) => COMMENT.test(line)).length / lines.length;
  // The aim is 40 to 50 %; until then the bound may only be raised (adr/0023).
  expect(share).toBeGreaterThanOrEqual(0.27);
});

test("every decision that is cited exists, and the list of decisions is fresh", () => {
  const known = new Set(readAdrs().map(({ number }) => number));
  const cited = TEXTS.flatMap((path) =>
    [...read(path).matchAll(/\badr\/(\d{4})/g)].map(([, no]) => `${no} in ${path}`),
  );
  expect(cited.filter((citation) => !known.has(citation.slice(0, 4)))).toEqual([]);
  expect(isIndexFresh(), "adr/README.md is out of date: npm run adr").toBe(true);
});

test("every decision says what was weighed, how it is confirmed and when to look again", () => {
  const sections =
    /^#{2,3} (context|decision drivers|considered options|decision outcome|consequences|confirmation|pros and cons|revisit when)/gim;
  expect(readAdrs(), "there is no adr/NNNN-title.md").not.toEqual([]);
  for (const { file, title, matter, text } of readAdrs()) {
    expect([title, matter.status, matter.date], file).toEqual(Array(3).fill(expect.stringMatching(/\S/)));
    expect(new Set(text.match(sections)).size, `${file} has ${text.match(sections)}`).toBe(8);
    const options = /^## Considered options.*\n([\s\S]*?)^#/im.exec(text)?.[1] ?? "";
    expect(options.match(/^([*-]|\d+\.) /gm)?.length ?? 0, `${file}: considered options`).toBeGreaterThanOrEqual(3);
    expect(options, `${file}: considered options`).toMatch(/do(ing)? nothing/i);
  }
});

test("nothing is left for later, and the README has at most 150 lines", () => {
  expect(TEXTS.filter((path) => /\b(TO[D]O|FIX[M]E)\b/.test(read(path)))).toEqual([]);
  expect(lineCount("README.md")).toBeLessThanOrEqual(150);
});

/** Every folder of `src`, and `src` itself. */
const ROOMS = readdirSync(join(ROOT, "src"), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
  .concat("src");
const ROOM_READMES = ROOMS.map((folder) => join(folder, "README.md"));
/** What explains the source in words: held against the source by the tests below. */
const GUIDES = [...ROOM_READMES, "ARCHITECTURE.md", "CONTRIBUTING.md"].filter((path) => existsSync(join(ROOT, path)));

/** What a guide names, that is not there: targets of relative links, files of ours, and functions "`of` in `a.ts`". */
function missingIn(guide: string): string[] {
  const text = read(guide).replaceAll(/^```[\s\S]*?^```/gm, "");
  const places = [dirname(guide), dirname(dirname(guide)), "", "src"];
  const found = (name: string) => places.map((place) => join(place, name)).find((path) => existsSync(join(ROOT, path)));
  const links = [...text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)].map(([, target]) => target as string);
  const files = [...text.matchAll(/`([\w./@-]+(?:\.(?:[cm]?ts|tsx|mjs|md)|\w\/))`/g)].map(([, name]) => name as string);
  const functions = [...text.matchAll(/`(?:[\w.]*[.#])?(\w+)(?:\(\))?`\s+in\s+\[?`([\w./-]+\.ts)`/g)];
  return [
    ...links.filter((target) => !existsSync(join(ROOT, dirname(guide), target))),
    ...files.filter((name) => found(name) === undefined),
    ...functions
      .filter(([, name, file]) => !new RegExp(`\\b${name}\\b`).test(code(found(file as string) ?? "README.md")))
      .map(([, name, file]) => `${name} in ${file}`),
  ].map((missing) => `${guide}: ${missing}`);
}

test("every folder of src opens with a README", () => {
  expect(ROOM_READMES.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test("a README of src has at most 40 lines, ARCHITECTURE.md and CONTRIBUTING.md one page each", () => {
  const bound = (path: string): number => (path.startsWith("src") ? 40 : 120);
  expect(GUIDES.filter((path) => lineCount(path) > bound(path)).map((path) => `${path}: ${lineCount(path)}`)).toEqual(
    [],
  );
  const wide = (path: string) =>
    read(path)
      .split("\n")
      .filter((line) => line.length > 100);
  const readmes = GUIDES.filter((path) => path.startsWith("src"));
  expect(readmes.flatMap((path) => wide(path).map((line) => `${path}: ${line}`))).toEqual([]);
});

test("a guide names only what exists: its links lead somewhere, and files and functions are called so", () => {
  expect(GUIDES.flatMap(missingIn)).toEqual([]);
});
