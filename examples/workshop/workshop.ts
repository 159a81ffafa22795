/**
 * `npm run workshop`: your own copy of minimal/, with gaps for you to fill, and the laws that tell whether it works.
 *
 *   npm run workshop                          what there is, and how far you are
 *   npm run workshop -- start [folder]        makes the copy; without a folder it is my-filespool/
 *   npm run workshop -- check N [folder]      tries the laws of page N; exit code 0 when all hold
 *   npm run workshop -- solve N [folder]      puts the original into the gaps of page N; what you wrote is kept beside it
 *   npm run workshop -- status [folder]       which pages are done
 *   npm run workshop -- measure [folder]      files per second and syncs per file, beside the full program (page 8)
 *
 * Exit code: 0 done, 1 a law is broken, 2 the command makes no sense here.
 */
import { relative, resolve } from "node:path";
import { check, linesOf } from "./check.ts";
import { Copy } from "./copy.ts";
import { COURSE, type Page, pageOf } from "./course.ts";

const HELP = `npm run workshop -- start           makes my-filespool/, a copy of minimal/ with gaps
npm run workshop -- check N         tries the laws of page N on it
npm run workshop -- solve N         fills the gaps of page N; what you wrote is kept
npm run workshop -- status          which pages are done
npm run workshop -- measure         page 8: how fast it is, beside the full program`;

const [command = "help", ...words] = process.argv.slice(2);
const wantsPage = command === "check" || command === "solve";
const [pageWord, folderWord] = wantsPage ? words : [undefined, words[0]];
const folder = folderWord ?? "my-filespool";
const copy = new Copy(resolve(folder));
const shown = (file: string): string => `${relative(process.cwd(), copy.folder)}/${file}`;

/** The gaps of a page that are as they were. */
const openGaps = (page: Page) => page.gaps.filter((gap) => copy.look(page, gap).isOpen);

function start(): void {
  copy.create();
  console.log(`made    ${folder}/, a copy of minimal/ with gaps`);
  for (const page of COURSE)
    console.log(`page ${page.number}  ${page.gaps.map((gap) => shown(placed(page, gap))).join(", ")}`);
}

const placed = (page: Page, gap: Page["gaps"][number]): string => `${gap.file}:${copy.look(page, gap).line}`;

async function checkPage(page: Page): Promise<boolean> {
  console.log(`page ${page.number}: ${page.title}`);
  for (const gap of openGaps(page)) console.log(`open    ${shown(placed(page, gap))}, ${gap.region}`);
  const verdicts = await check(page.number, copy.folder);
  console.log(linesOf(verdicts).join("\n"));
  return verdicts.every(({ problem }) => problem === null);
}

function solve(page: Page): void {
  for (const gap of page.gaps) {
    const kept = copy.solve(page, gap);
    const was = kept === null ? "" : `; what you wrote is in ${shown(kept)}`;
    console.log(`solved  ${shown(placed(page, gap))}, ${gap.region}${was}`);
  }
}

async function status(): Promise<void> {
  for (const page of COURSE) {
    const open = openGaps(page).length;
    const verdicts = open > 0 ? [] : await check(page.number, copy.folder);
    const held = verdicts.filter(({ problem }) => problem === null).length;
    const state = open > 0 ? "open" : held === verdicts.length ? "done" : "BROKEN";
    const seen = open > 0 ? `${open} of ${page.gaps.length} gaps are open` : `${held} of ${verdicts.length} laws hold`;
    console.log(`${state.padEnd(7)} page ${page.number}, ${page.title}: ${seen}`);
  }
}

function usage(why: string): void {
  console.error(why);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  if (command === "help" || command === "--help" || command === "-h") return console.log(HELP);
  if (command === "start") return start();
  if (!["check", "solve", "status", "measure"].includes(command)) return usage(`"${command}" is no command.\n${HELP}`);
  if (!copy.exists) return usage(`There is no copy in ${folder}/ yet: npm run workshop -- start`);
  if (command === "status") return status();
  if (command === "measure") return (await import("./measure.ts")).measure(copy.folder);
  if (command === "solve") return solve(pageOf(Number(pageWord)));
  const pages = pageWord === "all" ? COURSE : [pageOf(Number(pageWord))];
  let isWhole = true;
  for (const page of pages) isWhole = (await checkPage(page)) && isWhole;
  process.exitCode = isWhole ? 0 : 1;
}

await main().catch((error: Error) => usage(error.message));
// A program that was tried may have left something waiting.
process.exit();
