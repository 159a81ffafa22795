import { appendFileSync, copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { content, sha256 } from "../support/content.ts";
import { CuttingProxy, type Fault } from "../support/cutting-proxy.ts";
import { Workspace } from "../support/workspace.ts";

const MiB = 1024 * 1024;
const onFirst = (fault: Fault) => (connection: number) => (connection === 1 ? fault : null);

describe("a reply that is lost", () => {
  test.each([
    ["small", 1000],
    ["large", 2 * MiB],
  ])("to the finish of a %s file: it is stored once, and not called repeated", async (_, size) => {
    const work = new Workspace();
    const { port, spool, events } = await work.serve();
    const proxy = await CuttingProxy.start(port, onFirst({ direction: "down", before: "stored", how: "reset" }));
    const sender = work.send({ port: proxy.port, files: [work.write("a", content(size))] });
    expect(await sender.done).toEqual({ stored: 1, repeated: 0, bytes: size, failures: [] });
    expect(sender.events.all("stored")).toMatchObject([{ repeated: false, collected: false }]);
    expect(events.all("stored").map(({ repeated }) => repeated)).toEqual([false, true]);
    expect(spool.waiting("default")).toBe(1);
  });

  test("to finishes of a whole window: each file is stored once, in order", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const names = Array.from({ length: 60 }, (_, number) => String(number + 10));
    const proxy = await CuttingProxy.start(port, onFirst({ direction: "down", before: "stored", how: "end" }));
    const sender = work.send({ port: proxy.port, files: names.map((name) => work.write(name, name)) });
    expect(await sender.done).toMatchObject({ stored: 60, repeated: 0 });
    const receiver = work.receive({ port });
    await receiver.done;
    expect(receiver.events.all("landed").map(({ name }) => name)).toEqual(names);
  });

  test.each(["refuse", "rename", "overwrite", "skip"] as const)(
    "to an ack: there is no second copy, and nothing of ours is left (%s)",
    async (ifExists) => {
      const work = new Workspace();
      const { port, spool } = await work.serve();
      await work.send({ port, files: [work.write("a", "a"), work.write("b", content(2 * MiB))] }).done;
      const proxy = await CuttingProxy.start(port, (connection) =>
        connection <= 2 ? { direction: "down", before: "acked", how: "reset" } : null,
      );
      const receiver = work.receive({ port: proxy.port, ifExists });
      expect(await receiver.done).toMatchObject({ landed: 2, skipped: 0, bytes: 2 * MiB + 1, failures: [] });
      expect(receiver.events.all("landed")).toHaveLength(2);
      expect(work.list()).toEqual(["a", "b"]);
      expect(spool.waiting("default")).toBe(0);
    },
  );

  test("an ack that is lost itself: the file is delivered again, and not landed again", async () => {
    const work = new Workspace();
    const { port, spool, events } = await work.serve();
    await work.send({ port, files: [work.write("a", "a")] }).done;
    const proxy = await CuttingProxy.start(port, onFirst({ direction: "up", before: "ack", how: "reset" }));
    const receiver = work.receive({ port: proxy.port, ifExists: "rename" });
    expect(await receiver.done).toMatchObject({ landed: 1, failures: [] });
    expect(events.all("delivered").map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect([work.list(), spool.waiting("default")]).toEqual([["a"], 0]);
  });
});

describe("the same command run again with the same sender key", () => {
  test("stores no second copy, and says whether somebody has collected the first", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const files = [work.write("small", "small"), work.write("large", content(MiB))];
    const run = async () => {
      const sender = work.send({ port, files, senderKey: "key" });
      const { stored, repeated } = await sender.done;
      return [stored, repeated, sender.events.all("stored").map(({ collected }) => collected)];
    };
    expect(await run()).toEqual([2, 0, [false, false]]);
    expect(await run()).toEqual([0, 2, [false, false]]);
    expect(spool.waiting("default")).toBe(2);
    await work.receive({ port, count: 1 }).done;
    expect(await run()).toEqual([0, 2, [true, false]]);
    await work.receive({ port }).done;
    expect(await run()).toEqual([0, 2, [true, true]]);
    expect(await work.receive({ port }).done).toMatchObject({ landed: 0 });
  });

  test("stores a second copy when asked to, for another key, and into another queue", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const files = [work.write("a", "a")];
    await work.send({ port, files, senderKey: "key" }).done;
    for (const other of [{ senderKey: "key", again: true }, { senderKey: "other" }, { senderKey: "key", queue: "q" }]) {
      expect(await work.send({ port, files, ...other }).done).toMatchObject({ stored: 1, repeated: 0 });
    }
    expect([spool.waiting("default"), spool.waiting("q")]).toEqual([3, 1]);
  });

  test("takes an edited file, or another file of the same content, for a new one", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const path = work.write("a", "one");
    await work.send({ port, files: [path], senderKey: "key" }).done;
    writeFileSync(path, "two");
    expect(await work.send({ port, files: [path], senderKey: "key" }).done).toMatchObject({ stored: 1 });
    copyFileSync(path, work.path("in", "b"));
    const copy = work.send({ port, files: [work.path("in", "b")], senderKey: "key" });
    expect(await copy.done).toMatchObject({ stored: 1 });
    expect(spool.waiting("default")).toBe(3);
  });

  test("a file that is named twice in one command is stored once", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const files = [work.write("a", "a"), work.write("b", content(MiB))];
    expect(await work.send({ port, files: [...files, ...files] }).done).toMatchObject({ stored: 2, repeated: 2 });
    expect(spool.waiting("default")).toBe(2);
  });
});

describe("a file that changes while it is being sent", () => {
  const changes: [string, (path: string) => void][] = [
    ["grows", (path) => appendFileSync(path, "more")],
    ["shrinks", (path) => truncateSync(path, 20 * MiB)],
    ["is emptied", (path) => truncateSync(path, 0)],
    ["is rewritten in place", (path) => writeFileSync(path, content(48 * MiB, 7), { flag: "r+" })],
  ];
  test.each(changes)("and %s is not stored, and its sender is told so", async (_, change) => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const path = work.write("big", content(48 * MiB));
    const other = work.write("other", "other");
    const sender = work.send({ port, files: [path, other], senderKey: "key" });
    await sender.events.waitFor("progress");
    change(path);
    expect(await sender.done).toMatchObject({ stored: 1, failures: [{ code: "file-changed", kind: "local" }] });
    expect(spool.waiting("default")).toBe(1);
    expect([spool.bytesUsed(), work.list("spool/data")]).toEqual([5, []]);
    // Now that it stays as it is, it goes through.
    await work.send({ port, files: [path], senderKey: "key" }).done;
    await work.receive({ port }).done;
    expect(sha256(work.read("out", "big"))).toBe(sha256(readFileSync(path)));
  });

  test("and between two attempts is not stored either", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const path = work.write("big", content(4 * MiB));
    const proxy = await CuttingProxy.start(port, onFirst({ direction: "up", after: 2 * MiB, how: "reset" }));
    const sender = work.send({ port: proxy.port, files: [path] });
    await sender.events.waitFor("retrying");
    appendFileSync(path, "more");
    expect(await sender.done).toMatchObject({ stored: 0, failures: [{ code: "file-changed" }] });
    expect(spool.waiting("default")).toBe(0);
  });
});
