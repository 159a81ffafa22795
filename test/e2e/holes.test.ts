/**
 * A file that is mostly holes, at real processes: it takes little room in the spool, on the line and where it lands; alone,
 * in a folder, as a stream, and when the line is cut on both ways.
 */
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
import { CuttingProxy, type Fault } from "../support/cutting-proxy.ts";
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

/** What a hole costs on its way: more than what is in the file, and far less than its size. */
const LITTLE = 16 * MiB;

test.each(["image", "folder"])("holes stay holes in the spool and where it lands: a sparse %s", async (name) => {
  const place = new Place();
  mkdirSync(place.path("folder"));
  const file = name === "folder" ? "folder/image" : name;
  writeSparse(place.path(file));
  const { port } = await place.serve();
  const proxy = await CuttingProxy.start(port, () => null);
  const before = takenBy(place.path("spool"));
  await place.run(place.send(proxy.port, name));
  expect(takenBy(place.path("spool")) - before).toBeLessThan(LITTLE);
  await place.run(place.receive(proxy.port));
  const landed = place.path("inbox", file);
  expect([statSync(landed).size, await digestOf(landed)]).toEqual([SIZE, await digestOf(place.path(file))]);
  expect(statSync(landed).blocks * 512).toBeLessThan(LITTLE);
  // Both ways have carried what is in the file.
  for (const bytes of [proxy.bytes.up, proxy.bytes.down]) {
    expect(bytes).toBeGreaterThan(MiB + 100_000);
    expect(bytes).toBeLessThan(LITTLE);
  }
});

test("a stream of zeros takes little room on the line, too", async () => {
  const place = new Place();
  writeSparse(place.path("image"));
  const { port } = await place.serve();
  const proxy = await CuttingProxy.start(port, () => null);
  const input = openSync(place.path("image"), "r");
  const words = ["send", "--port", String(proxy.port), "--name", "image", "-"];
  await place.run(place.start(words, { stdin: input }));
  closeSync(input);
  expect(proxy.bytes.up).toBeLessThan(LITTLE);
  await place.run(place.receive(port));
  expect(await digestOf(place.path("inbox", "image"))).toBe(await digestOf(place.path("image")));
});

test.each(["up", "down"] as const)("a sparse file whose line is cut on its way %s arrives whole", async (direction) => {
  const place = new Place();
  writeSparse(place.path("image"));
  const { port } = await place.serve();
  // In the middle of what is in it, and again a little later.
  const cut = (after: number): Fault => ({ direction, after, how: "reset" });
  const proxy = await CuttingProxy.start(port, (n) => (n <= 2 ? cut(n * 70_000) : null));
  await place.run(place.send(direction === "up" ? proxy.port : port, "image"));
  await place.run(place.receive(direction === "down" ? proxy.port : port));
  expect(proxy.connections).toBeGreaterThan(2);
  expect(await digestOf(place.path("inbox", "image"))).toBe(await digestOf(place.path("image")));
});
