/**
 * A target folder in which another user may write: whatever is put there under the names that a receiver uses for itself,
 * the files land, nothing outside of the folder is touched, and nobody waits for ever.
 */
import { execFileSync } from "node:child_process";
import {
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { KiB, namesIn, noise } from "../support/process-files.ts";
import { Place, type Program } from "../support/process-program.ts";

const isRoot = process.getuid?.() === 0;
/** Nobody in particular, as long as it is not the user of the tests. */
const OTHER = 12_345;

/** What somebody puts under a name of ours. `outside` has a file "file" and a folder "folder" with a file "inner". */
const THINGS: Readonly<Record<string, (path: string, outside: string) => void>> = {
  "a link to a file": (path, outside) => symlinkSync(`${outside}/file`, path),
  "a link to a folder": (path, outside) => symlinkSync(`${outside}/folder`, path),
  "a link to nothing": (path, outside) => symlinkSync(`${outside}/nothing`, path),
  "a pipe": (path) => void execFileSync("mkfifo", [path]),
  "a socket": (path) => {
    const server = createServer().listen(path);
    onTestFinished(() => void server.close());
  },
  "garbage of ours": (path) => writeFileSync(path, "no sense\nat all\n"),
  "a terabyte of nothing": (path) => {
    const fd = openSync(path, "w");
    ftruncateSync(fd, 2 ** 40);
    closeSync(fd);
  },
  "a second name of somebody's file": (path, outside) => {
    chownSync(`${outside}/file`, OTHER, OTHER);
    linkSync(`${outside}/file`, path);
  },
  "a file of somebody": (path) => {
    writeFileSync(path, '["00000000000000000000000000000000",1790000000000,""]\n');
    chownSync(path, OTHER, OTHER);
  },
  "a folder of somebody": (path) => {
    mkdirSync(path);
    writeFileSync(`${path}/theirs`, "theirs");
    for (const each of [path, `${path}/theirs`]) chownSync(each, OTHER, OTHER);
  },
  "a device": (path) => void execFileSync("mknod", [path, "c", "1", "3"]),
};
const NEEDS_ROOT = ["a second name of somebody's file", "a file of somebody", "a folder of somebody", "a device"];
/** What is ours by its owner is used or set aside; all else stays as it is. */
const OURS = ["garbage of ours", "a terabyte of nothing"];
/** Everything that tells one state of a thing from another. */
const stateOf = (path: string): unknown[] => {
  const { ino, mode, uid, size, mtimeMs } = lstatSync(path);
  return [ino, mode, uid, size, mtimeMs];
};

/** A server with a small file, a large one and a folder, and what is outside of the target folder. */
async function filled(...names: string[]) {
  const place = new Place();
  const { port } = await place.serve();
  mkdirSync(place.path("folder"));
  writeFileSync(place.path("folder/inner"), "new");
  writeFileSync(place.path("small"), "small");
  writeFileSync(place.path("large"), noise(300 * KiB, 7));
  const sender = await place.run(place.send(port, ...names));
  const ids = sender.all("stored").map(({ transfer }) => transfer);
  mkdirSync(place.path("outside/folder"), { recursive: true });
  writeFileSync(place.path("outside/file"), "outside");
  writeFileSync(place.path("outside/folder/inner"), "inner");
  mkdirSync(place.path("inbox"));
  return { place, port, ids };
}

/** It must end by itself, whatever it finds. */
async function runOf(place: Place, program: Program): Promise<Program> {
  const timer = setTimeout(() => program.signal("SIGKILL"), 60_000);
  return place.run(program).finally(() => clearTimeout(timer));
}

describe("under the names that a receiver uses for itself lies", () => {
  test.each(
    Object.entries(THINGS).flatMap(([what, make]) => [
      [what, "", make] as const,
      [what, "with a command", make] as const,
    ]),
  )("%s: everything lands, and nothing else is touched %s", async (what, how, make) => {
    if (NEEDS_ROOT.includes(what) && !isRoot) return console.warn(`SKIPPED: ${what} needs root`);
    const { place, port, ids } = await filled("small", "large", "folder");
    const [small = "", large = "", folder = ""] = ids;
    const outside = ["outside/file", "outside/folder", "outside/folder/inner"].map((name) => place.path(name));
    mkdirSync(place.path("inbox/folder")); // it is going to be replaced
    writeFileSync(place.path("inbox/folder/old"), "old");
    const kinds = ["part", "tree", "old", "hook"].flatMap((kind) => ids.map((id) => `.filespool-${id}.${kind}`));
    const names = [...kinds, ".filespool-landed-0", ".filespool-new-0", ".filespool-X.old", ".filespool-X.part"];
    expect([small, large, folder].every((id) => id.length === 32)).toBe(true);
    for (const name of names) make(place.path("inbox", name), place.path("outside"));
    const before = outside.map(stateOf);
    const things = names.map((name) => place.path("inbox", name));
    const were = things.map(stateOf);
    const exec = how === "" ? [] : ["--exec", "test -e {}"];
    const receiver = await runOf(place, place.receive(port, "--if-exists", "overwrite", ...exec));
    expect(receiver.all("acked")).toHaveLength(3);
    expect(readFileSync(place.path("inbox/small"), "utf8")).toBe("small");
    expect(readFileSync(place.path("inbox/large")).equals(noise(300 * KiB, 7))).toBe(true);
    expect([namesIn(place.path("inbox/folder")), readFileSync(place.path("inbox/folder/inner"), "utf8")]).toEqual([
      ["inner"],
      "new",
    ]);
    expect(outside.map(stateOf)).toEqual(before);
    if (OURS.includes(what))
      expect(namesIn(place.path("inbox")).filter((n) => n.includes("-damaged-"))).not.toEqual([]);
    else expect(things.map(stateOf)).toEqual(were);
    expect(receiver.all("warning").map(({ path }) => path)).toContain(place.path("inbox/.filespool-landed-0"));
  });
});
