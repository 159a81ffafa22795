/** The tables of planted faults change the text of the code. A row that no longer fits it plants nothing, and proves nothing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MUTANTS } from "./table.ts";

const ROOT = join(import.meta.dirname, "../..");

test("every planted fault fits the code once, and changes it", () => {
  const wrong = MUTANTS.flatMap(({ name, file, from, to }) => {
    const times = readFileSync(join(ROOT, file), "utf8").split(from).length - 1;
    return times === 1 && from !== to ? [] : [`${file}: "${name}" fits ${times} times`];
  });
  expect(MUTANTS.length).toBeGreaterThan(100);
  expect(wrong).toEqual([]);
});
