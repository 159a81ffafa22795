import { expect, test } from "vitest";
import { Progress } from "../../src/cli/report/progress.ts";
import type { TransferEvent } from "../../src/net/events.ts";

const MiB = 2 ** 20;
const file = (transfer: string, size = 10 * MiB) => ({ transfer, queue: "default", name: `${transfer}.bin`, size });
const offered = (transfer: string, size?: number): TransferEvent => ({
  event: "offered",
  path: transfer,
  ...file(transfer, size),
});
const reached = (transfer: string, offset: number, event: "progress" | "resumed" = "progress"): TransferEvent => ({
  event,
  offset,
  ...file(transfer),
});
const stored = (transfer: string, size?: number): TransferEvent => ({
  event: "stored",
  digest: "",
  repeated: false,
  collected: false,
  ...file(transfer, size),
});
const retrying: TransferEvent = {
  event: "retrying",
  code: "connection-lost",
  message: "the connection was lost",
  delayMs: 2000,
  attempt: 3,
};
const connected: TransferEvent = { event: "connected", host: "h", port: 1, server: "s", durability: "fsync" };

test("one file is one line, and is gone when it is stored", () => {
  const progress = new Progress();
  progress.take(offered("a"), 0);
  expect(progress.frame(100, 100), "a file that is over at once never has a line").toEqual([]);
  progress.take(reached("a", 5 * MiB), 1000);
  expect(progress.frame(100, 1000)).toEqual(["a.bin [#####-----]  50 %  5.00 MiB of 10.0 MiB  5.00 MiB/s  1.0 s left"]);
  progress.take(stored("a"), 2000);
  expect([progress.frame(100, 2000), progress.isBusy]).toEqual([[], false]);
});

test("what was there before is shown, and is no speed", () => {
  const progress = new Progress();
  progress.take(offered("a"), 0);
  progress.take(reached("a", 9 * MiB, "resumed"), 1);
  expect(progress.frame(100, 1000)).toEqual(["a.bin [#########-]  90 %  9.00 MiB of 10.0 MiB"]);
});

test("of several files there is a line for all: files of how many, and bytes once they are known", async () => {
  const progress = new Progress();
  let asked = 0;
  const bytes = async () => {
    asked += 1;
    return 40 * MiB;
  };
  progress.expects({ files: 4, bytes });
  expect(asked, "nobody looks at the files before it is shown").toBe(0);
  progress.take(offered("a"), 0);
  progress.take(stored("a"), 500);
  progress.take({ event: "refused", code: "file-unreadable", message: "", path: "gone" }, 500);
  progress.take(offered("b"), 500);
  progress.take(reached("b", 5 * MiB), 1000);
  expect(progress.frame(100, 1000).at(-1)).toBe("2 of 4 files  15.0 MiB  15.0 MiB/s");
  await Promise.resolve();
  expect(progress.frame(100, 1000)).toEqual([
    "b.bin        [#####-----]  50 %  5.00 MiB of 10.0 MiB  10.0 MiB/s  500 ms left",
    "2 of 4 files [###-------]  37 %  15.0 MiB of 40.0 MiB  15.0 MiB/s  1.7 s left",
  ]);
  expect(asked).toBe(1);
});

test("a receiver does not know how many come, and says how many came", () => {
  const progress = new Progress();
  for (const name of ["a", "b"]) progress.take({ event: "delivered", digest: "", attempt: 1, ...file(name) }, 0);
  progress.take({ event: "landed", digest: "", path: "a", skipped: false, ...file("a") }, 1000);
  expect(progress.frame(100, 1000).at(-1)).toBe("1 file so far  10.0 MiB  10.0 MiB/s");
});

test("a thousand files at a time are three lines and one for all, never more than a small screen has", () => {
  const progress = new Progress();
  progress.expects({ files: 1000, bytes: async () => null });
  for (let i = 0; i < 1000; i++) progress.take(offered(`f${i}`), 0);
  progress.take(retrying, 0);
  expect(progress.frame(80, 5000).length).toBe(5);
});

test("while there is no connection, the line says when it is tried again; afterwards it goes on where it was", () => {
  const progress = new Progress();
  progress.take(offered("a"), 0);
  progress.take(reached("a", 5 * MiB), 1000);
  progress.take(retrying, 1000);
  expect(progress.frame(100, 1500)).toEqual([
    "a.bin [#####-----]  50 %  5.00 MiB of 10.0 MiB",
    "connecting again in 1.5 s (attempt 3): the connection was lost",
  ]);
  expect(progress.frame(20, 1500).at(-1)).toBe("connecting again in");
  expect(progress.frame(100, 4000).at(-1)).toMatch(/^connecting again now/);
  progress.take(connected, 4000);
  progress.take(offered("a"), 4000);
  expect(progress.frame(100, 4000)).toEqual([expect.stringMatching(/^a\.bin \[#####-----\] {2}50 % /)]);
  progress.take(reached("a", 4 * MiB, "resumed"), 4000);
  expect(progress.frame(100, 4000)[0], "never backwards").toContain(" 50 %");
});

test("silence of some seconds is told", () => {
  const progress = new Progress();
  progress.take(offered("a"), 0);
  progress.take(reached("a", 5 * MiB), 1000);
  expect(progress.frame(100, 8000)[0]).toContain("waiting 7.0 s");
});
