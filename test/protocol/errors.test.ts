import { describe, expect, test } from "vitest";
import {
  asError,
  assert,
  ERRORS,
  type ErrorCode,
  FilespoolError,
  failure,
  isErrorCode,
  known,
} from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

describe("every error code", () => {
  test.each(codes)("%s says what it means, whose fault it is and whether to retry", (code) => {
    const { kind, fault, retry, means } = ERRORS[code];
    expect(["unreachable", "refused", "temporary", "integrity", "local", "bug"]).toContain(kind);
    expect(["client", "server", "network", "bug"]).toContain(fault);
    expect(typeof retry).toBe("boolean");
    expect(means).toMatch(/^[a-z].{10,}[a-z]$/);
  });

  test.each(codes)("%s becomes an error that carries its row", (code) => {
    const { kind, retry, means } = ERRORS[code];
    const error = new FilespoolError(code);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "FilespoolError", code, kind, retry, message: means });
  });

  test("is words with dashes and fits a message", () => {
    for (const code of codes) expect(code).toMatch(/^(?=.{1,64}$)[a-z]+(-[a-z]+)*$/);
  });
});

describe("retrying", () => {
  const retryable = codes.filter((code) => ERRORS[code].retry);

  test("is worth it for every temporary error", () => {
    expect(codes.filter((code) => ERRORS[code].kind === "temporary" && !ERRORS[code].retry)).toEqual([]);
  });

  test("is worth it for every failure of the road between the two ends", () => {
    expect(codes.filter((code) => ERRORS[code].fault === "network" && !ERRORS[code].retry)).toEqual([]);
  });

  test("is never worth it for what was refused for good, for a local problem, or for a bug", () => {
    const final = retryable.filter((code) => ["refused", "local", "bug"].includes(ERRORS[code].kind));
    expect(final).toEqual([]);
  });

  test("is never worth it when the peer broke the protocol", () => {
    const integrity = retryable.filter((code) => ERRORS[code].kind === "integrity");
    expect(integrity).toEqual(["frame-damaged", "digest-mismatch"]);
  });
});

describe("the table is closed:", () => {
  test("a code is one of its rows", () => {
    for (const code of codes) expect(isErrorCode(code)).toBe(true);
    for (const other of ["", "Unreachable", "toString", "__proto__", "constructor", "disk-full "]) {
      expect(isErrorCode(other), other).toBe(false);
    }
  });

  test("an error with any other code does not exist", () => {
    // @ts-expect-error: the type refuses it, and so does the program
    expect(() => new FilespoolError("no-such-code")).toThrow(TypeError);
  });

  test("an error keeps its own sentence and its cause", () => {
    const cause = new Error("ENOSPC");
    const error = new FilespoolError("disk-full", "no room for a.txt", { cause });
    expect(error).toMatchObject({ message: "no room for a.txt", cause, code: "disk-full", retry: true });
  });

  test("our own bug is no FilespoolError", () => {
    expect(() => assert(false, "1 is 2")).toThrow(new Error("bug in filespool: 1 is 2"));
    expect(() => assert(true, "1 is 1")).not.toThrow();
  });
});

describe("an error that crosses the wire", () => {
  const isOfServer = (code: ErrorCode) => !["local", "bug"].includes(ERRORS[code].kind) && code !== "interrupted";

  test.each(codes.filter(isOfServer))("%s arrives as it was sent", (code) => {
    const sent = new FilespoolError(code, "what happened");
    expect(asError(failure(sent))).toMatchObject({ ...sent, message: "what happened" });
  });

  test.each(codes.filter((code) => !isOfServer(code)))("%s is the peer's trouble here, and never ours", (code) => {
    const arrived = asError(failure(new FilespoolError(code, "what happened")));
    expect(["local", "bug"]).not.toContain(arrived.kind);
    expect(["peer-failed", "storage-failed", "shutting-down"]).toContain(arrived.code);
    expect(arrived.message).toContain("what happened");
  });

  test("fits the message that carries it", () => {
    const { message } = failure(new FilespoolError("message-invalid", "x".repeat(100_000)));
    expect(message.length).toBeLessThanOrEqual(LIMITS.textCharsMax);
  });

  test("with a code that nobody knows is the peer's fault, and keeps its sentence", () => {
    const message = "out of cheese";
    expect(asError({ code: "toString", message })).toMatchObject({ code: "frame-unexpected", message });
  });
});

describe("whatever was thrown", () => {
  test("stays as it is when it is ours", () => {
    const error = new FilespoolError("disk-full");
    expect(known(error)).toBe(error);
  });

  test.each([new TypeError("x is not a function"), "a string", null, undefined, 7])("else is our bug: %s", (thrown) => {
    expect(known(thrown)).toMatchObject({ code: "internal", kind: "bug", cause: thrown });
  });
});
