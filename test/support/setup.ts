/**
 * Runs before each test file. One place for the randomness of all property tests:
 *
 *   FILESPOOL_RUNS   cases per property (default 100)
 *   FILESPOOL_SEED   repeats a run; vitest.config.ts chooses and prints one when it is not given
 */
import { takeCoverage } from "node:v8";
import { configureGlobal } from "fast-check";
import { afterAll } from "vitest";

configureGlobal({
  seed: Number(process.env.FILESPOOL_SEED),
  numRuns: Number(process.env.FILESPOOL_RUNS ?? 100),
});

// vitest ends its workers with a signal, and Node writes coverage only at an orderly exit: so write it here, once per
// worker. This hook is registered first and therefore runs after those of the test file.
afterAll(() => {
  if (process.env.NODE_V8_COVERAGE !== undefined) takeCoverage();
});
