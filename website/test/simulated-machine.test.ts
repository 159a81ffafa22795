/** What the timeline puts in the place of Node is what minimal/ needs of it: no less, and no more. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as protocol from "../../src/protocol/index.ts";
import { repositoryFolder } from "../plugins/repository.ts";
import { GLOBALS, onMachine, PROGRAMS, STANDS_FOR } from "../plugins/simulated-machine.mjs";

const folder = join(repositoryFolder, "minimal");
const programs = readdirSync(folder)
  .map((name) => join(folder, name))
  .filter((path) => PROGRAMS.test(path))
  .map((path) => readFileSync(path, "utf8"));

/** Values that are imported, by module; types are nobody's business at run time. */
function importsOf(sources: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [, names = "", module = ""] of sources.join("\n").matchAll(/^import \{([^}]*)\} from "([^"]+)"/gm)) {
    const values = names.split(",").map((name) => name.trim());
    const all = found.get(module) ?? new Set();
    for (const name of values) if (name && !name.startsWith("type ")) all.add(name);
    found.set(module, all);
  }
  return found;
}

const imports = importsOf(programs);
const machine = (file: string): Promise<Record<string, unknown>> =>
  import(`../src/live/timeline/machine/${file.slice(0, -3)}.ts`);

test("every file of minimal/ but the command line runs on the machine", () => {
  expect(readdirSync(folder).filter((name) => !PROGRAMS.test(join(folder, name)))).toEqual(["main.ts"]);
});

test("each module that is not of minimal/ has something that stands for it, and nothing stands for no module", () => {
  const foreign = [...imports.keys()].filter((module) => !module.startsWith("./"));
  const typesOnly = programs.flatMap((source) => [...source.matchAll(/^import type .* from "([^"]+)"/gm)]);
  const all = new Set(
    [...foreign, ...typesOnly.map(([, module]) => module as string)].filter((name) => !name.startsWith("./")),
  );
  expect([...all].sort()).toEqual(Object.keys(STANDS_FOR).sort());
});

describe.each([...new Set(Object.values(STANDS_FOR))])("%s", (file) => {
  const modules = Object.keys(STANDS_FOR).filter((module) => STANDS_FOR[module] === file);
  const needed = modules.flatMap((module) => [...(imports.get(module) ?? [])]);

  test("has every function that minimal/ imports", async () => {
    expect(needed).not.toEqual([]);
    expect(Object.keys(await machine(file))).toEqual(expect.arrayContaining(needed));
  });

  test("has nothing else, but for the protocol, which is passed on whole", async () => {
    const unasked = Object.keys(await machine(file)).filter((name) => !needed.includes(name));
    const isOurs = (name: string) => !(name in protocol);
    expect(unasked.filter(isOurs)).toEqual([]);
  });
});

describe("globals.ts", () => {
  /** What belongs to the language, and is the same everywhere. */
  const LANGUAGE = /^(Array|Error|Infinity|JSON|Map|Number|Object|Promise|Set|String|Symbol|Uint8Array|BigInt)$/;

  test("has every clock, chance and buffer that minimal/ takes for granted", async () => {
    const code = programs.join("\n").replace(/\/\*[\s\S]*?\*\/|\/\/.*|"[^"\n]*"|^(import|export) type .*/gm, "");
    const used = Object.getOwnPropertyNames(globalThis).filter(
      (name) =>
        !LANGUAGE.test(name) &&
        new RegExp(`(?<![.\\w#])${name}(?=\\.\\w|\\()`).test(code) &&
        !new RegExp(`\\b(const|let|function) ${name}\\b`).test(code),
    );
    expect(used.sort()).toEqual([...GLOBALS].sort());
    expect(Object.keys(await machine("globals.ts")).sort()).toEqual([...GLOBALS].sort());
  });
});

describe("a program on its way into the page", () => {
  test("keeps its words and its lines", () => {
    for (const source of programs) {
      const [before, after] = [source, onMachine(source)].map((text) => text.split("\n"));
      const changed = before?.filter((line, at) => line !== after?.[at]) ?? [];
      expect(after).toHaveLength(before?.length ?? 0);
      expect(changed.slice(1).filter((line) => !/^import |^\} from /.test(line))).toEqual([]);
    }
  });

  test("may import nothing that nobody stands for", () => {
    expect(() => onMachine('import { connect } from "node:net";')).toThrow("node:net");
    expect(() => onMachine('import { run } from "../src/net/index.ts";')).toThrow("src/net");
    expect(onMachine('import { send } from "./send.ts";')).toContain('from "./send.ts"');
  });
});
