/** Numbers in prose that no file of results and no constant has: each is counted here, and compared with what is said. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { shownFallback } from "../../src/cli/settings/settings.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { repositoryFolder } from "../plugins/repository.ts";
import { handWrittenPages } from "../scripts/hand-written.ts";

const textOf = (path: string) => readFile(resolve(repositoryFolder, path), "utf8");
const lineCount = async (paths: readonly string[]): Promise<number> =>
  (await Promise.all(paths.map(textOf))).reduce((sum, text) => sum + text.split("\n").length - 1, 0);

/** The first group of `pattern` as a number. A sentence that has gone must take its test with it. */
function said(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`nothing there says ${pattern}`);
  return Number(found.replaceAll(",", ""));
}

/** Rows of a table that name files of the source: as whole paths, or as a folder with names behind it. */
function steps(text: string): { readonly row: string; readonly files: readonly string[] }[] {
  return (text.match(/^\| .*$/gm) ?? []).flatMap((row) => {
    const whole = [...row.matchAll(/`(src\/[\w/]+\/[\w-]+\.ts)`/g)].map(([, path]) => path as string);
    const folders = [...row.matchAll(/`(src\/[\w/]+\/)`: ([\w, -]+)/g)];
    const short = folders.flatMap(([, folder, names = ""]) =>
      names.split(",").map((name) => `${folder}${name.trim()}.ts`),
    );
    const files = short.length === 0 ? whole : short;
    return files.length > 0 ? [{ row, files }] : [];
  });
}

describe("the reading order of README.md", async () => {
  const readme = await textOf("README.md");
  const rows = steps(readme.split("## Reading it")[1] ?? "");
  const files = rows.flatMap((row) => row.files);
  const lines = await lineCount(files);
  const linesAMinute = said(readme, /at (\d+) lines a minute/);

  it("has the files that the page about it has", async () => {
    const [page = ""] = (await textOf("website/docs/start/reading-order.md")).split("## If you have less time");
    const whole = steps(page).flatMap((row) => row.files);
    expect([...files].sort()).toEqual(whole.filter((path) => path.startsWith("src/")).sort());
  });

  it("says how many lines that is, to within two in a hundred", () => {
    expect(Math.abs(said(readme, /has about ([\d,]+) lines/) / lines - 1), `${lines} lines`).toBeLessThan(0.02);
  });

  it("says how long that takes, in sum and for each step", async () => {
    const minutes = said(readme, /some (\d+) hours? and/) * 60 + said(readme, /hours? and (\d+) minutes/);
    expect(Math.abs(minutes / (lines / linesAMinute) - 1), `${lines / linesAMinute} minutes`).toBeLessThan(0.02);
    for (const { row, files: ofStep } of rows) {
      const wanted = (await lineCount(ofStep)) / linesAMinute;
      const shown = said(row, /\| (\d+) \|$/);
      expect(Math.abs(shown - wanted), `${row}: ${wanted}`).toBeLessThan(1 + shown / 20);
    }
  });

  it("has as many comments as its page says: more than a third of the lines", async () => {
    const said = /more than a third of the lines are comments/;
    expect(await textOf("website/docs/start/reading-order.md")).toMatch(said);
    const text = (await Promise.all(files.map(textOf))).join("\n").split("\n");
    const comments = text.filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line)).length;
    expect(comments / text.length).toBeGreaterThan(1 / 3);
    expect(comments / text.length).toBeLessThan(1 / 2);
  });
});

it("the pages of the workshop and the promises are as many as the home page and README.md say: nine", async () => {
  const home = await textOf("website/src/pages/index.tsx");
  expect(home).toMatch(/Nine pages, from/);
  expect(home).toMatch(/<h2>Nine promises<\/h2>/);
  expect(await textOf("README.md")).toMatch(/a workshop in nine pages/);
  const pages = await readdir(resolve(repositoryFolder, "website/docs/workshop"));
  expect(pages.filter((name) => /^\d\d-/.test(name)).length).toBe(9);
  expect((await textOf("website/docs/design/guarantees.md")).match(/^## \d+\. /gm)?.length).toBe(9);
  expect((await textOf("website/src/pages/_promises.mdx")).match(/^\d+\. |^\| (?!Promise|---)/gm)?.length).toBe(9);
});

it("the Node that pages ask for is the one that package.json asks for", async () => {
  const { engines } = JSON.parse(await textOf("package.json"));
  const pages = [...handWrittenPages(), "website/src/pages/index.tsx"];
  const asked = (await Promise.all(pages.map(textOf))).flatMap((text) => [...text.matchAll(/Node ([\d.]+) or newer/g)]);
  expect(asked.length).toBeGreaterThanOrEqual(4);
  expect(asked.filter(([, version]) => !engines.node.startsWith(`^${version} `))).toEqual([]);
});

it("the port in addresses that pages show is the default one", async () => {
  const pages = await Promise.all(handWrittenPages().map(textOf));
  const address = /(?:localhost|example\.org|-p \d+):(\d{4,5})\b/g;
  const ports = pages.flatMap((text) => [...text.matchAll(address)].map(([, port]) => port));
  expect(ports.length).toBeGreaterThanOrEqual(4);
  expect(new Set(ports)).toEqual(new Set([shownFallback("port")]));
});

it("README.md has every exit code, once", async () => {
  const [, part = ""] = /^## Exit codes\n([\s\S]*?)^## /m.exec(await textOf("README.md")) ?? [];
  const shown = part.split("·").map((each) => Number.parseInt(each.trim(), 10));
  expect(shown).toEqual(Object.values(EXIT).sort((a, b) => a - b));
});

it("the points at which programs were killed are as many as the page about guarantees says", async () => {
  const { points } = JSON.parse(await textOf("benchmarks/results/crash-matrix.json"));
  const named = Object.keys(points).filter((point) => !point.endsWith("a random moment"));
  expect(said(await textOf("website/docs/design/guarantees.md"), /at (\d+) named points/)).toBe(named.length);
});

/** So many files of one queue, all of them empty, as many senders at a time would store them. */
async function storeEmpty(spool: LocalSpool, count: number): Promise<void> {
  const digest = createHash("sha256").digest("hex");
  const one = async (index: number): Promise<void> => {
    const transfer = createHash("sha256").update(`${index}`).digest("hex").slice(0, 32);
    const offer = { transfer, queue: "default", name: `file-${index}.txt`, size: 0, algorithm: "sha256", wait: false };
    const answer = await spool.offer(offer, { onDurable() {}, onSuperseded() {} });
    if (answer.kind === "upload") await answer.upload.finish(digest, 0);
  };
  for (let from = 0; from < count; from += 500)
    await Promise.all(Array.from({ length: Math.min(500, count - from) }, (_, index) => one(from + index)));
}

it("a waiting file takes as many bytes of the index as the page about scaling says, to within one in ten", {
  timeout: 120_000,
}, async () => {
  const page = await textOf("website/docs/design/scaling.mdx");
  const count = said(page, /with ([\d,]+) empty ones/);
  const folder = await mkdtemp(join(tmpdir(), "filespool-index-"));
  try {
    const spool = await LocalSpool.open({ folder, durability: "none" });
    await storeEmpty(spool, count);
    expect(spool.waiting("default")).toBe(count);
    const { size } = await stat(join(folder, "index.mdb"));
    await spool.close();
    const each = said(page, /about ([\d,]+) bytes for each waiting file/);
    expect(Math.abs(each / (size / count) - 1), `${size / count} bytes`).toBeLessThan(0.1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
