import { statSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { reads, withCoarseTimes } from "../support/coarse-disk.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { type RunningServer, Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;
const LONG_AGO = new Date("2026-01-02T03:04:05Z");

/** Writes content that nobody can tell from the one before without reading it. */
function write(work: Workspace, bytes: Uint8Array, when = LONG_AGO): string {
  const path = work.write("a", bytes);
  utimesSync(path, when, when);
  return path;
}

const begin = async () => {
  const work = new Workspace();
  const server = await work.serve();
  const send = (path: string, port = server.port) =>
    work.send({ port, files: [path], senderKey: "key", retryMs: 5000 });
  return { work, server, send };
};

/** Each file of the queue, in its order. */
async function contents(work: Workspace, { port }: RunningServer): Promise<Buffer[]> {
  const receiver = work.receive({ port, ifExists: "rename" });
  await receiver.done;
  return receiver.events.all("landed").map(({ path }) => work.read(path.slice(work.folder.length + 1)));
}

describe.each([
  ["small", 1000],
  ["large", 3 * MiB],
])("a %s file that was changed within one tick of its clock", (_, size) => {
  test("is stored each time, with what was in it, and told apart from what the server has", async () => {
    withCoarseTimes();
    const { work, server, send } = await begin();
    const versions = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => content(size, seed));
    for (const [index, version] of versions.entries()) {
      const sender = send(write(work, version));
      expect(await sender.done).toEqual({ stored: 1, repeated: 0, bytes: size, failures: [] });
      expect(sender.events.all("stored")).toMatchObject([{ repeated: false }]);
      expect(sender.events.all("changed")).toHaveLength(Math.min(index, 1));
    }
    expect((await contents(work, server)).map((bytes) => versions.findIndex((one) => one.equals(bytes)))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  test("and not changed again is known, the first content as well as the second, and stored no second time", async () => {
    withCoarseTimes();
    const { work, server, send } = await begin();
    for (const seed of [1, 2]) await send(write(work, content(size, seed))).done;
    for (const seed of [2, 1, 2]) {
      const sender = send(write(work, content(size, seed)));
      expect(await sender.done).toMatchObject({ stored: 0, repeated: 1 });
      expect(sender.events.all("stored")).toMatchObject([{ repeated: true }]);
    }
    expect(server.spool.waiting("default")).toBe(2);
  });

  test("is the transfer that the sender is told to be stored, for whoever waits for its receipt", async () => {
    withCoarseTimes();
    const { work, send } = await begin();
    const first = send(write(work, content(size, 1)));
    await first.done;
    const second = send(write(work, content(size, 2)));
    await second.done;
    const [before] = first.events.all("stored");
    const [changed] = second.events.all("changed");
    const told = second.events.all("stored").map(({ transfer }) => transfer);
    expect(told).toEqual([changed?.transfer]);
    expect(changed?.before).toBe(before?.transfer);
    expect(told).not.toEqual([before?.transfer]);
  });

  test("is stored also when the connection is lost while the sender finds out", async () => {
    withCoarseTimes();
    const { work, server, send } = await begin();
    await send(write(work, content(size, 1))).done;
    // Behind the answer "stored", before whatever is said about the new transfer.
    const proxy = await CuttingProxy.start(server.port, (connection) =>
      connection === 1 ? { direction: "down", before: "stored", how: "reset" } : null,
    );
    const sender = send(write(work, content(size, 2)), proxy.port);
    expect(await sender.done).toMatchObject({ stored: 1, repeated: 0, failures: [] });
    expect(server.spool.waiting("default")).toBe(2);
  });
});

test("an upload that was begun before the change ends well: the new content is stored, once and whole", async () => {
  withCoarseTimes();
  const { work, server, send } = await begin();
  const size = 40 * MiB;
  const proxy = await CuttingProxy.start(server.port, (connection) =>
    connection === 1 ? { direction: "up", after: 30 * MiB, how: "reset" } : null,
  );
  const path = write(work, content(size, 1));
  const sender = send(path, proxy.port);
  await sender.events.waitFor("progress");
  await proxy.struck;
  writeFileSync(path, content(size, 2), { flag: "r+" });
  utimesSync(path, LONG_AGO, LONG_AGO);
  expect(await sender.done).toMatchObject({ stored: 1, repeated: 0, failures: [] });
  expect(sender.events.all("refused")).toEqual([]);
  expect(server.spool.waiting("default")).toBe(1);
  expect((await contents(work, server))[0]?.equals(content(size, 2))).toBe(true);
});

test("what was just written is read only after the tick is over, so that a change meanwhile must show", async () => {
  withCoarseTimes();
  const { work, send } = await begin();
  const path = work.write("a", content(3 * MiB));
  const secondMs = Math.floor(statSync(path).mtimeMs / 1000) * 1000;
  const sender = send(path);
  await sender.events.waitFor("offered");
  expect(Date.now()).toBeGreaterThanOrEqual(secondMs + 2000);
  expect(await sender.done).toMatchObject({ stored: 1 });
});

test("where times are fine, a large file that the server has is not read again", async () => {
  const { work, send } = await begin();
  const path = work.write("a", content(3 * MiB));
  await send(path).done;
  // The time of change is the kernel's, and a moment old; this is what makes it old enough without waiting.
  const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 10_000);
  const before = reads;
  expect(await send(path).done).toMatchObject({ repeated: 1 });
  expect(reads).toBe(before);
  now.mockRestore();
  expect(await send(path).done).toMatchObject({ repeated: 1 });
  expect(reads).toBeGreaterThan(before);
});
