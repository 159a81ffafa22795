import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { EVENT_SCHEMAS } from "../../src/cli/report/json-events.ts";
import { MiB, noise, random } from "../support/process-files.ts";
import { Place, type Program } from "../support/process-program.ts";

/** A place with a folder to watch. */
class Outbox extends Place {
  readonly box = this.path("box");

  constructor() {
    super();
    mkdirSync(this.box);
  }

  put(name: string, bytes: Uint8Array | string): void {
    writeFileSync(join(this.box, name), bytes);
  }

  watch(port: number, ...words: string[]): Program {
    return this.start(["watch", this.box, "--json", "--port", String(port), "--settle", "100ms", ...words]);
  }

  /** What a receiver finds on the server: each name with its content. A name that is there twice fails. */
  async collected(port: number): Promise<Map<string, Buffer>> {
    const receiver = await this.run(this.receive(port, "--durability", "none"));
    const names = receiver.all("landed").map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    return new Map(names.map((name) => [name, readFileSync(this.path("inbox", name))]));
  }
}

/** What is wrong with the lines that it printed. */
const faults = (program: Program): string[] =>
  program.events.flatMap((event) => {
    const row = (EVENT_SCHEMAS.watch as Record<string, v.GenericSchema>)[event.event];
    if (!row) return [`${event.event} is not described`];
    return (v.safeParse(row, event).issues ?? []).map(({ message }) => `${event.event}: ${message}`);
  });

describe("a watcher that is killed at any moment, and started again", () => {
  const FILES = 150;
  test.each(["keep", "move", "delete"])("has sent each file once in the end, and lost none (%s)", async (after) => {
    const place = new Outbox();
    const { port } = await place.serve();
    const files = new Map<string, Buffer>();
    const add = (number: number) => {
      const name = `f${number}`;
      files.set(name, noise(number % 50 === 0 ? 2 * MiB : 100 + number, number));
      place.put(name, files.get(name) as Buffer);
    };
    const words = ["--after", after, ...(after === "move" ? ["--moved-to", place.path("sent")] : [])];
    const next = random(after.length);
    for (let kills = 0, number = 0; kills < 5; kills++) {
      for (const end = number + FILES / 7; number < end; number++) add(number);
      const watcher = place.watch(port, ...words);
      const events = 2 + Math.floor(next() * 60);
      await watcher.until(() => watcher.events.length >= events || watcher.all("stored").length > 0);
      if (next() < 0.5) await watcher.until(() => watcher.events.length >= Math.min(events, 20));
      await watcher.kill();
      for (const end = number + FILES / 40; number < end; number++) add(number);
    }
    const last = await place.run(place.watch(port, ...words, "--once"));
    expect(await last.seen("done")).toMatchObject({ failed: 0 });
    const collected = await place.collected(port);
    expect([...collected.keys()].sort()).toEqual([...files.keys()].sort());
    for (const [name, bytes] of files) expect(collected.get(name)?.equals(bytes), name).toBe(true);
    expect(readdirSync(place.box).length).toBe(after === "keep" ? files.size : 0);
    if (after === "move") expect(readdirSync(place.path("sent")).sort()).toEqual([...files.keys()].sort());
    // And not once more after that, by a watcher that has time to look again.
    const idle = await place.run(place.watch(port, ...words, "--once"));
    expect(idle.all("offered")).toEqual([]);
  });
});

test("a server that is killed and comes back gets the rest, each file once", async () => {
  const place = new Outbox();
  let server = await place.serve();
  const port = String(server.port);
  const watcher = place.watch(server.port);
  for (let number = 0; number < 60; number++) {
    place.put(`f${number}`, noise(500, number));
    if (number % 20 !== 10) continue;
    await watcher.until(() => watcher.all("stored").length > number / 2);
    await server.kill();
    server = await place.serve("--port", port);
  }
  await watcher.until(() => watcher.all("stored").length === 60);
  expect(await watcher.kill("SIGTERM")).toBe(0);
  expect(await watcher.seen("done")).toMatchObject({ stored: 60, failed: 0 });
  expect(faults(watcher)).toEqual([]);
  expect((await place.collected(server.port)).size).toBe(60);
});

