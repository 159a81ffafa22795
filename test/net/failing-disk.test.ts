/** Disks that are full or broken, at either end: what is temporary is tried again, and nothing is lost or half there. */
import { describe, expect, test } from "vitest";
import type { IfExists } from "../../src/net/options.ts";
import { content } from "../support/content.ts";
import { diskError, failCalls, replaceFileMethod } from "../support/disk-faults.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const SIZES: [string, number][] = [
  ["small", 100],
  ["large", 300 * KiB],
];

describe("a receiver whose disk is full", () => {
  const faults = (["datasync", "appendFile", "writev"] as const).flatMap((method) =>
    SIZES.filter(([kind]) => method !== "writev" || kind === "large").map(
      ([kind, size]) => [method, kind, size] as const,
    ),
  );

  test.each(faults)(
    "at a %s tries again until there is room, and loses nothing (%s files)",
    async (method, _, size) => {
      const work = new Workspace();
      const { port, spool } = await work.serve();
      const names = ["a", "b", "c"];
      await work.send({ port, files: names.map((name, at) => work.write(name, content(size, at))) }).done;
      const restore = await replaceFileMethod(method, () => () => Promise.reject(diskError("ENOSPC")));
      const receiver = work.receive({ port });
      expect(await receiver.events.waitFor("retrying")).toMatchObject({ code: "disk-full" });
      restore();
      expect(await receiver.done).toMatchObject({ landed: 3, skipped: 0, failures: [] });
      // What there was no room for waits, and those behind it go on.
      expect(
        receiver.events
          .all("landed")
          .map(({ name }) => name)
          .sort(),
      ).toEqual(names);
      expect([work.list(), spool.waiting("default"), await spool.dead("default")]).toEqual([names, 0, []]);
      for (const [at, name] of names.entries()) expect(work.read("out", name).equals(content(size, at))).toBe(true);
    },
  );

  test.each(SIZES)(
    "gives a file up after its patience with a temporary error, and shows nothing (%s file)",
    async (_, size) => {
      const work = new Workspace();
      const { port, spool } = await work.serve();
      await work.send({ port, files: [work.write("a", content(size))] }).done;
      const restore = await replaceFileMethod("datasync", () => () => Promise.reject(diskError("ENOSPC")));
      const receiver = work.receive({ port, retryMs: 300 });
      expect(await receiver.done).toMatchObject({ landed: 0, failures: [{ code: "disk-full", kind: "temporary" }] });
      expect(work.list().filter((name) => !name.startsWith(".filespool-"))).toEqual([]);
      expect(spool.waiting("default")).toBe(1);
      restore();
      expect(await work.receive({ port }).done).toMatchObject({ landed: 1 });
      expect(work.list()).toEqual(["a"]);
    },
  );
});

test.each(SIZES)(
  "a receiver whose disk is broken says so at once, and the file stays in its queue (%s file)",
  async (_, size) => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    await work.send({ port, files: [work.write("a", content(size))] }).done;
    const restore = await replaceFileMethod("datasync", () => () => Promise.reject(diskError("EIO")));
    const receiver = work.receive({ port });
    await expect(receiver.done).rejects.toMatchObject({
      ...{ code: "folder-unusable", kind: "local" },
      message: expect.stringContaining("EIO"),
    });
    expect(receiver.events.all("retrying")).toEqual([]);
    restore();
    expect(spool.waiting("default")).toBe(1);
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1 });
    expect(work.list()).toEqual(["a"]);
  },
);

// A sync that failed says nothing about the bytes before it: what is read back may be in memory only.
test.each([
  ["at the end of a file", 300 * KiB],
  ["in the middle of a file", 20 * 1024 * KiB],
])("a receiver whose disk is broken %s keeps no part of it, and begins anew", async (_, size) => {
  const work = new Workspace();
  const { port } = await work.serve();
  await work.send({ port, files: [work.write("a", content(size))] }).done;
  const restore = await replaceFileMethod("datasync", () => () => Promise.reject(diskError("EIO")));
  await expect(work.receive({ port }).done).rejects.toMatchObject({ code: "folder-unusable" });
  restore();
  expect(work.list().filter((name) => name.endsWith(".part"))).toEqual([]);
  const receiver = work.receive({ port });
  expect(await receiver.done).toMatchObject({ landed: 1, failures: [] });
  expect(receiver.events.all("resumed")).toEqual([]);
  expect(work.list()).toEqual(["a"]);
  expect(work.read("out", "a").equals(content(size))).toBe(true);
});

describe("a server whose disk is full", () => {
  test.each(["writev", "datasync"] as const)(
    "at a %s refuses for now, and stores the file when there is room",
    async (method) => {
      const work = new Workspace();
      const { port, events } = await work.serve();
      const restore = await replaceFileMethod(method, () => () => Promise.reject(diskError("ENOSPC")));
      const big = work.write("big", content(20 * 1024 * KiB));
      const sender = work.send({ port, files: [big, work.write("small", "small")] });
      expect(await sender.events.waitFor("retrying")).toMatchObject({ code: "disk-full" });
      expect(events.all("stored").map(({ name }) => name)).toEqual(["small"]);
      restore();
      expect(await sender.done).toMatchObject({ stored: 2, repeated: 0, failures: [] });
      expect(events.all("refused")[0]).toMatchObject({ name: "big", code: "disk-full" });
      await work.receive({ port }).done;
      expect(work.read("out", "big").equals(content(20 * 1024 * KiB))).toBe(true);
    },
  );

  test("reports a sweep that fails, and sweeps again", async () => {
    const work = new Workspace();
    const { events, spool } = await work.serve();
    const { sweep } = spool;
    let sweeps = 0;
    const sweptAgain = new Promise<void>((resolve) => {
      spool.sweep = async () => {
        if (++sweeps === 1) throw new Error("no room to sweep");
        resolve();
        return sweep.call(spool);
      };
    });
    expect(await events.waitFor("error")).toMatchObject({
      code: "internal",
      message: expect.stringContaining("sweep"),
    });
    await sweptAgain;
    expect(events.all("error")).toHaveLength(1);
  });
});

describe("a folder whose file system knows no second names for a file", () => {
  test.each<[IfExists, string[], number]>([
    ["refuse", ["a", "b"], 1],
    ["rename", ["a", "a (1)", "b"], 2],
    ["overwrite", ["a", "b"], 2],
    ["skip", ["a", "b"], 1],
  ])("is landed in by the same rules (%s)", async (ifExists, names, landed) => {
    const work = new Workspace();
    const { port } = await work.serve();
    await work.send({ port, files: [work.write("a", "old")] }).done;
    await work.receive({ port }).done;
    await work.send({ port, again: true, files: [work.write("a", "new"), work.write("b", content(300 * KiB))] }).done;
    failCalls("linkSync", diskError("EPERM"));
    expect(await work.receive({ port, ifExists }).done).toMatchObject({ landed });
    expect(work.list()).toEqual(names);
    expect(work.read("out", "a").toString()).toBe(ifExists === "overwrite" ? "new" : "old");
    expect(work.read("out", "b").equals(content(300 * KiB))).toBe(true);
  });
});
