import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { Readable } from "node:stream";
import { expect, test, vi } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { content, sha256 } from "../support/content.ts";
import { Workspace } from "../support/workspace.ts";
import { receiveMinimal, sendMinimal, serveMinimal } from "./programs.ts";

const KINDS = ["full", "minimal"] as const;
const COMBINATIONS = KINDS.flatMap((server) =>
  KINDS.flatMap((sender) => KINDS.map((receiver) => [server, sender, receiver] as const)),
);
const INLINE = LIMITS.pipelineBytesMax;
const MiB = 1024 * 1024;
const SIZES = [0, 1, INLINE - 1, INLINE, INLINE + 1, MiB - 1, 3 * MiB + 1, 5 * MiB + 4097];
const SMALL_FILES = 300;

/** Every file of a folder by its path, with the digest of its content. */
function contentsOf(place: Workspace, folder: string): Record<string, string> {
  const entries = readdirSync(place.path(folder), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const path = (entry: (typeof entries)[number]) =>
    `${entry.parentPath}/${entry.name}`.slice(place.path(folder).length + 1);
  const digest = (entry: (typeof entries)[number]) => sha256(place.read(folder, path(entry)));
  return Object.fromEntries(entries.map((entry) => [path(entry), digest(entry)]).sort());
}

test.each(COMBINATIONS)(
  "what a %s server took of a %s sender, a %s receiver gets, byte for byte",
  async (server, sender, receiver) => {
    // In memory, where there is such a disk: a sync for each small file is what the minimal programs are slow at.
    if (existsSync("/dev/shm")) vi.stubEnv("TMPDIR", "/dev/shm");
    const place = new Workspace();
    vi.unstubAllEnvs();
    const { port } = server === "full" ? await place.serve() : await serveMinimal(place.path("spool"));
    for (const [index, size] of SIZES.entries()) place.write(`size-${size}.bin`, content(size, index + 1));
    for (let number = 0; number < SMALL_FILES; number++)
      place.write(`small-${number}.bin`, content(100 + number, number));
    const paths = readdirSync(place.path("in")).map((name) => place.path("in", name));
    const expected = contentsOf(place, "in");

    if (sender === "minimal") {
      expect((await sendMinimal(port, paths)).failures).toEqual([]);
    } else {
      // What only the full sender sends: content of unknown size, and a folder. All servers and receivers take them.
      mkdirSync(place.path("in", "folder"));
      place.write("folder/inner.txt", "in a folder");
      const stream = { name: "stream.bin", stream: Readable.from([content(MiB + 7, 9), content(5, 8)]) };
      const files = [...paths, stream, place.path("in", "folder")];
      expect((await place.send({ port, files }).done).failures).toEqual([]);
      expected["stream.bin"] = sha256(Buffer.concat([content(MiB + 7, 9), content(5, 8)]));
      expected["folder/inner.txt"] = sha256(Buffer.from("in a folder"));
    }

    if (receiver === "full") {
      expect((await place.receive({ port }).done).failures).toEqual([]);
    } else {
      expect((await receiveMinimal(port, place.path("out"))).failures).toEqual([]);
      // A folder stays the archive that it travels as.
      if (sender === "full") execFileSync("tar", ["-xf", "folder.tar"], { cwd: place.path("out") });
      if (sender === "full") execFileSync("rm", ["folder.tar"], { cwd: place.path("out") });
    }
    const found = contentsOf(place, "out");
    const inFolder = Object.keys(found).find((path) => path.endsWith("inner.txt"));
    if (inFolder !== undefined && inFolder !== "folder/inner.txt") {
      found["folder/inner.txt"] = found[inFolder] as string;
      delete found[inFolder];
    }
    expect(found).toEqual(Object.fromEntries(Object.entries(expected).sort()));
  },
);
