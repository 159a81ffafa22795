import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, onTestFinished, test } from "vitest";
import { mistakesIn } from "../../src/cli/commands/config.ts";
import { isKey } from "../../src/cli/settings/config-file.ts";
import { configSchema, schemaText } from "../../src/cli/settings/config-schema.ts";
import { SETTING_NAMES, settingOf, shownFallback } from "../../src/cli/settings/settings.ts";
import { start } from "./environment.ts";

const isValid = new Ajv2020({ strict: false }).compile(configSchema());

/** Runs `filespool config` as a user with this config file. */
async function config(values: unknown, words: string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "filespool-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const text = typeof values === "string" ? values : JSON.stringify(values);
  const file = join(folder, ".config/filespool/config.json");
  mkdirSync(dirname(file), { recursive: true });
  if (values !== null) writeFileSync(file, text);
  const run = start(folder, ["config", ...words], { env });
  const code = await run.code;
  const objects = words.includes("--json")
    ? run.stdout.text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, string>)
    : [];
  return { code, out: run.stdout.text, err: run.stderr.text, objects, folder, file };
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
    expect.stringContaining("use two different ports"),
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
  expect((await config("{,}", ["check"])).err).toContain("is not valid JSON: line 1, column 2: expected a key");
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
  const { code, objects, ...run } = await config(file, ["show", "--json", "--port", "8000"], { FILESPOOL_LEASE: "3m" });
  expect(code).toBe(0);
  const shown = Object.fromEntries(objects.map(({ name, value, origin, from }) => [name, [value, origin, from]]));
  expect(shown).toMatchObject({
    port: ["8000", "flag", "--port"],
    lease: ["3m", "variable", "FILESPOOL_LEASE"],
    drain: ["2s", "file", `"drain" in ${run.file}`],
    "max-connections": ["10000", "default", "the default"],
    "metrics-port": [null, "default", "the default"],
  });
  expect((await config({}, ["show", "receive"])).out).toMatch(/^if-exists +refuse$/m);
  expect((await config({}, ["show", "recieve"])).err).toContain("receive");
  expect((await config({}, ["list"])).code).toBe(2);
});

test("secrets are neither shown nor quoted", async () => {
  const secrets = SETTING_NAMES.filter((name) => settingOf(name).secret);
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

test("init writes what the flags say, for its owner alone, and later runs read it", async () => {
  const flags = ["--host", "files.example.org", "--port", "6000", "--follow", "--out", "in", "--retry", "1h"];
  const run = await config(null, ["init", ...flags, "--json"]);
  expect([run.code, run.objects]).toEqual([0, [{ event: "written", path: run.file, settings: 5 }]]);
  const { $schema, ...settings } = JSON.parse(readFileSync(run.file, "utf8"));
  const out = join(run.folder, "in");
  expect(settings).toEqual({ host: "files.example.org", port: 6000, follow: true, out, retry: "1h" });
  expect(JSON.parse(readFileSync($schema, "utf8"))).toMatchObject({ title: "Config file of filespool" });
  expect(isValid(settings)).toBe(true);
  expect(statSync(run.file).mode & 0o777).toBe(0o600);
  const shown = start(run.folder, ["config", "show", "receive"]);
  expect([await shown.code, shown.stdout.text]).toEqual([0, expect.stringContaining(`"retry" in ${run.file}`)]);
  expect(await start(run.folder, ["config", "check"]).code).toBe(0);
});

test("init never writes over a file, and writes nothing that no file may say", async () => {
  const run = await config({ port: 7 }, ["init"]);
  expect([run.code, run.err]).toEqual([
    2,
    expect.stringMatching(/^error: .*config\.json exists already and was not changed/),
  ]);
  expect(readFileSync(run.file, "utf8")).toBe('{"port":7}');
  const named = join(run.folder, "new/server.json");
  expect(await start(run.folder, ["config", "init", "--config", named]).code).toBe(0);
  expect(statSync(dirname(named)).mode & 0o777).toBe(0o700);
  expect((await config(null, ["init", "--all"])).err).toContain("--all can only be given on the command line");
  expect((await config(null, ["init", "--port", "x"])).err).toContain('--port does not accept "x"');
});

test("a file for clients names the host that they go to, and is right", async () => {
  expect((await config({ host: "files.example.org" }, ["check"])).code).toBe(0);
  expect((await config({ host: "files.example.org", lease: "1m" }, ["check"])).code).toBe(2);
  expect((await config({ host: "0.0.0.0:5011" }, ["check"])).code).toBe(2);
});

test("the schema in the package is the one of the table", () => {
  const path = join(import.meta.dirname, "../../filespool.schema.json");
  expect(readFileSync(path, "utf8"), "run: npm run generate").toBe(schemaText());
});

test("what the schema lets through the program takes, and it lets every default through", async () => {
  const raws = [0, 1, 20, 5011, 70_000, -1, 1.5, true, false, null, [], {}, "", "x", "7", "0", "64KiB", "1 GB", "10ib"];
  raws.push("30s", "7d", "5 m", "fsync", "never", "unlimited", "info", "a,b", "localhost", "/a b/c");
  let accepted = 0;
  for (const name of SETTING_NAMES.filter(isKey)) {
    const { fallback, show } = settingOf(name);
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
  expect(accepted).toBeGreaterThan(SETTING_NAMES.length);
  expect(isValid({ prot: 1 })).toBe(false);
  expect(isValid({ $schema: "./filespool.schema.json" })).toBe(true);
});
