import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { content, fileSha256, sha256 } from "../support/content.ts";
import { type Running, Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const BUFFERS = [1 * KiB, 4 * KiB, 256 * KiB, 4 * MiB];
/** Around every boundary: nothing, one byte, the pipeline limit, each buffer size of the two; and one that fits none. */
const sizesFor = (...buffers: number[]): number[] => [
  ...new Set([0, 1, ...[LIMITS.pipelineBytesMax, ...buffers].flatMap((size) => [size - 1, size, size + 1])]),
  2 * MiB + 3,
];

const landedNames = ({ events }: Running<unknown>) => events.all("landed").map(({ name }) => name);

describe("files of every size around the boundaries", () => {
  // Each buffer size on each side, equal and unequal; the receiver has the sender's.
  const pairs = BUFFERS.flatMap((client, at) => [
    [client, client],
    [client, BUFFERS[(at + 2) % 4] as number],
    [client, BUFFERS[3 - at] as number],
  ]).filter(([a, b], at, all) => all.findIndex(([c, d]) => a === c && b === d) === at);

  test.each(pairs)("arrive byte-exact and in order with buffers of %i bytes here and %i there", async (here, there) => {
    const work = new Workspace();
    const { port, spool } = await work.serve({ bufferBytes: there, spool: { bufferBytes: there } });
    const sizes = sizesFor(here, there);
    const files = sizes.map((size) => work.write(`${size}.bin`, content(size, size)));
    const sent = await work.send({ port, files, bufferBytes: here }).done;
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(sent).toEqual({ stored: sizes.length, repeated: 0, bytes, failures: [] });
    const receiver = work.receive({ port, bufferBytes: here });
    expect(await receiver.done).toMatchObject({ landed: sizes.length, skipped: 0, bytes, failures: [] });
    expect(landedNames(receiver)).toEqual(sizes.map((size) => `${size}.bin`));
    expect(work.list()).toEqual(sizes.map((size) => `${size}.bin`).sort());
    for (const size of sizes)
      expect(await fileSha256(work.path("out", `${size}.bin`))).toBe(sha256(content(size, size)));
    expect([spool.bytesUsed(), work.list("spool/data")]).toEqual([0, []]);
  });
});

test("500 small files arrive in order and byte-exact, through one send and one receive", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const names = Array.from({ length: 500 }, (_, number) => `${number}.bin`);
  const files = names.map((name, number) => work.write(name, content(number * 17, number)));
  expect(await work.send({ port, files }).done).toMatchObject({ stored: 500, failures: [] });
  const receiver = work.receive({ port });
  expect(await receiver.done).toMatchObject({ landed: 500, failures: [] });
  expect(landedNames(receiver)).toEqual(names);
  for (const [number, name] of names.entries())
    expect(work.read("out", name).equals(content(number * 17, number)), name).toBe(true);
  expect(work.list()).toHaveLength(500);
});

test("small and large files mixed stay in the order of the command line", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const sizes = [10, 200 * KiB, 0, 20, 3 * MiB, 30, 64 * KiB, 64 * KiB + 1, 5];
  const files = sizes.map((size, number) => work.write(`${number}`, content(size, number)));
  await work.send({ port, files }).done;
  const receiver = work.receive({ port });
  await receiver.done;
  expect(landedNames(receiver)).toEqual(sizes.map((_, number) => `${number}`));
});

test("two receivers on one queue collect each file exactly once between them", async () => {
  const work = new Workspace();
  const { port, spool } = await work.serve();
  const names = Array.from({ length: 300 }, (_, number) => `${number}.bin`);
  // Both are connected before the first file is there, so both have asked for some.
  const receivers = ["one", "two"].map((folder) => {
    const stop = new AbortController();
    return { folder, stop, ...work.receive({ port, out: work.path(folder), follow: true, signal: stop.signal }) };
  });
  for (const { events } of receivers) await events.waitFor("connected");
  await work.send({
    port,
    files: names.map((name, at) => work.write(name, content(at % 7 === 0 ? 100 * KiB : at, at))),
  }).done;
  const acked = () => receivers.flatMap(({ events }) => events.all("acked").map(({ name }) => name));
  await Promise.race(receivers.map(({ events }) => events.waitFor("acked", () => acked().length === names.length)));
  for (const { stop, done } of receivers) {
    stop.abort();
    await expect(done).rejects.toMatchObject({ code: "interrupted" });
  }
  expect(acked().sort()).toEqual([...names].sort());
  expect([...work.list("one"), ...work.list("two")].filter((name) => !name.startsWith(".")).sort()).toEqual(
    names.sort(),
  );
  for (const { folder } of receivers) {
    for (const name of work.list(folder).filter((name) => !name.startsWith("."))) {
      const at = Number.parseInt(name, 10);
      expect(work.read(folder, name).equals(content(at % 7 === 0 ? 100 * KiB : at, at)), name).toBe(true);
    }
  }
  expect(spool.waiting("default")).toBe(0);
});

