import { appendFileSync, linkSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tryLock } from "fs-native-extensions";
import { describe, expect, test, vi } from "vitest";
import { Landing } from "../../src/net/receiver/landing.ts";
import { partPath } from "../../src/net/receiver/part-file.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { deliverAgain, deliveryOf, incoming, landAndDie, SIZES } from "../support/landings.ts";
import { idOf } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;

describe("a crash between landing and ack", () => {
  test.each(SIZES)("is followed by an ack and no second copy (%s file)", async (_, size) => {
    const work = new Workspace();
    await landAndDie(work, content(size));
    expect(await deliverAgain(work, [content(size)])).toEqual({ landed: 0, failures: [], verdicts: ["ack"] });
    expect(work.list()).toEqual(["file-1"]);
  });

  test("the same if the user has moved or removed the files meanwhile", async () => {
    const work = new Workspace();
    const files = [content(100), content(100 * KiB), content(0)];
    await landAndDie(work, ...files);
    renameSync(work.path("out", "file-1"), work.path("mine"));
    rmSync(work.path("out", "file-2"));
    expect(await deliverAgain(work, files)).toEqual({ landed: 0, failures: [], verdicts: ["ack", "ack", "ack"] });
    expect(work.list()).toEqual(["file-3"]);
  });

  test("the same if none or some of the acks were recorded, and no reply to them arrived", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const names = Array.from({ length: 20 }, (_, number) => String(number + 10));
    await work.send({ port, files: names.map((name) => work.write(name, name)) }).done;
    // Dies when the first reply to an ack is on its way: by then some acks are recorded, and maybe not all.
    const proxy = await CuttingProxy.start(port, (connection) =>
      connection === 1 ? { direction: "down", before: "acked", how: "reset" } : null,
    );
    const first = work.receive({ port: proxy.port, count: 7, retryMs: 0 });
    await expect(first.done).rejects.toMatchObject({ code: "connection-lost" });
    expect(first.events.all("acked")).toEqual([]);
    // As long as an ack is being written down, its file may come back, and the next receiver keeps its journal.
    await expect.poll(() => spool.inFlight("default", []), { timeout: 10_000 }).toBe(0);
    expect(await work.receive({ port: proxy.port, ifExists: "rename" }).done).toMatchObject({ failures: [] });
    expect(work.list()).toEqual(names);
    expect(spool.waiting("default")).toBe(0);
  });
});

describe("a crash in the middle of landing", () => {
  test.each(SIZES)("between the two names of the file: it has landed (%s file)", async (_, size) => {
    const work = new Workspace();
    await landAndDie(work, content(size));
    linkSync(work.path("out", "file-1"), partPath(work.path("out"), idOf(1)));
    expect(await deliverAgain(work, [content(size)])).toEqual({ landed: 0, failures: [], verdicts: ["ack"] });
    expect(work.list()).toEqual(["file-1"]);
  });

  test.each(SIZES)(
    "after the journal, before the final name: it has not landed, and lands now (%s file)",
    async (_, size) => {
      const work = new Workspace();
      await landAndDie(work, content(size));
      renameSync(work.path("out", "file-1"), partPath(work.path("out"), idOf(1)));
      expect(await deliverAgain(work, [content(size)])).toEqual({ landed: 1, failures: [], verdicts: ["ack"] });
      expect(work.list()).toEqual(["file-1"]);
      expect(work.read("out", "file-1").equals(content(size))).toBe(true);
    },
  );

  test("in the middle of a line of the journal: what came before counts, the torn line does not", async () => {
    const work = new Workspace();
    const files = [content(10), content(20)];
    await landAndDie(work, files[0] as Buffer);
    const [journal = ""] = work.list().filter((name) => name.startsWith("."));
    appendFileSync(work.path("out", journal), JSON.stringify([idOf(2), Date.now()]).slice(0, -3));
    expect(await deliverAgain(work, files)).toEqual({ landed: 1, failures: [], verdicts: ["ack", "ack"] });
    expect(work.list()).toEqual(["file-1", "file-2"]);
  });
});

test("what the journal says is believed for a week, so that the same file can be collected again one day", async () => {
  const work = new Workspace();
  mkdirSync(work.path("out"));
  const ago = (days: number) => Date.now() - days * 86_400_000;
  const lines = [
    [idOf(1), ago(6)],
    [idOf(2), ago(8)],
  ].map((entry) => `${JSON.stringify(entry)}\n`);
  writeFileSync(work.path("out", ".filespool-landed-0"), lines.join(""));
  expect(await deliverAgain(work, [content(10), content(20)])).toMatchObject({ landed: 1, verdicts: ["ack", "ack"] });
  expect(work.list()).toEqual(["file-2"]);
});

