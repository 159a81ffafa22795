import { randomInt } from "node:crypto";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { LONG_FORM } from "./test/long-form.ts";

// The same cases in each run, so that a change is what makes a test fail; other cases by a seed, or by chance. adr/0067
const asked = process.env.FILESPOOL_SEED ?? "20261126";
const seed = asked === "random" ? String(randomInt(2 ** 31)) : asked;
console.log(`Seed of the property tests: FILESPOOL_SEED=${seed} (FILESPOOL_SEED=random takes another)`);

/** A file for the results as JSON, beside what is printed; .ci/run counts from it. */
const jsonFile = process.env.FILESPOOL_TEST_JSON;

/** `npm run test:long`, and a file that is named on the command line runs in any case. */
const isLong = process.argv.includes("long");
const isNamed = process.argv.some((word) => word.endsWith(".test.ts"));

/** They take longest, and many of them wait; begun first, they leave no worker alone with one in the end. */
const LONG =
  /(model|simulation|fuzz|resume|network|power|demo|contract|transfer|patience|pipes|kill-\w+|smoke|crash|strangers|counts)\.test\.ts$/;

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: isLong ? [...LONG_FORM] : ["test/**/*.test.ts"],
    exclude: isLong || isNamed ? [] : [...LONG_FORM],
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
