/** That the search itself is no luck is tried by guided.test.ts, at night. */
import { describe, expect, test, vi } from "vitest";
import { coverageOf } from "./coverage-of.ts";
import { findings, Loop, seedCorpus } from "./loop.ts";
import { TARGETS, WATCHED } from "./targets.ts";

vi.setConfig({ testTimeout: 225_000 });

const SEED = Number(process.env.FILESPOOL_SEED);
const RUNS = 5 * Number(process.env.FILESPOOL_RUNS ?? 100);

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
