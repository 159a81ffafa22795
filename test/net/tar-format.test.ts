/** Headers and records of tar archives: what is written is read again, by others too, and what is damaged is refused. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { Pax, Header as TheirHeader } from "tar";
import { expect, test } from "vitest";
import {
  decodeHeader,
  encodeHeader,
  type Header,
  isEmpty,
  paddingOf,
  TYPE,
} from "../../src/net/extensions/folder/tar-header.ts";
import { namesIn, shownBytes, staysInside } from "../../src/net/extensions/folder/tar-names.ts";
import { Notes } from "../../src/net/extensions/folder/tar-notes.ts";
import { packFolder } from "../../src/net/extensions/folder/tar-pack.ts";
import { decodeRecords, encodeRecords } from "../../src/net/extensions/folder/tar-pax.ts";
import { TOOLS } from "../support/foreign-tar.ts";
import { anyTree, readTree, writeTree } from "../support/trees.ts";
import { Workspace } from "../support/workspace.ts";

const anyName = fc
  .array(fc.stringMatching(/^[a-z .]{1,60}$/), { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join("/"));
const anyHeader = fc.record({
  type: fc.constantFrom(...Object.values(TYPE)),
  name: fc.oneof(anyName, fc.string({ minLength: 1, maxLength: 300, unit: "grapheme" })),
  linkName: fc.oneof(fc.constant(""), anyName),
  mode: fc.nat(0o777),
  size: fc.oneof(fc.nat(), fc.maxSafeNat()),
  seconds: fc.oneof(fc.integer(), fc.integer({ min: 0, max: 15_032_385_535 })),
});
const REFUSED = expect.objectContaining({ code: "archive-refused" });
/** What a function throws, or null. */
const thrown = (work: () => unknown): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    return error;
  }
};

test("a header is read as it was written, but for the fields that it says it has no room for", () => {
  fc.assert(
    fc.property(anyHeader, (data) => {
      const { block, misfits } = encodeHeader(data);
      const { name, linkName, ...rest } = decodeHeader(block);
      const read: Omit<Header, "name" | "linkName"> = rest;
      const all = { ...read, name: name.toString("utf8"), linkName: linkName.toString("utf8") };
      for (const key of Object.keys(data) as (keyof typeof data)[])
        if (!misfits.has(key)) expect([key, all[key]]).toEqual([key, data[key]]);
      expect(block.length).toBe(512);
    }),
  );
});

test("and as another program reads it", () => {
  fc.assert(
    fc.property(anyHeader, (data) => {
      const { block, misfits } = encodeHeader(data);
      const theirs = new TheirHeader(block);
      expect([theirs.cksumValid, theirs.mode, theirs.type !== "Unsupported"]).toEqual([true, data.mode, true]);
      if (!misfits.has("name")) expect(theirs.path).toBe(data.name);
      if (!misfits.has("seconds")) expect(theirs.mtime?.getTime()).toBe(data.seconds * 1000);
      if (!misfits.has("size") && theirs.type !== "Directory") expect(theirs.size).toBe(data.size);
    }),
  );
});

test("no flipped bit of a header makes it another one", () => {
  const { block } = encodeHeader({ type: TYPE.file, name: "a/b", mode: 0o644, size: 5, seconds: 1 });
  for (let bit = 0; bit < block.length * 8; bit++) {
    const damaged = Buffer.from(block);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    const fails = thrown(() => decodeHeader(damaged));
    // A digit 0 in front of the sum may become a space, which means the same.
    expect([bit, fails ?? decodeHeader(damaged)]).toEqual([bit, fails ? REFUSED : decodeHeader(block)]);
  }
});

test("numbers in 256s are read as far as they can be counted, below zero as well", () => {
  const field = (at: number, length: number, hex: string): unknown => {
    const { block } = encodeHeader({ type: TYPE.file, name: "a", mode: 0o644, size: 5, seconds: 1 });
    block.write(hex.padStart(length * 2, hex.startsWith("f") ? "f" : "0"), at, "hex");
    if (!hex.startsWith("f")) block[at] = 0x80;
    block.fill(" ", 148, 156);
    const sum = block.reduce((all, byte) => all + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    return thrown(() => decodeHeader(block)) ?? decodeHeader(block);
  };
  expect(field(124, 12, "0200000000")).toMatchObject({ size: 2 ** 33 });
  expect(field(124, 12, "1fffffffffffff")).toMatchObject({ size: Number.MAX_SAFE_INTEGER });
  expect(field(124, 12, "20000000000000")).toEqual(REFUSED);
  expect(field(124, 12, "ff")).toEqual(REFUSED);
  expect(field(136, 12, "ff")).toMatchObject({ seconds: -1 });
  expect(field(136, 12, "fffffffffe")).toMatchObject({ seconds: -2 });
  expect(field(136, 12, "0400000000")).toMatchObject({ seconds: 2 ** 34 });
});

test("records are read as they were written, whatever is in them, and by another program where it can", () => {
  const text = fc.string({ unit: "binary", maxLength: 200 }).map((value) => Buffer.from(value).toString("utf8"));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("path", "linkpath", "mtime", "comment"), text), (values) => {
      const bytes = encodeRecords(values);
      expect(bytes.length % 512).toBe(0);
      const { size, type } = decodeHeader(bytes.subarray(0, 512));
      expect([type, bytes.length]).toEqual(["x", 512 + size + paddingOf(size)]);
      const body = bytes.subarray(512, 512 + size);
      const read = Object.fromEntries([...decodeRecords(body)].map(([key, value]) => [key, value.toString("utf8")]));
      expect(read).toEqual(values);
      if (values.path && !/[\n\0]/.test(Object.values(values).join("")))
        expect(Pax.parse(body.toString()).path).toBe(values.path);
      for (let cut = 1; cut < Math.min(size, 40); cut++)
        expect(thrown(() => decodeRecords(body.subarray(0, size - cut)))).not.toEqual(read);
    }),
  );
});

