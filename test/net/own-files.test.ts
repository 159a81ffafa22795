import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { Landing } from "../../src/net/receiver/landing.ts";
import { look, ownName, ownPath, withLot } from "../../src/net/receiver/own-files.ts";
import { removeTree } from "../../src/net/receiver/remove-tree.ts";
import { SmallFile } from "../../src/net/receiver/small-file.ts";
import { content } from "../support/content.ts";
import { replaceCall } from "../support/disk-faults.ts";
import { attributesOf, deliverAgain, deliveryOf, incoming, landAndDie, SIZES } from "../support/landings.ts";
import { idOf } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

describe("a name is one of ours only", () => {
  const id = idOf(7);
  test.each([
    [`.filespool-${id}.part`, "part"],
    [`.filespool-${id}.0a1b2c3d.part`, "part"],
    [`.filespool-${id}.tree`, "tree"],
    [`.filespool-${id}.old`, "old"],
    [`.filespool-${id}.hook`, "hook"],
    [".filespool-landed-0a1b", "journal"],
    [".filespool-new-0a1b", "unnamed"],
    [".filespool-damaged-0a1b", undefined],
    [".filespool-X.old", undefined],
    [`.filespool-${id}.parts`, undefined],
    [`.filespool-${id.toUpperCase().replace("0", "A")}.part`, undefined],
    [`.filespool-${id}.0a1b.part`, undefined],
    [`.filespool-${id}0.part`, undefined],
    [`x.filespool-${id}.part`, undefined],
    [".filespool.config.json", undefined],
  ])("by its form: %s", (name, kind) => {
    expect(ownName(name)?.kind).toBe(kind);
  });

  test("and another name of the same kind and transfer is one as well", () => {
    const path = ownPath("/x", id, "tree");
    const other = withLot(path);
    expect([other === path, ownName(basename(other)), other.startsWith("/x/")]).toEqual([
      false,
      { kind: "tree", transfer: id },
      true,
    ]);
    expect(ownName(basename(withLot(other)))).toEqual({ kind: "tree", transfer: id });
  });
});

describe("what appears under the name of a part while a receiver works", () => {
  /** Lands one file, after `meddle` has put something under the name of its part. */
  async function landed(size: number, meddle: (part: string, work: Workspace) => void) {
    const work = new Workspace();
    const out = work.path("out");
    const landing = await Landing.open(out, { ifExists: "refuse", sync: true });
    const bytes = content(size);
    const delivery = deliveryOf(1, bytes);
    writeFileSync(work.path("outside"), "outside");
    meddle(ownPath(out, idOf(1), "part"), work);
    const file =
      size < 64 * 1024
        ? new SmallFile(delivery, out, true, attributesOf(delivery))
        : await incoming(out, delivery, bytes);
    if (file instanceof SmallFile) file.append(0, [bytes], bytes.length);
    const result = await landing.land([file]);
    return { work, result, landing, bytes };
  }

  test.each(
    SIZES.flatMap(([kind, size]) => [
      [kind, size, "a pipe", (part: string) => void execFileSync("mkfifo", [part])] as const,
      [kind, size, "a link", (part: string, work: Workspace) => symlinkSync(work.path("outside"), part)] as const,
      [kind, size, "a second name", (part: string, work: Workspace) => linkSync(work.path("outside"), part)] as const,
      [kind, size, "a folder", (part: string) => void mkdirSync(part)] as const,
    ]),
  )("is left alone, and the %s file lands (%i bytes, %s)", async (_, size, __, meddle) => {
    const { work, result, landing, bytes } = await landed(size, meddle);
    expect(result).toEqual([{ path: work.path("out", "file-1") }]);
    expect(work.read("out", "file-1").equals(bytes)).toBe(true);
    expect(readFileSync(work.path("outside"), "utf8")).toBe("outside");
    expect(look(ownPath(work.path("out"), idOf(1), "part")).is).not.toBe("nothing");
    // The journal says where the content was, so that after a crash nobody looks at the wrong thing.
    await landing.close();
    expect(await deliverAgain(work, [bytes])).toMatchObject({ landed: 0, verdicts: ["ack"] });
  });

  test.each(SIZES)("is not taken for the part after a crash before the %s file had its name", async (_, size) => {
    const { work, bytes } = await landed(size, (part) => void mkdirSync(part));
    const part = withLot(ownPath(work.path("out"), idOf(1), "part"));
    const [journal = ""] = work.list().filter((name) => name.startsWith(".filespool-landed-"));
    const text = work.read("out", journal).toString();
    expect(text).toMatch(/"\.filespool-[0-9a-f]{32}\.[0-9a-f]{8}\.part"\]\n$/);
    writeFileSync(work.path("out", journal), text.replace(/"\.filespool-[^"]*"/, JSON.stringify(basename(part))));
    renameSync(work.path("out", "file-1"), part);
    expect(await deliverAgain(work, [bytes])).toMatchObject({ landed: 1, verdicts: ["ack"] });
    expect(work.read("out", "file-1").equals(bytes)).toBe(true);
  });
});

