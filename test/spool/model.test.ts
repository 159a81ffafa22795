import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { Model, Real } from "./model.ts";
import { commands, crashes, ran } from "./model-commands.ts";
import { type Host, inThisProcess, KillableHost } from "./model-real.ts";
import { inTempFolder } from "./subject.ts";

vi.setConfig({ testTimeout: 240_000 }); // processes take long to start on a busy machine

type History = Iterable<fc.AsyncCommand<Model, Real>>;

/** Runs histories of commands, and then says how often what of them ran. */
async function check(host: Host, durability: "fsync" | "none", numRuns: number, history: fc.Arbitrary<History>) {
  ran.clear();
  const law = fc.asyncProperty(history, (commands) =>
    inTempFolder(async (folder) => {
      const model = new Model();
      const real = await Real.start(folder, durability, host, model);
      try {
        await fc.asyncModelRun(() => ({ model, real }), commands);
      } finally {
        await real.spool.close();
      }
    }),
  );
  await fc.assert(law, { numRuns });
}

const RUNS = fc.readConfigureGlobal().numRuns ?? 100;

test.each([
  ["none", 1],
  ["fsync", 0.1],
] as const)("no history of commands and restarts loses, doubles or reorders a file (%s)", async (durability, share) => {
  const history = fc.commands([fc.oneof(...commands)], { maxCommands: 80, size: "max" });
  await check(inThisProcess, durability, Math.ceil(RUNS * share), history);
  // A model that is never put to the test agrees with everything.
  if (RUNS * share >= 50) expect([...ran.values()].filter((times) => times >= 1).length).toBeGreaterThanOrEqual(12);
});

test.each(["none", "fsync"] as const)(
  "nor does a history in which its process is killed again and again (%s)",
  async (durability) => {
    const host = new KillableHost();
    onTestFinished(() => host.end());
    const history = fc.commands([fc.oneof(crashes, ...commands)], { maxCommands: 60, size: "max" });
    const numRuns = Math.ceil(RUNS * 0.05);
    await check(host, durability, numRuns, history);
    console.info(`killed ${host.kills} times (${durability}); ${JSON.stringify(Object.fromEntries(ran))}`);
    expect(host.kills).toBeGreaterThanOrEqual(numRuns);
  },
);
