/** Output that is lost: on a full disk, in a pipe that nobody reads, or because there is none. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readTokens } from "../../src/net/extensions/trust/tokens.ts";
import { skipAloud } from "../spool/children.ts";
import { writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";
import { opened, readerGone, smallDisk } from "../support/sinks.ts";

type Sink = number | "closed" | undefined;

/** A place with a server that has files and dead letters, and what runs a command there, with its output in a sink. */
async function withServer() {
  const place = new Place();
  const { port } = await place.serve();
  const files = Array.from({ length: 40 }, (_, number) => writeSmall(place.path(`f${number}`), `${number}`));
  await place.run(place.send(port, ...files));
  const env = { FILESPOOL_PORT: String(port), FILESPOOL_SPOOL: place.path("spool") };
  const run = async (words: readonly string[], stdout?: Sink) => {
    const program = place.start(words, { env, ...(stdout !== undefined && { stdout }) });
    return { code: await program.ended, ...program, stdout: program.stdout, stderr: program.stderr };
  };
  return { place, files, run };
}

const LOST =
  /^error: cannot write to standard output: no space left on the disk \(ENOSPC\); lines are lost, files are not$/m;
const STACK = /^\s+at |node:internal/m;

const NOBODY = "0".repeat(32);
/** What each command is run with, and its exit code when nothing is lost. The same command may run any number of times. */
const COMMANDS: readonly (readonly [code: number, ...words: string[]])[] = [
  [0, "--help"],
  [0, "--version"],
  [0, "serve", "--help"],
  [0, "completion", "zsh"],
  [0, "config", "show", "serve"],
  [0, "token", "list"],
  [0, "list"],
  [0, "list", "default"],
  [4, "show", NOBODY],
  [4, "status", NOBODY],
  [0, "dead"],
  [0, "send", "--again", "f0"],
  [0, "receive", "--out", "inbox", "--if-exists", "rename", "--count", "1"],
  [4, "cancel", NOBODY],
  [4, "requeue", NOBODY],
  [0, "purge", "nothing", "--yes"],
];

test.each(["", "--json"])(
  "output that is lost is never a success, nor a bug of ours: every command %s",
  async (kind) => {
    const { place, run } = await withServer();
    const full = opened("/dev/full");
    for (const [code, ...words] of COMMANDS) {
      const typed = kind === "" ? words : [...words, kind];
      const [kept, lost, gone, closed] = await Promise.all([
        run(typed),
        run(typed, full),
        run(typed, readerGone(place)),
        run(typed, "closed"),
      ]);
      // Node opens /dev/null in the place of what is closed, so that nothing can tell it from `> /dev/null`.
      const codes = [kept, lost, gone, closed].map((program) => program.code);
      expect([typed, ...codes]).toEqual([typed, code, code || 7, code || 141, code]);
      expect(kept.stdout).not.toBe("");
      expect(lost.stderr).toMatch(LOST);
      for (const { stderr } of [lost, gone, closed]) expect(stderr).not.toMatch(STACK);
      if (code === 0) expect([lost.stderr.match(/^error: /gm)?.length, gone.stderr]).toEqual([1, ""]);
    }
  },
);

test("a disk that takes the beginning has not taken the output", async (context) => {
  const { place, run } = await withServer();
  const disk = smallDisk(place, 1) ?? skipAloud(context, "a small disk cannot be mounted here");
  for (const words of [
    ["serve", "--help"],
    ["completion", "bash"],
    ["list", "default", "--json"],
  ]) {
    const lost = await run(words, opened(`${disk}/file`));
    expect([words, lost.code, statSync(`${disk}/file`).size]).toEqual([words, 7, 4096]);
    expect(lost.stderr).toMatch(LOST);
  }
});

test("config check and token revoke, which change or find something", async () => {
  const { place, run } = await withServer();
  writeFileSync(place.path("settings.json"), "{}");
  expect(await run(["config", "check", "--config", "settings.json"], opened("/dev/full"))).toMatchObject({ code: 7 });
  const { stdout } = await run(["token", "create", "--queue", "q", "--json"]);
  const { id } = JSON.parse(stdout) as { id: string };
  expect(await run(["token", "revoke", id], opened("/dev/full"))).toMatchObject({ code: 7 });
  expect(readTokens(place.path("spool/tokens.json"))).toEqual([]);
});

test("files are sent and collected although all lines about them are lost", async () => {
  const { place, files, run } = await withServer();
  for (const [index, sink] of [opened("/dev/full"), readerGone(place)].entries()) {
    const lost = [7, 141][index];
    const queue = ["--queue", `q${index}`];
    expect(await run(["send", ...queue, "--json", ...files], sink)).toMatchObject({ code: lost });
    expect(await run(["receive", ...queue, "--out", `in${index}`], sink)).toMatchObject({ code: lost });
    const texts = files.map((_, number) => readFileSync(place.path(`in${index}`, `f${number}`), "utf8"));
    expect(texts).toEqual(files.map((_, number) => `${number}`));
  }
});

