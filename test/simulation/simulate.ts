/**
 * The simulation: `npm run simulate -- [--seed S] [--runs N] [--every-step] [--transcript] [--raw] [--out FILE]`.
 *
 * Run number i has the seed S + i; `--seed S --runs 1 --transcript` shows what happened in one. With `--every-step` a small
 * plan comes first, once for each step at which a program can die. Ends at the first run in which a promise was broken,
 * makes its plan as short as it can (not with `--raw`), and prints plan and transcript. Exit code 1 then. The 300 runs of the
 * default take some two minutes.
 */
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { helpIfAsked } from "../support/help.ts";
import { machine } from "../support/machine.ts";
import { everyStep, SMALL, STREAMED } from "./every-step.ts";
import { simulatedModules } from "./modules.ts";
import { type Plan, planOf } from "./plan.ts";
import { type Outcome, simulate } from "./run.ts";
import { shrink } from "./shrink.ts";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    runs: { type: "string", default: "300" },
    transcript: { type: "boolean", default: false },
    "every-step": { type: "boolean", default: false },
    raw: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const first = Number(values.seed ?? process.env.FILESPOOL_SEED ?? randomInt(2 ** 31));
const runs = Number(values.runs);
const modules = await simulatedModules();
console.log(`--seed ${first} --runs ${runs}`);

const show = (outcome: Outcome): void => {
  for (const line of outcome.transcript) console.log(line);
  for (const what of outcome.broken) console.log(`BROKEN ${what}`);
};

const total = { runs: 0, files: 0, faults: 0, steps: 0, simulatedHours: 0 };
const beganMs = performance.now();
let saidMs = beganMs;

/** The small plans at every step, then random plans. */
async function* plans(): AsyncGenerator<Plan> {
  for (const plan of values["every-step"] ? [SMALL, STREAMED] : [])
    yield* everyStep((await simulate(plan, modules)).steps, 1, 0, { plan });
  for (let seed = first; seed < first + runs; seed++) yield planOf(seed);
}

for await (const plan of plans()) {
  const outcome = await simulate(plan, modules);
  total.runs++;
  total.files += outcome.files;
  total.faults += outcome.faults;
  total.steps += outcome.steps;
  total.simulatedHours += outcome.simulatedMs / 3_600_000;
  if (values.transcript) show(outcome);
  if (outcome.broken.length > 0) {
    console.log(`seed ${plan.seed} broke a promise: ${outcome.broken[0]}`);
    process.exitCode = 1;
    if (values.raw) break;
    console.log("looking for a shorter plan ...");
    const shortest = await shrink(plan, async (candidate) => (await simulate(candidate, modules)).broken.length > 0);
    show(await simulate(shortest, modules));
    console.log(`the plan, shortened from seed ${plan.seed}: ${JSON.stringify(shortest)}`);
    break;
  }
  if (performance.now() - saidMs > 5000) {
    saidMs = performance.now();
    console.log(`${total.runs} runs, ${total.faults} faults, ${total.steps} steps`);
  }
}
const seconds = Math.round((performance.now() - beganMs) / 1000);
const broken = process.exitCode === 1 ? 1 : 0;
const result = { seed: first, seconds, ...total, simulatedHours: Math.round(10 * total.simulatedHours) / 10, broken };
console.log(JSON.stringify(result));
if (values.out) writeFileSync(values.out, `${JSON.stringify({ ...machine(tmpdir()), ...result }, null, 2)}\n`);
