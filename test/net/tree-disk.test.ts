/** A folder that is unpacked on a disk that takes less than it is given, fails, or belongs to others as well. */
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { unpack } from "../../src/net/extensions/folder/tar-unpack.ts";
import { content } from "../support/content.ts";
import { diskError, replaceCall, replaceFileMethod } from "../support/disk-faults.ts";
import { archiveOf, ROOT, readTree, tarEntry, underUmask } from "../support/trees.ts";
import { Workspace } from "../support/workspace.ts";

const isRoot = process.getuid?.() === 0;
const file = (path: string, bytes: Uint8Array | string = "content") => tarEntry({ path, type: "File" }, bytes);
const folder = (path: string) => tarEntry({ path, type: "Directory", size: 0, mode: 0o755 });
const link = (path: string, linkpath: string) => tarEntry({ path, linkpath, type: "SymbolicLink", size: 0 });
const hard = (path: string, linkpath: string) => tarEntry({ path, linkpath, type: "Link", size: 0 });

/** A folder "in/d" of some files and folders on its way through a server. */
async function withFolder() {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const local = work.path("in", "d");
  mkdirSync(join(local, "sub", "deep"), { recursive: true });
  for (const [name, size] of Object.entries({ small: 5, "sub/empty": 0, "sub/deep/large": 700_001 }))
    writeFileSync(join(local, name), content(size));
  symlinkSync("small", join(local, "link"));
  await work.send({ port, files: [local] }).done;
  const isWhole = () => expect(readTree(work.path("out", "d"))).toEqual(underUmask(readTree(local)));
  return { work, port, spool, isWhole };
}

/** Unpacks an archive that was made by hand into the folder "tree". */
function unpacked(archive: Buffer, place?: string) {
  const work = new Workspace();
  writeFileSync(work.path("archive"), archive);
  const warnings: string[] = [];
  const warn = (path: string, why: string) => void warnings.push(`${path}: ${why}`);
  const done = unpack(work.path("archive"), work.path("tree"), { sync: true, warn, ...(place && { place }) });
  done.catch(() => {});
  return { work, done, warnings };
}

test("writes that take less than they were given land every byte", async () => {
  const { work, port, isWhole } = await withFolder();
  let writes = 0;
  await replaceFileMethod("write", (original) => {
    const write = original as (this: unknown, bytes: Buffer, at: number, length: number) => Promise<unknown>;
    const short = function (this: unknown, bytes: Buffer, at = 0) {
      writes++;
      return write.call(this, bytes, at, Math.ceil((bytes.length - at) / 3));
    };
    return short as typeof original;
  });
  expect(await work.receive({ port }).done).toMatchObject({ landed: 1, failures: [] });
  isWhole();
  expect(writes).toBeGreaterThan(20);
});

test("each file and each folder is synced before the folder lands", async () => {
  const { work, port, isWhole } = await withFolder();
  const synced = new Set<number>();
  await replaceFileMethod(
    "sync",
    (original) =>
      async function (this: FileHandle) {
        await original.call(this);
        synced.add((await this.stat()).ino);
      },
  );
  const syncedBefore: number[] = [];
  const receiver = work.receive({ port });
  void receiver.events.waitFor("landed").then(() => syncedBefore.push(...synced));
  await receiver.done;
  isWhole();
  const names = [
    "",
    ...readTree(work.path("out", "d"))
      .filter(({ kind }) => kind !== "link")
      .map(({ path }) => path),
  ];
  expect(names).toHaveLength(6);
  for (const name of names)
    expect([name, syncedBefore]).toEqual([name, expect.arrayContaining([statSync(work.path("out", "d", name)).ino])]);
});

test.each(["file", "folder"])(
  "a %s that cannot be synced is not acked, and the whole folder comes again",
  async (kind) => {
    const { work, port, spool, isWhole } = await withFolder();
    const restore = await replaceFileMethod(
      "sync",
      (original) =>
        async function (this: FileHandle) {
          const stat = await this.stat();
          const isInside = stat.isDirectory() === (kind === "folder") && stat.ino !== statSync(work.path("out")).ino;
          if (isInside) throw diskError("EIO");
          return original.call(this);
        },
    );
    await work.receive({ port }).done.catch((error: Error) => expect(error.message).toContain("EIO"));
    expect(spool.waiting("default")).toBe(1);
    expect(work.list().filter((name) => !name.endsWith(".part"))).toEqual([]);
    restore();
    expect(await work.receive({ port }).done).toMatchObject({ landed: 1 });
    isWhole();
    expect(work.list()).toEqual(["d"]);
  },
);

test("an archive that is refused is given up only when no file of it is being synced any more", async () => {
  let [begun, ended] = [0, 0];
  const restore = await replaceFileMethod(
    "sync",
    (original) =>
      async function (this: FileHandle) {
        begun++;
        for (let turn = 0; turn < 300; turn++) await setImmediate();
        ended++;
        return original.call(this);
      },
  );
  const { done } = unpacked(archiveOf(ROOT, file("a"), file("b"), file("../c")));
  await expect(done).rejects.toMatchObject({ code: "archive-refused" });
  expect([begun, ended]).toEqual([2, 2]);
  restore();
});

