import fs, { existsSync, fstatSync, statSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { expect, onTestFinished, test } from "vitest";
import { WriteBacklog } from "../../src/disk/batch-writer.ts";
import { FileAttributes } from "../../src/net/receiver/file-attributes.ts";
import { Landing } from "../../src/net/receiver/landing.ts";
import { PartFile } from "../../src/net/receiver/part-file.ts";
import { SmallFile } from "../../src/net/receiver/small-file.ts";
import { content } from "../support/content.ts";
import { diskError } from "../support/disk-faults.ts";
import { attributesOf, deliveryOf, SIZES } from "../support/landings.ts";
import { Workspace } from "../support/workspace.ts";

const KEPT = { mode: 0o500, mtime: "1000000000.25" } as const;

/** What the system was asked for on open files, in order; each call is made as well. */
function watchCalls(): string[] {
  const calls: string[] = [];
  const { fsync, fdatasync, futimesSync } = fs;
  Object.assign(fs, {
    fsync: (...args: Parameters<typeof fsync>) => {
      calls.push("fsync");
      return fsync(...args);
    },
    fdatasync: (...args: Parameters<typeof fdatasync>) => {
      calls.push("fdatasync");
      return fdatasync(...args);
    },
    futimesSync: (...args: Parameters<typeof futimesSync>) => {
      calls.push("futimes");
      return futimesSync(...args);
    },
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, { fsync, fdatasync, futimesSync });
    syncBuiltinESMExports();
  });
  return calls;
}

/** A file that is complete and has not landed. */
async function arrived(work: Workspace, size: number, more: object, sync: boolean) {
  const bytes = content(size);
  const delivery = { ...deliveryOf(1, bytes), ...more };
  const attributes = attributesOf(delivery);
  const out = work.path("out");
  const options = {
    folder: out,
    bufferBytes: 65_536,
    sync,
    attributes,
    backlog: new WriteBacklog(),
    onSynced: () => {},
  };
  const isSmall = size < 64 * 1024;
  const file = isSmall ? new SmallFile(delivery, out, sync, attributes) : await PartFile.open(delivery, options);
  await file.append(0, [bytes], bytes.length);
  return file;
}

test.each(SIZES)(
  "mode and time are set before the last sync, and that sync is one that keeps them (%s)",
  async (_, size) => {
    const work = new Workspace();
    const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
    const file = await arrived(work, size, KEPT, true);
    const calls = watchCalls();
    expect(await landing.land([file])).toEqual([{ path: work.path("out", "file-1") }]);
    await landing.close();
    expect(calls).toEqual(["futimes", "fsync"]);
    const { mode, mtimeMs } = statSync(work.path("out", "file-1"));
    expect([mode & 0o777, mtimeMs]).toEqual([0o500, 1_000_000_000_250]);
  },
);

test.each(SIZES)("without a word of either nothing is set, and a sync of data is enough (%s)", async (_, size) => {
  const work = new Workspace();
  const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
  const file = await arrived(work, size, {}, true);
  const calls = watchCalls();
  await landing.land([file]);
  await landing.close();
  expect(calls.filter((call) => call !== "fdatasync")).toEqual([]);
});

test.each(SIZES)("the part of a private file is never open to others, from its first byte on (%s)", async (_, size) => {
  const work = new Workspace();
  const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: false });
  const modes: number[] = [];
  const { writeSync } = fs;
  Object.assign(fs, {
    writeSync: (...args: Parameters<typeof writeSync>) => {
      modes.push(fstatSync(args[0]).mode & 0o077);
      return writeSync(...args);
    },
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, { writeSync });
    syncBuiltinESMExports();
  });
  const file = await arrived(work, size, { mode: 0o600 }, false);
  if (size >= 64 * 1024) modes.push(statSync(file.part).mode & 0o077);
  await landing.land([file]);
  await landing.close();
  expect(new Set(modes)).toEqual(new Set([0]));
});

test("a folder, and what says nothing, is created as the umask has it, and is not touched", async () => {
  const never = () => expect.unreachable();
  for (const delivery of [{ ...KEPT, kind: "tar" }, {}]) {
    const attributes = new FileAttributes(delivery, "all", never);
    expect(attributes.createMode).toBe(0o666);
    expect(await attributes.set(-1)).toBe(false);
  }
});

test("after a failed sync of mode and time nothing of a large file is believed", async () => {
  const work = new Workspace();
  const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
  const file = await arrived(work, 100 * 1024, KEPT, true);
  const { fsync } = fs;
  Object.assign(fs, { fsync: (_: number, done: (error: Error) => void) => done(diskError("EIO")) });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, { fsync });
    syncBuiltinESMExports();
  });
  await landing.land([file]).catch(() => {});
  expect(existsSync(file.part)).toBe(false);
  expect(work.list().filter((name) => !name.startsWith("."))).toEqual([]);
  await landing.close().catch(() => {});
});
