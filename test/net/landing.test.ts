import { chmodSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { IfExists } from "../../src/net/options.ts";
import { content } from "../support/content.ts";
import { type Lie, serveLies } from "../support/hostile-server.ts";
import { idOf, listenRaw } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const POLICIES: IfExists[] = ["refuse", "rename", "overwrite", "skip"];
const text = (value: string) => Buffer.from(value);

/** A workspace whose folder "out" has the files given, and lies on its way. */
async function meet(lies: Lie[], existing: Record<string, string> = {}) {
  const work = new Workspace();
  mkdirSync(work.path("out"));
  for (const [name, value] of Object.entries(existing)) writeFileSync(work.path("out", name), value);
  const { port, verdicts } = await serveLies(lies);
  const run = async (ifExists: IfExists) => {
    const { landed, skipped, failures } = await work.receive({ port, ifExists, retryMs: 0 }).done;
    return { landed, skipped, codes: failures.map(({ code }) => code), acks: verdicts.map(({ type }) => type) };
  };
  const files = () => Object.fromEntries(work.list().map((name) => [name, work.read("out", name).toString()]));
  return { work, run, files };
}

describe("a name that is taken", () => {
  const both = [
    { name: "a.txt", bytes: text("new") },
    { name: "b.txt", bytes: text("b") },
  ];

  test("refuse: the file that is there stays, the new one stays in its queue, and others land", async () => {
    const { run, files } = await meet(both, { "a.txt": "old" });
    expect(await run("refuse")).toEqual({ landed: 1, skipped: 0, codes: ["file-exists"], acks: ["ack"] });
    expect(files()).toEqual({ "a.txt": "old", "b.txt": "b" });
  });

  test("rename: the new one gets the first free number, in front of the ending", async () => {
    const { run, files } = await meet(both, { "a.txt": "old", "a (1).txt": "older" });
    expect(await run("rename")).toMatchObject({ landed: 2, codes: [], acks: ["ack", "ack"] });
    expect(files()).toEqual({ "a.txt": "old", "a (1).txt": "older", "a (2).txt": "new", "b.txt": "b" });
  });

  test("overwrite: the new one takes its place in one step", async () => {
    const { run, files } = await meet(both, { "a.txt": "old" });
    expect(await run("overwrite")).toMatchObject({ landed: 2, codes: [], acks: ["ack", "ack"] });
    expect(files()).toEqual({ "a.txt": "new", "b.txt": "b" });
  });

  test("skip: the new one is taken off its queue and not landed", async () => {
    const { run, files } = await meet(both, { "a.txt": "old" });
    expect(await run("skip")).toEqual({ landed: 1, skipped: 1, codes: [], acks: ["ack", "ack"] });
    expect(files()).toEqual({ "a.txt": "old", "b.txt": "b" });
  });

  test("by the file before it in the same batch counts like any other", async () => {
    const twins = [1, 2, 3].map((number) => ({ name: "twin", bytes: text(`${number}`) }));
    for (const [ifExists, expected] of [
      ["refuse", { twin: "1" }],
      ["rename", { twin: "1", "twin (1)": "2", "twin (2)": "3" }],
      ["overwrite", { twin: "3" }],
      ["skip", { twin: "1" }],
    ] as const) {
      const { run, files } = await meet(twins);
      await run(ifExists);
      expect(files(), ifExists).toEqual(expected);
    }
  });

  test.each(POLICIES)("by a folder is never replaced (%s)", async (ifExists) => {
    const { work, run } = await meet([{ name: "a", bytes: text("file") }, ...both]);
    mkdirSync(work.path("out", "a"));
    writeFileSync(work.path("out", "a", "inner"), "inner");
    const { codes, skipped } = await run(ifExists);
    expect(work.read("out", "a", "inner").toString()).toBe("inner");
    const rest = ["a", "a.txt", "b.txt"];
    expect(work.list()).toEqual(ifExists === "rename" ? ["a", "a (1)", "a.txt", "b.txt"] : rest);
    expect([codes, skipped]).toEqual([
      ifExists === "refuse" || ifExists === "overwrite" ? ["file-exists"] : [],
      ifExists === "skip" ? 1 : 0,
    ]);
  });

  test.each(POLICIES)("only after the file had been let in is not overwritten by accident (%s)", async (ifExists) => {
    let appear = () => {};
    const { work, run, files } = await meet([{ name: "a", bytes: content(100 * KiB), onStart: () => appear() }]);
    appear = () => writeFileSync(work.path("out", "a"), "late");
    const result = await run(ifExists);
    const late = { a: "late" };
    const expected = {
      refuse: [late, { landed: 0, skipped: 0, codes: ["file-exists"], acks: [] }],
      rename: [
        { ...late, "a (1)": content(100 * KiB).toString() },
        { landed: 1, skipped: 0, codes: [], acks: ["ack"] },
      ],
      overwrite: [{ a: content(100 * KiB).toString() }, { landed: 1, skipped: 0, codes: [], acks: ["ack"] }],
      skip: [late, { landed: 0, skipped: 1, codes: [], acks: ["ack"] }],
    }[ifExists];
    expect([files(), result]).toEqual(expected);
  });
});

describe("a link in the target folder is never followed", () => {
  test.each(
    POLICIES.flatMap(
      (policy) =>
        [
          [policy, "a file"],
          [policy, "nothing"],
        ] as const,
    ),
  )("%s, when it has the name of the file and points to %s", async (ifExists, target) => {
    const { work, run } = await meet([{ name: "a", bytes: text("new") }]);
    const outside = work.path("outside");
    if (target === "a file") writeFileSync(outside, "outside");
    symlinkSync(outside, work.path("out", "a"));
    await run(ifExists);
    expect(work.list(".").includes("outside") ? readFileSync(outside, "utf8") : "nothing").toBe(
      target === "a file" ? "outside" : "nothing",
    );
    // Not even replaced: the link says where somebody wants the file to be, and that would be lost.
    expect(lstatSync(work.path("out", "a")).isSymbolicLink()).toBe(true);
    expect(work.list()).toEqual(ifExists === "rename" ? ["a", "a (1)"] : ["a"]);
  });

  test.each([
    ["small", 10],
    ["large", 100 * KiB],
  ])("when it has the name of the part of a %s file", async (_, size) => {
    const { work, run } = await meet([{ name: "a", bytes: content(size) }]);
    writeFileSync(work.path("outside"), "outside");
    symlinkSync(work.path("outside"), work.path("out", `.filespool-${idOf(1)}.part`));
    await run("overwrite").catch((error: { code: string }) => expect(error.code).toBe("folder-unusable"));
    expect(work.read("outside").toString()).toBe("outside");
  });

  test("when it has the name of a journal", async () => {
    const { work, run } = await meet([{ name: "a", bytes: text("new") }]);
    writeFileSync(work.path("outside"), "outside\n");
    symlinkSync(work.path("outside"), work.path("out", ".filespool-landed-0"));
    await run("refuse").catch((error: { code: string }) => expect(error.code).toBe("folder-unusable"));
    expect(work.read("outside").toString()).toBe("outside\n");
  });
});

describe("a folder that cannot be used", () => {
  test.each([
    ["a file", "in/file"],
    ["below a file", "in/file/below"],
  ])("because it is %s ends the run before it connects, in the words of this machine", async (_, path) => {
    const work = new Workspace();
    work.write("file", "file");
    const port = await listenRaw(() => Promise.reject(new Error("somebody connected")));
    await expect(work.receive({ port, out: work.path(path) }).done).rejects.toMatchObject({
      code: "folder-unusable",
      kind: "local",
    });
    expect(work.read("in", "file").toString()).toBe("file");
  });

  test.skipIf(process.getuid?.() === 0)(
    "because it may not be written to leaves the files in their queue",
    async () => {
      const { work, run } = await meet([{ bytes: text("a") }]);
      chmodSync(work.path("out"), 0o555);
      await expect(run("refuse")).rejects.toMatchObject({ code: "folder-unusable" });
      chmodSync(work.path("out"), 0o755);
      expect(await run("refuse")).toMatchObject({ landed: 1 });
    },
  );
});

describe("content that is not what its digest says", () => {
  test.each([
    ["small", 100],
    ["large", 300 * KiB],
  ])("is not landed, and its server is told (%s file)", async (_, size) => {
    const { work, run } = await meet([
      { name: "bad", bytes: content(size), digest: "0".repeat(64) },
      { name: "good", bytes: content(size) },
    ]);
    expect(await run("refuse")).toEqual({ landed: 1, skipped: 0, codes: ["digest-mismatch"], acks: ["nack", "ack"] });
    expect(work.list()).toEqual(["good"]);
  });

  test("in the part of an earlier run costs one attempt, and then the file is sent whole", async () => {
    const work = new Workspace();
    const { port, events, spool } = await work.serve();
    const bytes = content(40 * 1024 * KiB);
    await work.send({ port, files: [work.write("big", bytes)] }).done;
    const stop = new AbortController();
    const first = work.receive({ port, signal: stop.signal });
    await first.events.waitFor("progress");
    stop.abort();
    await first.done.catch(() => {});
    const [part = ""] = work.list();
    writeFileSync(join(work.path("out"), part), text("X"), { flag: "r+" });
    const second = work.receive({ port });
    expect(await second.done).toMatchObject({ landed: 1, failures: [] });
    expect(events.all("returned")).toMatchObject([{ dead: false }]);
    expect(events.all("delivered").map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
    expect(work.read("out", "big").equals(bytes)).toBe(true);
    expect([work.list(), spool.waiting("default")]).toEqual([["big"], 0]);
  });
});
