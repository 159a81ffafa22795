import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { wantsColour } from "../../src/cli/report/colours.ts";
import { counted, escapeText } from "../../src/cli/report/escape.ts";
import { address, type Line, serverLine, transferLine } from "../../src/cli/report/event-text.ts";
import type { ServerEvent, TransferEvent } from "../../src/net/events.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { listen } from "./listen.ts";

const about = { transfer: "0".repeat(32), queue: "default", name: "a.txt", size: 2048 };
const digest = "d";
/** What a terminal would obey, or show in a way that misleads. */
const HOSTILE = /(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

const TRANSFERS: TransferEvent[] = [
  { event: "connected", host: "::1", port: 1, server: "s", durability: "fsync" },
  { event: "offered", path: "x/a.txt", ...about },
  { event: "resumed", offset: 1024, ...about },
  { event: "progress", offset: 1024, ...about },
  { event: "stored", digest, repeated: false, collected: false, ...about },
  { event: "stored", digest, repeated: true, collected: false, ...about },
  { event: "stored", digest, repeated: true, collected: true, ...about },
  { event: "delivered", digest, attempt: 1, ...about },
  { event: "landed", digest, path: "out/a.txt", skipped: false, ...about },
  { event: "landed", digest, path: "out/a.txt", skipped: true, ...about },
  { event: "acked", ...about },
  { event: "collected", digest, collectedAtMs: 1_700_000_000_000, ...about },
  { event: "collected", digest, collectedAtMs: null, ...about },
  { event: "outstanding", state: "leased", ...about },
  { event: "refused", code: "name-refused", message: "no", ...about },
  { event: "refused", code: "file-unreadable", message: "no", path: "gone.txt" },
  { event: "refused", code: "internal", message: "no" },
  { event: "retrying", delayMs: 1500, attempt: 2, code: "connection-lost", message: "gone" },
];
const peer = "127.0.0.1:9";
const SERVERS: ServerEvent[] = [
  { event: "listening", host: "localhost", port: 5011 },
  { event: "connected", role: "sender", connection: 1, peer },
  { event: "connected", role: "receiver", connection: 1, peer, queue: "q" },
  { event: "disconnected", role: "sender", connection: 1, peer },
  { event: "disconnected", role: "sender", connection: 1, peer, code: "timed-out", message: "silent" },
  { event: "resumed", connection: 1, peer, offset: 1024, ...about },
  { event: "stored", connection: 1, peer, digest, repeated: false, ...about },
  { event: "stored", connection: 1, peer, digest, repeated: true, ...about },
  { event: "delivered", connection: 1, peer, attempt: 1, ...about },
  { event: "acked", connection: 1, peer, ...about },
  { event: "refused", connection: 1, peer, code: "disk-full", message: "full", ...about },
  { event: "returned", connection: 1, peer, reason: "lease", dead: false, ...about },
  { event: "returned", connection: 1, peer, reason: "lease", dead: true, ...about },
  { event: "connected", role: "operator", connection: 1, peer },
  { event: "cancelled", connection: 1, peer, ...about },
  { event: "requeued", connection: 1, peer, queue: "q", files: 1 },
  { event: "purged", connection: 1, peer, queue: "q", files: 2, deadOnly: true },
  { event: "error", code: "internal", message: "oops" },
  { event: "returned", connection: 0, peer: "", reason: "too late", dead: false, ...about },
  { event: "draining", connections: 1 },
  { event: "draining", connections: 0 },
];

const shown = (told: Line | null): string => Object.values({ ...told, ...(told && { text: told.text() }) }).join("|");

describe("what people see", () => {
  test("each event of a transfer", () => {
    expect(TRANSFERS.map((event) => shown(transferLine(event)) || event.event)).toMatchInlineSnapshot(`
      [
        "plain|connected|to [::1]:1 (s, durability fsync)|true",
        "plain|offered|a.txt, 2.00 KiB as 00000000000000000000000000000000|true",
        "plain|resumed|a.txt at 1.00 KiB of 2.00 KiB",
        "progress",
        "good|stored|a.txt, 2.00 KiB",
        "plain|known|a.txt, 2.00 KiB: already stored, not sent again; --again stores a new copy",
        "plain|known|a.txt, 2.00 KiB: already stored and collected, not sent again; --again stores a new copy",
        "plain|delivered|a.txt, 2.00 KiB, attempt 1|true",
        "good|landed|out/a.txt, 2.00 KiB",
        "plain|skipped|a.txt: a file of that name exists",
        "plain|acked|a.txt|true",
        "good|collected|a.txt, 2.00 KiB, 2023-11-14 22:13:20Z, digest d",
        "good|collected|a.txt, 2.00 KiB, digest d",
        "warn|waiting|a.txt, 2.00 KiB: not collected yet",
        "bad|failed|a.txt: no|name-refused",
        "bad|failed|gone.txt: no|file-unreadable",
        "bad|failed|no|internal",
        "warn|retrying|in 1.5 s, attempt 2: gone",
      ]
    `);
  });

  test("each event of the server", () => {
    expect(SERVERS.map((event) => shown(serverLine(event)))).toMatchInlineSnapshot(`
      [
        "good|listening|on localhost:5011",
        "plain|sender|connected from 127.0.0.1:9",
        "plain|receiver|connected from 127.0.0.1:9, collects from queue q",
        "plain|sender|127.0.0.1:9 disconnected|true",
        "warn|sender|127.0.0.1:9 disconnected: silent",
        "plain|resumed|a.txt at 1.00 KiB of 2.00 KiB",
        "good|stored|a.txt, 2.00 KiB, in queue default, from 127.0.0.1:9",
        "plain|known|a.txt, 2.00 KiB, already stored|true",
        "plain|delivered|a.txt, 2.00 KiB, to 127.0.0.1:9|true",
        "good|collected|a.txt, 2.00 KiB, from queue default, by 127.0.0.1:9",
        "warn|refused|a.txt: full (from 127.0.0.1:9)",
        "warn|returned|a.txt by 127.0.0.1:9: lease; it is first in its queue again",
        "bad|returned|a.txt by 127.0.0.1:9: lease; it failed too often and is now a dead letter",
        "plain|operator|connected from 127.0.0.1:9",
        "warn|cancelled|a.txt, 2.00 KiB, in queue default, by the operator at 127.0.0.1:9",
        "plain|requeued|1 dead letter of queue q, by the operator at 127.0.0.1:9",
        "warn|purged|2 dead letters of queue q, by the operator at 127.0.0.1:9",
        "bad|error|oops",
        "warn|returned|a.txt: too late; it is first in its queue again",
        "plain|stopping|closing 1 connection now",
        "plain|stopping|no connection is open",
      ]
    `);
  });

  test("no field of any event reaches the screen unescaped", () => {
    const evil = "\u001b]0;x\u0007\u202e\r";
    const poison = <T extends object>(event: T): T =>
      Object.fromEntries(
        Object.entries(event).map(([key, value]) => [
          key,
          typeof value === "string" && !["event", "role"].includes(key) ? evil : value,
        ]),
      ) as T;
    for (const json of [false, true]) {
      const { report, written } = listen({ verbose: true, json });
      for (const event of TRANSFERS) report.transfer(poison(event));
      for (const event of SERVERS) report.server(poison(event));
      report.fail(new FilespoolError("internal", evil));
      expect(written.stdout + written.stderr).not.toMatch(HOSTILE);
    }
  });

  test("results go to stdout, troubles to stderr, and details wait for --verbose", () => {
    const { report, written } = listen();
    for (const event of TRANSFERS) report.transfer(event);
    report.say("hello");
    report.remark("not now");
    expect(written.stdout).toBe(
      "resumed   a.txt at 1.00 KiB of 2.00 KiB\nstored    a.txt, 2.00 KiB\n" +
        "known     a.txt, 2.00 KiB: already stored, not sent again; --again stores a new copy\n" +
        "known     a.txt, 2.00 KiB: already stored and collected, not sent again; --again stores a new copy\n" +
        "landed    out/a.txt, 2.00 KiB\nskipped   a.txt: a file of that name exists\n" +
        "collected a.txt, 2.00 KiB, 2023-11-14 22:13:20Z, digest d\ncollected a.txt, 2.00 KiB, digest d\nhello\n",
    );
    expect(written.stderr).toContain("failed    gone.txt: no\n");
    const verbose = listen({ verbose: true });
    verbose.report.remark("now");
    verbose.report.transfer(TRANSFERS[0] as TransferEvent);
    expect(verbose.written).toEqual({ stderr: "now\n", stdout: "connected to [::1]:1 (s, durability fsync)\n" });
  });

  test("an address of version 6 has brackets", () => {
    expect([address("::1", 5), address("localhost", 5)]).toEqual(["[::1]:5", "localhost:5"]);
    expect([counted(1, "file"), counted(0, "file")]).toEqual(["1 file", "0 files"]);
  });

  test("colours need a terminal, and NO_COLOR forbids them", () => {
    const output = { write() {}, isTTY: true };
    expect(wantsColour(output, {})).toBe(true);
    expect(wantsColour(output, { NO_COLOR: "1", FORCE_COLOR: "1" })).toBe(false);
    expect(wantsColour({}, {})).toBe(false);
    expect(wantsColour({}, { FORCE_COLOR: "1" })).toBe(true);
    expect(wantsColour(output, { FORCE_COLOR: "0" })).toBe(false);
    const { report, written } = listen({ isTTY: true });
    report.server(SERVERS[0] as ServerEvent);
    expect(written.stdout).toBe("\u001b[32mlistening\u001b[39m on localhost:5011\n");
  });

  test("--quiet prints errors and nothing else", () => {
    const { report, written } = listen({ quiet: true, isTTY: true });
    for (const event of TRANSFERS) report.transfer(event);
    report.say("hello");
    report.done({ stored: 1 }, "Done.");
    report.fail(new FilespoolError("disk-full", "the disk is full"));
    expect(written.stdout).toBe("");
    expect(escapeText(written.stderr).match(/failed|error/g)).toEqual(["failed", "failed", "failed", "error"]);
  });
});

describe("the end of a run", () => {
  test("an error is one sentence, and its exit code", () => {
    const { report, written } = listen();
    expect(report.fail(new FilespoolError("transfer-ended", "it is gone"))).toBe(4);
    expect(written).toEqual({ stdout: "", stderr: "error: it is gone\n" });
  });

  test("an error says at which server it was, unless it says so itself or is of this machine", () => {
    const { report, written } = listen();
    report.talksTo("::1", 5);
    report.fail(new FilespoolError("version-unsupported", "no common version"));
    report.fail(new FilespoolError("unreachable", "cannot reach [::1]:5"));
    report.fail(new FilespoolError("file-unreadable", "a.txt is a folder"));
    expect(written.stderr.match(/error: .*/g)).toEqual([
      "error: [::1]:5: no common version",
      "error: cannot reach [::1]:5",
      "error: a.txt is a folder",
    ]);
  });

  test("what can be done is said below the error, once for each kind", () => {
    const { report, written } = listen();
    for (const event of [0, 1])
      report.transfer({ event: "refused", code: "name-refused", message: "no", ...about, name: `${event}` });
    expect(written.stderr).toBe("failed    0: no\n          rename the file, and send it again\nfailed    1: no\n");
  });

  test("on a terminal, troubles are broken between words, and nothing that is to be copied is broken", () => {
    const error = new FilespoolError("unreachable", "cannot reach a server at files.example.org:5011: nobody listens");
    const narrow = listen({ isTTY: true, columns: 40, env: { NO_COLOR: "1" } });
    narrow.report.talksTo("files.example.org", 5011);
    narrow.report.fail(error);
    narrow.report.transfer({
      event: "refused",
      code: "file-unreadable",
      path: "a/long/path/of/a/file.txt",
      message: "it is gone",
    });
    expect(narrow.written.stderr).toMatchInlineSnapshot(`
      "error: cannot reach a server at
             files.example.org:5011: nobody
             listens
             check --host and --port, and that
             the server runs (filespool
             serve); --retry 1m waits for it
      failed    a/long/path/of/a/file.txt: it
                is gone
                check the path, and that you
                may read it
      "
    `);
    const coloured = listen({ isTTY: true, columns: 40 });
    coloured.report.fail(error);
    expect(stripVTControlCharacters(coloured.written.stderr)).toContain("error: cannot reach a server at\n");
    const piped = listen({ columns: 40 });
    piped.report.fail(error);
    expect(piped.written.stderr).toContain(`error: ${error.message}\n`);
  });

  test("a stack trace is for those who ask, and a bug says that it is one", () => {
    const bug = new TypeError("x is not a function");
    const plain = listen();
    expect(plain.report.fail(bug)).toBe(1);
    expect(plain.written.stderr).toContain("this is a bug");
    expect(plain.written.stderr).not.toContain("    at ");
    for (const options of [{ verbose: true }, { env: { FILESPOOL_DEBUG: "1" } }]) {
      const { report, written } = listen(options);
      report.fail(new TypeError("x is not a function"));
      expect(written.stderr).toContain("\n    at ");
      report.fail("not even an error");
      expect(written.stderr).toContain("error: not even an error\n");
    }
  });

  test("a person who pressed Ctrl-C is not told about an error", () => {
    const { report, written } = listen();
    expect(report.fail(new FilespoolError("interrupted", "stopped on request"))).toBe(130);
    report.talksTo("localhost", 1);
    report.fail(new FilespoolError("interrupted", "stopped on request"));
    expect(written.stderr).toBe(
      "interrupted: stopped on request\ninterrupted: stopped on request\n" +
        "       run the same command again; it continues where this run stopped\n",
    );
  });

  test("--json: every event is one line, in order, and the last one says how it ended", () => {
    const { report, written } = listen({ json: true, isTTY: true });
    for (const event of TRANSFERS) report.transfer(event);
    report.say("for people only");
    report.done({ stored: 2, failed: 1 }, "Done.");
    report.failures([new FilespoolError("file-unreadable", "gone.txt")]);
    const objects = written.stdout
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as object);
    expect(objects.slice(0, TRANSFERS.length)).toEqual(TRANSFERS);
    expect(objects.slice(TRANSFERS.length)).toEqual([
      { event: "done", stored: 2, failed: 1 },
      { event: "error", code: "file-unreadable", message: "gone.txt", exitCode: 7 },
    ]);
    expect(written.stderr).toBe("");
  });

  test("--json --quiet: only the objects that report a failure", () => {
    const { report, written } = listen({ json: true, quiet: true });
    for (const event of TRANSFERS) report.transfer(event);
    report.done({}, "Done.");
    report.failures([]);
    report.fail(new FilespoolError("disk-full"));
    expect(written.stdout.match(/"event":"\w+"/g)).toEqual([...Array(3).fill('"event":"refused"'), '"event":"error"']);
  });

  test("what JSON leaves as it is, a terminal would still obey: it is escaped, and means the same", () => {
    const { report, written } = listen({ json: true });
    const name = "a\u009b2J\u202e\u001b.txt";
    report.transfer({ event: "acked", ...about, name });
    expect(written.stdout).not.toMatch(HOSTILE);
    expect(JSON.parse(written.stdout)).toMatchObject({ name });
  });
});
