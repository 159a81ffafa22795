import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { RereadableSource } from "../../src/net/sender/source.ts";
import { skipAloud } from "../spool/children.ts";
import { content } from "../support/content.ts";
import { slowLink } from "../support/slow-link.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

describe("a file whose size is not true", () => {
  test.each([
    ["0", "/proc/version"],
    ["0, in /proc/sys", "/proc/sys/kernel/ostype"],
    ["a whole page", "/sys/class/net/lo/mtu"],
  ])("and says %s, is stored with what is in it", async (_, path) => {
    const work = new Workspace();
    const { port } = await work.serve();
    const isThere = existsSync(path);
    // Whatever the machine: an empty file is an empty file, and what comes after it is sent as well.
    const files = [work.write("empty", ""), ...(isThere ? [path] : []), work.write("after", "after")];
    const sender = work.send({ port, files, senderKey: "key" });
    const bytes = isThere ? readFileSync(path) : Buffer.alloc(0);
    expect(await sender.done).toMatchObject({ stored: files.length, bytes: bytes.length + 5, failures: [] });
    await work.receive({ port }).done;
    expect(work.read("out", "empty").length).toBe(0);
    if (isThere) expect(work.read("out", path.split("/").at(-1) as string).equals(bytes)).toBe(true);
  });

  test("is told apart from one that is cut short or grows between two looks, which is refused by its name", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const path = work.write("a", "12345");
    const sizes = [() => appendFileSync(path, "6"), () => truncateSync(path, 3), () => truncateSync(path, 0)];
    const sentences = [
      / grew \(5 bytes, now 6\)/,
      / became shorter \(5 bytes, now 3\)/,
      / became shorter \(5 bytes, now 0\)/,
    ];
    for (const [index, change] of sizes.entries()) {
      writeFileSync(path, "12345");
      const { OpenFile } = await import("../../src/net/sender/file-source.ts");
      const file = OpenFile.open(path, "default", "key", "") as RereadableSource;
      change();
      expect(() => file.prepare(Buffer.alloc(100))).toThrow(
        expect.objectContaining({ code: "file-changed", message: expect.stringMatching(sentences[index] as RegExp) }),
      );
      file.close();
    }
    expect(spool.waiting("default")).toBe(0);
    expect(await work.send({ port, files: [path] }).done).toMatchObject({ stored: 1 });
  });

  test("sizes around those of the buffers are read whole, with nothing behind them", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const sizes = [1, 16 * KiB - 1, 16 * KiB, 16 * KiB + 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, MiB, MiB + 1];
    const files = sizes.map((size) => work.write(`f${size}`, content(size, size)));
    expect(await work.send({ port, files }).done).toMatchObject({ stored: sizes.length, failures: [] });
    await work.receive({ port }).done;
    for (const size of sizes) expect(work.read("out", `f${size}`).equals(content(size, size)), String(size)).toBe(true);
  });
});

describe("a large file that changes while it is sent over a slow line", () => {
  test.each([
    ["grows", "grew", (path: string) => appendFileSync(path, "one line more")],
    ["is cut", "became shorter", (path: string) => truncateSync(path, 50 * MiB)],
  ])("and %s, is given up at once and not at its end", async (_, word, change) => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    const path = work.write("big.log", content(64 * MiB));
    const link = { bytesPerSecond: 8 * MiB };
    const sender = work.send({ port: await slowLink(port, link), files: [path] });
    await sender.events.waitFor("progress");
    const [seen] = sender.events.all("progress");
    change(path);
    const { failures } = await sender.done;
    expect(failures).toMatchObject([{ code: "file-changed", message: expect.stringContaining(`${path} ${word} (`) }]);
    // It takes 8 s to send it; it is looked at several times a second.
    const last = sender.events.all("progress").at(-1);
    expect((last?.offset ?? 0) - (seen?.offset ?? 0)).toBeLessThan(32 * MiB);
    expect(spool.waiting("default")).toBe(0);
  });
});

test("what is no regular file is refused, with the way to send it where there is one", async (context) => {
  const { spawnSync } = await import("node:child_process");
  const work = new Workspace();
  const { port } = await work.serve();
  const pipe = work.path("pipe");
  if (spawnSync("mkfifo", [pipe]).status !== 0) skipAloud(context, "there is no mkfifo here");
  const sender = work.send({ port, files: [pipe, "/dev/zero", work.write("a", "a")] });
  const { stored, failures } = await sender.done;
  expect(stored).toBe(1);
  expect(failures.map(({ code, message }) => [code, message])).toEqual([
    ["file-unreadable", expect.stringMatching(/pipe: it is a pipe, .*filespool send --name NAME - < PATH/)],
    ["file-unreadable", "cannot send /dev/zero: it is a device, not a regular file"],
  ]);
});
