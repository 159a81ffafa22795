import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open as openLmdb } from "lmdb";
import { expect, test } from "vitest";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { skipAloud } from "./children.ts";
import { begin, drain, failure, idOf, inTempFolder, offerOf, store } from "./subject.ts";

test("a file where the folder should be is refused with its name", () =>
  inTempFolder(async (folder) => {
    await writeFile(join(folder, "spool"), "not a folder");
    const opening = LocalSpool.open({ folder: join(folder, "spool") });
    await expect(opening).rejects.toMatchObject({ code: "spool-unusable", retry: false, message: /spool.*EEXIST/ });
    expect(await failure(LocalSpool.open({ folder: join(folder, "spool", "below") }))).toBe("spool-unusable");
    expect(await readFile(join(folder, "spool"), "utf8")).toBe("not a folder");
  }));

test("a folder without the right to write is refused", (context) =>
  inTempFolder(async (folder) => {
    if (process.getuid?.() === 0) skipAloud(context, "root may write everywhere");
    await chmod(folder, 0o500);
    await expect(LocalSpool.open({ folder })).rejects.toMatchObject({ code: "spool-unusable", message: /EACCES/ });
    await chmod(folder, 0o700);
    await (await LocalSpool.open({ folder })).close();
  }));

test("a spool of a newer format is left alone, and unlocked again", () =>
  inTempFolder(async (folder) => {
    const spool = await LocalSpool.open({ folder });
    await store(spool, 1);
    await spool.close();
    const setFormat = async (format: number) => {
      const root = openLmdb({ path: join(folder, "index.mdb"), maxDbs: 8 });
      await root.openDB({ name: "meta" }).put("format", format);
      await root.close();
    };
    await setFormat(2);
    for (let time = 0; time < 2; time++)
      await expect(LocalSpool.open({ folder })).rejects.toMatchObject({ code: "spool-unusable", message: /format 2/ });
    await setFormat(1);
    const again = await LocalSpool.open({ folder });
    expect(await drain(again)).toEqual([idOf(1)]);
    await again.close();
  }));

test("an index that is not one is refused and kept; an empty one is new", () =>
  inTempFolder(async (folder) => {
    const file = join(folder, "index.mdb");
    for (const wrong of ["x".repeat(10_000), "xx", "\0".repeat(8192)]) {
      await writeFile(file, wrong);
      for (let time = 0; time < 2; time++) expect(await failure(LocalSpool.open({ folder }))).toBe("spool-unusable");
      expect(await readFile(file, "utf8")).toBe(wrong);
    }
    await writeFile(file, "");
    await (await LocalSpool.open({ folder })).close();
  }));

test("something in the data folder that cannot be removed is an error, not overlooked", () =>
  inTempFolder(async (folder) => {
    await mkdir(join(folder, "data", "sub"), { recursive: true });
    expect(await failure(LocalSpool.open({ folder }))).toBe("spool-unusable");
  }));

test("when the disk would have less left than it must, an offer is refused for now", () =>
  inTempFolder(async (folder) => {
    const spool = await LocalSpool.open({ folder, limits: { diskFreeBytesMin: Number.MAX_SAFE_INTEGER } });
    await expect(begin(spool, offerOf(1, 10))).rejects.toMatchObject({ code: "disk-full", retry: true });
    expect(spool.bytesUsed()).toBe(0);
    await spool.close();
  }));
