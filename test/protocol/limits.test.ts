import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";

describe("limits", () => {
  test("are positive whole numbers that a number holds exactly", () => {
    for (const [name, limit] of Object.entries(LIMITS).filter(([name]) => name !== "versions")) {
      expect(Number.isSafeInteger(limit) && (limit as number) > 0, name).toBe(true);
    }
  });

  test("say their unit at the end of their name", () => {
    for (const name of Object.keys(LIMITS)) {
      expect(name).toMatch(/(Bytes|Chars|Files|Receivers|PerSecond)(Max|Min|Default)?$|Ms$|^versions$/);
    }
  });

  test("of the buffer are ordered: least, default, most, one data frame", () => {
    expect(LIMITS.bufferBytesMin).toBeLessThanOrEqual(LIMITS.bufferBytesDefault);
    expect(LIMITS.bufferBytesDefault).toBeLessThanOrEqual(LIMITS.bufferBytesMax);
    expect(LIMITS.bufferBytesMax).toBeLessThanOrEqual(LIMITS.dataBytesMax);
  });

  test("of the window have room for one pipelined file and one data frame", () => {
    expect(LIMITS.pipelineBytesMax).toBeLessThanOrEqual(LIMITS.windowBytes);
    expect(LIMITS.dataBytesMax).toBeLessThanOrEqual(LIMITS.windowBytes);
  });

  test("of time let two heartbeats be lost before a peer counts as gone", () => {
    expect(2 * LIMITS.heartbeatMs).toBeLessThan(LIMITS.idleMs);
  });

  test("of length fit the 32-bit field of the header", () => {
    expect(Math.max(LIMITS.dataBytesMax, LIMITS.controlBytesMax)).toBeLessThan(2 ** 32);
  });

  test("name at least one version, best first", () => {
    expect(LIMITS.versions.length).toBeGreaterThan(0);
    expect([...LIMITS.versions].sort((a, b) => b - a)).toEqual([...LIMITS.versions]);
  });
});
