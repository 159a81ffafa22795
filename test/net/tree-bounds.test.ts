/** What packing and unpacking remember has bounds in bytes, and is forgotten when it is not needed any more. */
import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NOTED_BYTES_MAX, NOTED_MAX, Notes } from "../../src/net/extensions/folder/tar-notes.ts";
import { packFolder } from "../../src/net/extensions/folder/tar-pack.ts";
import { unpack } from "../../src/net/extensions/folder/tar-unpack.ts";
import { usedBytes } from "../support/memory.ts";
import { archiveOf, ROOT, tarEntry } from "../support/trees.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;

test("an archive of more long links than are remembered is refused by the bound in bytes", async () => {
  const work = new Workspace();
  // All of one name: they are only noted, so no disk finds out.
  const link = tarEntry({ path: "l", type: "SymbolicLink", size: 0 }, "", { linkpath: "t".repeat(3900) });
  writeFileSync(work.path("archive"), archiveOf(ROOT, ...Array<Buffer>(17_500).fill(link)));
  await expect(
    unpack(work.path("archive"), work.path("tree"), { sync: false, warn: expect.fail }),
  ).rejects.toMatchObject({
    code: "archive-refused",
    message: expect.stringContaining(`more than the ${NOTED_BYTES_MAX} bytes`),
  });
});

describe("notes", () => {
  test("cost about as many bytes as are counted, and no more than the bound", async () => {
    const before = await usedBytes();
    const budget = { bytes: 0, notes: 0 };
    const notes = new Notes(budget);
    const fill = () => {
      for (let number = 0; ; number++)
        notes.add({ path: `a folder with a usual name/and another one ${number}`, target: "", mode: 0, time: null });
    };
    expect(fill).toThrow("bytes that are kept for them");
    expect(budget.notes).toBeGreaterThan(500_000);
    expect((await usedBytes()) - before).toBeLessThan(NOTED_BYTES_MAX + 4 * MiB);
    expect(notes.backwards().next().value?.path).toContain("and another one");
  });

  test("have a bound for short ones as well, and share it", () => {
    const budget = { bytes: 0, notes: NOTED_MAX - 1 };
    const [one, other] = [new Notes(budget), new Notes(budget)];
    one.add({ path: "a", target: "", mode: 0, time: null });
    expect(() => other.add({ path: "a", target: "", mode: 0, time: null })).toThrow(`more than ${NOTED_MAX} folders`);
  });
});

describe("hard links of a folder that is packed", () => {
  /** Headers of the archive, as "type name -> name of the first", and warnings. */
  async function packed(folder: string, linkedBytesMax?: number, onHeader: (header: Buffer) => void = () => {}) {
    const warnings: string[] = [];
    const warn = (path: string, why: string) => void warnings.push(`${path}: ${why}`);
    const entries: string[] = [];
    for await (const piece of packFolder(folder, { warn, refuse: expect.fail }, linkedBytesMax).stream) {
      const header = Buffer.from(piece).subarray(-512); // behind the extended one
      if (header.toString("latin1", 257, 262) !== "ustar") continue;
      const [name, target] = [header.subarray(0, 100), header.subarray(157, 257)].map((field) =>
        String(field).replaceAll("\0", ""),
      );
      onHeader(header);
      const type = header.toString("latin1", 156, 157);
      if (type !== "5") entries.push(type === "1" ? `${name} -> ${target}` : `${name}`);
    }
    return { entries, warnings };
  }

  const withPairs = (...outside: string[]) => {
    const work = new Workspace();
    const folder = work.path("in", "d");
    mkdirSync(folder, { recursive: true });
    for (const name of [...outside, "b1", "c1", "d1"]) writeFileSync(join(folder, name), name);
    for (const name of ["b", "c", "d"]) linkSync(join(folder, `${name}1`), join(folder, `${name}2`));
    for (const name of outside) linkSync(join(folder, name), work.path("in", name));
    return { folder, work };
  };
  const PAIRS = ["b1", "b2 -> b1", "c1", "c2 -> c1", "d1", "d2 -> d1"];
  const ONE = 260; // bytes that one of them is counted as, and less than two

  test("are forgotten with their last name, so that any number of them needs the room of one", async () => {
    const { folder } = withPairs();
    expect(await packed(folder, ONE)).toEqual({ entries: PAIRS, warnings: [] });
  });

  test("that get one more name when their last one has gone by come as files again", async () => {
    const { folder } = withPairs();
    mkdirSync(join(folder, "sub"));
    let isDone = false;
    const { entries } = await packed(folder, ONE, (header) => {
      if (isDone || !header.toString("latin1", 0, 2).startsWith("d2")) return;
      isDone = true;
      linkSync(join(folder, "b1"), join(folder, "sub", "b3"));
      linkSync(join(folder, "b1"), join(folder, "sub", "b4"));
      rmSync(join(folder, "b2"));
      rmSync(join(folder, "b1"));
    });
    expect(entries).toEqual([...PAIRS, "sub/b3", "sub/b4 -> sub/b3"]);
  });

  test("whose other names are elsewhere stay; beyond the bound, names are files of their own, with a warning", async () => {
    const { folder } = withPairs("a1", "a2");
    expect((await packed(folder)).entries).toEqual(["a1", "a2", ...PAIRS]);
    const { entries, warnings } = await packed(folder, 2 * ONE);
    expect(entries).toEqual(["a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2"]);
    expect(warnings).toEqual([
      `${folder}/b1: too many files with several names: from here on, each name is packed as a file of its own`,
    ]);
  });
});
