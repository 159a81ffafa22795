/** Packing a folder: which names go in, what changes meanwhile, and that nothing stays open. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { list } from "tar";
import { describe, expect, onTestFinished, test } from "vitest";
import { packFolder } from "../../src/net/extensions/folder/tar-pack.ts";
import type { FilespoolError } from "../../src/protocol/errors.ts";
import { content } from "../support/content.ts";
import { Workspace } from "../support/workspace.ts";

/** A folder "in/d" with these files, given by path. */
function withFiles(files: Readonly<Record<string, string | Buffer>>) {
  const work = new Workspace();
  const folder = work.path("in", "d");
  mkdirSync(folder, { recursive: true });
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  return { work, folder };
}

/** Packs a folder; `onPiece` is called with the number of pieces so far and the last one, before the next is asked for. */
async function packed(folder: string, onPiece: (piece: Buffer) => void = () => {}) {
  const refused: string[] = [];
  const warned: string[] = [];
  const pieces: Buffer[] = [];
  const refuse = (path: string, { code, message }: FilespoolError) =>
    void refused.push(`${basename(path)}: ${code}: ${message}`);
  const warn = (path: string, why: string) => void warned.push(`${basename(path)}: ${why}`);
  for await (const piece of packFolder(folder, { warn, refuse }).stream) {
    pieces.push(Buffer.from(piece));
    onPiece(pieces.at(-1) as Buffer);
  }
  const archive = Buffer.concat(pieces);
  const names: string[] = [];
  const file = `${folder}.tar`;
  writeFileSync(file, archive);
  list({ file, sync: true, strict: true, onReadEntry: ({ path }) => void names.push(path) });
  return { names: names.slice(1), refused, warned }; // without the folder itself
}

const NO_LOSS = { refused: [], warned: [] };

describe("names in a folder", () => {
  test("that are not valid UTF-8 are refused one by one, and shown; folders with all that is in them, and once", async () => {
    const { folder } = withFiles({ "a.txt": "a", "sub/b.txt": "b" });
    const bytes = (...parts: (string | number)[]) =>
      Buffer.concat([
        Buffer.from(`${folder}/`),
        ...parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from([part]))),
      ]);
    writeFileSync(bytes("caf", 0xe9, ".txt"), "lost");
    writeFileSync(bytes("sub/", 0xff), "lost");
    mkdirSync(bytes("d", 0xe9));
    for (const name of ["x", "y"]) writeFileSync(bytes("d", 0xe9, "/", name), name);
    const { names, refused, warned } = await packed(folder);
    expect([names, warned]).toEqual([["a.txt", "sub/", "sub/b.txt"], []]);
    const said = (name: string) => `${name}: name-refused: the name "${name}" is not valid UTF-8; it was left out`;
    expect(refused).toEqual([said("caf\\xe9.txt"), said("d\\xe9"), said("\\xff")]);
  });

  test("that look the same are not packed twice: the one that stays as it is goes in, the other is refused", async () => {
    const { folder } = withFiles({ "e\u0301": "two letters", "\u00e9": "one letter", "a\u0308": "alone" });
    const { names, refused } = await packed(folder);
    expect(names).toEqual(["\u00e4", "\u00e9"]);
    expect(refused).toEqual([
      'e\u0301: name-refused: "e\u0301" would be called "\u00e9", and so is another entry of its folder; it was left out',
    ]);
  });

  test("that become one because no disk should have them: the first goes in", async () => {
    const { folder } = withFiles({ "a\\b": "1", "x:": "2", "new\nline": "3", "new\tline": "4", "sub/new_line": "5" });
    const { names, refused } = await packed(folder);
    expect(names).toEqual(["a_b", "new_line", "x_", "sub/", "sub/new_line"]);
    expect(refused).toEqual([
      expect.stringMatching(/^new\nline: name-refused: "new\\u000aline" would be called "new_line"/),
    ]);
  });

  test("that would become too long are refused, and the run goes on", async () => {
    const { folder } = withFiles({ [`con.${"x".repeat(251)}`]: "1", a: "2" });
    const { names, refused } = await packed(folder);
    expect(names).toEqual(["a"]);
    expect(refused).toEqual([expect.stringContaining("is longer than 255 bytes; it was left out")]);
  });

  test("that a link leads to need not be text: then it is left out with a warning", async () => {
    const { folder } = withFiles({ a: "a" });
    symlinkSync(Buffer.from([0x62, 0xe9]), join(folder, "link"));
    expect(await packed(folder)).toMatchObject({
      names: ["a"],
      refused: [],
      warned: [expect.stringContaining("link: a link to a name that is not UTF-8")],
    });
  });
});

