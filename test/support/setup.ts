/**
 * Runs before each test file. One place for the randomness of all property tests:
 *
 *   FILESPOOL_RUNS   cases per property (default 100)
 *   FILESPOOL_SEED   repeats a run; vitest.config.ts chooses and prints one when it is not given
 */
import { takeCoverage } from "node:v8";
import { configureGlobal } from "fast-check";

configureGlobal({
  seed: Number(process.env.FILESPOOL_SEED),
  numRuns: Number(process.env.FILESPOOL_RUNS ?? 100),
});

// vitest ends its workers with a signal, and Node writes coverage only at an orderly exit: so write it when vitest says that
// a worker is to stop, which it answers before the signal comes. Once for each process, however many files share it: a
// report names every function that was loaded, and takes longer than most files of tests.
const told = globalThis as { filespoolIsTold?: boolean };
if (process.env.NODE_V8_COVERAGE && !told.filespoolIsTold) {
  told.filespoolIsTold = true;
  const worker: NodeJS.EventEmitter = process;
  worker.prependListener("message", (message: { type?: string } | null) => {
    if (message?.type === "stop") takeCoverage();
  });
}
