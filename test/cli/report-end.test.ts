/** What a run says at its end: what was done, what failed and why, and what to do next. */
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { about, HOSTILE, TRANSFERS } from "./all-events.ts";
import { listen } from "./listen.ts";

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