describe("what changes while a folder is packed ends it:", () => {
  const LARGE = content(600_000);
  /** Packs, and does something when the first piece of a content that begins so is there. */
  const packing = (folder: string, first: Buffer, work: () => void) => {
    let isDone = false;
    return packed(folder, (piece) => {
      if (isDone || !piece.subarray(0, 16).equals(first.subarray(0, 16))) return;
      isDone = true;
      work();
    });
  };
  const change = (said: string) => ({ code: "file-changed", message: expect.stringContaining(said) });

  test("a file that grows, as soon as it has one byte more", async () => {
    const { folder } = withFiles({ log: LARGE });
    const grown = packing(folder, LARGE, () => appendFileSync(join(folder, "log"), "!"));
    await expect(grown).rejects.toMatchObject(change("log has more bytes than its size says, or is being written to"));
  });

  test("a file that is cut", async () => {
    const { folder } = withFiles({ log: LARGE });
    const cut = packing(folder, LARGE, () => truncateSync(join(folder, "log"), 300_000));
    await expect(cut).rejects.toMatchObject(change("log has fewer bytes than its size says"));
  });

  test("a file that is written to in place", async () => {
    const { folder } = withFiles({ log: LARGE });
    const written = packing(folder, LARGE, () => writeFileSync(join(folder, "log"), Buffer.alloc(600_000)));
    await expect(written).rejects.toMatchObject(change("log changed while it was being packed"));
  });

  test("a file that vanishes", async () => {
    const { folder } = withFiles({ a: LARGE, b: "b" });
    await expect(packing(folder, LARGE, () => rmSync(join(folder, "b")))).rejects.toMatchObject(change("b changed"));
  });

  test.each(["sub", "sub/deep"])("a folder (%s) that becomes a link, which is not followed", async (name) => {
    const { work, folder } = withFiles({ "sub/deep/x": "x", [name === "sub" ? "y" : "sub/y"]: LARGE });
    mkdirSync(work.path("outside/deep"), { recursive: true });
    writeFileSync(work.path("outside/deep/x"), "somebody else's secret");
    const exchanged = packing(folder, LARGE, () => {
      renameSync(join(folder, "sub"), work.path("aside"));
      symlinkSync(work.path("outside"), join(folder, "sub"));
    });
    await expect(exchanged).rejects.toMatchObject(change(`${name} changed while it was being packed`));
  });
});

test("a folder that has another number when it is entered is packed as it is then", async () => {
  const { work, folder } = withFiles({ "sub/deep/x": "x", y: "y" });
  const { names } = await packed(folder, (piece) => {
    if (piece.toString() !== "y") return; // it comes after "sub" was seen, and before it is entered
    renameSync(join(folder, "sub"), work.path("in/aside"));
    mkdirSync(join(folder, "sub/deep"), { recursive: true });
    writeFileSync(join(folder, "sub/deep/z"), "z");
  });
  expect(names).toEqual(["y", "sub/", "sub/deep/", "sub/deep/z"]);
});

const canMount =
  spawnSync("sh", ["-c", "d=$(mktemp -d) && mount --bind /proc $d && umount $d; s=$?; rmdir $d; exit $s"]).status === 0;
test.runIf(canMount)(
  `a file whose size says nothing of its content is not packed as an empty one${canMount ? "" : " (SKIPPED: nothing can be mounted here)"}`,
  async () => {
    const { folder } = withFiles({ info: "" });
    execFileSync("mount", ["--bind", "/proc/cpuinfo", join(folder, "info")]);
    onTestFinished(() => void spawnSync("umount", ["-l", join(folder, "info")]));
    await expect(packed(folder)).rejects.toMatchObject({
      code: "file-changed",
      message: expect.stringContaining("info has more bytes than its size says"),
    });
  },
);

test("folders as deep as a path may be long are packed", async () => {
  const { folder } = withFiles({});
  const depth = 1500;
  mkdirSync(join(folder, "d/".repeat(depth)), { recursive: true });
  let folders = 0;
  for await (const piece of packFolder(folder, { warn: expect.fail, refuse: expect.fail }).stream)
    if (piece.at(-512 + 156) === "5".charCodeAt(0)) folders++;
  expect(folders).toBe(depth + 1);
  execFileSync("rm", ["-rf", folder]); // Node's own way calls itself once for each
});

test("whoever stops, or is stopped, leaves nothing open", async () => {
  const { folder } = withFiles({ a: content(600_000), "sub/b": content(600_000, 2), "sub/deep/c": "c" });
  const open = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
      } catch {
        return false; // the one that lists them
      }
    });
  expect(await packed(folder)).toMatchObject(NO_LOSS);
  expect(open()).toEqual([]);
  for (let pieces = 1; pieces < 14; pieces++) {
    let count = 0;
    for await (const _ of packFolder(folder, { warn: expect.fail, refuse: expect.fail }).stream)
      if (++count === pieces) break;
    expect([pieces, open()]).toEqual([pieces, []]);
    const stopped = packed(folder, () => {
      if (--count === 0) throw new Error("enough");
    });
    await stopped.catch(() => {});
    expect([pieces, open()]).toEqual([pieces, []]);
  }
});
