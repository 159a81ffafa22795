/** Bounds of the spool while commits fail: nobody is let in by room that is free for a moment only. */
import { expect, test, vi } from "vitest";
import { FilespoolError } from "../../src/protocol/errors.ts";
import { InspectableSpool } from "../support/inspectable-spool.ts";
import { type Failures, failingCommits } from "./failing-commits.ts";
import {
  appendRest,
  begin,
  contentOf,
  digestOf,
  drain,
  failure,
  idOf,
  inTempFolder,
  lease,
  offerOf,
  store,
} from "./subject.ts";

const KiB = 1024;

/** From now on commits fail, and the reason is told when the returned function is called. */
function failCommits(failures: Failures): () => void {
  let tell = () => {};
  failures.isOn = true;
  failures.reason = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return () => {
    failures.isOn = false;
    tell();
  };
}

/** Many turns of the event loop and of the queue of promises, with a look in each; and until something has happened. */
async function inEachTurn(look: () => Promise<void> | void, hasHappened = () => true): Promise<void> {
  for (let turn = 0; turn < 30 || !hasHappened(); turn++) {
    for (let promise = 0; promise < 10; promise++) {
      await undefined;
      await look();
    }
    await new Promise((next) => setImmediate(next));
  }
}

/** A commit comes when the content of a large file has reached the disk, and how long that takes is the disk's affair. */
function hasFailed(failures: Failures): () => boolean {
  const { count } = failures;
  return () => failures.count > count;
}

const sizes = [
  ["small file", 8 * KiB],
  ["large file", 200 * KiB],
] as const;

test.each(sizes)(
  "a %s whose commit fails keeps its room until its end is known, and its place in the queue",
  (_, size) =>
    inTempFolder(async (folder) => {
      const limits = { spoolBytesMax: size + 2 * KiB, queueFilesMax: 1 };
      const spool = await InspectableSpool.open({ folder, limits });
      const failures = failingCommits(spool);
      const content = contentOf(size);
      const upload = await begin(spool, offerOf(1, size));
      await appendRest(upload, content);
      const tell = failCommits(failures);
      const finishing = failure(upload.finish(digestOf(content)));
      await inEachTurn(async () => {
        expect(spool.bytesUsed()).toBe(size);
        expect(await failure(begin(spool, offerOf(2, 4 * KiB, { queue: "other" })))).toBe("spool-full");
        expect(await failure(begin(spool, offerOf(3, 1)))).toBe("queue-full");
      }, hasFailed(failures));
      tell();
      expect(await finishing).toBe("spool-unusable");
      // What arrived of the large one is kept; it goes on as if nothing had been.
      await spool.sweep();
      const again = await begin(spool, offerOf(1, size));
      expect(spool.bytesUsed()).toBe(size);
      await appendRest(again, content);
      await again.finish(digestOf(content));
      expect([spool.bytesUsed(), spool.waiting("default")]).toEqual([size, 1]);
      await spool.close();
    }),
);

test("a small file that the reserve refuses leaves no room to the offer behind it", () =>
  inTempFolder(async (folder) => {
    const spool = await InspectableSpool.open({ folder, limits: { spoolBytesMax: 10 * KiB } });
    const content = contentOf(8 * KiB);
    const upload = await begin(spool, offerOf(1, content.length));
    await upload.append(0, [content]);
    vi.spyOn(spool.index.reserve, "ask").mockImplementationOnce(() => {
      throw new FilespoolError("disk-full");
    });
    const finishing = failure(upload.finish(digestOf(content)));
    expect(spool.bytesUsed()).toBe(8 * KiB);
    expect(await failure(begin(spool, offerOf(2, 4 * KiB)))).toBe("spool-full"); // as one pipelines it
    expect(await finishing).toBe("disk-full");
    expect(spool.bytesUsed()).toBe(0);
    await spool.close();
  }));

test("what is collected gives its room and its place to others only when that is on disk", () =>
  inTempFolder(async (folder) => {
    const spool = await InspectableSpool.open({ folder, limits: { spoolBytesMax: 10 * KiB, queueFilesMax: 1 } });
    const failures = failingCommits(spool);
    await store(spool, 1, 8 * KiB);
    const { token } = await lease(spool);
    const tell = failCommits(failures);
    const acking = failure(spool.ack(token));
    await inEachTurn(async () => {
      expect(spool.bytesUsed()).toBe(8 * KiB);
      expect(await failure(begin(spool, offerOf(2, 4 * KiB, { queue: "other" })))).toBe("spool-full");
      expect(await failure(begin(spool, offerOf(3, 1)))).toBe("queue-full");
    }, hasFailed(failures));
    tell();
    expect(await acking).toBe("spool-unusable");
    expect([spool.bytesUsed(), spool.waiting("default")]).toEqual([8 * KiB, 1]);
    expect(await drain(spool)).toEqual([idOf(1)]);
    expect(spool.bytesUsed()).toBe(0);
    await store(spool, 3, 4 * KiB);
    await spool.close();
  }));

test("a dead letter counts once in the bytes while it dies, whether that can be written or not", () =>
  inTempFolder(async (folder) => {
    const spool = await InspectableSpool.open({ folder, limits: { spoolBytesMax: 10 * KiB, failuresMax: 1 } });
    const failures = failingCommits(spool);
    await store(spool, 1, 8 * KiB);
    for (const isFailing of [true, false]) {
      const { token } = await lease(spool);
      const tell = isFailing ? failCommits(failures) : () => {};
      const dying = failure(spool.nack(token, "no"));
      await inEachTurn(() => expect(spool.bytesUsed()).toBe(8 * KiB), isFailing ? hasFailed(failures) : undefined);
      tell();
      expect(await dying).toBe(isFailing ? "spool-unusable" : "it did not fail");
    }
    expect((await spool.dead("default")).length).toBe(1);
    expect([spool.bytesUsed(), spool.index.totals.queues]).toEqual([8 * KiB, 1]);
    await spool.close();
  }));

test("what is wrong with the disk is known until a sweep finds it mended", () =>
  inTempFolder(async (folder) => {
    const spool = await InspectableSpool.open({ folder });
    const failures = failingCommits(spool);
    await store(spool, 1, 10);
    expect(spool.trouble).toBeNull();
    failures.isOn = true;
    const acking = failure(spool.ack((await lease(spool)).token));
    expect(await acking).toBe("spool-unusable");
    expect(spool.trouble).toMatchObject({ code: "spool-unusable" });
    expect((await spool.sweep()).failure).toMatchObject({ code: "spool-unusable" });
    expect(spool.trouble).not.toBeNull();
    failures.isOn = false;
    expect((await spool.sweep()).failure).toBeNull();
    expect(spool.trouble).toBeNull();
    await spool.close();
  }));