test("whatever becomes of an archive, everything that was opened for it is closed", async () => {
  const open = () => readdirSync("/proc/self/fd").filter((fd) => isOurs(fd)).length;
  const isOurs = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes("filespool-test-");
    } catch {
      return false; // the one that lists them
    }
  };
  const archives = [
    archiveOf(ROOT, folder("a/"), file("a/b"), link("l", "a"), hard("h", "a/b")),
    archiveOf(ROOT, file("a"), file("../b")),
    archiveOf(ROOT, file("a"), file("a")),
    archiveOf(ROOT, file("a", Buffer.alloc(1_000_000))).subarray(0, 500_000),
    archiveOf(ROOT, link("a", "b"), file("a")),
    Buffer.alloc(0),
  ];
  const before = open();
  for (const archive of archives) await unpacked(archive).done.catch(() => {});
  const restore = await replaceFileMethod("write", () => () => Promise.reject(diskError("EIO")));
  await expect(unpacked(archives[0] as Buffer).done).rejects.toMatchObject({ code: "EIO" });
  restore();
  expect(open()).toBe(before);
});

describe("an honest folder that this disk cannot hold is refused by this disk, with what it is:", () => {
  const failing = (name: "open" | "mkdir", last: string, code: string) =>
    replaceCall(
      name,
      (original) =>
        (path, ...rest) =>
          basename(String(path)) === last ? Promise.reject(diskError(code)) : original(path, ...rest),
    );
  const refusal = (why: string) => ({ code: "target-refused", kind: "local", message: expect.stringContaining(why) });

  test("two names that it takes for one", async () => {
    failing("open", "a", "EEXIST");
    const { done } = unpacked(archiveOf(ROOT, file("A"), file("a")));
    await expect(done).rejects.toMatchObject(
      refusal('"a" has a name that this disk takes for the same as "A" beside it'),
    );
  });

  test.each(["EINVAL", "EILSEQ", "ENAMETOOLONG", "ENOENT"])("a name that it does not take (%s)", async (code) => {
    failing("open", "noon 12:00", code);
    failing("mkdir", "which?", code);
    for (const entry of [file("a/noon 12:00"), folder("a/which?/")]) {
      const { done } = unpacked(archiveOf(ROOT, folder("a/"), entry));
      await expect(done).rejects.toMatchObject(refusal(" has a name"));
      await expect(done).rejects.toMatchObject({ cause: { code } });
    }
  });

  test("a path that no program could open where it will be", async () => {
    const parts = Array.from({ length: 16 }, (_, level) => `${"p".repeat(240)}${level % 10}`);
    const folders = parts.map((_, level) =>
      tarEntry({ path: "p", type: "Directory", size: 0 }, "", { path: `${parts.slice(0, level + 1).join("/")}/` }),
    );
    const { done, work } = unpacked(archiveOf(ROOT, ...folders), `/${"out/".repeat(60)}d`);
    await expect(done).rejects.toMatchObject(
      refusal("bytes under this folder, and no program could open one of more than 4095"),
    );
    expect(readdirSync(work.path("tree"))).toHaveLength(1);
    await unpacked(archiveOf(ROOT, ...folders)).done;
  });
});

describe("in a folder that others may write to", () => {
  /** Does something when the unpacking makes its first folder inside. */
  const meanwhile = (work: () => void) => {
    let isDone = false;
    replaceCall("mkdir", (original) => async (path, ...rest) => {
      const isInside = basename(String(path)) === "probe" && !isDone;
      if (isInside) isDone = true;
      if (isInside) work();
      return original(path, ...rest);
    });
  };

  test("a link that somebody puts in the place of the tree leads nothing out of it", async () => {
    const { work, done } = unpacked(archiveOf(ROOT, folder("a/"), file("a/b"), link("l", "a"), hard("h", "a/b")));
    meanwhile(() => {
      renameSync(work.path("tree"), work.path("taken"));
      mkdirSync(work.path("victim"));
      symlinkSync("victim", work.path("tree"));
    });
    await done;
    expect(readdirSync(work.path("victim"))).toEqual([]);
    expect(readdirSync(work.path("taken")).sort()).toEqual(["a", "h", "l"]);
    unlinkSync(work.path("tree"));
  });

  test.runIf(isRoot)("a folder of somebody else's in its place is not filled", async () => {
    const { work, done } = unpacked(archiveOf(ROOT, file("secret")));
    meanwhile(() => chownSync(work.path("tree"), 65_534, 65_534));
    await expect(done).rejects.toMatchObject({ code: "folder-unusable" });
    expect(readdirSync(work.path("tree"))).toEqual([]);
  });
});
