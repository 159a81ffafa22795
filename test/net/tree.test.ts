import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, lstatSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ReceiveOptions } from "../../src/net/options.ts";
import { content } from "../support/content.ts";
import { anyTree, archiveOf, ROOT, readTree, tarEntry, underUmask, writeTree } from "../support/trees.ts";
import { Workspace } from "../support/workspace.ts";

const isRoot = process.getuid?.() === 0;

/** A folder "in/d" with a file in it, and a server. */
async function withFolder() {
  const work = new Workspace();
  const folder = work.path("in", "d");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "a"), "content of a");
  const { port, spool } = await work.serve();
  const round = async (options: Partial<ReceiveOptions> = {}) => {
    const sent = work.send({ port, files: [folder] });
    expect(await sent.done).toMatchObject({ failures: [] });
    const received = work.receive({ port, ...options });
    return { sent, received, summary: await received.done };
  };
  return { work, folder, port, spool, round };
}

/** Receives an archive that was made by hand. */
async function unpacked(archive: Uint8Array, kind = "tar") {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const source = { name: "d", kind, stream: Readable.from([archive]) };
  expect(await work.send({ port, files: [source] }).done).toMatchObject({ stored: 1 });
  const receiver = work.receive({ port });
  const { failures, landed } = await receiver.done;
  return { work, spool, receiver, landed, failure: failures[0] };
}

