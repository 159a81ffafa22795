import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Coverage } from "./coverage.ts";
import { findings, Loop, seedCorpus } from "./loop.ts";
import { TARGETS, WATCHED } from "./targets.ts";
import { toy } from "./toy.ts";

vi.setConfig({ testTimeout: 225_000 });

const SEED = Number(process.env.FILESPOOL_SEED);
const RUNS = 5 * Number(process.env.FILESPOOL_RUNS ?? 100);

function coverageOf(pattern: RegExp): Coverage {
  const coverage = new Coverage((url) => pattern.test(url));
  onTestFinished(() => coverage.stop());
  return coverage;
}

describe("no input breaks a rule, however it was bred:", () => {
  test.each(Object.keys(TARGETS))("%s", async (name) => {
    const coverage = coverageOf(WATCHED);
    const loop = new Loop(TARGETS[name]!, seedCorpus(), coverage, SEED);
    const seeds = loop.corpus.length;
    const finding = await loop.run(() => loop.runs < RUNS);
    console.info(`${name}: ${loop.runs} inputs, ${loop.corpus.length} kept, ${coverage.places} places`);
    expect(finding && { error: finding.error, hex: finding.input.toString("hex") }).toBeNull();
    expect(loop.corpus.length, "inputs that reached something new").toBeGreaterThan(seeds);
  });
});

const known = findings();
test.skipIf(known.length === 0).each(known)(
  "what once broke something no longer does: $name",
  async ({ target, input }) => {
    await TARGETS[target]?.(input);
  },
);

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
