/** Tests of power.test.ts: it fails on programs that do not sync. Run at night (test/projects.ts). */
import { expect, test, vi } from "vitest";
import { cut } from "./cut.ts";
import { receiverScenario } from "./programs.ts";
import { spoolScenario } from "./scenarios.ts";

vi.setConfig({ testTimeout: 240_000 });

test.for([
  ["does not sync at all", { rounds: 6, durability: "none" }],
  ["does not sync content before the entry that points to it", { rounds: 6, skips: "datasync" }],
  ["does not sync folders", { rounds: 6, skips: "sync" }],
] as const)("the tests of power cuts fail on a spool that %s", async ([how, work], context) => {
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
