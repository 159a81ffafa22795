import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DiskReserve } from "../../src/spool/local/disk-reserve.ts";
import { GroupCommit, type Move } from "../../src/spool/local/group-commit.ts";

/** A commit that a test ends as it likes, and what was done in each. */
function commits() {
  const folder = mkdtempSync(join(tmpdir(), "filespool-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const done: string[][] = [];
  let steps: string[] = [];
  let sum = 0;
  let end: (error?: Error) => void = () => {};
  let begun: () => void = () => {};
  const reserve = new DiskReserve(folder);
  const group = new GroupCommit({
    batch: (work) => {
      steps = [];
      work();
      done.push(steps);
      begun();
      return new Promise<void>((resolve, reject) => {
        end = (error) => (error ? reject(error) : resolve());
      });
    },
    conclude: (moves: readonly Move[]) => void steps.push(`sum ${sum} after ${moves.length} moves`),
    count: ({ into, size }, step) => {
      const times = { asked: 1, done: 0, failed: -1 }[step];
      sum += into === undefined ? 0 : times * size;
    },
    reserve,
    file: "index",
  });
  const next = () =>
    new Promise<void>((resolve) => {
      begun = resolve;
    });
  const write = (name: string, size?: number) =>
    group.write(() => void steps.push(name), size === undefined ? undefined : { into: "default", size });
  return { group, done, write, next, end: (error?: Error) => end(error), sum: () => sum, reserve };
}

test("what is asked for in one turn is one commit, and what is asked for during it is the next, in that order", async () => {
  const { group, done, write, next, end } = commits();
  const first = next();
  const one = [write("a", 1), write("b"), write("c", 2)];
  expect(done).toEqual([]);
  await first;
  const second = next();
  const two = [write("d", 4), write("e")];
  end();
  await Promise.all(one);
  await second;
  end();
  await Promise.all(two);
  await group.idle();
  expect(done).toEqual([
    ["a", "b", "c", "sum 3 after 2 moves"],
    ["d", "e", "sum 7 after 1 moves"],
  ]);
});

test("a commit that fails fails for all of its group, takes back what they counted, and leaves the next alone", async () => {
  const { done, write, next, end, sum } = commits();
  const first = next();
  const lost = Promise.allSettled([write("a", 1), write("b", 2)]);
  await first;
  const second = next();
  const kept = write("c", 4);
  expect(sum()).toBe(7);
  end(new Error("the disk is gone"));
  expect(await lost).toMatchObject([
    { status: "rejected", reason: { code: "spool-unusable" } },
    { status: "rejected", reason: { code: "spool-unusable" } },
  ]);
  await second;
  end();
  await kept;
  expect(sum()).toBe(4);
  expect(done.at(-1)).toEqual(["c", "sum 4 after 1 moves"]);
});

test("room that was asked of the reserve is given back when the commit is over, and also when it failed", async () => {
  const { group, write, next, end, reserve } = commits();
  for (const error of [undefined, new Error("the disk is gone")]) {
    const begun = next();
    const written = Promise.allSettled([write("a"), write("b")]);
    const askedBytes = reserve.askedBytes;
    expect(askedBytes).toBeGreaterThan(0);
    await begun;
    const second = next();
    const gathered = Promise.allSettled([write("c")]);
    expect(reserve.askedBytes).toBe(1.5 * askedBytes);
    end(error);
    await written;
    expect(reserve.askedBytes).toBe(askedBytes / 2);
    await second;
    end(error);
    await gathered;
    expect(reserve.askedBytes).toBe(0);
    expect(group.trouble?.code).toBe(error && "spool-unusable");
    await group.idle();
  }
});

test("what is done between two commits has the file to itself, and its turn, however many are asked for", async () => {
  const { group, done, write, next, end } = commits();
  const first = next();
  const one = write("a");
  await first;
  const gathered = write("b");
  const steps: string[] = [];
  let go = () => {};
  const between = group.between(async () => {
    steps.push(`begins after ${done.length}`);
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    steps.push(`ends after ${done.length}`);
    throw new Error("it failed");
  });
  const failed = expect(between).rejects.toThrow("it failed");
  const second = next();
  end();
  await one;
  await second;
  const later = write("c");
  end();
  await gathered;
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([steps, done.length]).toEqual([["begins after 2"], 2]);
  const third = next();
  go();
  await failed;
  expect(steps).toEqual(["begins after 2", "ends after 2"]);
  await third;
  end();
  await later;
  await group.idle();
});
