import { describe, expect, test } from "vitest";
import { checkWatch, Quieter } from "../../src/cli/commands/watch.ts";
import { UsageError } from "../../src/cli/exit-codes.ts";
import { resolve } from "../../src/cli/settings/resolve.ts";

describe("what becomes of sent files", () => {
  const settings = (flags: Record<string, string>, env: Record<string, string> = {}) =>
    resolve("watch", { flags, env, file: null });

  test.each<[flags: Record<string, string>, sentence: RegExp]>([
    [{ after: "move" }, /^--after is move, so a folder is needed: add --moved-to FOLDER$/],
    [{ "moved-to": "sent" }, /^--moved-to needs --after move, but --after is keep$/],
    [{ after: "delete", "moved-to": "sent" }, /but --after is delete$/],
  ])("%o is no order that can be carried out", (flags, sentence) => {
    expect(() => checkWatch(settings(flags))).toThrow(UsageError);
    expect(() => checkWatch(settings(flags))).toThrow(sentence);
  });

  test("a variable that is meant for other runs does no harm to one that keeps its files", () => {
    expect(() => checkWatch(settings({}, { FILESPOOL_MOVED_TO: "sent" }))).not.toThrow();
    expect(() => checkWatch(settings({ after: "move" }, { FILESPOOL_MOVED_TO: "sent" }))).not.toThrow();
    expect(settings({ match: "*.csv, a?" }).values.match).toEqual(["*.csv", "a?"]);
  });
});

test("people hear of the first tries to reach a server, then of fewer and fewer, and of the first again after each success", () => {
  const quieter = new Quieter();
  const retrying = { event: "retrying", delayMs: 1, attempt: 1, code: "unreachable", message: "no" } as const;
  const told = (tries: number) => {
    const numbers = Array.from({ length: tries }, (_, index) => index + 1);
    return numbers.filter(() => quieter.wants(retrying));
  };
  expect(told(100)).toEqual([1, 2, 3, 4, 8, 16, 32, 64]);
  expect(quieter.wants({ event: "connected", host: "h", port: 1, server: "s", durability: "fsync" })).toBe(true);
  expect(told(5)).toEqual([1, 2, 3, 4]);
});
