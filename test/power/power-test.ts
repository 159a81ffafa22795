/**
 * The power test: `npm run power-test [-- --images 20000 --served 40 --seed N --out FILE --keep FOLDER]`.
 *
 * Traces the local spool, the real server and the real receiver at work, rebuilds the disks that a power cut could have
 * left (test/power/disk.ts says what is assumed of a disk), and opens each with the real code. Exits with 1 if a promise
 * is broken. Ten thousand images take some four minutes, 3,000 (the default) one.
 */
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { canTrace } from "../spool/children.ts";
import { helpIfAsked } from "../support/help.ts";
import { machine } from "../support/machine.ts";
import { type Outcome, powerTest } from "./power.ts";
import { receiverScenario, serverScenario } from "./programs.ts";
import { type Scenario, spoolScenario } from "./scenarios.ts";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    images: { type: "string", default: "3000" },
    served: { type: "string", default: "20" },
    seed: { type: "string" },
    out: { type: "string" },
    keep: { type: "string" },
  },
});
if (!canTrace()) throw new Error("strace is not installed, or may not trace here");
const seed = Number(values.seed ?? process.env.FILESPOOL_SEED ?? randomInt(2 ** 31));
const images = Number(values.images);
const served = Number(values.served);
console.log(`--seed ${seed}`);
const beganMs = performance.now();

/** Scenarios with their share of the images. */
const plan: [Scenario, number][] = [
  [spoolScenario("local spool, the start", { rounds: 1 }), 0.1],
  [spoolScenario("local spool", { rounds: 40 }), 0.4],
  [spoolScenario("local spool, a file with syncs of its own", { rounds: 3, large: true }), 0.02],
  [serverScenario("server with senders and receivers"), 0.23],
  [receiverScenario("receiver, --if-exists refuse", "refuse"), 0.15],
  [receiverScenario("receiver, --if-exists overwrite", "overwrite"), 0.1],
];

const scenarios: Outcome[] = [];
for (const [scenario, share] of plan) {
  const keep = values.keep === undefined ? {} : { keep: values.keep };
  const limits = { seed, images: Math.ceil(images * share), served: Math.ceil(served * share) };
  const outcome = await powerTest(scenario, { ...limits, ...keep });
  scenarios.push(outcome);
  const { name, calls, cuts, facts, broken } = { ...outcome, name: scenario.name };
  console.log(
    `${name}: ${calls} calls, ${outcome.cutsTried} of ${cuts} moments, ${facts} facts, ${outcome.images} images, ${outcome.checks} checks`,
  );
  for (const what of broken) console.error(`BROKEN: ${what}`);
}

const sum = (
  of:
    | "calls"
    | "cuts"
    | "cutsTried"
    | "facts"
    | "images"
    | "checks"
    | "served"
    | "lost"
    | "damaged"
    | "otherwiseBroken",
) => scenarios.reduce((total, outcome) => total + outcome[of], 0);
const totals = {
  ...{
    calls: sum("calls"),
    cuts: sum("cuts"),
    cutsTried: sum("cutsTried"),
    facts: sum("facts"),
    images: sum("images"),
    checks: sum("checks"),
    served: sum("served"),
  },
  ...{ lost: sum("lost"), damaged: sum("damaged"), otherwiseBroken: sum("otherwiseBroken") },
};
const seconds = Math.round((performance.now() - beganMs) / 1000);
console.log(JSON.stringify({ ...totals, seconds }));
if (values.out)
  writeFileSync(
    values.out,
    `${JSON.stringify({ ...machine(tmpdir()), seed, seconds, ...totals, scenarios }, null, 2)}\n`,
  );
if (totals.lost + totals.damaged + totals.otherwiseBroken > 0) process.exitCode = 1;
