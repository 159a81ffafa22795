/** A file that is mostly holes, at real processes: it takes little room in the spool and where it lands, alone and in a folder. */
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { expect, test } from "vitest";
import { MiB } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const SIZE = 96 * MiB;
/** Where a file has something in it, and how much of it. */
const DATA = [
  [20 * MiB + 777, 100_000],
  [SIZE / 2, MiB],
] as const;

function writeSparse(path: string): void {
  const file = openSync(path, "w");
  for (const [at, bytes] of DATA) writeSync(file, Buffer.alloc(bytes, "data"), 0, bytes, at);
  ftruncateSync(file, SIZE);
  closeSync(file);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Bytes that the files of a folder take on the disk. */
const takenBy = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0);

test.each(["image", "folder"])("holes stay holes in the spool and where it lands: a sparse %s", async (name) => {
  const place = new Place();
  mkdirSync(place.path("folder"));
  const file = name === "folder" ? "folder/image" : name;
  writeSparse(place.path(file));
  const { port } = await place.serve();
  const before = takenBy(place.path("spool"));
  await place.run(place.send(port, name));
  expect(takenBy(place.path("spool")) - before).toBeLessThan(16 * MiB);
  await place.run(place.receive(port));
  const landed = place.path("inbox", file);
  expect([statSync(landed).size, await digestOf(landed)]).toEqual([SIZE, await digestOf(place.path(file))]);
  expect(statSync(landed).blocks * 512).toBeLessThan(16 * MiB);
});