describe("what was announced and did not land", () => {
  test("is never acked later: a name that was taken at the last moment", async () => {
    const work = new Workspace();
    const out = work.path("out");
    const twins = [content(10, 1), content(10, 2)];
    const landing = await Landing.open(out, { ifExists: "refuse", sync: true });
    const batch = await Promise.all(twins.map((bytes, at) => incoming(out, deliveryOf(at + 1, bytes, "twin"), bytes)));
    expect(await landing.land(batch)).toMatchObject([
      { path: work.path("out", "twin") },
      { failure: { code: "file-exists" } },
    ]);
    await landing.close(); // dies before the first one is acked
    const { verdicts, landed } = await deliverAgain(work, twins);
    expect([verdicts, landed]).toEqual([["ack", "ack"], 1]);
    expect(work.read("out", "file-2").equals(twins[1] as Buffer)).toBe(true);
  });

  test("is never acked later: the step itself failed", async () => {
    const work = new Workspace();
    const out = work.path("out");
    const bytes = content(10);
    const landing = await Landing.open(out, { ifExists: "refuse", sync: true });
    const file = await incoming(out, deliveryOf(1, bytes), bytes);
    const settle = file.settle.bind(file);
    file.settle = async () => {
      await settle();
      file.part = `${file.part}-gone`; // so that giving it its final name fails
    };
    await expect(landing.land([file])).rejects.toMatchObject({ code: "folder-unusable" });
    expect(landing.landedBefore(idOf(1))).toBe(false);
    await landing.close();
    expect(await deliverAgain(work, [bytes])).toMatchObject({ landed: 1, verdicts: ["ack"] });
    expect(work.list()).toContain("file-1");
  });
});

describe("receivers that work on the same folder at the same time", () => {
  test("land each file once, and leave nothing else", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const names = Array.from({ length: 120 }, (_, number) => String(number + 100));
    const files = names.map((name, at) => work.write(name, content(at % 6 === 0 ? 200 * KiB : at, at)));
    await work.send({ port, files }).done;
    const receivers = [1, 2, 3].map(() => work.receive({ port, ifExists: "rename" }));
    const landed = (await Promise.all(receivers.map(({ done }) => done))).map((summary) => summary.landed);
    expect(landed.reduce((sum, count) => sum + count)).toBe(names.length);
    expect([work.list(), spool.waiting("default")]).toEqual([names, 0]);
    for (const [at, name] of names.entries())
      expect(work.read("out", name).equals(content(at % 6 === 0 ? 200 * KiB : at, at)), name).toBe(true);
  });

  test("do not keep each other's journals: the last one leaves nothing", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const stop = new AbortController();
    const first = work.receive({ port, follow: true, signal: stop.signal });
    for (const name of ["a", "b", "c"]) await work.send({ port, files: [work.write(name, name)] }).done;
    await first.events.waitForCount("acked", 3);
    const other = { port, queue: "other" };
    await work.send({ ...other, files: [work.write("d", "d")] }).done;
    expect(await work.receive(other).done).toMatchObject({ landed: 1 });
    stop.abort();
    await first.done.catch(() => {});
    expect(work.list()).toEqual(["a", "b", "c", "d"]);
  });

  test("use parts of their own for the same transfer", async () => {
    const work = new Workspace();
    mkdirSync(work.path("out"));
    const bytes = content(100 * KiB);
    const [one, two] = await Promise.all(
      [1, 1].map((number) => incoming(work.path("out"), deliveryOf(number, bytes), bytes)),
    );
    expect(one?.part).not.toBe(two?.part);
    expect(work.list()).toHaveLength(2);
    await Promise.all([one?.close(), two?.close()]);
    for (const part of [one?.part, two?.part]) rmSync(part ?? "");
    expect(work.list()).toEqual([]);
  });
});

test("a journal that a killed run had begun and not named yet is tidied up, unless somebody is writing it", async () => {
  const work = new Workspace();
  const { port } = await work.serve();
  await work.send({ port, files: [work.write("a", "a")] }).done;
  mkdirSync(work.path("out"));
  for (const name of ["dead", "live"]) writeFileSync(work.path("out", `.filespool-new-${name}`), '["torn');
  const live = await open(work.path("out", ".filespool-new-live"), "r+");
  tryLock(live.fd);
  expect(await work.receive({ port }).done).toMatchObject({ landed: 1 });
  expect(work.list()).toEqual([".filespool-new-live", "a"]);
  await live.close();
});

test("a part that nobody has gone on with for longer than a transfer is remembered is removed, a younger one is not", async () => {
  const work = new Workspace();
  mkdirSync(work.path("out"));
  writeFileSync(partPath(work.path("out"), idOf(0)), "part");
  // Its time of change may be that of the file at its sender, and says nothing.
  utimesSync(partPath(work.path("out"), idOf(0)), 1, 1);
  const nowMs = Date.now();
  const left = [];
  for (const days of [6, 8]) {
    vi.spyOn(Date, "now").mockReturnValue(nowMs + days * 86_400_000);
    const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
    await landing.close();
    left.push(work.list());
  }
  vi.restoreAllMocks();
  expect(left).toEqual([[`.filespool-${idOf(0)}.part`], []]);
});

test("a line that a power cut tore vouches for nothing, and the lines around it still do", async () => {
  const work = new Workspace();
  const files = [content(100), content(200)];
  await landAndDie(work, ...files);
  const [journal] = work.list().filter((name) => name.startsWith(".filespool-landed-"));
  appendFileSync(work.path("out", journal as string), `${"\0".repeat(512)}Y","here"]\n`);
  expect(await deliverAgain(work, files)).toEqual({ landed: 0, failures: [], verdicts: ["ack", "ack"] });
  expect(work.list()).toEqual(["file-1", "file-2"]);
});

test("a part that has landed, with its first name still there, goes before anybody could write to it", async () => {
  const work = new Workspace();
  mkdirSync(work.path("out"));
  writeFileSync(work.path("out", "a"), "landed");
  linkSync(work.path("out", "a"), partPath(work.path("out"), idOf(1)));
  const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
  await landing.close();
  expect(work.list()).toEqual(["a"]);
});
