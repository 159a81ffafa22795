/** Warnings, the line of a server that stops, and the files that a server without room has not stored. */
import { expect, test } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { listen } from "./listen.ts";

test("a warning begins with that word, with and without colours, and --quiet leaves it out", () => {
  const [piped, coloured, quiet] = [listen(), listen({ isTTY: true }), listen({ quiet: true })];
  for (const { report } of [piped, coloured, quiet]) report.warn("the file is open to others\u001b");
  expect(piped.written.stderr).toBe("warning: the file is open to others\\u001b\n");
  expect(coloured.written.stderr).toBe("\u001b[33mwarning\u001b[39m: the file is open to others\\u001b\n");
  expect(quiet.written.stderr).toBe("");
});

test("a server that stops says what it does about open connections: it waits, or closes them", () => {
  const { report, written } = listen();
  const event = { event: "draining", connections: 2 } as const;
  report.server(event, 8000);
  report.server(event, 0);
  expect(written.stdout).toBe(
    "stopping  no new work; waiting up to 8s for 2 connections to finish\nstopping  closing 2 connections now\n",
  );
});

test("a server without room names no file, so the sender names those that are not stored", () => {
  const { report, written } = listen();
  report.talksTo("files", 1);
  const { transfer, queue } = { transfer: "0".repeat(32), queue: "q" };
  const offered = (name: string, id: string) =>
    report.transfer({ event: "offered", path: name, transfer: id, queue, name, size: 3 * 2 ** 20 });
  offered("a.bin", transfer);
  offered("b.bin", "1".repeat(32));
  report.fail(new FilespoolError("disk-full"));
  expect(written.stderr).toContain("files:1: the server's disk is full; not stored: a.bin, 3.00 MiB and 1 more file\n");
  report.fail(new FilespoolError("connection-lost"));
  expect(written.stderr).not.toMatch(/conversation; not stored/);
});
