import { expect, test } from "vitest";
import { DEMO, playDemo } from "../support/demo.ts";
import { Place } from "../support/process-program.ts";

// With another buffer size: demo-buffer.test.ts, at night.
test("the demo kills its server, compares every byte, and ends well", () => playDemo());

test("the demo refuses a buffer size that the programs would refuse, before it starts anything", async () => {
  const place = new Place();
  const demo = await place.run(place.script(DEMO, ["--buffer-size", "1"]), 2);
  expect(demo.stdout).toBe("");
  expect(demo.stderr).toMatch(/^error: --buffer-size does not accept "1": it takes a size from /);
});
