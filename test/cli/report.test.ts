import { describe, expect, test } from "vitest";
import { wantsColour } from "../../src/cli/report/colours.ts";
import { counted, escapeText } from "../../src/cli/report/escape.ts";
import { address, serverLine, transferLine } from "../../src/cli/report/event-text.ts";
import type { ServerEvent, TransferEvent } from "../../src/net/events.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { HOSTILE, SERVERS, shown, TRANSFERS } from "./all-events.ts";
import { listen } from "./listen.ts";

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