describe("a journal that makes no sense", () => {
  const damaged = [
    ["garbage", "no journal\n"],
    ["a path in the place of a transfer", '["../../../outside",1790000000000,"x"]\n'],
    ["a part outside of the folder", `["${idOf(1)}",1790000000000,"x","../outside"]\n`],
    ["the part of another transfer", `["${idOf(1)}",1790000000000,"x",".filespool-${idOf(2)}.part"]\n`],
    ["no list", `{"0":"${idOf(1)}"}\n`],
    ["a time that is none", `["${idOf(1)}","now","x"]\n`],
  ] as const;

  test.each(damaged)("is set aside and named, and believed in nothing: %s", async (_, line) => {
    const work = new Workspace();
    await landAndDie(work, content(10), content(20));
    const [journal = ""] = work.list().filter((name) => name.startsWith(".filespool-landed-"));
    const text = work.read("out", journal).toString();
    writeFileSync(work.path("out", journal), text + line);
    renameSync(work.path("out", "file-1"), work.path("moved away"));
    const warnings: string[][] = [];
    const landing = await Landing.open(work.path("out"), {
      ifExists: "refuse",
      sync: true,
      warn: (...told) => warnings.push(told),
    });
    await landing.close();
    const [kept = ""] = work.list().filter((name) => name.startsWith(".filespool-damaged-"));
    expect(work.read("out", kept).toString()).toBe(text + line);
    expect(warnings).toEqual([[work.path("out", journal), expect.stringContaining(kept)]]);
    expect(warnings[0]?.[1]).toContain("may land a second time");
    // What is not there any more lands again, and what is there is not replaced.
    const { landed, failures } = await deliverAgain(work, [content(10), content(20)], "refuse");
    expect([landed, failures]).toMatchObject([1, [{ code: "file-exists" }]]);
  });

  test("and is longer than any of ours is not read", async () => {
    const work = new Workspace();
    mkdirSync(work.path("out"));
    execFileSync("truncate", ["-s", "2T", work.path("out", ".filespool-landed-0")]);
    const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
    await landing.close();
    expect(work.list()).toEqual([expect.stringMatching(/^\.filespool-damaged-/)]);
  });
});

describe("removing a tree", () => {
  test("takes what is in it and nothing that its links lead to, however deep it is and whatever its modes say", async () => {
    const work = new Workspace();
    mkdirSync(work.path("keep"));
    writeFileSync(work.path("keep", "kept"), "");
    const names = Array.from({ length: 400 }, (_, depth) => `d${depth % 7}`);
    mkdirSync(work.path("tree", ...names), { recursive: true });
    for (let depth = 0; depth < 400; depth += 50) {
      const at = work.path("tree", ...names.slice(0, depth));
      writeFileSync(`${at}/file`, "");
      symlinkSync(work.path("keep"), `${at}/link`);
      chmodSync(at, 0o555);
    }
    await removeTree(work.path("tree"));
    expect([existsSync(work.path("tree")), readdirSync(work.path("keep"))]).toEqual([false, ["kept"]]);
  });

  test("does not follow a link in its own place", async () => {
    const work = new Workspace();
    mkdirSync(work.path("keep"));
    writeFileSync(work.path("keep", "kept"), "");
    symlinkSync(work.path("keep"), work.path("tree"));
    await removeTree(work.path("tree"));
    expect([lstatSync(work.path("tree")).isSymbolicLink(), readdirSync(work.path("keep"))]).toEqual([true, ["kept"]]);
  });

  test("does not follow a link that was put in the place of a folder while it looked", async () => {
    const work = new Workspace();
    mkdirSync(work.path("keep"));
    writeFileSync(work.path("keep", "kept"), "");
    mkdirSync(work.path("tree", "inner"), { recursive: true });
    replaceCall("readdir", (readdir) => async (...words) => {
      const names = await readdir(...words);
      if (lstatSync(work.path("tree", "inner"), { throwIfNoEntry: false })?.isDirectory()) {
        rmdirSync(work.path("tree", "inner"));
        symlinkSync(work.path("keep"), work.path("tree", "inner"));
      }
      return names;
    });
    await removeTree(work.path("tree"));
    expect([existsSync(work.path("tree")), existsSync(work.path("keep", "kept"))]).toEqual([false, true]);
  });
});
