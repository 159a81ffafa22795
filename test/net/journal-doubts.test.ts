import { renameSync, rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Landing } from "../../src/net/receiver/landing.ts";
import { partPath } from "../../src/net/receiver/part-file.ts";
import { content } from "../support/content.ts";
import { diskError, replaceFileMethod } from "../support/disk-faults.ts";
import { deliverAgain, deliveryOf, incoming, landAndDie, openAndDie, SIZES } from "../support/landings.ts";
import { idOf } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;

// A part that is gone means "landed" to the journal, so nobody may remove one that the journal still speaks of.
describe("a part goes only after the journal has retracted its transfer", () => {
  test.each(SIZES)("when the run before was killed in the middle of landing it (%s file)", async (_, size) => {
    const work = new Workspace();
    await landAndDie(work, content(size));
    renameSync(work.path("out", "file-1"), partPath(work.path("out"), idOf(1)));
    await openAndDie(work);
    rmSync(partPath(work.path("out"), idOf(1))); // as whoever finds it damaged would
    expect(await deliverAgain(work, [content(size)])).toEqual({ landed: 1, failures: [], verdicts: ["ack"] });
    expect(work.list()).toEqual(["file-1"]);
  });

  test("in a journal that no power cut brings back the one before", async () => {
    const work = new Workspace();
    await landAndDie(work, content(10));
    renameSync(work.path("out", "file-1"), partPath(work.path("out"), idOf(1)));
    const journals = () => work.list().filter((name) => name.startsWith(".filespool-landed-"));
    const [before] = journals();
    const atSyncs: string[][] = [];
    await replaceFileMethod(
      "sync",
      (original) =>
        async function (...values) {
          atSyncs.push(journals());
          return original.apply(this, values);
        },
    );
    const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
    expect(journals()).toHaveLength(1);
    expect(journals()).not.toEqual([before]);
    expect(atSyncs.at(-1)).toEqual(journals()); // the one before was gone when the folder was synced last
    await landing.close();
  });
});

