import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorFacts } from "../../src/cli/exit-codes.ts";
import { checkRuntime } from "../../src/cli/runtime.ts";
import { COMMAND_NAMES } from "../../src/cli/settings/command-names.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

test("under Deno what locks a file says where it runs, and the rest runs", () => {
  const refused = COMMAND_NAMES.filter((command) => {
    try {
      checkRuntime(command, { Deno: {} });
      return false;
    } catch (error) {
      expect(errorFacts(error)).toMatchObject({ code: "runtime-unsupported", exitCode: 7 });
      expect((error as Error).message).toMatch(/^\w+ needs Node: .* under Deno you can use send, list, .*config$/);
      return true;
    }
  });
  expect(refused).toEqual(["serve", "receive", "watch", "invite", "token"]);
  for (const command of COMMAND_NAMES) expect(() => checkRuntime(command)).not.toThrow();
});

test.each([
  ["8.17.0", ""],
  ["18.20.8", ""],
  ["20.18.3", ""],
  ["21.7.3", ", but not 21"],
])("under Node %s it says which one it needs, and shows no stack", async (version, not) => {
  const place = new Place();
  // What the first lines look at.
  const old = `Object.defineProperty(process, "versions", { value: { node: "${version}" } });
    Object.defineProperty(process, "version", { value: "v${version}" });`;
  const env = { NODE_OPTIONS: `--require ${writeSmall(place.path("old.cjs"), old)}` };
  const program = place.start(["serve"], { env });
  expect(await program.ended).toBe(7);
  expect(program.stderr).toBe(`error: Filespool needs Node 20.19 or newer${not}; this is v${version}.\n`);
});

test("the Node that the command asks for is the one in package.json", () => {
  const root = join(import.meta.dirname, "../..");
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } };
  expect(engines.node).toBe("^20.19 || >=22");
});
