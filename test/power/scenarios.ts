/** What is traced: programs at work, and how what they say becomes facts. */
import { once } from "node:events";
import { join } from "node:path";
import { builtChild, builtPreload } from "../support/built.ts";
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
  /** What is known before the first step. */
  prepare?(steps: readonly Step[]): Said[];
  /** What a line of the program means. */
  translate?(said: Said): Said[];
}

const here = (name: string) => join(import.meta.dirname, name);

/** Ways to be wrong, which the test must notice; see skip-sync.ts. */
export type Skipped = "" | "datasync" | "sync";

export const skipping = (skips: Skipped) => ({
  words: skips ? ["--import", builtPreload(here("skip-sync.ts"))] : [],
  env: { POWER_SKIPS: skips },
});

export interface SpoolWork {
  readonly rounds: number;
  /** Begins with a file that is longer than what is written without a sync. */
  readonly large?: boolean;
  readonly durability?: "fsync" | "none";
  readonly skips?: Skipped;
}

/** The local spool, worked on directly: every kind of step that it knows. */
export const spoolScenario = (name: string, options: SpoolWork): Scenario => ({
  name,
  kind: "spool",
  below: "srv/spool",
  async run({ root, traceFile, seed }) {
    const { rounds, large = false, durability = "fsync", skips = "" } = options;
    const words = [
      builtChild(here("work-child.ts")),
      join(root, "srv/spool"),
      String(seed),
      String(rounds),
      durability,
    ];
    const env = { ...skipping(skips).env, ...(large && { POWER_LARGE: "1" }) };
    const traced = startTraced(traceFile, [...skipping(skips).words, ...words], env);
    traced.stdout?.resume();
    const [code] = (await once(traced, "close")) as [number | null];
    if (code !== 0) throw new Error(`the traced program ended with ${code}`);
  },
});
