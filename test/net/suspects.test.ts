/** What is remembered of files whose receivers vanished, and for how long. */
import { expect, test } from "vitest";
import { Suspects } from "../../src/net/server/suspects.ts";
import { LIMITS } from "../../src/protocol/limits.ts";

/** With a spool that tells of ends when the test says so. */
function suspects() {
  const watched = new Map<string, () => void>();
  const all = new Suspects((transfer, listener) => {
    watched.set(transfer, listener);
    return () => void watched.delete(transfer);
  });
  return { all, watched };
}

const free = LIMITS.vanishedReceiversMax - 1;

test("the first few vanishings of a file cost nothing, and each after them does", () => {
  const { all } = suspects();
  for (let number = 0; number < free; number++) expect(all.vanished("file", `run ${number}`)).toBe(false);
  for (let number = 0; number < 5; number++) expect(all.vanished("file", `later run ${number}`)).toBe(true);
  expect(all.vanished("another", "run 0")).toBe(false);
});

test("a receiver that comes back takes its mark with it, and no other's", () => {
  const { all, watched } = suspects();
  for (let number = 0; number < 10; number++) {
    expect(all.vanished("file", "the same")).toBe(false);
    all.back("the same");
  }
  expect([all.size, watched.size]).toEqual([0, 0]);
  for (let number = 0; number < free; number++) all.vanished("file", `run ${number}`);
  all.back("somebody else");
  all.back("run 0");
  all.back("run 0");
  expect(all.vanished("file", "run 9")).toBe(false);
  expect(all.vanished("file", "run 10")).toBe(true);
});

test("a file is forgotten with a verdict, and when it leaves its queue", () => {
  for (const end of ["verdict", "left"] as const) {
    const { all, watched } = suspects();
    for (let number = 0; number < free; number++) all.vanished("file", `run ${number}`);
    if (end === "left") watched.get("file")?.();
    else all.forget("file");
    expect([all.size, watched.size]).toEqual([0, 0]);
    expect(all.vanished("file", "another run")).toBe(false);
  }
});

test("neither many files nor many receivers take memory without end, and the ones marked last are kept", () => {
  const { all, watched } = suspects();
  const count = LIMITS.suspectFilesMax + 100;
  for (let number = 0; number < count; number++) all.vanished(`file ${number}`, `run ${number}`);
  expect(watched.size).toBe(LIMITS.suspectFilesMax);
  expect([watched.has("file 99"), watched.has("file 100")]).toEqual([false, true]);
  expect(all.size).toBe(2 * LIMITS.suspectFilesMax);
  const one = suspects();
  for (let number = 0; number < 1000; number++) one.all.vanished("file", `run ${number}`);
  expect(one.all.size).toBe(1 + LIMITS.vanishedReceiversMax);
});
