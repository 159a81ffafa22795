/** A server whose --log cannot be written: it starts or says why not, serves, and ends when it is told to. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream, readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { skipAloud } from "../spool/children.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";
import { pipe, smallDisk } from "../support/sinks.ts";

const WAIT = { timeout: 60_000, interval: 20 };
const LATE = /^warning: the last lines of the log \S+ could not be written; they are lost$/m;

/** That a server does its work, and has many lines for its log. */
async function expectWork(place: Place, { port }: { port: number }): Promise<void> {
  const names = Array.from({ length: 400 }, (_, n) => writeSmall(place.path(`${"long-".repeat(45)}${n}`), `${n}`));
  await place.run(place.send(port, "--again", "--quiet", ...names));
  await place.run(place.receive(port, "--quiet", "--if-exists", "overwrite"));
}

test("a full disk: it serves, says so once, and ends with 0", async () => {
  const place = new Place();
  const server = await place.serve("--log", "/dev/full");
  await expectWork(place, server);
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(server.stderr).toBe("warning: the log /dev/full cannot be written: no space left on the disk (ENOSPC)\n");
});

test("a disk that is full and has room again: what was held back is written, and no line is torn", async (context) => {
  const place = new Place();
  const disk = smallDisk(place, 3) ?? skipAloud(context, "a small disk cannot be mounted here");
  const server = await place.serve("--log", `${disk}/log`);
  await expectWork(place, server);
  await vi.waitFor(() => expect(server.stderr).toContain("ENOSPC"), WAIT);
  execFileSync("mount", ["-o", "remount,size=10m", disk]);
  await expectWork(place, server);
  expect(await server.kill("SIGTERM")).toBe(0);
  const lines = readFileSync(`${disk}/log`, "utf8").trimEnd().split("\n");
  const whole = lines.filter((line) => line.endsWith("}"));
  // One at most is the beginning of a line that stands there again, whole.
  expect(lines.length - whole.length).toBeLessThanOrEqual(1);
  const stored = whole.map((line) => JSON.parse(line)).filter(({ event }) => event === "stored");
  expect(stored).toHaveLength(800);
});

test("a pipe that nobody reads is refused at the start", async () => {
  const place = new Place();
  execFileSync("mkfifo", [place.path("log")]);
  const server = place.start(["serve", "--port", "0", "--spool", place.path("spool"), "--log", place.path("log")]);
  expect(await server.ended).toBe(7);
  expect(server.stderr).toMatch(/^error: the log \S+ cannot be written: it is a pipe that nobody reads, .*\(ENXIO\)$/m);
});

test("a pipe whose reader reads nothing: it serves, and ends within its bound", async () => {
  const place = new Place();
  const server = await place.serve("--log", pipe(place).path);
  await expectWork(place, server);
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(server.stderr).toMatch(LATE);
});

test("a pipe whose reader is gone: it serves, says so, and a new reader gets what comes", async () => {
  const place = new Place();
  const { path, from, to } = pipe(place);
  to.close();
  const server = await place.serve("--log", path);
  from.close();
  await expectWork(place, server);
  await vi.waitFor(
    () => expect(server.stderr).toContain(`the log ${path} cannot be written: the other end broke it off (EPIPE)`),
    WAIT,
  );
  let text = "";
  const reader = createReadStream(path, "utf8").on("data", (piece) => {
    text += piece;
  });
  await once(reader, "open"); // before that, the pipe still has no other end
  server.signal("SIGHUP"); // a pipe is not opened anew, and that is no failure
  await server.seen("reloaded");
  await vi.waitFor(() => expect(text).toContain('"event":"reloaded"'), WAIT);
  expect(await server.kill("SIGTERM")).toBe(0);
});

test("a call to a disk that hangs: a server ends by the signal that it got, since Node would wait for the call", async () => {
  const place = new Place();
  execFileSync("mkfifo", [place.path("hangs")]);
  // A call that does not return: to open a pipe that nobody writes to.
  const preload = writeSmall(place.path("preload.cjs"), 'require("node:fs").open(process.env.HANGS, "r", () => {});');
  const env = { HANGS: place.path("hangs"), NODE_OPTIONS: `--require ${preload}` };
  for (const [signal, words] of [
    ["SIGTERM", ["serve", "--spool", "spool", "--port", "0"]],
    ["SIGINT", ["receive", "--follow", "--retry", "1h"]],
  ] as const) {
    const program = place.start([...words, "--json"], { env });
    await program.until(() => program.events.length > 0);
    expect(await program.kill(signal)).toBe(signal);
  }
});
