import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { describe, expect, test } from "vitest";
import type { TransferEvent } from "../../src/net/events.ts";
import type { Collector } from "../support/collector.ts";
import { content } from "../support/content.ts";
import { LONG_AGO, watchedFolder } from "../support/watched-folder.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

const names = (events: Collector<TransferEvent>) => events.all("stored").map(({ name }) => name);

describe("a watched folder", () => {
  test("sends what is there and what comes, each file once, and keeps it", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    put("a");
    const { events, stop } = watch(port);
    await events.waitFor("stored", ({ name }) => name === "a");
    put("b", content(3 * MiB));
    await events.waitFor("stored", ({ name }) => name === "b");
    put("a", "another a");
    await events.waitForCount("stored", 3);
    expect(await stop()).toEqual({ stored: 3, repeated: 0, bytes: 10 + 3 * MiB, failed: 0, kept: 0 });
    expect([names(events), spool.waiting("default"), work.list("box")]).toEqual([["a", "b", "a"], 3, ["a", "b"]]);
    await work.receive({ port, ifExists: "rename" }).done;
    expect(work.read("out", "b").equals(content(3 * MiB))).toBe(true);
    expect([work.read("out", "a").toString(), work.read("out", "a (1)").toString()]).toEqual(["a", "another a"]);
  });

  test("sends nothing again after a restart, also when the server has forgotten everything", async () => {
    const { work, put, watch } = watchedFolder();
    const first = await work.serve();
    for (const name of ["a", "b"]) put(name);
    expect(await watch(first.port, { once: true }).done).toMatchObject({ stored: 2 });
    await first.stop();
    rmSync(work.path("spool"), { recursive: true });
    const { port, spool } = await work.serve({ port: first.port });
    put("c");
    expect(await watch(port, { once: true }).done).toMatchObject({ stored: 1, repeated: 0 });
    expect(spool.waiting("default")).toBe(1);
    // To another queue nothing was sent so far.
    expect(await watch(port, { once: true, queue: "other" }).done).toMatchObject({ stored: 3 });
  });

  test("asks the server, and gets no second copy, when what it remembered is lost", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    put("a");
    put("large", content(MiB));
    await watch(port, { once: true }).done;
    rmSync(work.path("state"), { recursive: true });
    expect(await watch(port, { once: true }).done).toMatchObject({ stored: 0, repeated: 2 });
    expect(await watch(port, { once: true }).done).toMatchObject({ stored: 0, repeated: 0 });
    expect(spool.waiting("default")).toBe(2);
  });

  test("sends a file that grows for a while once, and whole", async () => {
    const { work, put, watch } = watchedFolder();
    const { port } = await work.serve();
    const { events, stop } = watch(port, { settleMs: 1_000 });
    await events.waitFor("connected");
    const path = put("slow", "");
    // A writer that never pauses for as long as a file has to be left alone.
    for (let piece = 0; piece < 30; piece++) {
      appendFileSync(path, `${piece}\n`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await events.waitFor("stored");
    expect(await stop()).toMatchObject({ stored: 1, failed: 0 });
    await work.receive({ port }).done;
    expect(work.read("out", "slow").toString()).toBe(readFileSync(path, "utf8"));
    expect(events.all("refused")).toEqual([]);
  });

  test("sends at once what was complete before it was renamed into it", async () => {
    const { work, putWhole, watch } = watchedFolder();
    const { port } = await work.serve();
    const { events } = watch(port, { settleMs: 600_000 });
    await events.waitFor("connected");
    for (const name of ["a", "b"]) putWhole(name);
    await events.waitForCount("stored", 2);
  });

  test("tells rights and further names from another content, and a content from the one that had its time", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    const path = put("a", "one");
    utimesSync(path, LONG_AGO, LONG_AGO);
    expect(await watch(port, { once: true }).done).toMatchObject({ stored: 1 });
    chmodSync(path, 0o600);
    linkSync(path, work.path("further"));
    expect(await watch(port, { once: true }).done).toMatchObject({ stored: 0, repeated: 0 });
    writeFileSync(path, "two");
    utimesSync(path, LONG_AGO, LONG_AGO);
    expect(await watch(port, { once: true }).done).toMatchObject({ stored: 1 });
    expect(spool.waiting("default")).toBe(2);
  });

  test("passes over what is no file, what is being written and what is not wanted, and follows no link", async () => {
    const { work, put, putWhole, box, watch } = watchedFolder();
    const { port } = await work.serve();
    const secret = work.write("secret", "secret");
    symlinkSync(secret, work.path("box", "link.csv"));
    mkdirSync(work.path("box", "sub.csv"));
    for (const name of [".hidden", "a.csv~", "b.part", "c.tmp", "d.crdownload", ".filespool-x", "e.txt"]) put(name);
    putWhole("f.csv");
    const { events, done } = watch(port, { once: true, match: ["*.csv", "*~"] });
    expect(await done).toMatchObject({ stored: 1, failed: 0 });
    expect(names(events)).toEqual(["f.csv"]);
    expect(
      events
        .all("warning")
        .map(({ path }) => path.slice(box.length + 1))
        .sort(),
    ).toEqual(["link.csv", "sub.csv"]);
    // A list of one's own takes the place of the other; what is ours is never sent.
    const all = watch(port, { once: true, ignore: ["*.csv"], queue: "all" });
    await all.done;
    expect(names(all.events).sort()).toEqual([".hidden", "a.csv~", "b.part", "c.tmp", "d.crdownload", "e.txt"].sort());
  });

  test("is the only one that is watched like that, and is gone with its name", async () => {
    const { work, box, put, watch } = watchedFolder();
    const { port } = await work.serve();
    put("a");
    const first = watch(port);
    await first.events.waitFor("stored");
    await expect(watch(port, { queue: "other" }).done).rejects.toMatchObject({ code: "folder-unusable" });
    renameSync(box, `${box}.aside`);
    mkdirSync(box);
    await expect(first.done).rejects.toMatchObject({
      code: "folder-unusable",
      message: `cannot watch ${box}: it is not the folder that it was when the watch began`,
    });
    rmSync(box, { recursive: true });
    await expect(watch(port).done).rejects.toMatchObject({ code: "folder-unusable" });
    await expect(watch(port, { folder: work.write("file", "") }).done).rejects.toMatchObject({
      code: "folder-unusable",
      message: expect.stringContaining("it is not a folder"),
    });
  });

  test("in which a receiver puts its files is not watched: they would go round for ever", async () => {
    const { work, put, watch } = watchedFolder();
    const { port } = await work.serve();
    // What a receiver has in its folder as long as it lands files there.
    put(".filespool-landed-00c0ffee", "");
    await expect(watch(port).done).rejects.toMatchObject({
      code: "folder-unusable",
      message: expect.stringContaining("a receiver puts files there"),
    });
  });
});

