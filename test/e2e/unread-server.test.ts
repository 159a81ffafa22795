/** Programs that stay, a server and a receiver that follows, when nobody reads what they print, or their terminal is gone. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { builtMain } from "../support/built.ts";
import { namesIn, writeSmall } from "../support/process-files.ts";
import { Place, type Program, type StartOptions } from "../support/process-program.ts";
import { opened, pipe, readerGone } from "../support/sinks.ts";
import { hasTerminals, Terminal } from "../support/terminal.ts";

const WAIT = { timeout: 60_000, interval: 20 };
if (!hasTerminals) console.warn("SKIPPED: programs whose terminal is gone or on hold: python3 is missing");

/** The lines of a log, as objects. */
const logOf = (place: Place): { event: string; message?: string; port: number }[] =>
  readFileSync(place.path("log"), "utf8")
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const lostIn = (place: Place) =>
  logOf(place).flatMap(({ event, message }) => (event === "output-lost" ? [message] : []));

/** Waits until a log says where its server listens. */
const portIn = (place: Place): Promise<number> =>
  vi.waitFor(() => {
    const port = logOf(place).find(({ event }) => event === "listening")?.port;
    return port ?? expect.unreachable("it does not listen yet");
  }, WAIT);

const serveWords = (place: Place): string[] => [
  "serve",
  "--yes",
  "--port",
  "0",
  "--spool",
  place.path("spool"),
  "--log",
  place.path("log"),
];

/** Starts a server whose streams are not pipes of the test. */
async function serve(
  place: Place,
  options: StartOptions,
  ...words: string[]
): Promise<{ server: Program; port: number }> {
  const server = place.start([...serveWords(place), ...words], options);
  return { server, port: await portIn(place) };
}

/** That a server still does its work. */
async function expectWork(place: Place, port: number): Promise<void> {
  await place.run(place.send(port, "--again", writeSmall(place.path("file"), "content")));
  await place.run(place.receive(port, "--if-exists", "overwrite"));
  expect(readFileSync(place.path("inbox/file"), "utf8")).toBe("content");
}

const GONE = "its reader is gone (EPIPE)";
const FULL = "no space left on the disk (ENOSPC)";

test.each([
  ["a full disk", () => opened("/dev/full"), FULL, []],
  ["a full disk", () => opened("/dev/full"), FULL, ["--json"]],
  ["a pipe whose reader is gone", readerGone, GONE, []],
  ["a pipe whose reader is gone", readerGone, GONE, ["--json"]],
] as const)("a server that prints to %s serves on, and says so once", async (_, sink, why, words) => {
  const place = new Place();
  const { server, port } = await serve(place, { stdout: sink(place) }, ...words);
  for (let round = 0; round < 2; round++) await expectWork(place, port);
  expect(await server.kill("SIGTERM")).toBe(0);
  const said = `standard output: lines are left out: ${why}`;
  expect(lostIn(place)).toEqual([said]);
  expect(server.stderr.split(said)).toHaveLength(2);
});

test("a server that can print nowhere serves on, and its log has both", async () => {
  const place = new Place();
  const { server, port } = await serve(place, { stdout: opened("/dev/full"), stderr: readerGone(place) });
  await expectWork(place, port);
  server.signal("SIGHUP"); // what it says of a reload is lost as well
  await expectWork(place, port);
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(lostIn(place)).toEqual([
    `standard output: lines are left out: ${FULL}`,
    `standard error: lines are left out: ${GONE}`,
  ]);
});

test("a pipe that nobody reads holds a server up neither at work nor at its end", async () => {
  const place = new Place();
  const [out, errors] = [pipe(place), pipe(place)];
  const { server, port } = await serve(place, { stdout: out.to.fd, stderr: errors.to.fd }, "--json");
  // A line about such a file has 600 bytes, so that there are far more than the megabyte that may wait.
  const names = Array.from({ length: 1500 }, (_, n) => writeSmall(place.path(`${"long-".repeat(45)}${n}`), ""));
  for (const queue of ["a", "b", "c"]) await place.run(place.send(port, "--quiet", "--queue", queue, ...names));
  await expectWork(place, port);
  expect(await server.kill("SIGTERM")).toBe(0);
  expect(lostIn(place)).toEqual([
    "standard output: lines are left out: its reader is too slow",
    expect.stringMatching(/^standard output: \d{4} lines were left out, because nobody read them$/),
  ]);
});

