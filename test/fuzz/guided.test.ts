/** A test of the fuzzing loop: it finds a planted fault, and blind mutation does not. Run at night (test/projects.ts). */
import { expect, test, vi } from "vitest";
import { coverageOf } from "./coverage-of.ts";
import { Loop } from "./loop.ts";
import { toy } from "./toy.ts";

vi.setConfig({ testTimeout: 225_000 });

const SEED = Number(process.env.FILESPOOL_SEED);

test("a fault behind several branches is found by following the coverage, and not by luck", async () => {
  const enough = 150_000;
  const start = [Buffer.from("nothing")];
  // The guided one first: V8 counts blocks only in functions that are compiled while it is asked to.
  const guided = new Loop(toy, start, coverageOf(/\/test\/fuzz\/toy\.ts/), SEED);
  const finding = await guided.run(() => guided.runs < enough);
  const blind = new Loop(toy, start, null, SEED);
  const blindly = await blind.run(() => blind.runs <= guided.runs);
  console.info(`found after ${guided.runs} inputs`);
  expect(finding?.error.message).toBe("the planted fault");
  expect(finding?.input.length).toBe(4);
  expect(blindly, "found blindly").toBeNull();
});
