import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import * as protocol from "../../src/protocol/index.ts";

const folder = new URL("../../src/protocol/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && file !== "index.ts");

test.each(files)("the protocol as a library has all that %s exports", async (file) => {
  const module: Record<string, unknown> = await import(new URL(file, folder).href);
  for (const [name, value] of Object.entries(module)) expect(protocol).toHaveProperty(name, value);
});
