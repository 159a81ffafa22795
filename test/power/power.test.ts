/** The promises after a power cut. That these tests can fail is tried by controls.test.ts, at night. */
import { expect, test, vi } from "vitest";
import { cut } from "./cut.ts";
import { receiverScenario } from "./programs.ts";
import { spoolScenario } from "./scenarios.ts";

vi.setConfig({ testTimeout: 240_000 });

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