test("queues are apart: each receiver gets what was sent to its queue, and nothing else", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  for (const queue of ["eins", "zwei ü"]) {
    const files = [1, 2, 3].map((number) => work.write(`${queue}-${number}`, content(1000 * number, number)));
    await work.send({ port, queue, files }).done;
  }
  for (const queue of ["zwei ü", "eins", "drei"]) await work.receive({ port, queue, out: work.path(queue) }).done;
  expect(work.list("eins")).toEqual(["eins-1", "eins-2", "eins-3"]);
  expect(work.list("zwei ü")).toEqual(["zwei ü-1", "zwei ü-2", "zwei ü-3"]);
  expect(work.list("drei")).toEqual([]);
});

test.each(["blake3", "sha256"])("the digest %s is verified at both ends and told to both users", async (digest) => {
  const work = new Workspace();
  const { port } = await work.serve();
  const sizes = [0, 100, 300 * KiB];
  const files = sizes.map((size) => work.write(`${size}`, content(size)));
  const sender = work.send({ port, files, digest });
  await sender.done;
  const receiver = work.receive({ port });
  await receiver.done;
  const digests = sender.events.all("stored").map((event) => event.digest);
  expect(receiver.events.all("landed").map((event) => event.digest)).toEqual(digests);
  if (digest === "sha256") expect(digests).toEqual(sizes.map((size) => sha256(content(size))));
  else expect(digests[0]).toBe("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
});

test("each side is told what happened, in the order in which it happened", async () => {
  const work = new Workspace();
  const { port, events } = await work.serve();
  const sender = work.send({ port, files: [work.write("a.txt", "hello")] });
  await sender.done;
  const receiver = work.receive({ port });
  await receiver.done;
  expect(sender.events.events.map(({ event }) => event)).toEqual(["connected", "offered", "stored"]);
  expect(receiver.events.events.map(({ event }) => event)).toEqual(["connected", "delivered", "landed", "acked"]);
  await events.waitForCount("disconnected", 2);
  expect(events.events.map(({ event }) => event)).toEqual([
    ...["listening", "connected", "stored", "disconnected"],
    ...["connected", "delivered", "acked", "disconnected"],
  ]);
  const about = { queue: "default", name: "a.txt", size: 5 };
  expect(sender.events.all("stored")[0]).toMatchObject({ ...about, repeated: false, collected: false });
  expect(receiver.events.all("landed")[0]).toMatchObject({ ...about, path: work.path("out", "a.txt"), skipped: false });
  expect(events.events.every((event) => event.event !== "error")).toBe(true);
});

test("files that cannot be read fail by themselves, and the others are stored", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  const missing = work.path("in", "missing");
  const sender = work.send({ port, files: [work.write("a", "a"), missing, "/dev/null", work.write("b", "b")] });
  const { stored, failures } = await sender.done;
  expect([stored, failures.map(({ code }) => code)]).toEqual([2, Array(2).fill("file-unreadable")]);
  expect(sender.events.all("refused").map(({ path }) => path)).toEqual([missing, "/dev/null"]);
  await work.receive({ port }).done;
  expect(work.list()).toEqual(["a", "b"]);
});

test("a file that the server refuses for good fails by itself, and the others are stored", async () => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { limits: { fileBytesMax: 100 * KiB } } });
  const files = [work.write("good", "g"), work.write("large", content(100 * KiB + 1)), work.write("last", "l")];
  const { stored, failures } = await work.send({ port, files }).done;
  expect([stored, failures.map(({ code }) => code)]).toEqual([2, ["file-too-large"]]);
});
