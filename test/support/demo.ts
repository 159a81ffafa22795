/** The demo of the README, from its first line to its last. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { namesIn } from "./process-files.ts";
import { Place } from "./process-program.ts";

export const DEMO = fileURLToPath(new URL("../../examples/demo.ts", import.meta.url));

/** Runs it with these words; it has to end well, and to leave nothing behind. */
export async function playDemo(...words: string[]): Promise<void> {
  const place = new Place();
  mkdirSync(place.path("tmp"));
  const demo = await place.run(place.script(DEMO, words, { group: true, env: { TMPDIR: place.path("tmp") } }));
  expect(demo.stdout).toContain("SIGKILL to the server at ");
  expect(demo.stdout).toMatch(/sender +│ resumed +\S+ at [1-9]/);
  expect(demo.stdout.match(/identical/g)).toHaveLength(4);
  expect(demo.stdout).not.toMatch(/FAILED|DIFFERENT/);
  expect(demo.stdout).toMatch(/All four files arrived/);
  expect(demo.stderr).toBe("");
  expect(namesIn(place.path("tmp")).filter((name) => name.startsWith("filespool"))).toEqual([]);
}
