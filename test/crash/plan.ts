/** Which program is killed where, in each round: every fault point in turn, and random moments between them. */
import { random } from "../support/process-files.ts";
import { type Fault, faultsOf, KINDS } from "./faults.ts";
import type { Kind } from "./program.ts";
import type { Plan } from "./round.ts";

/** Kills planned for each program in one round. Not all happen: some points are not reached before the work is done. */
const LIVES = 3;

/** An endless series of plans, the same for the same seed. */
export function* plans(seed: number): Generator<Plan> {
  const next = random(seed);
  const decks: Record<Kind, string[]> = { server: [], sender: [], receiver: [] };
  /** The next point of a shuffled deck of all, so that each has its turn before one comes again. */
  const draw = (kind: Kind): string => {
    if (decks[kind].length === 0) decks[kind] = faultsOf(kind).sort(() => next() - 0.5);
    return decks[kind].pop() as string;
  };
  for (let number = 0; ; number++) {
    const faultOf = (kind: Kind): Fault =>
      next() < 0.3 ? "" : `${draw(kind)} ${1 + Math.floor(next() * (next() < 0.5 ? 2 : 12))}`;
    const faults = Object.fromEntries(
      KINDS.map((kind) => [kind, Array.from({ length: LIVES }, () => faultOf(kind))]),
    ) as unknown as Plan["faults"];
    yield { receivers: number % 3 === 2 ? 2 : 1, faults, momentMs: () => 50 + next() * 500 };
  }
}
