/**
 * Fuzzing with coverage guidance: `npm run fuzz -- [--target decoder|messages|conversation] [--minutes 5] [--seed N]`.
 *
 * Without --target each takes its share of the time. What breaks a rule is made small and written to
 * test/vectors/fuzz/, where `npm test` tries it again for ever; the exit code is then 1.
 */
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { helpIfAsked } from "../support/help.ts";
import { Coverage } from "./coverage.ts";
import { Loop, seedCorpus, vectorOf } from "./loop.ts";
import { TARGETS, WATCHED } from "./targets.ts";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: { target: { type: "string" }, minutes: { type: "string", default: "1" }, seed: { type: "string" } },
});
const seed = Number(values.seed ?? randomInt(2 ** 31));
const names = values.target ? [values.target] : Object.keys(TARGETS);
const shareMs = (Number(values.minutes) * 60_000) / names.length;
console.log(`--seed ${seed}`);

for (const name of names) {
  const target = TARGETS[name];
  if (!target) throw new Error(`--target ${name}: there is ${Object.keys(TARGETS).join(", ")}`);
  const coverage = new Coverage((url) => WATCHED.test(url));
  const loop = new Loop(target, seedCorpus(), coverage, seed);
  const beganMs = performance.now();
  let toldMs = beganMs;
  const shouldContinue = () => {
    const nowMs = performance.now();
    if (nowMs - toldMs > 5000) {
      toldMs = nowMs;
      console.log(`${name}: ${loop.runs} inputs, ${loop.corpus.length} kept, ${coverage.places} places`);
    }
    return nowMs - beganMs < shareMs;
  };
  const finding = await loop.run(shouldContinue);
  const perSecond = Math.round((loop.runs / (performance.now() - beganMs)) * 1000);
  console.log(`${name}: ${loop.runs} inputs (${perSecond}/s), ${loop.corpus.length} kept, ${coverage.places} places`);
  coverage.stop();
  if (!finding) continue;
  const { name: file, text } = vectorOf(name, finding);
  writeFileSync(join(import.meta.dirname, "../vectors/fuzz", file), text);
  console.error(finding.error);
  console.error(
    `BROKEN: ${finding.error.message}\n${finding.input.toString("hex")}\nkept as test/vectors/fuzz/${file}`,
  );
  process.exitCode = 1;
}