describe("a folder", () => {
  test("arrives with its files, folders, modes and times, whatever they are", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    let number = 0;
    await fc.assert(
      fc.asyncProperty(anyTree, async (items) => {
        const name = `tree ${++number}`;
        writeTree(work.path("in", name), items);
        await work.send({ port, files: [`${work.path("in", name)}/`], bufferBytes: 1024 }).done;
        expect(await work.receive({ port }).done).toMatchObject({ landed: 1, failures: [] });
        expect(readTree(work.path("out", name))).toEqual(underUmask(readTree(work.path("in", name))));
        expect(readTree(work.path("in", name))).toHaveLength(items.length);
      }),
      { numRuns: 40 },
    );
    expect(work.list().every((name) => name.startsWith("tree "))).toBe(true);
    if (!isRoot) execFileSync("chmod", ["-R", "u+rwx", work.folder]);
  });

  test("and files of one command land in its order; a large one resumes like a file", async () => {
    const { work, folder, port } = await withFolder();
    writeFileSync(join(folder, "large"), content(20 * 1024 * 1024));
    const files = [work.write("before", "1"), folder, work.write("behind", "2")];
    expect(await work.send({ port, files }).done).toMatchObject({ stored: 3, failures: [] });
    const stopped = new AbortController();
    const first = work.receive({ port, signal: stopped.signal });
    await first.events.waitFor("progress");
    stopped.abort();
    await first.done.catch(() => {});
    const second = work.receive({ port });
    await second.done;
    const landed = [...first.events.all("landed"), ...second.events.all("landed")].map(({ path }) => path);
    expect(landed).toEqual(["before", "d", "behind"].map((name) => work.path("out", name)));
    expect(work.read("out", "d", "large").equals(content(20 * 1024 * 1024))).toBe(true);
    expect(work.list()).toEqual(["before", "behind", "d"]);
  });

  test("keeps links that stay inside, hard links and empty folders; what leads out is left out with a warning", async () => {
    const { work, folder, round } = await withFolder();
    mkdirSync(join(folder, "sub", "empty"), { recursive: true });
    symlinkSync("../a", join(folder, "sub", "inside"));
    symlinkSync("nowhere", join(folder, "dangling"));
    symlinkSync("../../secret", join(folder, "sub", "outside"));
    symlinkSync("/etc/passwd", join(folder, "absolute"));
    symlinkSync("sub/../..", join(folder, "round about"));
    linkSync(join(folder, "a"), join(folder, "sub", "hard"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    const { sent } = await round();
    const left = ["absolute", "pipe", "round about", "sub/outside"];
    expect(sent.events.all("warning").map(({ path }) => path)).toEqual(left.map((name) => join(folder, name)));
    const landed = readTree(work.path("out", "d")).map(({ path, kind }) => `${kind} ${path}`);
    expect(landed).toEqual([
      "file a",
      "link dangling",
      "folder sub",
      "folder sub/empty",
      "file sub/hard",
      "link sub/inside",
    ]);
    expect(statSync(work.path("out", "d", "a")).ino).toBe(statSync(work.path("out", "d", "sub", "hard")).ino);
  });

  test("loses setuid, setgid and sticky bits", async () => {
    const { work, folder, round } = await withFolder();
    chmodSync(join(folder, "a"), 0o6755);
    chmodSync(folder, 0o1755);
    await round();
    expect(lstatSync(work.path("out", "d", "a")).mode & 0o7777).toBe(0o755);
    expect(lstatSync(work.path("out", "d")).mode & 0o7777).toBe(0o755);
  });

  test("in which a file changes while it is packed is not stored", async () => {
    const { work, folder, port, spool } = await withFolder();
    writeFileSync(join(folder, "b"), content(150 * 1024 * 1024));
    writeFileSync(join(folder, "c"), "still here");
    const sender = work.send({ port, files: [folder] });
    await sender.events.waitFor("progress");
    writeFileSync(join(folder, "b"), "shorter");
    expect((await sender.done).failures).toMatchObject([{ code: "file-changed" }]);
    expect((await sender.done).failures[0]?.message).toContain(join(folder, "b"));
    expect([spool.waiting("default"), spool.bytesUsed()]).toEqual([0, 0]);
  });
});

describe("a folder whose name is taken", () => {
  test("is refused, and stays in its queue", async () => {
    const { work, spool, round } = await withFolder();
    await round();
    const { summary } = await round();
    expect(summary).toMatchObject({ landed: 0, failures: [{ code: "file-exists" }] });
    expect(spool.waiting("default")).toBe(1);
    expect(work.list()).toEqual(["d"]);
  });

  test("lands beside it, is skipped, or replaces it whole, as the policy says", async () => {
    const { work, folder, round } = await withFolder();
    await round();
    writeFileSync(work.path("out", "d", "only here"), "");
    await round({ ifExists: "rename" });
    expect(readTree(work.path("out", "d (1)"))).toEqual(readTree(folder));
    expect((await round({ ifExists: "skip" })).summary).toMatchObject({ landed: 0, skipped: 1 });
    expect(work.list(join("out", "d"))).toEqual(["a", "only here"]);
    await round({ ifExists: "overwrite" });
    expect(readTree(work.path("out", "d"))).toEqual(readTree(folder));
    rmSync(work.path("out", "d"), { recursive: true });
    writeFileSync(work.path("out", "d"), "a file");
    await round({ ifExists: "overwrite" });
    expect(readTree(work.path("out", "d"))).toEqual(readTree(folder));
    expect(work.list()).toEqual(["d", "d (1)"]);
  });
});

test("a kind that is not known is refused before its bytes are sent, and stays in its queue", async () => {
  for (const size of [10, 3_000_000]) {
    const { failure, spool, work, receiver } = await unpacked(content(size), "zip");
    expect(failure).toMatchObject({ code: "kind-unsupported", message: expect.stringContaining('"zip"') });
    expect(spool.waiting("default")).toBe(1);
    expect(receiver.events.all("progress")).toEqual([]);
    expect(work.list()).toEqual([]);
  }
});

/** The header of an entry with another type, for types that no library writes. */
function withType(entry: Buffer, type: string): Buffer {
  entry.write(type, 156, "latin1");
  entry.fill(" ", 148, 156);
  const sum = entry.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  entry.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return entry;
}

describe("an archive that means harm is refused, and nothing of it is left:", () => {
  const file = (path: string) => tarEntry({ path, type: "File" }, "owned");
  const folder = (path: string) => tarEntry({ path, type: "Directory", mode: 0o755 });
  const link = (path: string, linkpath: string) => tarEntry({ path, linkpath, type: "SymbolicLink", size: 0 });
  const hard = (path: string, linkpath: string) => tarEntry({ path, linkpath, type: "Link", size: 0 });
  /** An extended header as it stands, whatever it says. */
  const extended = (record: string) => {
    const line = ` ${record}\n`;
    return tarEntry({ path: "PaxHeader/x", type: "ExtendedHeader" }, `${line.length + 2}${line}`);
  };
  const sparse = withType(tarEntry({ path: "x", size: 0 }), "S");
  const device = (type: "CharacterDevice" | "BlockDevice" | "FIFO") => tarEntry({ path: "x", type, size: 0 });
  test.each<[string, Buffer]>([
    ["a path that climbs", archiveOf(ROOT, file("../x"))],
    ["a path that climbs later", archiveOf(ROOT, folder("a"), file("a/../../x"))],
    ["an absolute path", archiveOf(ROOT, file("/tmp/x"))],
    ["an absolute folder", archiveOf(ROOT, folder("/tmp/"))],
    ["a path that climbs in an extended header", archiveOf(ROOT, tarEntry({ path: "x" }, "owned", { path: "../x" }))],
    ["an empty part", archiveOf(ROOT, folder("a"), file("a//x"))],
    ["a file through a link", archiveOf(ROOT, link("l", "."), file("l/x"))],
    ["a link and then a file in its place", archiveOf(ROOT, link("l", "a"), file("l"))],
    ["a file before its folder", archiveOf(ROOT, file("a/x"))],
    ["a file in a file", archiveOf(ROOT, file("a"), file("a/x"))],
    ["the same file twice", archiveOf(ROOT, file("a"), file("a"))],
    ["two names that are one here", archiveOf(ROOT, file("a\\b"), file("a_b"))],
    ["a hard link out of it", archiveOf(ROOT, hard("x", "../secret"))],
    ["a hard link to an absolute path", archiveOf(ROOT, hard("x", "/etc/passwd"))],
    ["a hard link to a folder", archiveOf(ROOT, folder("a"), hard("x", "a"))],
    ["a hard link to nothing", archiveOf(ROOT, hard("x", "a"))],
    ["a device", archiveOf(ROOT, device("CharacterDevice"))],
    ["a disk", archiveOf(ROOT, device("BlockDevice"))],
    ["a pipe", archiveOf(ROOT, device("FIFO"))],
    ["a root that is a file", archiveOf(file("./"))],
    ["a root that comes after what is in it", archiveOf(file("a"), ROOT)],
    ["two roots", archiveOf(ROOT, ROOT)],
    ["nothing", archiveOf()],
    ["no bytes", Buffer.alloc(0)],
    ["no archive", content(10_000)],
    ["an archive that is cut off in a content", archiveOf(ROOT, file("a")).subarray(0, 1100)],
    ["an archive that is cut off in a header", archiveOf(ROOT, file("a")).subarray(0, 600)],
    ["a content that would be longer than the archive", archiveOf(ROOT, tarEntry({ path: "a", size: 8 ** 10 }))],
    [
      "an extended header of a gigabyte",
      archiveOf(ROOT, tarEntry({ path: "p", type: "ExtendedHeader", size: 2 ** 30 })),
    ],
    [
      "an extended header that is longer than any path",
      archiveOf(ROOT, tarEntry({ path: "x" }, "", { path: `${"d/".repeat(40_000)}x` })),
    ],
    [
      "a path of many folders that are not there",
      archiveOf(ROOT, tarEntry({ path: "x" }, "", { path: "d/".repeat(2000) })),
    ],
    [
      "a link whose target is longer than a path",
      archiveOf(ROOT, tarEntry({ path: "x", type: "SymbolicLink", size: 0 }, "", { linkpath: "t".repeat(5000) })),
    ],
    [
      "a size in an extended header that nothing could hold",
      archiveOf(ROOT, extended("size=9007199254740991"), file("x")),
    ],
    ["a negative size in an extended header", archiveOf(ROOT, extended("size=-1"), file("x"))],
    ["a size in an extended header that is none", archiveOf(ROOT, extended("size=NaN"), file("x"))],
    ["a NUL in a path of an extended header", archiveOf(ROOT, extended("path=x\0/../../y"), file("x"))],
    ["a path of an extended header that is taken away", archiveOf(ROOT, extended("path="), file("x"))],
    ["a folder with a content as old tars name it", archiveOf(ROOT, tarEntry({ path: "x/", type: "File" }, "owned"))],
    [
      "a hard link with a content",
      archiveOf(ROOT, file("a"), tarEntry({ path: "b", linkpath: "a", type: "Link" }, "x")),
    ],
    ["a link with a content", archiveOf(ROOT, tarEntry({ path: "b", linkpath: "a", type: "SymbolicLink" }, "x"))],
    ["an archive behind its end", Buffer.concat([archiveOf(ROOT, file("a")), archiveOf(ROOT, file("b"))])],
    ["a link into a link", archiveOf(ROOT, link("l", "."), link("l/x", "../secret"))],
    ["a type that nobody knows", archiveOf(ROOT, withType(tarEntry({ path: "x", size: 0 }), "Q"))],
    ["two extended headers one after the other", archiveOf(ROOT, extended("path=a"), extended("path=b"), file("x"))],
    [
      "an extended header for all that follows",
      archiveOf(ROOT, tarEntry({ path: "g", type: "GlobalExtendedHeader" }, "15 path=../owned\n"), file("x")),
    ],
    [
      "a name for the next entry as old tars write it",
      archiveOf(ROOT, tarEntry({ path: "@", type: "NextFileHasLongPath" }, "../../owned\0"), file("x")),
    ],
    ["a sparse file of a terabyte", archiveOf(ROOT, tarEntry({ path: "x", type: "GNUDumpDir", size: 2 ** 40 }))],
    ["a sparse file as old tars write it", archiveOf(ROOT, sparse)],
    ["a folder through a link", archiveOf(ROOT, link("l", ".."), folder("l/x"))],
    ["a hard link to a link that leads out", archiveOf(ROOT, link("l", "../secret"), hard("x", "l"))],
    ["a hard link through a link", archiveOf(ROOT, link("l", "."), file("a"), hard("x", "l/a"))],
    ["a link in the place of its own root", archiveOf(ROOT, link("./", "a"))],
    ["a name that no disk takes", archiveOf(ROOT, tarEntry({ path: "x" }, "", { path: "n".repeat(300) }))],
  ])("%s", async (_, archive) => {
    const { failure, landed, spool, work } = await unpacked(archive);
    expect(failure).toMatchObject({ code: "archive-refused", kind: "refused" });
    expect([landed, spool.waiting("default"), work.list()]).toEqual([0, 1, []]);
    expect(work.list(".").sort()).toEqual(["out", "spool"]);
  });

  test("links that lead out are left out with a warning, and names that are not safe become safe", async () => {
    const links = [link("up", ".."), link("abs", "/etc"), link("later", "a/../../x"), link("fine", "a")];
    const { work, receiver, landed } = await unpacked(
      archiveOf(ROOT, folder("a"), ...links, file("a/c:\u202e"), file("con")),
    );
    expect(landed).toBe(1);
    expect(receiver.events.all("warning").map(({ path }) => path)).toEqual(["up", "abs", "later"]);
    expect(readTree(work.path("out", "d")).map(({ path }) => path)).toEqual(["_con", "a", "a/c__", "fine"]);
  });
});
