/** Laws of named tests: what a page calls a test is one. */
import { describe, expect, it } from "vitest";
import { namedTests, resolveTest } from "../plugins/named-tests.ts";

describe("a named test", () => {
  it("is a link to the line of its title", () => {
    const test = resolveTest("test:protocol/frame.test.ts#the checksum is checked");
    expect(test?.text).toBe("the checksum is checked");
    expect(test?.address).toMatch(/^\/source\/test\/protocol\/frame\.test\.ts#L\d+$/);
  });

  it("may be a whole file", () => {
    expect(resolveTest("test:protocol/frame.test.ts")?.address).toBe("/source/test/protocol/frame.test.ts");
  });

  it("is nothing else: other code stays as it is", () => {
    expect(resolveTest("npm test")).toBeNull();
  });

  it.each([
    ["test:protocol/nothing.test.ts#x", "no test file"],
    ["test:protocol/frame.test.ts#no such law", "no test with the title"],
    ["test:protocol/frame.test.ts#Decoder laws live", "no test with the title"],
    ["test:protocol/frame.test.ts#decodeHeader(", "no test with the title"],
  ])("that does not exist is an error that names the page: %s", (value, message) => {
    const tree = {
      type: "root" as const,
      children: [{ type: "paragraph" as const, children: [{ type: "inlineCode" as const, value }] }],
    };
    expect(() => namedTests()(tree, { path: "/nowhere.md" } as never)).toThrow(message);
  });
});
