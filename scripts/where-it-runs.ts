/**
 * Tries the built command where it may run: `npm run where-it-runs`, outside of CI. It takes some minutes, root, and Linux.
 *
 * The same conversation everywhere: a server is started; a small file, a large one and a folder are sent; the server is killed in
 * the middle of the large one and started again; the sender goes on; a receiver takes all three, and each byte is compared.
 *
 *   runtimes       several releases of Node, Bun and Deno, as npm ships their binaries; Node for arm64 under qemu
 *   file systems   made in a file and mounted, as the place of the spool and as the target of a receiver
 *
 * What came of it goes to benchmarks/results/where-it-runs.json, from which the site makes the page "Where it runs". What cannot
 * be tried on this machine is written down as not tried, with the reason. With words behind it, only what has one of them in
 * its name: `npm run where-it-runs -- Bun exfat`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { converse, type Outcome, type Runtime } from "./where-it-runs/conversation.ts";
import { FILE_SYSTEMS, mounted } from "./where-it-runs/file-systems.ts";
import { RUNTIMES } from "./where-it-runs/runtimes.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const RESULT = join(ROOT, "benchmarks/results/where-it-runs.json");

/** One row of the page. */
interface Row {
  readonly what: "runtime" | "spool" | "target";
  readonly name: string;
  readonly version: string;
  readonly result: Outcome["result"];
  /** What did not work, and why; what works besides. */
  readonly note: string;
  readonly date: string;
  readonly revision: string;
  readonly kernel: string;
}

const only = process.argv.slice(2);
const isWanted = (name: string): boolean => only.length === 0 || only.some((word) => name.includes(word));
const rows: Row[] = [];

const said = (...command: string[]): string =>
  execFileSync(command[0] as string, command.slice(1), { cwd: ROOT, encoding: "utf8" }).trim();

function note(row: Omit<Row, "date" | "revision" | "kernel">): void {
  const date = new Date().toISOString().slice(0, 10);
  rows.push({
    ...row,
    date,
    revision: said("git", "rev-parse", "--short", "HEAD"),
    kernel: said("uname", "-r").replace(/^(\d+\.\d+).*/, "$1"),
  });
  console.log(`${row.result.padEnd(9)} ${row.what.padEnd(8)} ${row.name} ${row.version}${row.note && `: ${row.note}`}`);
}

async function main(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "filespool-where-"));
  try {
    const here: Runtime = { name: "node", version: process.version, command: [process.execPath], commands: "all" };
    for (const { name, prepare } of RUNTIMES.filter((runtime) => isWanted(runtime.name))) {
      const folder = join(work, `runtime-${name.replace(/\W/g, "-")}`);
      mkdirSync(folder);
      try {
        const runtime = await prepare(folder);
        const outcome = await converse(runtime, here, {
          spool: join(folder, "spool"),
          target: join(folder, "in"),
          work: folder,
        });
        note({ what: "runtime", name, version: runtime.version, ...outcome });
      } catch (error) {
        note({ what: "runtime", name, version: "", result: "not tried", note: (error as Error).message });
      }
    }
    for (const system of FILE_SYSTEMS.filter(({ name }) => isWanted(name)))
      for (const what of ["spool", "target"] as const) {
        const folder = join(work, `${system.name}-${what}`);
        mkdirSync(folder);
        try {
          await mounted(system, folder, async (place) => {
            const [spool, target] = what === "spool" ? [place, folder] : [folder, place];
            const places = { spool: join(spool, "spool"), target: join(target, "in"), work: folder };
            note({ what, name: system.name, version: system.version(), ...(await converse(here, here, places)) });
          });
        } catch (error) {
          note({ what, name: system.name, version: "", result: "not tried", note: (error as Error).message });
        }
      }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  // Of a part, the other rows stay as an earlier run has left them.
  const before = only.length === 0 ? [] : (JSON.parse(readFileSync(RESULT, "utf8")) as { rows: Row[] }).rows;
  const isSame = (a: Row) => (b: Row) => a.what === b.what && a.name === b.name;
  const kept = before.map((row) => rows.find(isSame(row)) ?? row);
  const all = [...kept, ...rows.filter((row) => !before.some(isSame(row)))];
  writeFileSync(RESULT, `${JSON.stringify({ rows: all }, null, 2)}\n`);
}

await main();
