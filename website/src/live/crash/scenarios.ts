/**
 * The crash scrubber's answers: a scenario, an order, a moment and a kind of crash, and what may be found afterwards.
 *
 * Invariants, tested: in the right order no crash at any step breaks the promise, in each wrong one some crash does, and
 * every decision and test that a step names exists. A link can only name what exists.
 */
import { apply, type Crash, type Disk, emptyDisk, type Facts, outcomes } from "./disk.ts";
import { LAND } from "./land.ts";
import type { Recovery, Scenario, Step } from "./scenario.ts";
import { STORE } from "./store.ts";

export const SCENARIOS = { store: STORE, land: LAND } as const;
export type ScenarioName = keyof typeof SCENARIOS;

/** The steps in the order of a variant; "right" is ours. */
export function stepsOf(scenario: Scenario, variant: string): readonly Step[] {
  const wrong = scenario.wrong.find(({ id }) => id === variant);
  return wrong ? wrong.order.map((id) => scenario.steps.find((step) => step.id === id) as Step) : scenario.steps;
}

export interface After {
  readonly disk: Disk<string>;
  readonly said: ReadonlySet<string>;
  /** What may be found, each way once, worst first. */
  readonly found: readonly (Recovery & { readonly facts: Facts<string> })[];
}

/** A crash when the first `done` steps are done. */
export function crashAfter(scenario: Scenario, variant: string, done: number, crash: Crash): After {
  let disk = emptyDisk(Object.keys(scenario.facts));
  const said = new Set<string>();
  for (const step of stepsOf(scenario, variant).slice(0, done)) {
    disk = apply(disk, step);
    if (step.says) said.add(step.says);
  }
  const all = outcomes(disk, crash).map((facts) => ({ facts, ...scenario.recover(facts, said) }));
  const found = all.filter((one, at) => all.findIndex(({ text }) => text === one.text) === at);
  return { disk, said, found: found.sort((a, b) => Number(a.isKept) - Number(b.isKept)) };
}

export interface CrashState {
  readonly scenario: ScenarioName;
  readonly variant: string;
  readonly done: number;
  readonly crash: Crash;
}

export const encodeState = ({ scenario, variant, done, crash }: CrashState): string =>
  [scenario, variant, done, crash].join("_");

export function decodeState(text: string): CrashState | null {
  const [name = "", variant = "", done = "", crash] = text.split("_");
  if (!Object.hasOwn(SCENARIOS, name) || (crash !== "killed" && crash !== "power")) return null;
  const scenario = SCENARIOS[name as ScenarioName];
  if (variant !== "right" && !scenario.wrong.some(({ id }) => id === variant)) return null;
  if (!/^\d{1,2}$/.test(done) || Number(done) > stepsOf(scenario, variant).length) return null;
  return { scenario: name as ScenarioName, variant, done: Number(done), crash };
}
