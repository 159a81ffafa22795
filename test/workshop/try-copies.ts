/**
 * Tries many copies of minimal/ in one process, and prints what held as JSON. It is a process of its own because a program
 * with a gap may throw where nobody listens, which the laws catch here and a test runner would count as its own failure.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check } from "../../examples/workshop/check.ts";
import { Copy } from "../../examples/workshop/copy.ts";
import { type Page, pageOf } from "../../examples/workshop/course.ts";

/** A copy to try: which gaps are open, what is wrong in it, and the pages whose laws are asked. */
export interface Trial {
  readonly name: string;
  readonly open: readonly number[];
  /** Of the open pages only this gap; without it, all of them. */
  readonly region?: string;
  readonly fault?: { readonly file: string; readonly from: string; readonly to: string };
  readonly pages: readonly number[];
}
/** What was seen when a law was broken, by page and law; null for one that holds. */
export type Seen = Record<number, Record<string, string | null>>;

async function tryCopy({ open, region, fault, pages }: Trial, folder: string): Promise<Seen> {
  const withRegion = (page: Page): Page => ({ ...page, gaps: page.gaps.filter((gap) => gap.region === region) });
  new Copy(folder).create(open.map(pageOf).map((page) => (region ? withRegion(page) : page)));
  if (fault) {
    const path = join(folder, fault.file);
    const text = readFileSync(path, "utf8");
    if (text.split(fault.from).length !== 2) throw new Error(`${fault.file} has "${fault.from}" not exactly once`);
    writeFileSync(
      path,
      text.replace(fault.from, () => fault.to),
    );
  }
  const seen: Seen = {};
  for (const page of pages) {
    const verdicts = await check(page, folder);
    seen[page] = Object.fromEntries(verdicts.map(({ law, problem }) => [law, problem]));
  }
  return seen;
}

const work = mkdtempSync(join(tmpdir(), "filespool-workshop-"));
try {
  const trials: Trial[] = JSON.parse(readFileSync(0, "utf8"));
  const all: Record<string, Seen> = {};
  for (const [index, trial] of trials.entries()) all[trial.name] = await tryCopy(trial, join(work, String(index)));
  process.stdout.write(JSON.stringify(all));
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit();
