import { expect, test } from "vitest";
import { fileError } from "../../src/disk/files.ts";
import { describe, errorName } from "../../src/disk/system-errors.ts";

/** As Node makes them of what libuv has no name for. */
const unknown = (errno: number, message = "write") =>
  Object.assign(new Error(`Unknown system error ${errno}: Unknown system error ${errno}, ${message}`), {
    ...{ errno, code: `Unknown system error ${errno}`, syscall: "write" },
  });

test.runIf(process.platform === "linux")("errors that Node has no name for are told by their number", () => {
  expect(errorName(unknown(-122))).toBe("EDQUOT");
  expect(errorName(unknown(-116))).toBe("ESTALE");
  expect(describe(unknown(-122))).toBe("the quota of the disk is used up (EDQUOT)");
  expect(describe(unknown(-116))).toBe("the network disk does not know that file any more (ESTALE)");
  expect(fileError(unknown(-122), "the spool /x")).toMatchObject({ code: "disk-full", retry: true });
  expect(fileError(unknown(-116), "the spool /x")).toMatchObject({ code: "spool-unusable" });
  // As lmdb-js makes them: the number alone.
  expect(fileError(Object.assign(new Error("Disk quota exceeded"), { code: 122 }), "x")).toMatchObject({
    code: "disk-full",
  });
});

test("every other error keeps its name, its words, or what it said", () => {
  expect(errorName(Object.assign(new Error("no"), { code: "EACCES", errno: -13 }))).toBe("EACCES");
  expect(errorName(Object.assign(new Error("no"), { code: "ERR_INVALID_ARG_TYPE" }))).toBe("ERR_INVALID_ARG_TYPE");
  for (const none of [new Error("no"), null, undefined, "no", 7]) expect(errorName(none)).toBeUndefined();
  expect(describe(new Error("no words for this"))).toBe("no words for this");
  expect(describe(Object.assign(new Error("a strange one"), { code: "ESTRANGE" }))).toBe("a strange one");
});
