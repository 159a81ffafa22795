import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, onTestFinished, test } from "vitest";
import { isKey } from "../../src/cli/config.ts";
import { mistakesIn } from "../../src/cli/config-command.ts";
import { configSchema, schemaText } from "../../src/cli/config-schema.ts";
import { KNOB_NAMES, knobOf, shownFallback } from "../../src/cli/knobs.ts";
import { start } from "./world.ts";

const isValid = new Ajv2020({ strict: false }).compile(configSchema());

/** Runs `filespool config` in a folder with this config file. */
async function config(values: unknown, words: string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "filespool-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const text = typeof values === "string" ? values : JSON.stringify(values);
  if (values !== null) writeFileSync(join(folder, "filespool.config.json"), text);
  const run = start(folder, ["config", ...words], { env });
  const code = await run.code;
  const objects = words.includes("--json")
    ? run.stdout.text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, string>)
    : [];
  return { code, out: run.stdout.text, err: run.stderr.text, objects };
}

test("every mistake is named, each once, and the exit code is 2", async () => {
  const wrong = { bufferSize: 1, port: "x", lease: [1], host: "0.0.0.0", follow: true, count: 3, "metrics-port": 5011 };
  const { code, objects } = await config(wrong, ["check", "--json"]);
  expect(code).toBe(2);
  const messages = objects.filter(({ event }) => event === "mistake").map(({ message }) => message);
  expect(messages).toEqual([
    expect.stringContaining('did you mean "buffer-size"?'),
    expect.stringMatching(/^"port" in .* does not accept "x"/),
    expect.stringMatching(/^"lease" in .* does not accept \[1\]/),
    expect.stringContaining("senders and metrics need a port each"),
    expect.stringContaining("--insecure"),
    expect.stringContaining("exclude each other"),
  ]);
  expect(objects.at(-1)).toMatchObject({
    event: "error",
    code: "usage",
    message: expect.stringContaining("6 mistakes"),
  });
});

test("what a command would refuse alone is a mistake, what only another command refuses is none", async () => {
  expect((await config({ port: 0, "max-file-size": "1GiB", $schema: "./x.json" }, ["check"])).code).toBe(0);
  expect((await config({ port: 65_536 }, ["check"])).code).toBe(2);
  expect((await config("{,}", ["check"])).err).toContain("is not JSON");
  expect((await config(["port"], ["check"])).code).toBe(2);
  expect((await config(null, ["check"])).code).toBe(0);
  expect((await config(null, ["check", "--config", "gone.json"])).code).toBe(2);
});

test("a mistake in a variable or a flag is not the file's", async () => {
  expect((await config({}, ["check", "--port", "x"], { FILESPOOL_PORT: "y" })).code).toBe(0);
  expect((await config({}, ["show"], { FILESPOOL_PORT: "y" })).code).toBe(2);
});

test("show says what holds and which source had the last word", async () => {
  const file = { port: 6000, lease: "1m", drain: "2s" };
  const { code, objects } = await config(file, ["show", "--json", "--port", "8000"], { FILESPOOL_LEASE: "3m" });
  expect(code).toBe(0);
  const shown = Object.fromEntries(objects.map(({ name, value, origin, from }) => [name, [value, origin, from]]));
  expect(shown).toMatchObject({
    port: ["8000", "flag", "--port"],
    lease: ["3m", "variable", "FILESPOOL_LEASE"],
    drain: ["2s", "file", '"drain" in filespool.config.json'],
    "max-connections": ["10000", "default", "the default"],
    "metrics-port": [null, "default", "the default"],
  });
  expect((await config({}, ["show", "receive"])).out).toMatch(/^if-exists +refuse$/m);
  expect((await config({}, ["show", "recieve"])).err).toContain("receive");
  expect((await config({}, ["list"])).code).toBe(2);
});

test("secrets are neither shown nor quoted", async () => {
  const secrets = KNOB_NAMES.filter((name) => knobOf(name).secret);
  expect(secrets).toContain("token");
  const env = { FILESPOOL_TOKEN: "hunter2" };
  for (const words of [
    ["show", "send"],
    ["show", "send", "--json"],
  ]) {
    const { code, out, err } = await config({}, words, env);
    expect(code).toBe(0);
    expect(out + err).not.toContain("hunter2");
    expect(out).toContain("(secret)");
  }
  expect((await mistakesIn({ path: "c", values: { token: "two words hunter2" } })).join()).not.toContain("hunter2");
});

test("the schema in the package is the one of the table", () => {
  const path = join(import.meta.dirname, "../../filespool.schema.json");
  expect(readFileSync(path, "utf8"), "run: npm run generate").toBe(schemaText());
});

test("what the schema lets through the program takes, and it lets every default through", async () => {
  const raws = [0, 1, 20, 5011, 70_000, -1, 1.5, true, false, null, [], {}, "", "x", "7", "0", "64KiB", "1 GB", "10ib"];
  raws.push("30s", "7d", "5 m", "fsync", "never", "unlimited", "info", "a,b", "localhost", "/a b/c");
  let accepted = 0;
  for (const name of KNOB_NAMES.filter(isKey)) {
    const { fallback, show } = knobOf(name);
    const shown = fallback === undefined ? null : show(fallback);
    const value =
      typeof fallback === "boolean" ? fallback : shown !== null && /^\d+$/.test(shown) ? Number(shown) : shown;
    if (shown !== null && shownFallback(name) !== null)
      expect([name, isValid({ [name]: value })]).toEqual([name, true]);
    for (const raw of raws.filter((raw) => isValid({ [name]: raw }))) {
      accepted++;
      // Ranges of sizes and durations, and the form of a text, are more than a pattern can say.
      if (typeof raw === "string") continue;
      const own = (await mistakesIn({ path: "c", values: { [name]: raw } })).filter((text) => text.includes("accept"));
      expect(own).toEqual([]);
    }
  }
  expect(accepted).toBeGreaterThan(KNOB_NAMES.length);
  expect(isValid({ prot: 1 })).toBe(false);
  expect(isValid({ $schema: "./filespool.schema.json" })).toBe(true);
});
