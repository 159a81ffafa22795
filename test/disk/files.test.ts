/** Errors of the system; and the names of new folders: which parents are synced, and which cannot be. What is on disk after it: test/power. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { fileError, makeFolder } from "../../src/disk/files.ts";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { failure, inTempFolder } from "../spool/subject.ts";
import { diskError, replaceCall, replaceFileMethod } from "../support/disk-faults.ts";

/** Folders that were synced, in order. Opening one of those in `closed` fails with that code. */
async function watchSyncs(closed: ReadonlyMap<string, string> = new Map()): Promise<string[]> {
  const synced: string[] = [];
  const paths = new Map<unknown, string>();
  await replaceFileMethod(
    "sync",
    (sync) =>
      async function () {
        await sync.call(this);
        synced.push(paths.get(this) ?? "a file that was not opened here");
      },
  );
  replaceCall("open", (open) => async (path, ...values) => {
    const code = closed.get(String(path));
    if (code) throw diskError(code);
    const handle = await open(path, ...values);
    paths.set(handle, String(path));
    return handle;
  });
  return synced;
}

test("each new folder has its parent synced, the innermost first", () =>
  inTempFolder(async (temp) => {
    const synced = await watchSyncs();
    await makeFolder(join(temp, "a", "b"), true);
    expect(synced).toEqual([join(temp, "a"), temp]);
  }));

test("where the folder is there, its parent is synced all the same: whoever made it may have been stopped before", () =>
  inTempFolder(async (temp) => {
    mkdirSync(join(temp, "a", "b"), { recursive: true });
    const synced = await watchSyncs();
    await makeFolder(join(temp, "a", "b"), true);
    expect(synced).toEqual([join(temp, "a")]);
  }));

test("without sync nothing is synced, whether the folder is there or not", () =>
  inTempFolder(async (temp) => {
    const synced = await watchSyncs();
    for (let time = 0; time < 2; time++) await makeFolder(join(temp, "a", "b"), false);
    expect(synced).toEqual([]);
  }));

test.each(["EACCES", "EPERM"])("a parent that we may not open is no error, and keeps no other from it (%s)", (code) =>
  inTempFolder(async (temp) => {
    const synced = await watchSyncs(new Map([[temp, code]]));
    for (let time = 0; time < 2; time++) await makeFolder(join(temp, "a"), true);
    expect(synced).toEqual([]);
    await makeFolder(join(temp, "b", "c"), true);
    expect(synced).toEqual([join(temp, "b")]);
  }),
);

test.each(["there", "new"])("any other error of a parent is one (the folder is %s)", (which) =>
  inTempFolder(async (temp) => {
    const folder = join(temp, "a");
    if (which === "there") mkdirSync(folder);
    const synced = await watchSyncs(new Map([[dirname(folder), "EIO"]]));
    await expect(makeFolder(folder, true)).rejects.toMatchObject({ code: "EIO" });
    expect(synced).toEqual([]);
  }),
);

test("a folder in which none can be made is an answer, and no wait for ever", () =>
  inTempFolder(async (temp) => {
    // What /proc says of itself.
    replaceCall("mkdir", (mkdir) => async (path, ...values) => {
      if (dirname(String(path)) === temp) throw diskError("ENOENT");
      return mkdir(path, ...values);
    });
    await expect(makeFolder(join(temp, "a", "b"), false)).rejects.toThrow(`no folder can be made in ${temp}`);
  }));

test("two who create the same folders at a time both have them", () =>
  inTempFolder(async (temp) => {
    const paths = Array.from({ length: 20 }, () => join(temp, "a", "b", "c"));
    await Promise.all(paths.map((path) => makeFolder(path, true)));
    expect(existsSync(join(temp, "a", "b", "c"))).toBe(true);
    writeFileSync(join(temp, "file"), "");
    await expect(makeFolder(join(temp, "file"), true)).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeFolder(join(temp, "file", "x"), true)).rejects.toMatchObject({ code: "ENOTDIR" });
  }));

test("a full disk is temporary, another error of the file system needs a person, ours stay what they are", async () => {
  const errorOf = (code: string) => fileError(Object.assign(new Error(`${code}: oh`), { code }), "the file x");
  for (const code of ["ENOSPC", "EDQUOT"]) expect(errorOf(code)).toMatchObject({ code: "disk-full", retry: true });
  for (const code of ["EACCES", "EIO", "EROFS"]) {
    expect(errorOf(code)).toMatchObject({ code: "spool-unusable", retry: false });
    expect(errorOf(code).message).toMatch(new RegExp(`the file x.*: .+ \\(${code}\\)$`));
  }
  const own = new FilespoolError("superseded");
  expect(fileError(own, "x")).toBe(own);
  expect(await failure(() => Promise.reject(own))).toBe("superseded");
});
