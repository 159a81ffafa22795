import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SRC = join(import.meta.dirname, "../src");

// This also shows every module to the coverage, those that only declare types included.
test("importing a module starts nothing: no socket, no process, no listener", async () => {
  const state = (): unknown => [
    process.getActiveResourcesInfo().filter((kind) => /^(TCP|UDP|TLS|TTY|FSEvent|Process|Worker)/.test(kind)),
    process.eventNames(),
  ];
  const modules = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".ts") && !path.endsWith(".d.ts") && path !== join("cli", "main.ts"),
  );
  expect(modules).not.toEqual([]);
  const before = state();
  for (const path of modules) await import(join(SRC, path));
  expect(state()).toEqual(before);
});
