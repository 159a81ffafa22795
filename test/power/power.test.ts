import { expect, type TestContext, test, vi } from "vitest";
import { canTrace, skipAloud } from "../spool/children.ts";
import { type Outcome, powerTest } from "./power.ts";
import { receiverScenario } from "./programs.ts";
import { type Scenario, spoolScenario } from "./scenarios.ts";

vi.setConfig({ testTimeout: 240_000 });

const SEED = Number(process.env.FILESPOOL_SEED);

async function cut(context: TestContext, scenario: Scenario, images: number, wrong = false): Promise<Outcome> {
  if (!canTrace()) skipAloud(context, "strace is not installed, or may not trace here");
  const outcome = await powerTest(scenario, { seed: SEED, images, served: wrong ? 0 : 1, stopsAtLoss: wrong });
  const { calls, cuts, facts, images: tried, checks } = outcome;
  console.info(
    `seed ${SEED}, ${scenario.name}: ${calls} calls, ${cuts} moments, ${facts} facts, ${tried} images, ${checks} checks`,
  );
  return outcome;
}

const KEPT = { broken: [], lost: 0, damaged: 0, otherwiseBroken: 0 };

test("a power cut while a spool begins leaves one that opens", async (context) => {
  const outcome = await cut(context, spoolScenario("the start of a spool", { rounds: 0 }), 600);
  expect(outcome).toMatchObject(KEPT);
  expect(outcome.images).toBeGreaterThan(40);
});

test("no power cut takes from a spool what it has promised", async (context) => {
  const outcome = await cut(context, spoolScenario("a spool at work", { rounds: 12 }), 130);
  expect(outcome).toMatchObject(KEPT);
  expect(outcome.images).toBeGreaterThan(40);
  expect(outcome.facts).toBeGreaterThan(10);
});

test("no power cut takes what a receiver has said to have landed, or leaves half a file under its name", async (context) => {
  const outcome = await cut(context, receiverScenario("a receiver", "refuse"), 130);
  expect(outcome).toMatchObject(KEPT);
  expect(outcome.images).toBeGreaterThan(40);
  expect(outcome.facts).toBe(18);
});

test.for([
  ["does not sync at all", { rounds: 6, durability: "none" }],
  ["does not sync content before the entry that points to it", { rounds: 6, skips: "datasync" }],
  ["does not sync folders", { rounds: 6, skips: "sync" }],
] as const)("the tests above fail on a spool that %s", async ([how, work], context) => {
  const outcome = await cut(context, spoolScenario(`a spool that ${how}`, work), 400, true);
  expect(outcome.lost + outcome.damaged).toBeGreaterThan(0);
});

test("nor does a receiver pass that does not sync folders", async (context) => {
  const outcome = await cut(
    context,
    receiverScenario("a receiver that does not sync folders", "refuse", "sync"),
    200,
    true,
  );
  expect(outcome.lost).toBeGreaterThan(0);
});
