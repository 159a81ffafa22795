import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { namesIn } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const DEMO = fileURLToPath(new URL("../../examples/demo.ts", import.meta.url));

test.each([[[]], [["--buffer-size", "4KiB"]]])(
  "the demo %j kills its server, compares every byte, and ends well",
  async (words) => {
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
  },
);

test("the demo refuses a buffer size that the programs would refuse, before it starts anything", async () => {
  const place = new Place();
  const demo = await place.run(place.script(DEMO, ["--buffer-size", "1"]), 2);
  expect(demo.stdout).toBe("");
  expect(demo.stderr).toMatch(/^error: --buffer-size does not accept "1": it takes a size from /);
});
