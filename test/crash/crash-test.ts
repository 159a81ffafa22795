/**
 * The crash matrix: `npm run crash-test [-- --kills 1000 --seed N --out FILE --from-source]`.
 *
 * Kills the real programs at named points and at random moments, starts them again, and looks from outside whether
 * every promise holds (test/crash/round.ts). Ends at the first broken one, keeps its folder, and exits with 1.
 * A thousand kills take some fifteen minutes, 60 (the default) one.
 */
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { helpIfAsked } from "../support/help.ts";
import { machine } from "../support/machine.ts";
import { faultsOf, KINDS } from "./faults.ts";
import { crashMatrix } from "./matrix.ts";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "60" },
    seed: { type: "string" },
    out: { type: "string" },
    "from-source": { type: "boolean", default: false },
  },
});
const seed = Number(values.seed ?? process.env.FILESPOOL_SEED ?? randomInt(2 ** 31));
const kills = Number(values.kills);
console.log(`--seed ${seed}`);
const beganMs = performance.now();

const matrix = await crashMatrix({
  seed,
  kills,
  built: !values["from-source"],
  onRound: (matrix, { broken }, kept) => {
    const tookMs = performance.now() - beganMs;
    const leftMin = ((tookMs / Math.max(1, matrix.kills)) * (kills - matrix.kills)) / 60_000;
    const left = leftMin > 0 ? `, about ${leftMin.toFixed(1)} minutes left` : "";
    console.log(`round ${matrix.rounds}: ${matrix.kills} kills, ${matrix.filesAcknowledged} files acknowledged${left}`);
    for (const what of broken) console.error(`BROKEN: ${what}`);
    if (kept) console.error(`seed ${seed}; kept: ${kept}`);
  },
});

const all = KINDS.flatMap((kind) => faultsOf(kind).map((fault) => `${kind}: ${fault}`));
const missed = all.filter((point) => !matrix.points[point]);
const seconds = Math.round((performance.now() - beganMs) / 1000);
console.log(JSON.stringify({ ...matrix, points: undefined, seconds }));
console.log(`${all.length - missed.length} of ${all.length} fault points were hit`);
if (missed.length > 0) console.log(`not hit: ${missed.join("; ")}`);
if (values.out)
  writeFileSync(values.out, `${JSON.stringify({ ...machine(tmpdir()), seed, seconds, ...matrix, missed }, null, 2)}\n`);
if (matrix.lost + matrix.duplicated + matrix.corrupted + matrix.otherwiseBroken > 0) process.exitCode = 1;
