import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseArguments } from "../../src/cli/arguments.ts";
import { version } from "../../src/cli/environment.ts";
import { RawPeer } from "../support/raw-peer.ts";
import { start as startIn } from "./environment.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "filespool-program-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A run in the folder of this test. */
const start = (words: string[], options?: Parameters<typeof startIn>[2]) => startIn(folder, words, options);

/** A finished run. */
async function finish(words: string[], options?: Parameters<typeof startIn>[2]) {
  const { code, stdout, stderr } = start(words, options);
  return { code: await code, out: stdout.text, err: stderr.text };
}

/** A server on a free port, in this process. */
async function serve(...words: string[]) {
  const server = start(["serve", "--port", "0", "--spool", join(folder, "spool"), "--json", ...words]);
  await server.stdout.shows('"listening"');
  return {
    ...server,
    port: String((JSON.parse(server.stdout.text.split("\n")[0] as string) as { port: number }).port),
  };
}

describe("words that end in a sentence", () => {
  test.each<[string[], number, RegExp]>([
    [["sned"], 2, /^error: unknown command 'sned' \(Did you mean send\?\)\n$/],
    [["help", "sned"], 2, /^error: unknown command 'sned' \(Did you mean send\?\)\n$/],
    [["send", "--prot", "1"], 2, /^error: unknown option '--prot' \(Did you mean --port\?\)\n$/],
    [["serve", "--port"], 2, /^error: option '--port <number>' needs a value; see filespool serve --help\n$/],
    [["serve", "extra"], 2, /^error: too many words; see filespool serve --help/],
    [["send"], 2, /^error: send needs at least one file: filespool send FILE\.\.\.\n$/],
    [["client"], 2, /^error: client asks questions and needs a terminal; use filespool send or filespool receive\n$/],
    [["serve", "--host", "0.0.0.0"], 2, /^error: --host is 0\.0\.0\.0, which other machines may reach/],
    [
      ["serve", "--config", "none.json"],
      2,
      /^error: the config file none\.json cannot be read: there is no such file or folder \(ENOENT\)/,
    ],
    [["receive", "--follow", "--count", "1"], 2, /^error: --follow and --count exclude each other/],
    [
      [],
      2,
      /Usage: filespool[\s\S]*error: no command given; use filespool serve, filespool send or filespool receive\n$/,
    ],
    [["send", "x", "--port", "1"], 3, /^error: cannot reach a server at localhost:1: /],
  ])("%j exits with %d", async (words, code, sentence) => {
    expect(await finish(words)).toEqual({ code, out: "", err: expect.stringMatching(sentence) });
  });

  test("with --json, an error is an object as well", async () => {
    const { code, out } = await finish(["send", "--json", "--port", "x"]);
    expect([code, JSON.parse(out)]).toEqual([
      2,
      expect.objectContaining({ event: "error", code: "usage", exitCode: 2 }),
    ]);
  });

  test("a variable that is set on a bare call forbids questions, too", async () => {
    expect((await finish([], { isTTY: true, env: { FILESPOOL_YES: "1" } })).code).toBe(2);
    expect((await finish([], { isTTY: true, env: { FILESPOOL_CONFIG: "none.json" } })).code).toBe(2);
  });
});

