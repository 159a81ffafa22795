import { mkdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MiB, namesIn, noise, random, textsIn, writeBig, writeSmall } from "../support/process-files.ts";
import { Place } from "../support/process-program.ts";

const SEED = Number(process.env.FILESPOOL_SEED);

/** Makes files of 0 to 5,000 bytes whose names sort in another order than the one in which they are sent. */
function manyFiles(place: Place, count: number): { name: string; path: string; content: Buffer }[] {
  mkdirSync(place.path("out"));
  const next = random(SEED);
  return Array.from({ length: count }, (_, i) => {
    const name = `${((i * 7919) % count).toString().padStart(4, "0")}.bin`;
    const content = noise(Math.floor(next() ** 3 * 5_000), SEED + i);
    return { name, path: writeSmall(place.path("out", name), content), content };
  });
}

test("500 small files go through one send and one receive, in order, byte by byte", async () => {
  const place = new Place();
  const files = manyFiles(place, 500);
  const server = await place.serve();
  const sender = await place.run(place.send(server.port, ...files.map(({ path }) => path)));
  const names = files.map(({ name }) => name);
  expect(sender.all("offered").map(({ name }) => name)).toEqual(names);
  expect(sender.all("stored").map(({ name }) => name)).toEqual(names);
  const receiver = await place.run(place.receive(server.port));
  expect(receiver.all("landed").map(({ name }) => name)).toEqual(names);
  expect(await receiver.seen("done")).toMatchObject({ landed: 500, failed: 0 });
  expect(namesIn(place.path("inbox"))).toEqual(names.sort());
  const wrong = files.filter(({ name, content }) => !readFileSync(place.path("inbox", name)).equals(content));
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test("500 small files keep their order when a large one is among them", async () => {
  const place = new Place();
  const files = manyFiles(place, 500);
  const paths = files.map(({ path }) => path);
  paths.splice(250, 0, writeBig(place.path("large.bin"), 20 * MiB));
  const server = await place.serve();
  const receiver = place.receive(server.port, "--count", "501");
  await place.run(place.send(server.port, ...paths));
  await place.run(receiver);
  const names = files.map(({ name }) => name);
  names.splice(250, 0, "large.bin");
  expect(receiver.all("landed").map(({ name }) => name)).toEqual(names);
});

test.each([
  ["two folders", ["inbox1", "inbox2"]],
  ["one folder", ["inbox", "inbox"]],
])("two receivers on one queue, with %s, collect each file exactly once between them", async (_, folders) => {
  const place = new Place();
  const files = manyFiles(place, 500);
  const server = await place.serve();
  const receivers = folders.map((folder) =>
    place.start(["receive", "--json", "--port", String(server.port), "--out", place.path(folder), "--follow"]),
  );
  for (const receiver of receivers) await receiver.seen("connected");
  await place.run(place.send(server.port, ...files.map(({ path }) => path)));
  await server.until(() => server.all("acked").length === files.length);
  for (const receiver of receivers) expect(await receiver.kill("SIGTERM")).toBe(130);
  const landed = receivers.flatMap((receiver) => receiver.all("landed").map(({ name }) => name));
  const names = files.map(({ name }) => name).sort();
  expect(landed.sort()).toEqual(names);
  expect([...new Set(folders)].flatMap((folder) => namesIn(place.path(folder))).sort()).toEqual(names);
  // Each of them sees the order of the queue, with gaps.
  const position = new Map(files.map(({ name }, index) => [name, index]));
  for (const receiver of receivers) {
    const positions = receiver.all("landed").map(({ name }) => position.get(name) as number);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  }
});

test("several senders fill one queue, and each one's files keep their order", async () => {
  const place = new Place();
  const server = await place.serve();
  mkdirSync(place.path("out"));
  const filesOf = (who: string) =>
    Array.from({ length: 60 }, (_, i) => writeSmall(place.path("out", `${who}${String(i).padStart(2, "0")}`), who));
  const senders = ["a", "b", "c"].map((who) => place.send(server.port, ...filesOf(who)));
  for (const sender of senders) await place.run(sender);
  const receiver = await place.run(place.receive(server.port));
  const landed = receiver.all("landed").map(({ name }) => name);
  expect(landed).toHaveLength(180);
  for (const who of ["a", "b", "c"]) {
    const own = landed.filter((name) => name.startsWith(who));
    expect(own).toEqual(own.toSorted());
  }
  expect(Object.keys(textsIn(place.path("inbox")))).toHaveLength(180);
});