test("its ends have codes: 0 for a service that is stopped, 130 for Ctrl-C, 7 for a folder that is gone, 4 for no right", async () => {
  const place = new Outbox();
  const { port } = await place.serve();
  place.put("a", "a");
  for (const [signal, code] of [
    ["SIGTERM", 0],
    ["SIGINT", 130],
  ] as const) {
    const watcher = place.watch(port);
    await watcher.seen("connected");
    expect(await watcher.kill(signal)).toBe(code);
    expect(watcher.all("done")).toHaveLength(1);
  }
  const watcher = place.watch(port);
  await watcher.seen("connected");
  const second = await place.run(place.watch(port), 7);
  expect(await second.seen("error")).toMatchObject({ code: "folder-unusable", exitCode: 7 });
  renameSync(place.box, `${place.box}.aside`);
  expect(await watcher.ended).toBe(7);
  expect(await watcher.seen("error")).toMatchObject({
    message: expect.stringContaining("there is no such file or folder"),
  });
  renameSync(`${place.box}.aside`, place.box);
  const strict = new Outbox();
  const { port: guarded } = await strict.serve("--tokens");
  // Without a file, too: at once, and not when the first one comes.
  const stranger = await strict.run(strict.watch(guarded), 4);
  expect(await stranger.seen("error")).toMatchObject({ code: "token-refused" });
  expect([...faults(watcher), ...faults(second), ...faults(stranger)]).toEqual([]);
  for (const words of [
    ["--after", "move"],
    ["--moved-to", "sent"],
    ["--ignore", "a/b"],
  ])
    await place.run(place.watch(port, ...words), 2);
});

test("with --once it sends what is complete, leaves what is being written, and says by its code what failed", async () => {
  const place = new Outbox();
  const { port } = await place.serve("--max-file-size", "100KB");
  for (const name of ["a", "b"]) place.put(name, name);
  place.put("large", noise(200_000, 1));
  place.put("c.part", "c");
  const writing = setInterval(() => appendFileSync(join(place.box, "log"), "one more line\n"), 20);
  const watcher = await place.run(place.watch(port, "--once", "--after", "delete"), 4);
  clearInterval(writing);
  expect(
    watcher
      .all("stored")
      .map(({ name }) => name)
      .sort(),
  ).toEqual(["a", "b"]);
  expect(watcher.all("refused")).toMatchObject([{ name: "large", code: "file-too-large" }]);
  expect(await watcher.seen("done")).toMatchObject({ stored: 2, failed: 1, kept: 0 });
  expect(readdirSync(place.box).sort()).toEqual(["c.part", "large", "log"]);
  rmSync(join(place.box, "large"));
  const later = await place.run(place.watch(port, "--once"));
  expect(later.all("stored").map(({ name }) => name)).toEqual(["log"]);
  expect([...faults(watcher), ...faults(later)]).toEqual([]);
});

test("people read what happens, a line for each file", async () => {
  const place = new Outbox();
  const { port } = await place.serve();
  place.put("a", "a");
  const watcher = place.start(["watch", "box", "--port", String(port), "--settle", "0s", "--after", "delete"]);
  await watcher.until(() => watcher.stdout.includes("stored"));
  await watcher.kill("SIGTERM");
  expect(watcher.stdout).toMatch(
    /^watching {2}box, new files go to queue "default"; Ctrl-C stops\nstored {4}a, 1 B\nDone: 1 file stored; 1 B in .*\.\n$/,
  );
});

// FILESPOOL_WATCH_FILES=100000 is the long form.
const count = Number(process.env.FILESPOOL_WATCH_FILES ?? 5_000);
test(`${count} files are sent over few connections, and none is offered again when all are known`, async () => {
  const place = new Outbox();
  const { port } = await place.serve("--durability", "none");
  for (let number = 0; number < count; number++) place.put(`f${number}`, `content ${number}`);
  const watcher = await place.run(place.watch(port, "--once"));
  expect(await watcher.seen("done")).toMatchObject({ stored: count, failed: 0 });
  expect(watcher.all("connected").length).toBeLessThanOrEqual(2 + count / 10_000);
  place.put("one more", "x");
  const again = await place.run(place.watch(port, "--once"));
  expect(again.all("offered").map(({ name }) => name)).toEqual(["one more"]);
});
