/** Tries the laws of one page on a copy, and tells what was seen. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Laws, type Load, tryLaw } from "./laws/law.ts";
import { installDisk } from "./world/install-disk.ts";

const LAWS = join(import.meta.dirname, "laws");
const fileOf = (page: number): string => {
  const start = `${String(page).padStart(2, "0")}-`;
  return readdirSync(LAWS).find((name) => name.startsWith(start)) as string;
};

export interface Verdict {
  readonly law: string;
  /** What was seen when it was broken, or null. */
  readonly problem: string | null;
}

/** @param folder the copy: each of its files is loaded once for this process */
export async function check(page: number, folder: string): Promise<Verdict[]> {
  installDisk();
  const load: Load = (name) => import(pathToFileURL(join(folder, `${name}.ts`)).href);
  const file: { laws(load: Load): Promise<Laws> } = await import(pathToFileURL(join(LAWS, fileOf(page))).href);
  const verdicts: Verdict[] = [];
  for (const [law, works] of Object.entries(await file.laws(load)))
    verdicts.push({ law, problem: await tryLaw(works) });
  return verdicts;
}

export const linesOf = (verdicts: readonly Verdict[]): string[] =>
  verdicts.map(({ law, problem }) => (problem === null ? `holds   ${law}` : `BROKEN  ${law}\n        ${problem}`));
