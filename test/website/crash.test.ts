import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { apply, type Crash, emptyDisk, outcomes } from "../../website/src/live/crash/disk.ts";
import {
  crashAfter,
  decodeState,
  encodeState,
  SCENARIOS,
  type ScenarioName,
  stepsOf,
} from "../../website/src/live/crash/scenarios.ts";

const ROOT = join(import.meta.dirname, "../..");
const NAMES = Object.keys(SCENARIOS) as ScenarioName[];
const CRASHES: Crash[] = ["killed", "power"];

describe.each(NAMES)("%s", (name) => {
  const scenario = SCENARIOS[name];
  const broken = (variant: string) =>
    CRASHES.flatMap((crash) =>
      Array.from({ length: stepsOf(scenario, variant).length + 1 }, (_, done) => ({ crash, done })).filter(({ done }) =>
        crashAfter(scenario, variant, done, crash).found.some(({ isKept }) => !isKept),
      ),
    );

  test("in our order no crash at any step breaks the promise", () => {
    expect(broken("right")).toEqual([]);
  });

  test.each(scenario.wrong.map(({ id }) => id))("in the wrong order %s some crash does", (variant) => {
    expect(broken(variant)).not.toEqual([]);
  });

  test("at the end everything is done, said and safe", () => {
    const { found, said } = crashAfter(scenario, "right", scenario.steps.length, "power");
    expect([found.length, said.size > 0]).toEqual([1, true]);
  });

  test.each(scenario.steps)(
    "step $id: the decision and the test that stand behind it exist",
    ({ adr, test: { file, title } }) => {
      expect(readdirSync(join(ROOT, "adr")).some((one) => one.startsWith(`${adr}-`))).toBe(true);
      expect(existsSync(join(ROOT, file)) && readFileSync(join(ROOT, file), "utf8")).toContain(`"${title}"`);
    },
  );
});

describe("a disk", () => {
  const facts = ["a", "b", "c"] as const;
  const anyEffect = fc.record({
    writes: fc.subarray([...facts]),
    removes: fc.subarray([...facts]),
    syncs: fc.subarray([...facts]),
  });

  test("what was synced is the same after any crash, and what was not may be as before or as now", () => {
    fc.assert(
      fc.property(fc.array(anyEffect), (effects) => {
        const disk = effects.reduce((before, effect) => apply(before, effect), emptyDisk(facts));
        const pending = facts.filter((fact) => disk[fact].now !== disk[fact].durable);
        const power = outcomes(disk, "power");
        expect(new Set(power.map((one) => JSON.stringify(one))).size).toBe(2 ** pending.length);
        for (const one of power)
          for (const fact of facts) if (!pending.includes(fact)) expect(one[fact]).toBe(disk[fact].now);
        expect(outcomes(disk, "killed")).toEqual([{ a: disk.a.now, b: disk.b.now, c: disk.c.now }]);
      }),
    );
  });
});

test("a view as a link means the same again, and from a stranger nothing that does not exist", () => {
  for (const scenario of NAMES)
    for (const variant of ["right", ...SCENARIOS[scenario].wrong.map(({ id }) => id)])
      for (const crash of CRASHES)
        for (let done = 0; done <= stepsOf(SCENARIOS[scenario], variant).length; done++)
          expect(decodeState(encodeState({ scenario, variant, done, crash }))).toEqual({
            scenario,
            variant,
            done,
            crash,
          });
  for (const text of [
    "",
    "store_right_99_power",
    "constructor_right_1_power",
    "store_no-journal_1_power",
    "land_right_1_x",
    "land_right_-1_power",
  ])
    expect(decodeState(text)).toBeNull();
});