describe("help", () => {
  test("the version is the one of the package", async () => {
    expect(await finish(["--version"])).toEqual({ code: 0, out: `${version()}\n`, err: "" });
  });

  test.each([
    ["--help"],
    ["help", "send"],
    ["serve", "--help"],
    ["send", "-h"],
    ["receive", "--help"],
    ["client", "--help"],
  ])("%s %s has examples and fits 80 columns", async (...words) => {
    const { code, out } = await finish(words);
    expect(code).toBe(0);
    expect(out).toContain("Examples:");
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("names every setting of a command with its default", async () => {
    const { out } = await finish(["serve", "--help"]);
    for (const words of [
      "--port <number>",
      "(default: localhost)",
      "--buffer-size <size>",
      "1MiB",
      "--spool <folder>",
    ]) {
      expect(out.replace(/\s+/g, " ")).toContain(words);
    }
  });
});

test("typed flags keep their text, and switches are true, --no-input among them", () => {
  const words = ["send", "a", "--port", "1", "--no-input", "b", "--again", "--config", "c", "--", "--x"];
  expect(parseArguments(words, "0", { write() {} })).toEqual({
    verb: "send",
    operands: ["a", "b", "--x"],
    flags: { port: "1", "no-input": true, again: true },
    config: "c",
  });
});

describe("the whole path", () => {
  test("files are sent, wait, and are collected; the server says who did what", async () => {
    const { port, ...server } = await serve();
    const name = "naïve  “q” – (1).txt";
    await writeFile(join(folder, name), "grüße");
    const sent = await finish(["send", "--port", port, join(folder, name), join(folder, "gone.txt")]);
    expect(sent.code).toBe(7);
    expect(sent.out).toMatch(
      /^stored {4}naïve {2}“q” – \(1\)\.txt, 7 B\nDone: 1 file stored, 1 failed; 7 B in \d+ ms\.\n$/,
    );
    expect(sent.err).toMatch(/^failed .*gone\.txt.*\n {10}check the path/);

    const again = await finish(["send", "--port", port, join(folder, name)]);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining("Done: 0 files stored, 1 already stored") });

    const out = join(folder, "in");
    const taken = await finish(["receive", "--port", port, "--out", out, "--json"]);
    expect(taken.code).toBe(0);
    expect(
      taken.out
        .trimEnd()
        .split("\n")
        .map((text) => (JSON.parse(text) as { event: string }).event),
    ).toEqual(["connected", "delivered", "landed", "acked", "done"]);
    expect(await readFile(join(out, name), "utf8")).toBe("grüße");

    const none = await finish(["receive", "--port", port, "--out", out]);
    expect(none).toEqual({ code: 0, out: 'Nothing is waiting in queue "default".\n', err: "" });
    const waited = await finish(["receive", "--port", port, "--out", out, "--wait", "1ms", "--count", "1"]);
    expect(waited.out).toBe('Nothing arrived in queue "default" for 1ms.\n');

    server.terminate.abort();
    expect(await server.code).toBe(0);
    const events = server.stdout.text
      .trimEnd()
      .split("\n")
      .map((text) => (JSON.parse(text) as { event: string }).event);
    expect(events.filter((event) => ["listening", "stored", "acked", "draining", "done"].includes(event))).toEqual([
      "listening",
      "stored",
      "stored",
      "acked",
      "draining",
      "done",
    ]);
  });

  test("a queue that is empty only because others have its files says so", async () => {
    const { port } = await serve();
    await writeFile(join(folder, "a"), "a");
    await finish(["send", "--port", port, join(folder, "a")]);
    const other = await RawPeer.connect(Number(port));
    await other.greet("receiver");
    await other.send({ type: "want", files: 1 }).until("deliver");
    expect((await finish(["receive", "--port", port, "--out", join(folder, "in")])).out).toBe(
      'Nothing is waiting in queue "default". 1 file is being delivered to other receivers; what they do not take returns to the queue.\n',
    );
  });

  test("a name that is taken is refused by default, skipped or renamed on request", async () => {
    const { port, ...server } = await serve();
    await writeFile(join(folder, "a.txt"), "new");
    const send = () => finish(["send", "--port", port, "--again", join(folder, "a.txt")]);
    await send();
    const receive = (...words: string[]) => finish(["receive", "--port", port, "--out", folder, ...words]);
    const refused = await receive();
    expect(refused.code).toBe(7);
    expect(refused.out).toContain("0 files landed");
    expect(refused.out).toContain("1 failed");
    expect((await receive("--if-exists", "skip")).out).toContain("0 files landed in");
    await send();
    expect(await receive("--if-exists", "rename")).toMatchObject({
      code: 0,
      out: expect.stringContaining("1 file landed in"),
    });
    server.interrupt.abort();
    expect(await server.code).toBe(130);
  });

  test("Ctrl-C ends a receiver that follows with 130", async () => {
    const { port, ...server } = await serve("--verbose");
    const receiver = start(["receive", "--port", port, "--out", folder, "--follow", "--retry", "1s"]);
    await server.stdout.shows('"receiver"');
    receiver.interrupt.abort();
    expect(await receiver.code).toBe(130);
    expect(receiver.stdout.text).toBe('Waiting for files in queue "default"; Ctrl-C stops.\n');
    expect(receiver.stderr.text).toMatch(/^interrupted: /);
    server.terminate.abort();
    expect(await server.code).toBe(0);
    expect(server.stderr.text).toContain("durability fsync, buffer 1MiB\n");
  });

  test("a signal that comes before the server listens ends it all the same", async () => {
    const server = start(["serve", "--port", "0", "--spool", join(folder, "spool"), "--durability", "none"]);
    server.terminate.abort();
    expect(await server.code).toBe(0);
    expect(server.stdout.text).toMatch(/^listening on localhost:\d+\nWaiting for sender\.\.\.\n/);
  });

  test("a spool that is in use is told by name", async () => {
    const server = await serve();
    const second = await finish(["serve", "--port", "0", "--spool", join(folder, "spool")]);
    expect(second.code).toBe(7);
    expect(second.err).toContain("another server is using the spool");
    server.terminate.abort();
    await server.code;
  });

  test("without a state folder a file is sent all the same, and --verbose says what that costs", async () => {
    const { port, ...server } = await serve();
    await writeFile(join(folder, "a.txt"), "a");
    const env = { FILESPOOL_STATE: join(folder, "a.txt", "state") };
    const { code, err } = await finish(["send", "--port", port, "--verbose", join(folder, "a.txt")], { env });
    expect([code, err]).toEqual([0, expect.stringContaining("a send that is killed has to start again")]);
    server.terminate.abort();
    await server.code;
  });
});
