import { randomInt } from "node:crypto";
import { defineConfig } from "vitest/config";

const seed = process.env.FILESPOOL_SEED ?? String(randomInt(2 ** 31));
console.log(`Seed of the property tests: FILESPOOL_SEED=${seed}`);

/** A file for the results as JSON, beside what is printed; .ci/run counts from it. */
const jsonFile = process.env.FILESPOOL_TEST_JSON;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/setup.ts"],
    env: { FILESPOOL_SEED: seed },
    reporters: jsonFile ? ["default", ["json", { outputFile: jsonFile }]] : ["default"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Node imports the modules through tsx instead of Vite's module runner: the tests then run the very text that the
    // sources started through tsx run, and only then may c8 add up the coverage of both. Most programs that tests start
    // are compiled, as users have them, and report none (test/support/built.ts).
    experimental: { viteModuleRunner: false, nodeLoader: false },
    execArgv: ["--import", "tsx"],
  },
});
