/** The command as it is installed (src/cli/filespool.cts): what it adds to the program, and what it leaves no trace of. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
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