describe("a landing that fails where it cannot even be retracted", () => {
  /** Everything goes well until the file has its name; from then on no sync does, and nothing can be written. */
  async function failAfterNaming(work: Workspace) {
    const out = work.path("out");
    const landing = await Landing.open(out, { ifExists: "refuse", sync: true });
    const file = await incoming(out, deliveryOf(1, content(10)), content(10));
    const broken = () => Promise.reject(diskError("EIO"));
    const restores = [
      await replaceFileMethod(
        "appendFile",
        (original) =>
          async function (...values) {
            return isThere() ? broken() : original.apply(this, values);
          },
      ),
      await replaceFileMethod(
        "sync",
        (original) =>
          async function (...values) {
            return isThere() ? broken() : original.apply(this, values);
          },
      ),
    ];
    const isThere = () => work.list().includes("file-1");
    await expect(landing.land([file])).rejects.toMatchObject({ code: "folder-unusable" });
    return { landing, restore: () => restores.forEach((each) => void each()) };
  }

  test("leaves a doubt: the transfer is not acked, and nothing begins as long as it lasts", async () => {
    const work = new Workspace();
    const { landing, restore } = await failAfterNaming(work);
    expect(landing.landedBefore(idOf(1))).toBe(false);
    await expect(landing.recover()).rejects.toMatchObject({ code: "folder-unusable" });
    expect(landing.landedBefore(idOf(1))).toBe(false);
    expect(work.list()).toContain(`.filespool-${idOf(1)}.part`);
    restore();
    await landing.recover();
    expect(landing.landedBefore(idOf(1))).toBe(true); // its name is on disk now
    expect(work.list().filter((name) => !name.startsWith(".filespool-landed-"))).toEqual(["file-1"]);
    await landing.close();
    expect(await deliverAgain(work, [content(10)])).toEqual({ landed: 0, failures: [], verdicts: ["ack"] });
  });

  test("and lands the file once more if a power cut took its name", async () => {
    const work = new Workspace();
    const { landing, restore } = await failAfterNaming(work);
    restore();
    rmSync(work.path("out", "file-1"));
    await landing.recover();
    expect(landing.landedBefore(idOf(1))).toBe(false);
    await landing.close();
    expect(await deliverAgain(work, [content(10)])).toEqual({ landed: 1, failures: [], verdicts: ["ack"] });
    expect(work.list()).toEqual(["file-1"]);
  });

  test("is found out before the next connection: a receiver that goes on acks what has its name, and once", async () => {
    const work = new Workspace();
    const { port, events, spool } = await work.serve();
    await work.send({ port, files: [work.write("a", content(100 * KiB))] }).done;
    let hasFailed = false;
    await replaceFileMethod(
      "sync",
      (original) =>
        async function (...values) {
          if (hasFailed || !work.list().includes("a")) return original.apply(this, values);
          hasFailed = true;
          throw diskError("ENOSPC");
        },
    );
    const receiver = work.receive({ port });
    expect(await receiver.done).toMatchObject({ failures: [] });
    expect(receiver.events.all("retrying")).toMatchObject([{ code: "disk-full" }]);
    expect(events.all("acked")).toHaveLength(1);
    expect([work.list(), spool.waiting("default")]).toEqual([["a"], 0]);
  });

  test("is retracted at once where that goes: what never had its name is not taken for landed because its part is gone", async () => {
    const work = new Workspace();
    const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
    const file = await incoming(work.path("out"), deliveryOf(1, content(10)), content(10));
    const settle = file.settle.bind(file);
    file.settle = async () => {
      await settle();
      rmSync(file.part); // somebody tidies up
    };
    await expect(landing.land([file])).rejects.toMatchObject({ code: "folder-unusable" });
    await landing.close();
    expect(await deliverAgain(work, [content(10)])).toEqual({ landed: 1, failures: [], verdicts: ["ack"] });
  });

  test("does not keep a run from starting while the disk is full; nothing begins before there is room", async () => {
    const work = new Workspace();
    await landAndDie(work, content(10));
    renameSync(work.path("out", "file-1"), partPath(work.path("out"), idOf(1)));
    const restore = await replaceFileMethod("appendFile", () => () => Promise.reject(diskError("ENOSPC")));
    const landing = await Landing.open(work.path("out"), { ifExists: "refuse", sync: true });
    expect(landing.landedBefore(idOf(1))).toBe(false);
    await expect(landing.recover()).rejects.toMatchObject({ code: "disk-full" });
    restore();
    await landing.recover();
    expect(landing.landedBefore(idOf(1))).toBe(false);
    await landing.close();
    expect(await deliverAgain(work, [content(10)])).toEqual({ landed: 1, failures: [], verdicts: ["ack"] });
  });

  test("is not acked without its hook, when the disk is full while it is taken back for that", async () => {
    const work = new Workspace();
    const { port, spool } = await work.serve();
    await work.send({ port, files: [work.write("a", content(100 * KiB))] }).done;
    const failed: string[] = [];
    await replaceFileMethod(
      "sync",
      (original) =>
        async function (...values) {
          if (failed.length > 0 || !work.list().includes("a")) return original.apply(this, values);
          failed.push("names");
          throw diskError("ENOSPC");
        },
    );
    await replaceFileMethod(
      "appendFile",
      (original) =>
        async function (...values) {
          if (failed.length !== 1 || !String(values[0]).includes('",0,"')) return original.apply(this, values);
          failed.push("retraction");
          throw diskError("ENOSPC");
        },
    );
    const hooked: string[] = [];
    const receiver = work.receive({ port, onLanded: ({ name }) => void hooked.push(name) });
    expect(await receiver.done).toMatchObject({ landed: 1, failures: [] });
    expect([failed, hooked]).toEqual([["names", "retraction"], ["a"]]);
    expect([work.list(), spool.waiting("default")]).toEqual([["a"], 0]);
  });
});