test.each([
  ...["x", "5", "5 a=b", "6 a=bc\n", "4 a=b\n", "06 a=b\n", " a=b\n", "6 ab=\nx", "-6 a=b\n", "6  ab\n", "6 a=b\n1"],
  ...["999999999999999 a=b\n", "6 =abc\n7", "0 \n", "1e1 a=bcd\n", "10 a=bcd\n", "\0"],
])("%j is no record, and refuses the archive", (text) => {
  expect(thrown(() => decodeRecords(Buffer.from(text)))).toEqual(REFUSED);
});

test("a link whose target has line ends is the same link at the other end", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  mkdirSync(work.path("in", "d"), { recursive: true });
  const target = "a\n13 comment=b\né";
  execFileSync("ln", ["-s", target, work.path("in", "d", "é")]);
  await work.send({ port, files: [work.path("in", "d")] }).done;
  await work.receive({ port }).done;
  expect(readTree(work.path("out", "d"))).toMatchObject([{ path: "é", kind: "link", content: target }]);
});

test.runIf(TOOLS["GNU tar"])("GNU tar unpacks what we pack, and gets the same", async () => {
  const work = new Workspace();
  let number = 0;
  await fc.assert(
    fc.asyncProperty(anyTree, async (items) => {
      const name = `tree ${++number}`;
      writeTree(work.path("in", name), items);
      mkdirSync(work.path("out", name), { recursive: true });
      const { stream } = packFolder(work.path("in", name), { warn: expect.fail, refuse: expect.fail });
      const pieces: Buffer[] = [];
      for await (const piece of stream) pieces.push(Buffer.from(piece));
      writeFileSync(work.path("a.tar"), Buffer.concat(pieces));
      execFileSync("tar", ["-xpf", work.path("a.tar"), "-C", work.path("out", name)], { stdio: "ignore" });
      expect(readTree(work.path("out", name))).toEqual(readTree(work.path("in", name)));
    }),
    { numRuns: 20 },
  );
  execFileSync("chmod", ["-R", "u+rwx", work.folder]);
});

test("bytes of a name are shown as text, and by their numbers where they are none", () => {
  const shown = (...bytes: number[]) => shownBytes(Buffer.from(bytes));
  expect(shown(0x63, 0x61, 0x66, 0xe9, 0x2e, 0x74)).toBe("caf\\xe9.t");
  expect(shown(0xc3, 0xa9, 0xff, 0xf0, 0x9f, 0x98, 0x80, 0xc3)).toBe("é\\xff😀\\xc3");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(shownBytes(Buffer.from(text))).toBe(Buffer.from(text).toString());
    }),
  );
});

test("notes come back as they were noted, forwards and backwards, and are counted in bytes", () => {
  const time = fc.record({ seconds: fc.integer(), nanos: fc.nat(999_999_999) });
  const note = fc.record({
    path: fc.string({ unit: "grapheme", maxLength: 30 }),
    target: fc.oneof(
      fc.constant(""),
      fc.nat(40_000).map((size) => "t".repeat(size)),
    ),
    mode: fc.nat(0o7777),
    time: fc.option(time),
  });
  fc.assert(
    fc.property(fc.array(note, { maxLength: 60 }), (list) => {
      const budget = { bytes: 0, notes: 0 };
      const notes = new Notes(budget);
      for (const each of list) notes.add(each);
      expect([...notes]).toEqual(list);
      expect([...notes.backwards()]).toEqual([...list].reverse());
      const bytes = list.reduce((sum, { path, target }) => sum + Buffer.byteLength(path + target) + 27, 0);
      expect(budget).toEqual({ bytes, notes: list.length });
    }),
  );
});

test("a link may climb as far as it lies deep, and only before it descends", () => {
  expect([isEmpty(Buffer.alloc(512)), isEmpty(Buffer.from("\0\0x")), namesIn("./")]).toEqual([true, false, []]);
  for (const [path, target] of [
    ["a/l", "../b"],
    ["a/b/l", "../../c"],
    ["l", "b/c"],
  ] as const)
    expect([path, target, staysInside(path, target)]).toEqual([path, target, true]);
  for (const [path, target] of [
    ["l", ".."],
    ["a/l", "../.."],
    ["a/b/l", "x/.."],
    ["l", "/x"],
    ["l", ""],
  ] as const)
    expect([path, target, staysInside(path, target)]).toEqual([path, target, false]);
});
