import { existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { Away } from "../../src/net/extensions/watch/put-away.ts";
import { identityOf } from "../../src/net/sender/file-identity.ts";
import { diskError, replaceSync } from "../support/disk-faults.ts";
import { watchedFolder } from "../support/watched-folder.ts";
import { Workspace } from "../support/workspace.ts";

describe("a file that is stored", () => {
  test("is deleted when that was wished, and nothing else is", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    for (const name of ["a", "b", "c.part"]) put(name);
    const { events, done } = watch(port, { once: true, after: "delete" });
    expect(await done).toMatchObject({ stored: 2, kept: 0 });
    expect([work.list("box"), events.all("deleted").length, spool.waiting("default")]).toEqual([["c.part"], 2, 2]);
    put("a");
    expect(await watch(port, { once: true, after: "delete" }).done).toMatchObject({ stored: 1 });
  });

  test("is moved, and takes the place of no other", async () => {
    const { work, put, watch } = watchedFolder();
    const { port } = await work.serve();
    const movedTo = work.path("box", "sent");
    mkdirSync(movedTo);
    writeFileSync(work.path("box", "sent", "a.txt"), "from somebody else");
    for (const text of ["one", "two"]) {
      put("a.txt", text);
      const { events, done } = watch(port, { once: true, after: "move", movedTo });
      expect(await done).toMatchObject({ stored: 1, kept: 0 });
      expect(events.all("warning")).toEqual([]);
      expect(events.all("moved")).toMatchObject([{ to: expect.stringContaining("sent/a (") }]);
    }
    expect(work.list("box/sent")).toEqual(["a (1).txt", "a (2).txt", "a.txt"]);
    const texts = work.list("box/sent").map((name) => work.read("box/sent", name).toString());
    expect(texts).toEqual(["one", "two", "from somebody else"]);
    expect(work.list("box")).toEqual(["sent"]);
  });

  test("goes where a run that was killed had made room for it, and another one does not", () => {
    const work = new Workspace();
    mkdirSync(work.path("sent"));
    const put = (path: string) =>
      new Away(work.path("sent")).put(path, identityOf(path, lstatSync(path, { bigint: true })));
    const first = work.write("a", "one");
    let isKilled = true;
    for (const call of ["renameSync", "unlinkSync"] as const)
      replaceSync(call, (original) => (...words) => {
        if (isKilled) throw diskError("EIO");
        return original(...words);
      });
    expect(() => put(first)).not.toThrow();
    expect(work.read("sent", "a").toString()).toMatch(/a .* is being moved here by filespool\n$/);
    isKilled = false;
    mkdirSync(work.path("in", "other"));
    const second = work.write("other/a", "two");
    expect(put(second)).toEqual({ kind: "moved", to: work.path("sent", "a (1)") });
    expect(put(first)).toEqual({ kind: "moved", to: work.path("sent", "a") });
    expect([work.list("sent"), work.read("sent", "a").toString()]).toEqual([["a", "a (1)"], "one"]);
  });

  test.each(["delete", "move"] as const)(
    "stays when another has taken its place by then, which is sent as well (%s)",
    async (after) => {
      const { work, put, watch } = watchedFolder();
      const { port } = await work.serve();
      const texts = ["two", "three"];
      put("a", "one");
      const { events, stop } = watch(port, {
        ...{ after, movedTo: work.path("sent") },
        // The last moment: the server has just said that it has the file, which is looked at and put away after this.
        onEvent: (event) => event.event === "stored" && texts.length > 0 && put("a", texts.shift()),
      });
      await events.waitForCount("stored", 3);
      await events.waitFor(after === "move" ? "moved" : "deleted");
      expect(await stop()).toMatchObject({ stored: 3, kept: 0 });
      expect(work.list("box")).toEqual([]);
      await work.receive({ port, ifExists: "rename" }).done;
      expect(work.list().map((name) => work.read("out", name).toString())).toEqual(["one", "two", "three"]);
    },
  );

  test("that cannot be put away is told once, not sent again, and put away when it can be", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    const movedTo = work.path("sent");
    const { events, stop } = watch(port, { after: "move", movedTo });
    await events.waitFor("connected");
    rmSync(movedTo, { recursive: true });
    put("a");
    expect(await events.waitFor("kept")).toMatchObject({
      name: "a",
      message: expect.stringContaining("cannot be moved"),
    });
    put("b");
    await events.waitForCount("kept", 2);
    expect(work.list("box")).toEqual(["a", "b"]);
    mkdirSync(movedTo);
    await events.waitForCount("moved", 2);
    expect(await stop()).toEqual({ stored: 2, repeated: 0, bytes: 2, failed: 0, kept: 0 });
    expect([work.list("box"), work.list("sent"), spool.waiting("default")]).toEqual([[], ["a", "b"], 2]);
    expect(events.all("kept")).toHaveLength(2);
  });

  test("that could not be put away is put away by the next run, and what was kept on purpose stays", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    put("kept");
    expect(await watch(port, { once: true, after: "keep" }).done).toMatchObject({ stored: 1, kept: 0 });
    put("a");
    let isBroken = true;
    replaceSync("unlinkSync", (unlink) => (...words) => {
      if (isBroken) throw diskError("EPERM");
      return unlink(...words);
    });
    for (const stored of [1, 0]) {
      const { events, done } = watch(port, { once: true, after: "delete" });
      expect(await done).toMatchObject({ stored, kept: 1 });
      expect(events.all("kept")).toMatchObject([{ name: "a", size: 1, queue: "default" }]);
    }
    isBroken = false;
    const { events, done } = watch(port, { once: true, after: "delete" });
    expect(await done).toMatchObject({ stored: 0, kept: 0 });
    expect(events.all("deleted")).toMatchObject([{ name: "a" }]);
    expect([work.list("box"), spool.waiting("default")]).toEqual([["kept"], 2]);
  });

  test("is not moved to another disk, which is said before anything is sent", async () => {
    const { work, put, watch } = watchedFolder();
    const { port, spool } = await work.serve();
    put("a");
    const movedTo = `/dev/shm/filespool-test-${process.pid}`;
    onTestFinished(() => rmSync(movedTo, { recursive: true, force: true }));
    if (existsSync("/dev/shm")) {
      await expect(watch(port, { after: "move", movedTo }).done).rejects.toMatchObject({
        code: "folder-unusable",
        message: expect.stringContaining("another file system"),
      });
    }
    await expect(watch(port, { after: "move", movedTo: work.path("box") }).done).rejects.toMatchObject({
      code: "folder-unusable",
    });
    expect([work.list("box"), spool.waiting("default")]).toEqual([["a"], 0]);
  });
});
