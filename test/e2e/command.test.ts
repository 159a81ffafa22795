/** The command as it is installed (src/cli/filespool.cts): what it adds to the program, and what it leaves no trace of. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { builtMain } from "../support/built.ts";
import { Place } from "../support/process-program.ts";

const canCount = existsSync("/proc/self/task");
if (!canCount) console.warn("SKIPPED: threads of the installed command: no /proc here to count them in");

/** Threads of a server that listens, with the variable as it is given. */
async function threadsWith(UV_THREADPOOL_SIZE: string | undefined): Promise<number> {
  const server = await new Place().start(["serve", "--json", "--port", "0"], { env: { UV_THREADPOOL_SIZE } });
  await server.seen("listening");
  return readdirSync(`/proc/${server.pid}/task`).length;
}

test.skipIf(!canCount)("sixteen threads ask the disk, unless the user has said how many", async () => {
  const two = await threadsWith("2");
  expect((await threadsWith(undefined)) - two).toBe(14);
  expect((await threadsWith("5")) - two).toBe(3);
});

test("what --exec starts does not inherit the variable", async () => {
  const place = new Place();
  const { port } = await place.serve();
  await place.run(place.send(port, import.meta.filename));
  const seen = place.path("seen");
  const env = { UV_THREADPOOL_SIZE: undefined };
  const words = ["receive", "--port", String(port), "--out", place.path("inbox"), "--exec", `env > '${seen}'`];
  await place.run(place.start(words, { env }));
  expect(readFileSync(seen, "utf8")).toContain("HOME=");
  expect(readFileSync(seen, "utf8")).not.toContain("UV_THREADPOOL_SIZE");
});

/** Says whether V8 took the compiled form. Loaded before the command, whose way of reading it is what is tried. */
const ASK = `
const vm = require("node:vm");
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    console.error(options.cachedData === undefined ? "none" : this.cachedDataRejected ? "rejected" : "taken");
  }
};`;

test("the compiled form fits this Node, and the command runs without it", () => {
  const place = new Place();
  writeFileSync(place.path("ask.cjs"), ASK);
  const copy = place.path("copy");
  mkdirSync(copy);
  cpSync(dirname(dirname(builtMain())), join(copy, "dist"), { recursive: true });
  cpSync(fileURLToPath(new URL("../../package.json", import.meta.url)), join(copy, "package.json"));
  symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(copy, "node_modules"));
  const cli = join(copy, "dist/cli");
  const version = () => {
    const words = ["-r", place.path("ask.cjs"), join(cli, "filespool.cjs"), "--version"];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
    return { status, said: stdout.trim(), cache: stderr.trim() };
  };
  const whole = version();
  expect(whole).toEqual({ status: 0, said: expect.stringMatching(/^\d+\.\d+\.\d+$/), cache: "taken" });
  const node = readFileSync(join(cli, "command.node.json"), "utf8");
  writeFileSync(join(cli, "command.node.json"), node.replace("v8_", "v9_"));
  expect(version()).toEqual({ ...whole, cache: "none" });
  for (const name of ["command.node.json", "command.cache"]) rmSync(join(cli, name));
  expect(version()).toEqual({ ...whole, cache: "none" });
});

test("a build does not mind the settings of whoever builds", () => {
  const root = dirname(dirname(dirname(dirname(builtMain())))); // where packages are found
  const made = mkdtempSync(join(root, "building-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  cpSync(fileURLToPath(new URL("../../package.json", import.meta.url)), join(made, "package.json"));
  const build = fileURLToPath(new URL("../../scripts/build.mjs", import.meta.url));
  const env = { ...process.env, FILESPOOL_QUEUE: "!no queue", NODE_OPTIONS: "--max-old-space-size=900" };
  const { status, stderr } = spawnSync(process.execPath, [build, join(made, "dist")], { env, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(existsSync(join(made, "dist/cli/command.node.json"))).toBe(true);
});

test("what the script requires is CommonJS, so that loaders of modules cannot stop it", () => {
  const script = readFileSync(join(dirname(builtMain()), "command.cjs"), "utf8");
  const packages = [...script.matchAll(/require\("([^"]+)"\)/g)].map(([, name]) => name as string);
  const outside = [...new Set(packages)].filter((name) => !name.startsWith("node:"));
  expect(outside).toContain("lmdb");
  const words = [
    "--no-experimental-require-module",
    "-e",
    `${JSON.stringify(outside)}.forEach((name) => require(name))`,
  ];
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: dirname(builtMain()), encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});

/** Loaded before the command, which does not find the files that match. */
const without = (files: RegExp): string => `
const { Module } = require("node:module");
const load = Module._load;
Module._load = (request, parent, ...rest) => {
  if (parent?.filename?.endsWith("filespool.cjs") && ${files}.test(request)) {
    console.error("hidden", request);
    throw Object.assign(new Error("hidden"), { code: "MODULE_NOT_FOUND" });
  }
  return load(request, parent, ...rest);
};`;

/** Whether there are files to be tried first for all three: on Linux with glibc. */
const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
const isUsual = process.platform === "linux" && header.glibcVersionRuntime !== undefined;
if (!isUsual) console.warn("SKIPPED: usual files of native code: they are for another system");
const WAYS = [
  ["the packages choose among their files", /gnu\.node$|prebuilds/, 3],
  ["the usual files are taken, and the packages not asked", /(blake-hash|crc32|binding)$/, 0],
] as const;

test.each(WAYS.slice(0, isUsual ? 2 : 1))("native code is found both ways: %s", async (_, files, hidden) => {
  const place = new Place();
  writeFileSync(place.path("hide.cjs"), without(files));
  writeFileSync(place.path("file"), "content");
  const { port } = await place.serve();
  const env = { NODE_OPTIONS: `--require=${place.path("hide.cjs")}` };
  const run = async (...words: string[]) =>
    (await place.run(place.start([...words, "--port", String(port), "--quiet"], { env }))).stderr;
  await run("send", place.path("file"));
  const said = await run("receive", "--out", place.path("inbox"));
  expect(readFileSync(place.path("inbox/file"), "utf8")).toBe("content");
  expect(said.split("hidden").length - 1).toBe(hidden);
});
