import { mkdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { expect, type TestContext, test } from "vitest";
import { canTrace, skipAloud, traceChild } from "./children.ts";
import { inTempFolder } from "./subject.ts";
import { brokenPromises, parseTrace, TRACED } from "./trace.ts";

/** Runs the child with slow syncs, so that whoever does not wait for them is caught every time. */
function trace(context: TestContext, mode: "fsync" | "none" | "late"): Promise<ReturnType<typeof brokenPromises>> {
  if (!canTrace()) skipAloud(context, "strace is not installed, or may not trace here");
  return inTempFolder(async (temp) => {
    const folder = join(await realpath(temp), "spool");
    await mkdir(folder);
    const file = join(temp, "trace");
    traceChild(file, TRACED, "inject=fdatasync,fsync:delay_enter=20000", "store-child.ts", folder, mode);
    return brokenPromises(parseTrace(await readFile(file, "utf8")), folder);
  });
}

test("stored is said only after content and index were synced", async (context) => {
  expect(await trace(context, "fsync")).toEqual({ said: 5, broken: [] });
});

test("the test above fails on a spool that does not sync", async (context) => {
  const { said, broken } = await trace(context, "none");
  expect(said).toBe(5);
  for (const number of [1, 2, 3, 4, 5])
    expect(broken).toContain(`/index.mdb was not synced when "stored" was said for the ${number}.`);
  const content = `/data/${"1".padStart(32, "0")} was not synced when "stored" was said for the 2.`;
  expect(broken).toEqual(expect.arrayContaining([content, `/data was not synced when "stored" was said for the 2.`]));
});

test("the test above fails on an index that answers when a write is visible and syncs it afterwards", async (context) => {
  const { said, broken } = await trace(context, "late");
  expect(said).toBe(3);
  expect(broken).toContain(`/index.mdb was not synced when "stored" was said for the 1.`);
});

test("the reader of traces knows writes that were cut in two, late syncs and failed ones", () => {
  const line = (text: string) => `100 ${text}`;
  const opened = [
    line('openat(AT_FDCWD</>, "/s/index.mdb", O_RDWR|O_CREAT, 0664) = 5</s/index.mdb>'),
    line('openat(AT_FDCWD</>, "/s/index.mdb", O_WRONLY|O_DSYNC) = 6</s/index.mdb>'),
  ];
  const stored = line('write(2</e>, "stored\\n", 7) = 7');
  const broken = (...lines: string[]) =>
    brokenPromises(parseTrace([...opened, ...lines].join("\n")), "/s").broken.length;
  const write = line('pwrite64(5</s/index.mdb>, "abc", 3, 0) = 3');
  const sync = line("fdatasync(5</s/index.mdb>) = 0");
  expect(broken(write, stored)).toBe(1);
  expect(broken(write, sync, stored)).toBe(0);
  expect(broken(sync, write, stored)).toBe(1);
  expect(broken(write, stored, sync)).toBe(1);
  expect(broken(write, line("fdatasync(5</s/index.mdb>) = -1 EIO (Input/output error)"), stored)).toBe(1);
  expect(broken(write, line("fdatasync(7</s/other>) = 0"), stored)).toBe(1);
  const cut = ["101 fdatasync(5</s/index.mdb> <unfinished ...>", "101 <... fdatasync resumed>) = 0"] as const;
  expect(broken(write, ...cut, stored)).toBe(0);
  expect(broken(write, cut[0], stored, cut[1])).toBe(1);
  expect(broken(cut[0], write, cut[1], stored)).toBe(1);
  expect(broken(line('pwrite64(6</s/index.mdb>, "meta", 4, 0) = 4'), stored)).toBe(0);
});
