/**
 * A spool whose commits fail when a test says so. One that fails changes nothing, and its reason comes by a second promise,
 * some turns later, as lmdb-js does it.
 */
import type { InspectableSpool } from "../support/inspectable-spool.ts";

export interface Failures {
  /** Whether the next commit fails. */
  isOn: boolean;
  /** Resolves when the reason of a failed commit may be told. */
  reason: Promise<void>;
  /** Commits that have failed so far. */
  count: number;
}

export function failingCommits(spool: InspectableSpool): Failures {
  const failures: Failures = { isOn: false, reason: Promise.resolve(), count: 0 };
  const { options } = spool.index.commits;
  const { batch } = options;
  const fail = async (): Promise<never> => {
    failures.count++;
    const error = Object.assign(new Error("the disk reports an error"), { code: "EIO" });
    const commitError = failures.reason.then(() => Promise.reject(error));
    commitError.catch(() => {});
    throw Object.assign(new Error("Commit failed"), { commitError });
  };
  Object.assign(options, { batch: (work: () => void) => (failures.isOn ? fail() : batch(work)) });
  return failures;
}
