import { expect, test } from "vitest";
import { random as randomNumbers } from "../support/process-files.ts";
import { type Chooser, DiskFile, DiskFolder } from "./disk.ts";
import { imagesOf } from "./images.ts";

/** Keeps what the names of units say, of everything else the oldest. */
const only = (...units: RegExp[]): Chooser => ({
  choose: (unit, versions) => (units.some((each) => each.test(unit)) ? versions - 1 : 0),
  tears: false,
});
const nothing = only();
const all = only(/./);
const text = (file: DiskFile, chooser: Chooser) => file.render(chooser).toString();
const page = (letter: string) => Buffer.alloc(4096, letter);

/** A write that has ended. */
function written(file: DiskFile, offset: number, bytes: string | Buffer): DiskFile {
  file.write(offset, Buffer.from(bytes)).state = "ended";
  return file;
}

test("what was not synced may be there or not, bytes and size by themselves", () => {
  const file = written(new DiskFile(), 0, "abc");
  expect(text(file, nothing)).toBe("");
  expect(text(file, all)).toBe("abc");
  expect(text(file, only(/^size/))).toBe("\0\0\0");
  expect(text(file, only(/^page/))).toBe("");
});

test("a sync keeps what had ended before it began, once it has ended", () => {
  const file = written(new DiskFile(), 0, "abc");
  const flying = file.write(3, Buffer.from("d"));
  const ended = file.sync();
  written(file, 4, "e");
  expect(text(file, nothing)).toBe("");
  ended();
  expect(text(file, nothing)).toBe("abc");
  flying.state = "ended";
  file.sync()();
  expect(text(file, nothing)).toBe("abcde");
});

test("a write that is durable by itself keeps its sector, not what was written elsewhere before it", () => {
  const file = written(written(new DiskFile(), 0, page("a")), 4096, page("b"));
  file.sync()();
  written(file, 4096, page("c"));
  file.write(0, Buffer.from("meta")).state = "durable";
  expect(text(file, nothing)).toBe(`meta${"a".repeat(4092)}${"b".repeat(4096)}`);
});

test("a page may be torn between sectors, and each sector is whole", () => {
  const file = written(new DiskFile(), 0, page("a"));
  file.sync()();
  written(file, 0, page("b"));
  const torn = file.render({ choose: (unit) => (/, [02]$/.test(unit) ? 1 : 0), tears: true }).toString();
  expect(torn).toBe(["b", "a", "b", "a", "a", "a", "a", "a"].map((letter) => letter.repeat(512)).join(""));
});

test("a sector may be as it was after any of the writes to it, in their order", () => {
  const file = written(written(new DiskFile(), 0, "ab"), 1, "c");
  const versions = [0, 1, 2].map((version) =>
    text(file, { choose: (_, count) => Math.min(version, count - 1), tears: false }),
  );
  expect(versions).toEqual(["", "ab", "ac"]);
});

test("what was cut off does not come back when the file grows again", () => {
  const file = written(new DiskFile(), 0, "secret");
  file.sync()();
  file.resize(0).state = "ended";
  written(file, 6, "!");
  expect(text(file, all)).toBe("\0\0\0\0\0\0!");
  expect(text(file, nothing)).toBe("secret");
  file.sync()();
  expect(text(file, nothing)).toBe("\0\0\0\0\0\0!");
});

test("names are durable by a sync of their folder only, and a rename is one change", () => {
  const folder = new DiskFolder();
  const file = new DiskFile();
  folder.change(["a", file]).state = "ended";
  file.sync()();
  expect([...folder.render(nothing).keys()]).toEqual([]);
  folder.sync()();
  folder.change(["a", null], ["b", file]).state = "ended";
  expect([...folder.render(nothing).keys()]).toEqual(["a"]);
  expect([...folder.render(all).keys()]).toEqual(["b"]);
});

test("of a link and the end of the first name either may be kept alone", () => {
  const folder = new DiskFolder();
  const file = new DiskFile();
  folder.change(["part", file]).state = "ended";
  folder.sync()();
  folder.change(["name", file]).state = "ended";
  folder.change(["part", null]).state = "ended";
  const random = randomNumbers(1);
  const found = [...imagesOf(folder, random, 10, 0)].map(({ files }) => files.map(({ path }) => path).join("+"));
  expect(new Set(found)).toEqual(new Set(["part", "name", "name+part", ""]));
});
