/** Coverage of the files whose address fits, until the test is over. */
import { onTestFinished } from "vitest";
import { Coverage } from "./coverage.ts";

export function coverageOf(pattern: RegExp): Coverage {
  const coverage = new Coverage((url) => pattern.test(url));
  onTestFinished(() => coverage.stop());
  return coverage;
}