describe("what cannot be sent", () => {
  test("is told once, does not keep the others, and is tried again when it changes", async () => {
    const { work, put, watch } = watchedFolder();
    const { port } = await work.serve({ spool: { limits: { fileBytesMax: 10 } } });
    const path = put("a", "much too large");
    for (const name of ["b", "c"]) put(name);
    const { events, stop } = watch(port);
    await events.waitForCount("stored", 2);
    put("d");
    await events.waitForCount("stored", 3);
    expect(events.all("refused")).toMatchObject([{ path, code: "file-too-large" }]);
    truncateSync(path, 5);
    await events.waitFor("stored", ({ name }) => name === "a");
    expect(await stop()).toMatchObject({ stored: 4, failed: 1 });
    expect(events.all("refused")).toHaveLength(1);
  });

  test("for want of room or of a server waits as long as it takes", async () => {
    const { work, put, watch } = watchedFolder();
    const first = await work.serve({ spool: { limits: { spoolBytesMax: 9 * KiB } } });
    for (const name of ["a", "b"]) put(name, content(6 * KiB));
    const { events, stop } = watch(first.port);
    await events.waitFor("retrying", ({ code }) => code === "spool-full");
    expect(names(events)).toHaveLength(1);
    await work.receive({ port: first.port }).done;
    await events.waitForCount("stored", 2);
    await first.stop();
    put("c");
    await events.waitFor("retrying", ({ code }) => code === "unreachable");
    await work.serve({ port: first.port });
    await events.waitFor("stored", ({ name }) => name === "c");
    expect(await stop()).toMatchObject({ stored: 3, failed: 0 });
  });
});

test("an idle watcher holds no connection, and opens one when there is something to send", async () => {
  const { work, put, watch } = watchedFolder();
  const { port, events: server } = await work.serve();
  const { events } = watch(port);
  await server.waitFor("disconnected");
  put("a");
  await events.waitFor("stored");
  await server.waitForCount("disconnected", 2);
  expect(server.all("connected")).toHaveLength(2);
});
