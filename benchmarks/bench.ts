/**
 * `npm run bench`: how fast, with which buffers, and beside others. `npm run bench -- --help` says how to ask.
 *
 * All cases are run once to warm up, then all of them once, then all again: a minute in which the machine is busy is
 * nobody's minute in particular. Nothing here fails because it was slow.
 */
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machine } from "../test/support/machine.ts";
import { itemCases } from "./items.ts";
import { HELP, type Options, parse, WrongUse } from "./options.ts";
import { peersOf } from "./peers.ts";
import { bars, curvesOf, svg } from "./plot.ts";
import { cleanUp, tempFolder } from "./programs.ts";
import { compare, type Measured, type Results, readResults, tables, targetTable } from "./results.ts";
import type { Result } from "./target-result.ts";
import { PARTS } from "./targets.ts";
import { Sources, sweepCases } from "./trips.ts";
import type { Case, Place, Skipped } from "./types.ts";

const TMPFS = "/dev/shm";
/** Peers move one file, as large as the largest of the sweep that is not small. */
const PEER_BYTES_MIN = 16 * 1024 * 1024;

const isTerminal = process.stdout.isTTY === true;

/** The line that tells how far it is; where nobody can rewrite lines, a line for each step. */
function progress(line: string): void {
  if (isTerminal) process.stdout.write(`\r\u001b[K${line.slice(0, (process.stdout.columns ?? 80) - 1)}`);
  else console.log(line);
}

function clearProgress(): void {
  if (isTerminal) process.stdout.write("\r\u001b[K");
}

async function casesOf(
  options: Options,
  folderOf: (place: Place) => string,
): Promise<{ cases: Case[]; skipped: Skipped[] }> {
  const { sweep, parts, only, isQuick } = options;
  const sources = new Sources(folderOf);
  const cases: Case[] = [];
  const skipped: Skipped[] = [];
  const add = (more: readonly Case[]) => cases.push(...more.filter(({ key }) => key.includes(only)));
  if (parts.includes("peers"))
    for (const place of sweep.places)
      for (const bytes of sweep.fileBytes.filter((size) => size >= PEER_BYTES_MIN)) {
        const { folder, names } = sources.of(bytes, place);
        const peers = await peersOf(join(folder, names[0] as string), bytes, place, folderOf(place));
        add(peers.cases);
        for (const one of peers.skipped) if (!skipped.some(({ name }) => name === one.name)) skipped.push(one);
      }
  if (parts.includes("sweep")) add(sweepCases(sweep, sources, folderOf));
  if (parts.includes("items") && sweep.places.includes("disk")) {
    const items = await itemCases(folderOf("disk"), isQuick ? 5000 : 20_000);
    add(items.cases);
    skipped.push(...items.skipped);
  }
  return { cases, skipped };
}

/** Runs everything in turn; a case that fails is skipped from then on, by name. */
async function measure(cases: readonly Case[], repeats: number, skipped: Skipped[]): Promise<Measured[]> {
  const measured = cases.map(({ run: _, ...about }): Measured => ({ ...about, samples: [] }));
  const failed = new Set<string>();
  const begunMs = performance.now();
  const total = cases.length * (repeats + 1);
  let done = 0;
  for (let repeat = 0; repeat <= repeats; repeat++)
    for (const [index, { key, run }] of cases.entries()) {
      const left = done === 0 ? "" : `, ${minutes(((performance.now() - begunMs) / done) * (total - done))} left`;
      done++;
      if (failed.has(key)) continue;
      progress(`${done}/${total}${left}  ${repeat === 0 ? "warm-up" : `run ${repeat}`}: ${key}`);
      try {
        const sample = await run();
        if (repeat > 0) measured[index]?.samples.push(sample);
      } catch (error) {
        failed.add(key);
        skipped.push({ name: key, reason: (error as Error).message });
      }
    }
  clearProgress();
  return measured;
}

const minutes = (ms: number): string => (ms > 90_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 1000)} s`);

function draw(path: string, results: Results): void {
  const { cpu } = (results.machine ?? {}) as { cpu?: string };
  const caption = `${cpu ?? "?"}, Node ${results.node ?? ""}, ${String(results.date ?? "").slice(0, 10)}`;
  writeFileSync(path, svg(curvesOf(results.cases), caption));
  console.log(`Drawn: ${path}`);
}

async function main(options: Options): Promise<void> {
  if (options.help) return void process.stdout.write(HELP);
  if (options.compare) return console.log(compare(readResults(options.compare[0]), readResults(options.compare[1])));
  if (options.from && options.plot) return draw(options.plot, readResults(options.from));
  const disk = tempFolder(options.folder ?? tmpdir());
  const memory = existsSync(TMPFS) ? tempFolder(TMPFS) : null;
  if (!memory && options.sweep.places.includes("memory")) console.log("SKIPPED: memory: there is no /dev/shm");
  const places = options.sweep.places.filter((place) => place === "disk" || memory);
  const folderOf = (place: Place): string => (place === "memory" ? (memory ?? disk) : disk);
  const { cases, skipped } = await casesOf({ ...options, sweep: { ...options.sweep, places } }, folderOf);
  const measured = await measure(cases, options.repeats, skipped);
  const targets: Result[] = [];
  const parts = options.parts.includes("targets") && !options.only ? options.targets : [];
  for (const name of parts) {
    const found = await PARTS[name]?.({ folder: tempFolder(disk), isQuick: options.isQuick, report: progress });
    targets.push(...(found ?? []));
  }
  clearProgress();
  // Where files were is this machine's business.
  const words = process.argv
    .slice(2)
    .join(" ")
    .replaceAll(/--(out|plot|folder|from)[ =]\S+ ?/g, "");
  const command = `npm run bench -- ${words}`.trim();
  const results: Results = { ...machine(disk), command, cases: measured, targets, skipped };
  console.log(`\n${tables(measured)}`);
  const curves = curvesOf(measured);
  if (curves.length > 0) console.log(`\n${bars(curves)}`);
  if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
  for (const { name, reason } of skipped) console.log(`\nSKIPPED: ${name}: ${reason}`);
  console.log(
    "\nMedians. x: times the ceiling, the first row of a group. CPU and peak memory: server/sender/receiver.",
  );
  if (options.out) writeFileSync(options.out, `${JSON.stringify(results, null, 1)}\n`);
  if (options.out) console.log(`Every sample: ${options.out}`);
  if (options.plot) draw(options.plot, results);
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => process.exit(code));

try {
  await main(parse(process.argv.slice(2)));
  cleanUp();
  process.exit(0);
} catch (error) {
  const isWrongUse = error instanceof WrongUse;
  console.error(isWrongUse ? error.message : error);
  process.exit(isWrongUse ? 2 : 1);
}
