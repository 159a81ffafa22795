import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Log, type LogLevel } from "../../src/cli/commands/serve-log.ts";
import type { ServerEvent } from "../../src/net/events.ts";

const about = { transfer: "ab".repeat(16), queue: "q", name: "a.txt", size: 3 };
const from = { connection: 12, peer: "127.0.0.1:9" };
const stored: ServerEvent = { event: "stored", ...from, ...about, digest: "d", repeated: false };

async function open(level: LogLevel = "info", name = "server.log") {
  const folder = mkdtempSync(join(tmpdir(), "filespool-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  const warnings: string[] = [];
  const log = await Log.open(path, level, (sentence) => warnings.push(sentence));
  const lines = (file = path) => readFileSync(file, "utf8").trimEnd().split("\n");
  return { log, path, lines, warnings };
}

test("a line has the level, the time, and what the event says of its connection and transfer", async () => {
  const { log, lines } = await open();
  log.observe(stored);
  await log.close();
  const { time, ...rest } = JSON.parse(lines()[0] ?? "");
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(rest).toEqual({ level: "info", ...stored });
});

test("a field that is not on the list is never written", async () => {
  const { log, lines } = await open();
  const secret = "fst_0123_correct-horse";
  log.observe({ ...stored, token: secret, invite: `filespool://x#${secret}`, headers: { secret } } as ServerEvent);
  await log.close();
  expect(lines().join("")).not.toContain("horse");
});

test("each level has what belongs to it and what is worse", async () => {
  const events: ServerEvent[] = [
    { event: "delivered", ...from, ...about, attempt: 1 },
    { ...stored, repeated: true } as ServerEvent,
    stored,
    { event: "disconnected", ...from, role: "sender", code: "stalled", message: "slow" },
    { event: "returned", ...from, ...about, reason: "no", dead: false },
    { event: "returned", ...from, ...about, reason: "no", dead: true },
    { event: "error", code: "disk-full", message: "full" },
  ];
  const counts: number[] = [];
  for (const level of ["debug", "info", "warn", "error"] as const) {
    const { log, lines } = await open(level);
    for (const event of events) log.observe(event);
    await log.close();
    counts.push(lines().length);
  }
  expect(counts).toEqual([7, 5, 4, 2]);
});

test("a name stays one line, and nothing that a terminal obeys is written as it is", async () => {
  const { log, lines } = await open();
  const name = 'a\n{"level":"info"}\u001b[2J\u009b2J\u202egpj.exe';
  log.observe({ ...stored, name });
  await log.close();
  expect(lines()).toHaveLength(1);
  expect(JSON.parse(lines()[0] ?? "").name).toBe(name);
  expect(lines()[0]).toMatch(/^[\x20-\x7e]+$/);
});

test("after a rotation every line is in exactly one of the two files, in order", async () => {
  const { log, path, lines } = await open();
  for (let i = 0; i < 500; i++) log.observe({ ...stored, size: i });
  renameSync(path, `${path}.1`);
  (await log.prepareReopen())();
  for (let i = 500; i < 1000; i++) log.observe({ ...stored, size: i });
  await log.close();
  const sizes = [...lines(`${path}.1`), ...lines()].map((line) => JSON.parse(line).size);
  expect(sizes).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

test("a rotation is not put off by lines that go on coming", async () => {
  const { log, path, lines } = await open();
  const reopen = await log.prepareReopen();
  // More than one write, and the first of them is under way when the file is moved.
  for (let i = 0; i < 2000; i++) log.observe({ ...stored, size: i });
  renameSync(path, `${path}.1`);
  reopen();
  for (let i = 2000; i < 4000; i++) log.observe({ ...stored, size: i });
  await log.close();
  const [before, after] = [lines(`${path}.1`), lines()];
  expect([before.length + after.length, JSON.parse(after[0] ?? "{}").size]).toEqual([4000, before.length]);
  expect(after.length).toBeGreaterThan(2000);
});

test("a log that cannot be written is told before anything starts", async () => {
  const failing = (path: string) => Log.open(path, "info", () => {});
  await expect(failing("/nowhere/at/all.log")).rejects.toMatchObject({ code: "folder-unusable", kind: "local" });
  await expect(failing(tmpdir())).rejects.toMatchObject({ message: expect.stringContaining(tmpdir()) });
});

test("a disk that is full loses lines and not the server, and is told of once", async () => {
  const warnings: string[] = [];
  const log = await Log.open("/dev/full", "info", (sentence) => warnings.push(sentence));
  for (let i = 0; i < 50; i++) log.observe(stored);
  await log.close();
  expect(warnings).toEqual([expect.stringContaining("ENOSPC")]);
});