const SECRETS: readonly (readonly string[])[] = [
  ["invite", "--queue", "photos"],
  ["token", "create", "--queue", "photos", "--json"],
];
test.each(SECRETS)("%s %s: a secret that nobody has seen is taken back", async (...words) => {
  const { place, run } = await withServer();
  const tokens = () => readTokens(place.path("spool/tokens.json")).length;
  const said = "error: the token could not be written to standard output";
  const full = await run(words, opened("/dev/full"));
  expect([full.code, full.stderr]).toEqual([7, `${said}: no space left on the disk (ENOSPC); it was removed\n`]);
  const gone = await run(words, readerGone(place));
  expect([gone.code, gone.stderr]).toEqual([7, `${said}: its reader is gone (EPIPE); it was removed\n`]);
  expect(tokens()).toBe(0);
  for (const sink of ["closed", opened("/dev/null")] as const) {
    const unseen = await run(words, sink);
    expect(unseen.code).toBe(7);
    expect(unseen.stderr).toMatch(/^error: standard output is closed or is \/dev\/null.*\n$/);
  }
  expect(tokens()).toBe(0);
  expect(await run(words)).toMatchObject({ code: 0 });
  expect(tokens()).toBe(1);
});

test("a token whose new secret is lost keeps the old one", async () => {
  const { place, run } = await withServer();
  const { stdout } = await run(["token", "create", "--queue", "q", "--json"]);
  const { id } = JSON.parse(stdout) as { id: string };
  const file = place.path("spool/tokens.json");
  const before = readFileSync(file, "utf8");
  const rotated = await run(["token", "rotate", id], opened("/dev/full"));
  expect(rotated).toMatchObject({
    code: 7,
    stderr: expect.stringMatching(/no space left .*; the old token is valid again\n$/),
  });
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("a token that cannot be taken back is named", async (context) => {
  const { place, run } = await withServer();
  // Room for the file of tokens, and none for the one that would take its place.
  const disk = smallDisk(place, 1) ?? skipAloud(context, "a small disk cannot be mounted here");
  const lost = await run(["token", "create", "--queue", "q", "--spool", `${disk}/spool`], opened("/dev/full"));
  const [record] = readTokens(`${disk}/spool/tokens.json`);
  expect(lost.code).toBe(7);
  expect(lost.stderr).toMatch(
    new RegExp(`it could not be removed either .*: .*filespool token revoke ${record?.id}\n$`),
  );
});

test("contents whose end does not fit on the disk behind standard output are not acked", async (context) => {
  const { place, run } = await withServer();
  const disk = smallDisk(place, 1) ?? skipAloud(context, "a small disk cannot be mounted here");
  writeFileSync(place.path("long"), Buffer.alloc(5000, "x"));
  await run(["send", "--queue", "long", "long", "f0"]);
  const lost = await run(["receive", "--queue", "long", "--output", "-", "--count", "2"], opened(`${disk}/file`));
  expect(lost.code).toBe(7);
  const why =
    "error: cannot write to standard output: no space left on the disk (ENOSPC); the file stays in its queue\n";
  expect(lost.stderr.endsWith(why)).toBe(true);
  expect(lost.stderr).not.toMatch(STACK);
  // Neither is gone, and neither delivery counts as a failure of its file.
  const again = await run(["receive", "--queue", "long", "--output", "-", "--count", "2", "--json"]);
  expect(again.stdout).toBe(`${"x".repeat(5000)}0`);
  expect(again.stderr.match(/"attempt":1/g)).toHaveLength(2);
});

test("contents are not thrown away by oversight: a closed standard output takes none", async () => {
  const { run } = await withServer();
  const closed = await run(["receive", "--output", "-"], "closed");
  expect(closed.code).toBe(2);
  expect(closed.stderr).toMatch(/^error: --output - needs standard output, but it is closed/);
  expect(await run(["receive", "--output", "-"], opened("/dev/null"))).toMatchObject({ code: 0 });
});

test("standard error that cannot be written ends nothing", async () => {
  const place = new Place();
  const { port } = await place.serve();
  writeSmall(place.path("file"), "x");
  for (const stderr of [opened("/dev/full"), readerGone(place)]) {
    const words = ["send", "--json", "--port", String(port), "--again", "missing", "file"];
    const sender = place.start(words, { stderr });
    expect(await sender.ended).toBe(7);
    const events = sender.events.map(({ event }) => event);
    expect(events).toEqual(["connected", "refused", "offered", "stored", "done", "error"]);
  }
});
