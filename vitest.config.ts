import { randomInt } from "node:crypto";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { type Asked, filesOf, type Project } from "./test/projects.ts";

// The same cases in each run, so that a change is what makes a test fail; other cases by a seed, or by chance. adr/0067
// This file is read once for each project, and there is one seed for all of them.
const chosen = globalThis as { filespoolSeed?: string };
if (chosen.filespoolSeed === undefined) {
  const asked = process.env.FILESPOOL_SEED ?? "20261126";
  chosen.filespoolSeed = asked === "random" ? String(randomInt(2 ** 31)) : asked;
  console.log(
    `Seed of the property tests: FILESPOOL_SEED=${chosen.filespoolSeed} (FILESPOOL_SEED=random takes another)`,
  );
}
const seed = chosen.filespoolSeed;

/** A file for the results as JSON, beside what is printed; .ci/run counts from it. */
const jsonFile = process.env.FILESPOOL_TEST_JSON;

/** `npm run test:long` and `npm run test:night`; and a file that is named on the command line runs in any case. */
function whatIsAsked(): Asked {
  if (process.argv.some((word) => word.endsWith(".test.ts"))) return "named";
  return (["long", "night"] as const).find((mode) => process.argv.includes(mode)) ?? "change";
}
const files = filesOf(whatIsAsked());

/** They take longest, and many of them wait; begun first, they leave no worker alone with one in the end. */
const LONG =
  /(model|simulation|fuzz|resume|network|power|demo|contract|transfer|patience|pipes|kill-\w+|smoke|crash|strangers|counts|not-replaced|watch-folder)\.test\.ts$/;

/** `--sequence.shuffle.files --sequence.seed N`: any order, to see that files that share a process leave it as it was. */
const isShuffled = process.argv.includes("--sequence.shuffle.files");
function shuffled<T>(files: readonly T[], number: number): T[] {
  const order = files.map((file, index) => ({ file, at: Math.sin((index + 1) * (number % 10_007)) }));
  return order.sort((one, other) => one.at - other.at).map(({ file }) => file);
}

/**
 * Those that share a process come last: a worker is kept for them only while the next one in line is one of them. They are
 * short, too, and fill the end.
 */
class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number =>
      (project.name === "shared" ? 2 : 0) + (isShuffled || LONG.test(moduleId) ? 0 : 1);
    const order = this.ctx.config.sequence.seed ?? Number(seed);
    const sorted = isShuffled ? shuffled(files, order) : await super.sort(files);
    return [0, 1, 2, 3].flatMap((wanted) => sorted.filter((file) => rank(file) === wanted));
  }
}

const project = (name: Project) => ({
  extends: true as const,
  test: { name, include: [...files[name]], isolate: name === "alone" },
});

export default defineConfig({
  test: {
    projects: [project("alone"), project("shared")].filter(({ test }) => test.include.length > 0),
    setupFiles: ["test/support/setup.ts"],
    env: { FILESPOOL_SEED: seed },
    reporters: jsonFile ? ["default", ["json", { outputFile: jsonFile }]] : ["default"],
    sequence: { sequencer: LongOnesFirst },
    pool: "forks",
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Node imports the modules through tsx instead of Vite's module runner: the tests then run the very text that the
    // sources started through tsx run, and only then may c8 add up the coverage of both. Most programs that tests start
    // are compiled, as users have them, and report none (test/support/built.ts).
    experimental: { viteModuleRunner: false, nodeLoader: false },
    execArgv: ["--import", "tsx"],
  },
});
