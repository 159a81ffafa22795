import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { skipAloud } from "../spool/children.ts";
import { content } from "../support/content.ts";
import { DISK_KINDS, mountImage } from "../support/disk-image.ts";

import { Place } from "../support/process-program.ts";

const LONG_AGO = new Date("2026-01-02T03:04:06Z");

describe.each(DISK_KINDS)("a file on a real %s disk, which counts whole seconds", (kind) => {
  test("is stored each time that it was changed, and known when it was not", async (context) => {
    const place = new Place();
    const disk = mountImage(kind, place.path("disk"));
    if (!disk) skipAloud(context, `${kind} cannot be mounted here`);
    const { port } = await place.serve();
    const path = join(disk.folder, "a.txt");
    const send = async (text: string, when?: Date) => {
      writeFileSync(path, text);
      if (when) utimesSync(path, when, when);
      const sender = await place.run(place.send(port, path));
      const [stored] = sender.all("stored");
      return [stored?.repeated, sender.all("changed").length];
    };
    expect(statSync(path.replace("a.txt", "."), { bigint: true }).mtimeNs % 10_000_000n).toBe(0n);
    // As fast as the commands can be started.
    expect(await send("content 1")).toEqual([false, 0]);
    expect((await send("content 2"))[0]).toBe(false);
    // Under the time of the one before, as `cp -p`, `rsync -t` and `touch -r` leave it.
    expect((await send("content 3", LONG_AGO))[0]).toBe(false);
    expect(await send("content 4", LONG_AGO)).toEqual([false, 1]);
    expect(await send("content 4", LONG_AGO)).toEqual([true, 0]);
    const receiver = await place.run(place.receive(port, "--if-exists", "rename"));
    const texts = receiver
      .all("landed")
      .map(({ path: landed = "" }) => readFileSync(resolve(place.folder, landed), "utf8"));
    expect(texts.map((text) => text.at(-1))).toEqual(["1", "2", "3", "4"]);
  });

  test("is the same file after its disk was mounted again, whatever its inode is called then", async (context) => {
    const place = new Place();
    const disk = mountImage(kind, place.path("disk"));
    if (!disk) skipAloud(context, `${kind} cannot be mounted here`);
    const { port } = await place.serve();
    const paths = ["a", "b", "c"].map((name) => join(disk.folder, name));
    for (const [index, path] of paths.entries()) writeFileSync(path, content(200_000, index));
    await place.run(place.send(port, ...paths));
    disk.remount();
    const again = await place.run(place.send(port, ...[...paths].reverse()));
    expect(again.all("stored").map(({ name, repeated }) => [name, repeated])).toEqual([
      ["c", true],
      ["b", true],
      ["a", true],
    ]);
  });
});
