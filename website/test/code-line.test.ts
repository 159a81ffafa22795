/** Laws of long lines of code: what goes on below is set in behind the line's own indentation. */
import { expect, it } from "vitest";
import { hangOf } from "../src/code-hang.ts";

it("the rest of a line of code is set in behind its indentation, the rest of a comment below its words", () => {
  expect(hangOf("return true;")).toBe(2);
  expect(hangOf("    return true;")).toBe(6);
  expect(hangOf("  // because")).toBe(5);
  expect(hangOf(" * and so")).toBe(3);
  expect(hangOf("/** What it is. */")).toBe(4);
  expect(hangOf("")).toBe(2);
});
