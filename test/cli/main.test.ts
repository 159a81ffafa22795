import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { start } from "./environment.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let folder: string;
let running: ChildProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "filespool-main-"));
  running = [];
});
afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

function spawnMain(...words: string[]) {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), MAIN, ...words], {
    cwd: folder,
    env: { ...process.env, FILESPOOL_STATE: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  return { child, ended: once(child, "close") as Promise<[number | null, NodeJS.Signals | null]> };
}

async function spawnServer() {
  const server = spawnMain("serve", "--port", "0", "--spool", join(folder, "spool"), "--json");
  const [text] = (await once(createInterface({ input: server.child.stdout }), "line")) as [string];
  return { ...server, port: String((JSON.parse(text) as { port: number }).port) };
}

test("the exit code is that of the run", async () => {
  expect(await spawnMain("--version").ended).toEqual([0, null]);
  expect(await spawnMain("send").ended).toEqual([2, null]);
});

test.each([
  ["SIGTERM", 0],
  ["SIGINT", 130],
] as const)("a server that gets %s ends in an orderly way with %d", async (signal, code) => {
  const { child, ended } = await spawnServer();
  child.kill(signal);
  expect(await ended).toEqual([code, null]);
});

test("whoever reads the output of a server may go away: it serves on, and says so", async () => {
  const { child, ended, port } = await spawnServer();
  let errors = "";
  child.stderr.on("data", (bytes) => {
    errors += String(bytes);
  });
  child.stdout.destroy();
  await writeFile(join(folder, "a.txt"), "a");
  for (const again of [[], ["--again"]])
    expect(await start(folder, ["send", ...again, "--port", port, join(folder, "a.txt")]).code).toBe(0);
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(errors).toBe("warning: standard output: lines are left out: its reader is gone (EPIPE)\n");
});
