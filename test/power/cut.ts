/** One scenario as a test runs it: a modest number of images, and a line that says what was tried. */
import type { TestContext } from "vitest";
import { canTrace, skipAloud } from "../spool/children.ts";
import { type Outcome, powerTest } from "./power.ts";
import type { Scenario } from "./scenarios.ts";

const SEED = Number(process.env.FILESPOOL_SEED);

/** @param wrong the scenario breaks a promise on purpose: the first loss is enough */
export async function cut(context: TestContext, scenario: Scenario, images: number, wrong = false): Promise<Outcome> {
  if (!canTrace()) skipAloud(context, "strace is not installed, or may not trace here");
  const outcome = await powerTest(scenario, { seed: SEED, images, served: wrong ? 0 : 1, stopsAtLoss: wrong });
  const { calls, cuts, facts, images: tried, checks } = outcome;
  console.info(
    `seed ${SEED}, ${scenario.name}: ${calls} calls, ${cuts} moments, ${facts} facts, ${tried} images, ${checks} checks`,
  );
  return outcome;
}
