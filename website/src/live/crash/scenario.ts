/**
 * What a scenario of the crash scrubber is: steps that change a disk, and what a restart makes of what it finds.
 *
 * Only the shape. The two scenarios are in store.ts and land.ts, what a crash does to a disk in disk.ts.
 */
import type { Effect, Facts } from "./disk.ts";

export interface Step extends Effect<string> {
  readonly id: string;
  readonly does: string;
  readonly adr: string;
  /** Where a test of that name confirms it. */
  readonly test: { readonly file: string; readonly title: string };
  /** What somebody outside has heard, once this step is done. */
  readonly says?: string;
}

export interface Wrong {
  readonly id: string;
  readonly title: string;
  readonly order: readonly string[];
}

/** What a restart makes of a disk: in words, and whether what was said is still true. */
export interface Recovery {
  readonly text: string;
  readonly isKept: boolean;
}

export interface Scenario {
  readonly title: string;
  readonly promise: string;
  /** What a fact is called when it is on disk. */
  readonly facts: { readonly [fact: string]: string };
  readonly steps: readonly Step[];
  readonly wrong: readonly Wrong[];
  readonly recover: (facts: Facts<string>, said: ReadonlySet<string>) => Recovery;
}