test.runIf(hasTerminals)("a server whose terminal is gone serves on", async () => {
  const place = new Place();
  // It is the session's first process, so it is told by SIGHUP as well.
  const words = [process.execPath, builtMain(), ...serveWords(place)];
  const terminal = new Terminal("shown", words, { cwd: place.folder, env: place.environment({}) });
  const [port, pid] = [await portIn(place), await terminal.pid()];
  await expectWork(place, port);
  await terminal.hangUp();
  await vi.waitFor(() => expect(logOf(place).map(({ event }) => event)).toContain("reloaded"), WAIT);
  await expectWork(place, port);
  await endOf(pid, "SIGTERM");
  const why = "lines are left out: its reader is gone (EIO)";
  expect(lostIn(place)).toEqual([`standard output: ${why}`, `standard error: ${why}`]);
});

test.runIf(hasTerminals)("a server whose terminal is on hold serves on", async () => {
  const place = new Place();
  const words = [process.execPath, builtMain(), ...serveWords(place), "--verbose"];
  const terminal = new Terminal("held", words, { cwd: place.folder, env: place.environment({}) });
  const [port, pid] = [await portIn(place), await terminal.pid()];
  const names = Array.from({ length: 300 }, (_, n) => writeSmall(place.path(`${"long-".repeat(45)}${n}`), ""));
  await place.run(place.send(port, "--quiet", "--queue", "other", ...names)); // more than a terminal takes
  await expectWork(place, port);
  await endOf(pid, "SIGTERM");
  expect(logOf(place).at(-1)).toMatchObject({ event: "draining" });
});

test.runIf(hasTerminals)(
  "a follower that was put into the background goes on when its shell and its terminal are gone",
  async () => {
    const place = new Place();
    const { port } = await place.serve();
    const env = place.environment({ PS1: "$ " });
    const terminal = new Terminal("shown", ["bash", "--norc", "-i"], { cwd: place.folder, env });
    const follow = `'${process.execPath}' '${builtMain()}' receive --yes --follow --port ${port} --out inbox`;
    terminal.type(`${follow} & disown; echo "pid is <$!>"`);
    const pid = Number((await terminal.shows(/pid is <(\d+)>/))[1]);
    await terminal.shows(/Waiting for files/);
    terminal.type("exit");
    await terminal.hangUp();
    await place.run(place.send(port, writeSmall(place.path("file"), "x")));
    await vi.waitFor(() => expect(namesIn(place.path("inbox"))).toContain("file"), WAIT);
    await endOf(pid, "SIGINT");
  },
);

test("a follower that has no terminal outlives SIGHUP, as one that was started by nohup should", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const follower = place.receive(port, "--follow");
  await follower.seen("connected");
  follower.signal("SIGHUP");
  await place.run(place.send(port, writeSmall(place.path("file"), "x")));
  await follower.seen("acked");
  expect(await follower.kill("SIGINT")).toBe(130);
});

test.runIf(hasTerminals)("a follower in front of a terminal ends with it", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const words = [
    process.execPath,
    builtMain(),
    "receive",
    "--yes",
    "--follow",
    "--port",
    String(port),
    "--out",
    "inbox",
  ];
  const terminal = new Terminal("shown", words, { cwd: place.folder, env: place.environment({}) });
  await terminal.shows(/Waiting for files/);
  const pid = await terminal.pid();
  await terminal.hangUp();
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), WAIT);
});

test.each([
  ["a full disk", () => opened("/dev/full"), FULL],
  ["a pipe whose reader is gone", readerGone, GONE],
] as const)("a follower that prints to %s goes on, and says so once", async (_, sink, why) => {
  const place = new Place();
  const { port } = await place.serve();
  const words = ["receive", "--follow", "--port", String(port), "--out", "inbox"];
  const follower = place.start(words, { stdout: sink(place) });
  for (const name of ["a", "b", "c"]) {
    await place.run(place.send(port, writeSmall(place.path(name), name)));
    await vi.waitFor(() => expect(namesIn(place.path("inbox"))).toContain(name), WAIT);
  }
  expect(await follower.kill("SIGINT")).toBe(130);
  expect(follower.stderr.match(/standard output: .*/g)).toEqual([`standard output: lines are left out: ${why}`]);
});

test("a pipe as settings that nobody writes to does not keep a command from ending at the second signal", async () => {
  const place = new Place();
  const path = place.path("settings");
  execFileSync("mkfifo", [path]);
  const program = place.start(["send", "--token-file", path, writeSmall(place.path("file"), "x")]);
  await vi.waitFor(() => expect(program.stderr).toContain("every user"), WAIT);
  program.signal("SIGTERM");
  expect(await program.kill("SIGINT")).toMatch(/^SIG(INT|TERM)$/);
});

/** Ends a process that is no child of ours. */
async function endOf(pid: number, signal: NodeJS.Signals): Promise<void> {
  process.kill(pid, signal);
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), WAIT);
}
