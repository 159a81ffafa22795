/** The demo once more. Run at night (test/projects.ts). */
import { test } from "vitest";
import { playDemo } from "../support/demo.ts";

test("the demo with buffers of 4 KiB kills its server, compares every byte, and ends well", () =>
  playDemo("--buffer-size", "4KiB"));
