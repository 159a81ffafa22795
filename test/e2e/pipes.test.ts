import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtMain, builtPreload, withoutCoverage } from "../support/built.ts";
import { fileSha256, sha256 } from "../support/content.ts";
import { namesIn } from "../support/process-files.ts";
import { Gate } from "../support/process-gate.ts";
import { Place } from "../support/process-program.ts";
import { readTree } from "../support/trees.ts";

const run = promisify(execFile);
/** In a script: `$f send ...` is filespool, and $1 is the port. */
const FILESPOOL = `f="'${process.execPath}' '${builtMain()}'"; f() { eval "$f" '"$@"'; }`;

/** Runs a shell script in a place, as a person would type it. */
const shell = (place: Place, script: string, port: number, env: NodeJS.ProcessEnv = {}) =>
  run("sh", ["-c", `${FILESPOOL}; ${script}`, "sh", String(port)], {
    cwd: place.folder,
    env: { ...withoutCoverage(process.env), XDG_STATE_HOME: place.path("state"), ...env },
    encoding: "buffer",
    maxBuffer: 200_000_000,
  });

test("what a program writes is sent from its pipe, and comes out of another one byte for byte", async () => {
  const place = new Place();
  const { port } = await place.serve("--metrics-port", "0"); // with metrics, the server has its spool in a wrapping
  await shell(place, 'head -c 50000001 /dev/urandom | tee copy | f send - --name random.bin --port "$1"', port);
  const { stdout, stderr } = await shell(place, 'f receive --output - --port "$1"', port);
  expect(sha256(stdout)).toBe(await fileSha256(place.path("copy")));
  expect(stderr.toString()).toMatch(/^landed +[^/\n]+, .*\nDone: 1 file written to standard output/m);
  const empty = await shell(place, 'f receive --output - --port "$1"', port);
  expect([empty.stdout.length, empty.stderr.toString()]).toEqual([0, 'Nothing is waiting in queue "default".\n']);
});

test("a pipe whose server is killed goes on where its successor has it", async () => {
  const place = new Place();
  const first = await place.serve();
  const gate = await Gate.before(first.port);
  const shut = gate.shutAfter(30_000_000, "up");
  const sending = shell(place, 'head -c 60000000 /dev/urandom | f send --json - --retry 60s --port "$1"', gate.port);
  await first.during(shut);
  await first.kill();
  gate.cut();
  const second = await place.serve();
  gate.target = second.port;
  gate.open();
  const events = (await sending).stdout.toString();
  expect(events).toContain('"event":"resumed"');
  expect(events).toMatch(/"event":"progress".*"size":null/);
  expect(events).toMatch(/"event":"stored".*"name":"stdin","size":60000000/);
  const receiver = await place.run(place.receive(second.port));
  expect(receiver.all("landed")).toMatchObject([{ name: "stdin", size: 60_000_000 }]);
});

test("contents that nobody reads to the end are not acked, and come again", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeFileSync(place.path("big"), Buffer.alloc(5_000_000, "x"));
  await place.run(place.send(port, "big"));
  await shell(place, 'f receive --output - --port "$1" | head -c 10 >/dev/null', port);
  const { stdout } = await shell(place, 'f receive --output - --port "$1"', port);
  expect(stdout.length).toBe(5_000_000);
});

test("a file lands under exactly the name of --output, and folders come out of - as their archive", async () => {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("d"));
  writeFileSync(place.path("d/a"), "in the folder");
  await place.run(place.send(port, "d/a", "d"));
  await shell(place, 'f receive --output here/chosen --port "$1"; f receive --output - --port "$1" | tar x', port);
  expect(readFileSync(place.path("here/chosen"), "utf8")).toBe("in the folder");
  expect(readFileSync(place.path("a"), "utf8")).toBe("in the folder");
});

test("a command gets a path as an argument, never as text of the shell, and facts in its environment", async () => {
  const place = new Place();
  const { port } = await place.serve();
  const names = ["$(touch owned)", "; touch owned #", "`touch owned`", "-rf", "a 'b' \"c\"", "x"];
  for (const name of names) writeFileSync(place.path(name), name);
  await place.run(place.send(port, ...names.map((name) => `./${name}`)));
  const exec =
    'cat {} >> "$HOME/all"; echo " $FILESPOOL_NAME|$FILESPOOL_QUEUE" >> "$HOME/all"; test -f "$FILESPOOL_PATH"';
  const receiver = await place.run(place.receive(port, "--exec", exec));
  expect(await receiver.seen("done")).toMatchObject({ landed: names.length });
  const lines = names.map((name) => `${name} ${name}|default\n`);
  expect(readFileSync(place.path("home/all"), "utf8")).toBe(lines.join(""));
  expect([...namesIn(place.path("inbox")), ...namesIn(place.folder)]).not.toContain("owned");
});

