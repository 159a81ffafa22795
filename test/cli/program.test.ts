import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseArguments } from "../../src/cli/arguments.ts";
import { run, version, type World } from "../../src/cli/program.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "filespool-program-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A stream that remembers, and that tells who waits for a text. */
class Screen extends Writable {
  text = "";
  isTTY = false;
  readonly columns = 80;
  readonly #watchers: [needle: string, found: () => void][] = [];
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    for (const [needle, found] of this.#watchers) if (this.text.includes(needle)) found();
    done();
  }
  shows(needle: string): Promise<void> {
    return new Promise((found) => {
      this.#watchers.push([needle, found]);
      if (this.text.includes(needle)) found();
    });
  }
}

/** Starts a run of the program in this process. */
function start(words: string[], { isTTY = false, env = {} as Record<string, string> } = {}) {
  const [stdout, stderr] = [new Screen(), new Screen()];
  const stdin = Object.assign(new PassThrough(), { isTTY });
  stdout.isTTY = isTTY;
  const [interrupt, terminate] = [new AbortController(), new AbortController()];
  const world: World = {
    words,
    env: { FILESPOOL_STATE: join(folder, "state"), NO_COLOR: "1", ...env },
    folder,
    stdin,
    stdout,
    stderr,
    now: () => performance.now(),
    interrupt: interrupt.signal,
    terminate: terminate.signal,
  };
  return { code: run(world), stdout, stderr, stdin, interrupt, terminate };
}

/** A finished run. */
async function finish(words: string[], options?: Parameters<typeof start>[1]) {
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
    [["send", "--prot", "1"], 2, /^error: unknown option '--prot' \(Did you mean --port\?\)\n$/],
    [["serve", "--port"], 2, /^error: option '--port <number>' argument missing\n$/],
    [["serve", "extra"], 2, /^error: too many arguments/],
    [["send"], 2, /^error: send needs at least one file: filespool send FILE\.\.\.\n$/],
    [["client"], 2, /^error: client asks questions, and there is no terminal; use send or receive\n$/],
    [["serve", "--host", "0.0.0.0"], 2, /^error: --host says 0\.0\.0\.0, which other machines may reach/],
    [["serve", "--config", "none.json"], 2, /^error: the config file none\.json cannot be read: ENOENT/],
    [["receive", "--follow", "--count", "1"], 2, /^error: --follow and --count exclude each other/],
    [[], 2, /Usage: filespool[^]*error: no command given, and nobody to ask for one; use serve, send or receive\n$/],
    [["send", "x", "--port", "1"], 3, /^error: cannot reach a server at localhost:1 /],
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
      "256KiB",
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
    files: ["a", "b", "--x"],
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
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining("Done: 0 files stored, 1 stored before") });

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
    expect(waited.out).toBe('Nothing has arrived for 1ms in queue "default".\n');

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
    expect(receiver.stdout.text).toBe('Waiting for files in queue "default"; Ctrl-C ends it.\n');
    expect(receiver.stderr.text).toMatch(/^interrupted: /);
    server.terminate.abort();
    expect(await server.code).toBe(0);
    expect(server.stderr.text).toContain("durability fsync, buffer 256KiB\n");
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
    expect([code, err]).toEqual([0, expect.stringContaining("a killed send will not be continued")]);
    server.terminate.abort();
    await server.code;
  });
});

describe("on a terminal", () => {
  /** Types keys, each when the screen shows the text before it. */
  async function play(words: string[], script: [shows: string, keys: string][], env?: Record<string, string>) {
    const program = start(words, { isTTY: true, ...(env && { env }) });
    for (const [shows, keys] of script) {
      await program.stdout.shows(shows);
      program.stdin.write(keys);
    }
    return program;
  }

  test("the original's walk: a server that asks, a client that sends, a client that receives", async () => {
    await writeFile(join(folder, "hello.txt"), "hello");
    const config = join(folder, "filespool.config.json");
    await writeFile(config, JSON.stringify({ port: 0, spool: join(folder, "spool") }));
    const server = await play(
      [],
      [
        ["Serve, send", "\r"],
        ["Host to listen", "\r"],
        ["Buffer size?", "4KiB\r"],
      ],
    );
    await server.stdout.shows("Waiting for sender...");
    expect(server.stdout.text).toContain("Without questions: filespool serve --yes --buffer-size 4KiB");
    const port = /listening on localhost:(\d+)/.exec(server.stdout.text)?.[1] as string;
    await rm(config);

    const sender = await play(
      ["client"],
      [
        ["Host of", "\r"],
        ["Port of", `${port}\r`],
        ["Sender or", "\r"],
        ["Which file?", "hel"],
        ["Search: hel", "\r"],
      ],
      { FILESPOOL_QUEUE: "q" },
    );
    // Relative names are those of the process's working folder, which is not the one of this test.
    expect(await sender.code).toBe(7);
    expect(sender.stdout.text).toContain(`Without questions: filespool send --yes --port ${port} hello.txt`);

    const out = join(folder, "in");
    const receiver = await play(
      ["client", "--port", port],
      [
        ["Host of", "\r"],
        ["Sender or", "\u001b[B\r"],
        ["Folder to", `${out}\r`],
      ],
    );
    expect(await receiver.code).toBe(0);
    expect(receiver.stdout.text).toContain("Nothing is waiting");
    server.terminate.abort();
    expect(await server.code).toBe(0);
  });

  test("an open address is confirmed, or refused", async () => {
    const words = ["serve", "--host", "0.0.0.0", "--port", "0", "--buffer-size", "4KiB"];
    const program = await play(words, [["all the same?", "n"]]);
    expect(await program.code).toBe(2);
  });

  test("Ctrl-C in a question ends with 130", async () => {
    const program = await play(["serve"], [["Port to listen", "\u0003"]]);
    expect(await program.code).toBe(130);
    expect(program.stderr.text).toBe("interrupted: cancelled\n");
  });
});
