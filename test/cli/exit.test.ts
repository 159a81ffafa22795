import { describe, expect, test } from "vitest";
import { cancelled, EXIT, errorFacts, exitCodeOf, UsageError } from "../../src/cli/exit-codes.ts";
import { hintFor } from "../../src/cli/report/error-hints.ts";
import { ERRORS, type ErrorCode, FilespoolError } from "../../src/protocol/errors.ts";

describe("exit codes", () => {
  test.each<[ErrorCode, number]>([
    ["internal", 1],
    ["unreachable", 3],
    ["connection-lost", 3],
    ["name-refused", 4],
    ["file-too-large", 4],
    ["disk-full", 5],
    ["shutting-down", 5],
    ["digest-mismatch", 6],
    ["offset-gap", 6],
    ["file-unreadable", 7],
    ["spool-locked", 7],
    ["interrupted", 130],
  ])("%s exits with %d", (code, exitCode) => expect(exitCodeOf(new FilespoolError(code))).toBe(exitCode));

  test("every code of the error table has an exit code that is neither success nor wrong usage", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect([1, 3, 4, 5, 6, 7, 130]).toContain(exitCodeOf(new FilespoolError(code)));
    }
  });

  test("wrong usage is 2, and whatever nobody foresaw is our bug", () => {
    expect(exitCodeOf(new UsageError("x"))).toBe(2);
    expect(exitCodeOf(new TypeError("x"))).toBe(1);
    expect(exitCodeOf("x")).toBe(1);
    expect(exitCodeOf(cancelled())).toBe(EXIT.interrupted);
    expect(errorFacts("x")).toEqual({ code: "internal", message: "x", exitCode: 1 });
    expect(errorFacts(new UsageError("y"))).toEqual({ code: "usage", message: "y", exitCode: 2 });
  });
});

test("advice names no code that does not exist, and none is given for words that are no code", () => {
  expect(hintFor("name-refused")).toBe("rename the file, and send it again");
  expect(
    hintFor("address-unusable", { server: null }, "cannot listen on localhost:80: permission denied (EACCES)"),
  ).toMatch(/^ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port with --port$/);
  expect(hintFor("address-unusable", { server: null }, "nothing (EADDRINUSE)")).toContain("a free port");
  expect(hintFor("tls-failed", { server: "h:1" })).toContain("add --tls");
  expect(hintFor("tls-failed", { server: "h:1", isEncrypted: true })).toContain("leave out --tls");
  expect(hintFor("transfer-unknown", { server: "h:1", isOperator: true })).toContain("check the id");
  expect([hintFor("usage"), hintFor("constructor"), hintFor("no-such-code")]).toEqual([null, null, null]);
});
