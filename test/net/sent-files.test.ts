import { appendFileSync, linkSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Sent, SentFiles } from "../../src/net/extensions/watch/sent-files.ts";
import { replaceFileMethod } from "../support/disk-faults.ts";
import { Workspace } from "../support/workspace.ts";

const sent = (number: number): Sent => ({ identity: `i${number}`, digest: `d${number}` });

function begin() {
  const work = new Workspace();
  const failures: string[] = [];
  const open = (to = "localhost:1/q", folder = "/outbox") =>
    SentFiles.open({ state: work.path("state"), folder, to, onFailure: (why) => failures.push(why) });
  const path = () =>
    work.path("state", "watch", readdirSync(work.path("state", "watch")).find((name) => name.endsWith(".sent")) ?? "");
  return { work, failures, open, path };
}

test("what was sent is known to the next run, and what was forgotten is not", async () => {
  const { open } = begin();
  const first = await open();
  for (const [name, number] of [
    ["a", 1],
    ["b", 2],
    ["c", 3],
    ["a", 4],
  ] as const)
    first.add(name, sent(number));
  first.forget("b");
  first.forget("never there");
  await first.close();
  const second = await open();
  expect([...second.known]).toEqual([
    ["a", sent(4)],
    ["c", sent(3)],
  ]);
  await second.close();
});

test("names of any characters come back as they were", async () => {
  const { open } = begin();
  const names = ["a b", "line\nend", '"quoted"', "\u2028", "ü", "x".repeat(255)];
  const first = await open();
  for (const name of names) first.add(name, sent(1));
  await first.close();
  const second = await open();
  expect([...second.known.keys()]).toEqual(names);
  await second.close();
});

test("one watcher at a time has a folder, whatever it sends it to; the next comes when it is gone", async () => {
  const { open } = begin();
  const first = await open();
  for (const to of ["localhost:1/q", "localhost:1/other"])
    await expect(open(to)).rejects.toMatchObject({
      code: "folder-unusable",
      message: "another filespool watches /outbox",
    });
  const other = await open("localhost:1/q", "/elsewhere");
  await other.close();
  await first.close();
  await (await open()).close();
});

test("what was sent to one queue is not known for another", async () => {
  const { open } = begin();
  const first = await open();
  first.add("a", sent(1));
  await first.close();
  const second = await open("localhost:1/other");
  expect(second.known.size).toBe(0);
  await second.close();
});

test("a file that was cut anywhere, or damaged in a line, costs that line and no other", async () => {
  const { open, path } = begin();
  const first = await open();
  for (let number = 0; number < 20; number++) first.add(`f${number}`, sent(number));
  await first.close();
  const whole = readFileSync(path());
  for (const bytes of [whole.length - 1, whole.length - 9, 700, 100, 1, 0]) {
    writeFileSync(path(), whole);
    truncateSync(path(), bytes);
    const next = await open();
    for (const [name, value] of next.known) expect(value).toEqual(sent(Number(name.slice(1))));
    expect(next.known.size).toBeGreaterThanOrEqual(Math.floor(bytes / 30) - 3);
    next.add("after", sent(99));
    await next.close();
    const last = await open();
    expect(last.known.get("after")).toEqual(sent(99));
    await last.close();
  }
  writeFileSync(path(), whole.toString().replace('"i7"', "\u0000\u0000"));
  appendFileSync(path(), '{"a":1}\n["b",1,2]\nnull\n');
  const damaged = await open();
  expect([damaged.known.size, damaged.known.has("f7")]).toEqual([19, false]);
  await damaged.close();
});

test("it is written anew when most of its lines say nothing any more", async () => {
  const { open, path } = begin();
  const first = await open();
  first.add("stays", sent(1));
  for (let round = 0; round < 4; round++) {
    for (let number = 0; number < 5_000; number++) first.add("same", sent(number));
    await first.flush();
  }
  expect(readFileSync(path(), "utf8").split("\n").length).toBeLessThan(10_100);
  await first.close();
  const second = await open();
  expect([...second.known]).toEqual([
    ["stays", sent(1)],
    ["same", sent(4_999)],
  ]);
  await second.close();
});

test("a disk that fails for a while is told once, and what was sent meanwhile is written afterwards", async () => {
  const { open, failures } = begin();
  const first = await open();
  first.add("before", sent(1));
  await first.flush();
  const restore = await replaceFileMethod(
    "appendFile",
    () => () => Promise.reject(Object.assign(new Error("no"), { code: "ENOSPC" })),
  );
  first.add("meanwhile", sent(2));
  await first.flush();
  first.add("later", sent(3));
  await first.flush();
  restore();
  expect(failures).toEqual([expect.stringMatching(/^cannot write .*\.sent: /)]);
  first.add("after", sent(4));
  await first.close();
  const second = await open();
  expect([...second.known.keys()]).toEqual(["before", "meanwhile", "later", "after"]);
  await second.close();
});

test("only a plain file of its own is used: no link is followed, and no second name is written through", async () => {
  const { open, path, work } = begin();
  await (await open()).close();
  const own = path();
  const other = work.write("other", "precious\n");
  const { renameSync } = await import("node:fs");
  renameSync(own, `${own}.aside`);
  symlinkSync(other, own);
  await expect(open()).rejects.toMatchObject({ code: "folder-unusable" });
  renameSync(own, `${own}.link`);
  linkSync(other, own);
  await expect(open()).rejects.toMatchObject({ code: "folder-unusable", message: expect.stringContaining(own) });
  expect(readFileSync(other, "utf8")).toBe("precious\n");
});
