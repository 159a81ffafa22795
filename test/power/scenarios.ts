/** What is traced: programs at work, and how what they say becomes facts. */
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Said } from "./facts.ts";
import { type Step, startTraced } from "./trace.ts";

export interface Run {
  /** The folder whose disk is rebuilt. */
  readonly root: string;
  readonly traceFile: string;
  /** For everything else. */
  readonly work: string;
  readonly seed: number;
}

export interface Scenario {
  readonly name: string;
  readonly kind: "spool" | "folder";
  /** The spool or folder below the root. */
  readonly below: string;
  run(run: Run): Promise<void>;
  /** Facts that are known before the first step. */
  prepare?(steps: readonly Step[]): Said[];
  /** What a line of the program means. */
  translate?(said: Said): Said[];
}

const LOADER = import.meta.resolve("tsx");
const here = (name: string) => join(import.meta.dirname, name);

/** Ways to be wrong, which the test must notice; see skip-sync.ts. */
export type Skipped = "" | "datasync" | "sync";

async function ended(child: ReturnType<typeof startTraced>): Promise<void> {
  child.stdout?.resume();
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`the traced program ended with ${code}`);
}

/** The local spool, worked on directly: every kind of step that it knows. */
export const spoolScenario = (
  name: string,
  options: { rounds: number; large?: boolean; durability?: "fsync" | "none"; skips?: Skipped },
): Scenario => ({
  name,
  kind: "spool",
  below: "srv/spool",
  async run({ root, traceFile, seed }) {
    const { rounds, large = false, durability = "fsync", skips = "" } = options;
    const words = [here("work-child.ts"), join(root, "srv/spool"), String(seed), String(rounds), durability];
    const patch = skips ? ["--import", here("skip-sync.ts")] : [];
    const env = { POWER_SKIPS: skips, ...(large && { POWER_LARGE: "1" }) };
    await ended(startTraced(traceFile, ["--import", LOADER, ...patch, ...words], env));
  },
});

export const SCENARIOS: readonly Scenario[] = [spoolScenario("local spool", { rounds: 30 })];
void mkdirSync;