test("a command that fails gives the file back, and says so with its exit code", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeFileSync(place.path("x"), "x");
  await place.run(place.send(port, "x"));
  const once = 'echo tried; test -e "$HOME/mark" || { touch "$HOME/mark"; exit 3; }';
  const failing = await place.run(place.receive(port, "--exec", once), 7);
  expect(failing.all("refused")).toMatchObject([{ name: "x", code: "command-failed" }]);
  expect(failing.all("refused")[0]?.message).toContain("exit code 3");
  expect(namesIn(place.path("inbox"))).toEqual([]);
  const receiver = await place.run(place.receive(port, "--exec", once));
  expect(receiver.all("landed")).toHaveLength(1);
  // With --json, stdout holds nothing but objects.
  expect(receiver.stdout.split("\n").every((line) => line === "" || line.startsWith("{"))).toBe(true);
  expect(receiver.stderr).toContain("tried");
});

test("Ctrl-C ends a command with the run, and the file stays in its queue", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeFileSync(place.path("x"), "x");
  await place.run(place.send(port, "x"));
  const receiver = place.receive(port, "--exec", "echo $$ >&2; exec sleep 1000");
  await receiver.seen("delivered");
  const watcher = spawn("sh", ["-c", "until ls -a inbox | grep -q hook; do sleep 0.1; done"], { cwd: place.folder });
  await new Promise((resolve) => watcher.on("close", resolve));
  expect(await receiver.kill("SIGINT")).toBe(130);
  const pid = Number(receiver.stderr.split("\n")[0]);
  if (pid > 0) expect(() => process.kill(pid, 0)).toThrow();
  const again = await place.run(place.receive(port));
  expect(again.all("landed").length + again.all("acked").length).toBeGreaterThan(0);
});

const FAULTS = ["before rm 2", "after rm 2", "before append 1", "before rename 1", "after rename 1", "before place 1"];
test.each([...FAULTS, "after place 1", "before ack 1"])(
  "a receiver that is killed %s lands a folder once and whole, and leaves nothing hidden",
  async (fault) => {
    const place = new Place();
    const { port } = await place.serve();
    mkdirSync(place.path("d/sub/deep"), { recursive: true });
    writeFileSync(place.path("d/sub/a"), "a");
    symlinkSync("sub/a", place.path("d/link"));
    utimesSync(place.path("d/sub"), 1, 1_000_000_000);
    await place.run(place.send(port, "d"));
    const points = fileURLToPath(new URL("../crash/fault-points.ts", import.meta.url));
    const env = { FILESPOOL_FAULT: fault, NODE_OPTIONS: `--import ${builtPreload(points)}` };
    const words = ["receive", "--json", "--port", String(port), "--out", "inbox", "--if-exists", "rename"];
    expect(await place.start(words, { env }).ended).toBe("SIGKILL");
    const visible = namesIn(place.path("inbox")).filter((name) => !name.startsWith(".filespool"));
    for (const name of visible) expect(readTree(place.path("inbox", name))).toEqual(readTree(place.path("d")));
    await place.run(place.start(words));
    expect(namesIn(place.path("inbox"))).toEqual(["d"]);
    expect(readTree(place.path("inbox/d"))).toEqual(readTree(place.path("d")));
  },
);

test("mistakes are told before anything is touched", async () => {
  const place = new Place();
  const said = async (...words: string[]) => {
    const program = place.start([...words, "--port", "1"]);
    return [await program.ended, program.stderr.split("\n")[0]];
  };
  expect(await said("send", "-", "-")).toEqual([2, "error: standard input can be sent only once: give - once"]);
  expect((await said("send", "x", "--name", "y"))[0]).toBe(2);
  expect((await said("receive", "--output", "x", "--follow"))[0]).toBe(2);
  expect((await said("receive", "--output", "-", "--out", "y"))[0]).toBe(2);
  expect((await said("receive", "--output", "-", "--exec", "true"))[0]).toBe(2);
  expect(execFileSync("ls", { cwd: place.folder, encoding: "utf8" }).trim()).toBe("home");
});
