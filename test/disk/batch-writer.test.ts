import { type FileHandle, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, expect, test, vi } from "vitest";
import { BatchWriter, SYNC_BYTES, WriteBacklog } from "../../src/disk/batch-writer.ts";
import { contentOf, inTempFolder, sameBytes } from "../spool/subject.ts";

/** The clock of the writer, which stands still unless a test moves it: a sync is due after a second, too. */
let nowMs: number;
beforeEach(() => {
  nowMs = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  return () => clock.mockRestore();
});

/** A file in memory that notes what is done to it, takes as much of a write as told, and can be held up or broken. */
class FakeFile {
  content: Uint8Array = new Uint8Array(0);
  readonly calls: string[] = [];
  under = 0;
  most = 0;
  /** Bytes that the next write takes at most. */
  take: () => number = () => Number.MAX_SAFE_INTEGER;
  before: (call: string) => Promise<void> | void = () => {};

  async #call<T>(name: string, work: () => T): Promise<T> {
    this.calls.push(name);
    this.under++;
    this.most = Math.max(this.most, this.under);
    try {
      await null;
      await this.before(name);
      return work();
    } finally {
      this.under--;
    }
  }

  writev(parts: readonly Uint8Array[], position: number): Promise<{ bytesWritten: number }> {
    return this.#call("write", () => {
      const bytes = Buffer.concat(parts).subarray(0, Math.max(1, this.take()));
      const grown = new Uint8Array(Math.max(this.content.length, position + bytes.length));
      grown.set(this.content);
      grown.set(bytes, position);
      this.content = grown;
      return { bytesWritten: bytes.length };
    });
  }

  truncate(length: number): Promise<void> {
    return this.#call("truncate", () => {
      this.content = Buffer.concat([this.content], length);
    });
  }

  datasync(): Promise<void> {
    return this.#call("sync", () => {});
  }

  get handle(): FileHandle {
    return this as unknown as FileHandle;
  }
}

/** A promise and the way to resolve it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

test("what is appended is in the file after a sync, however it was cut and however little a write takes", () => {
  const pieces = fc.array(fc.nat(50), { maxLength: 40 });
  return fc.assert(
    fc.asyncProperty(
      pieces,
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(30)),
      async (sizes, batchBytes, takes) => {
        const file = new FakeFile();
        file.take = () => takes.shift() ?? 1000;
        const writer = new BatchWriter(file.handle, 0, { backlog: new WriteBacklog(), batchBytes, sync: true });
        const content = contentOf(sizes.reduce((sum, size) => sum + size, 0));
        let at = 0;
        for (const size of sizes) {
          await writer.append([content.subarray(at, at + (size >> 1)), content.subarray(at + (size >> 1), at + size)]);
          at += size;
        }
        await writer.sync();
        expect(sameBytes(file.content, content)).toBe(true);
        expect(file.most).toBeLessThanOrEqual(1);
        expect(file.calls.at(-1)).toBe(content.length > 0 ? "sync" : undefined);
      },
    ),
  );
});

test("writing goes on behind what is there already", async () => {
  const file = new FakeFile();
  file.content = contentOf(100);
  const synced: number[] = [];
  const writer = new BatchWriter(file.handle, 90, {
    backlog: new WriteBacklog(),
    batchBytes: 8,
    sync: true,
    onSynced: (at) => void synced.push(at),
  });
  await writer.sync();
  expect([file.calls, synced]).toEqual([[], []]);
  await writer.append([contentOf(200).subarray(90)]);
  await writer.sync();
  expect(sameBytes(file.content, contentOf(200))).toBe(true);
  expect(synced).toEqual([200]);
});

test("nothing is written before there is a whole batch, and then it is one write", async () => {
  const file = new FakeFile();
  const writer = new BatchWriter(file.handle, 0, { backlog: new WriteBacklog(), batchBytes: 100, sync: true });
  for (let at = 0; at < 99; at++) expect(writer.append([contentOf(1)])).toBeUndefined();
  await null;
  expect(file.calls).toEqual([]);
  expect(writer.append([contentOf(1)])).toBeUndefined();
  await writer.sync();
  expect(file.calls).toEqual(["write", "sync"]);
});

test("the caller is asked to wait when a second batch is ready, until the first is written", async () => {
  const file = new FakeFile();
  const disk = gate();
  file.before = () => disk.opened;
  const writer = new BatchWriter(file.handle, 0, { backlog: new WriteBacklog(), batchBytes: 10, sync: false });
  const batch = () => writer.append([contentOf(10)]);
  expect(batch()).toBeUndefined();
  let resumed = false;
  const wait = batch()?.then(() => {
    resumed = true;
  });
  expect(wait).toBeInstanceOf(Promise);
  for (let turn = 0; turn < 10; turn++) await null;
  expect([resumed, file.content.length]).toEqual([false, 0]);
  disk.open();
  await wait;
  expect(file.content.length).toBeGreaterThanOrEqual(10);
  await writer.sync();
  expect(file.content.length).toBe(20);
});

test("short frames do not wait for a long buffer to be full", async () => {
  const KiB = 1024;
  const file = new FakeFile();
  const writer = new BatchWriter(file.handle, 0, { backlog: new WriteBacklog(), batchBytes: 1024 * KiB, sync: true });
  for (let frame = 1; frame <= 4; frame++) {
    expect(writer.append([contentOf(128 * KiB)])).toBeUndefined();
    for (let turn = 0; turn < 10; turn++) await null;
    expect(file.content.length).toBe(Math.floor(frame / 2) * 256 * KiB);
  }
  await writer.sync();
  expect(file.calls).toEqual(["write", "write", "sync"]);
});

test("who waits when asked never has more than three batches in memory", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 50 }), async (sizes) => {
      const file = new FakeFile();
      const writer = new BatchWriter(file.handle, 0, { backlog: new WriteBacklog(), batchBytes: 30, sync: true });
      let taken = 0;
      for (const size of sizes) {
        const wait = writer.append([contentOf(size)]);
        taken += size;
        expect(taken - file.content.length).toBeLessThan(3 * (30 + 30)); // a batch overshoots by less than a piece
        await wait;
      }
      await writer.sync();
    }),
  ));

test("a failure of the disk sticks: nothing more is written or said to be synced", async () => {
  for (const [call, count] of [
    ["write", 1],
    ["sync", 2],
  ] as const) {
    const file = new FakeFile();
    const synced: number[] = [];
    const options = {
      backlog: new WriteBacklog(),
      batchBytes: 10,
      sync: true,
      onSynced: (at: number) => void synced.push(at),
    };
    const writer = new BatchWriter(file.handle, 0, options);
    await writer.append([contentOf(10)]);
    await writer.sync();
    expect(synced).toEqual([10]);
    const broken = Object.assign(new Error("no space left"), { code: "ENOSPC" });
    file.before = (name) => {
      if (name === call) throw broken;
    };
    file.calls.length = 0;
    void writer.append([contentOf(10)]);
    void writer.append([contentOf(10)]);
    await expect(writer.sync()).rejects.toBe(broken);
    expect(() => writer.append([contentOf(10)])).toThrow(broken);
    file.before = () => {};
    await expect(writer.sync()).rejects.toBe(broken);
    expect(file.calls.filter((name) => name === call).length).toBe(1);
    expect(file.calls.length).toBeLessThanOrEqual(count + 1);
    expect(synced).toEqual([10]);
  }
});

test("a failure while writing down what is synced sticks as well", async () => {
  const file = new FakeFile();
  const onSynced = () => Promise.reject(new Error("no index"));
  const writer = new BatchWriter(file.handle, 0, { backlog: new WriteBacklog(), batchBytes: 10, sync: true, onSynced });
  await writer.append([contentOf(25)]);
  await expect(writer.sync()).rejects.toThrow("no index");
  expect(() => writer.append([contentOf(1)])).toThrow("no index");
});

test("the synced offset is said after the sync, only grows, and further writes wait until it is written down", async () => {
  const file = new FakeFile();
  const piece = contentOf(SYNC_BYTES / 4);
  const noted = gate();
  const synced: number[] = [];
  const options = {
    backlog: new WriteBacklog(),
    batchBytes: piece.length,
    sync: true,
    onSynced: async (at: number) => {
      expect(file.calls.at(-1)).toBe("sync");
      expect(at).toBe(file.content.length);
      synced.push(at);
      await noted.opened;
      expect(file.calls.at(-1)).toBe("sync");
    },
  };
  const writer = new BatchWriter(file.handle, 0, options);
  for (let round = 0; round < 3; round++) await writer.append([piece]);
  void writer.append([piece]);
  const wait = writer.append([piece]);
  expect(wait).toBeInstanceOf(Promise);
  noted.open();
  await wait;
  await writer.append([piece]);
  await writer.sync();
  expect(synced).toEqual([SYNC_BYTES, SYNC_BYTES * 1.5]);
});

test("over a slow link a sync comes once a second, however little there is, and none when nothing came", async () => {
  const file = new FakeFile();
  const synced: number[] = [];
  const writer = new BatchWriter(file.handle, 0, {
    backlog: new WriteBacklog(),
    batchBytes: 10,
    sync: true,
    onSynced: (at) => void synced.push(at),
  });
  for (let tenth = 0; tenth < 30; tenth++) {
    nowMs = tenth * 100;
    await writer.append([contentOf(10)]);
    // What was written is written when the next call has been waited for.
    await new Promise(setImmediate);
  }
  expect(synced).toEqual([110, 210]);
  nowMs = 60_000;
  await new Promise(setImmediate);
  expect(synced).toEqual([110, 210]);
});

test("without syncing the offset means written", async () => {
  const file = new FakeFile();
  const synced: number[] = [];
  const options = {
    backlog: new WriteBacklog(),
    batchBytes: 10,
    sync: false,
    onSynced: (at: number) => void synced.push(at),
  };
  const writer = new BatchWriter(file.handle, 0, options);
  await writer.append([contentOf(25)]);
  await writer.sync();
  expect([file.calls, synced]).toEqual([["write"], [25]]);
});

test("thousands of tiny parts and empty ones reach a real file", () =>
  inTempFolder(async (folder) => {
    const handle = await open(join(folder, "file"), "w+");
    const writer = new BatchWriter(handle, 0, { backlog: new WriteBacklog(), batchBytes: 5000, sync: true });
    const content = contentOf(9000);
    const parts = [...content].flatMap((_, at) => [content.subarray(at, at + 1), new Uint8Array(0)]);
    await writer.append([new Uint8Array(0)]);
    await writer.sync();
    await writer.append(parts.slice(0, 4001));
    await writer.append(parts.slice(4001));
    await writer.sync();
    await handle.close();
    expect(sameBytes(await readFile(join(folder, "file")), content)).toBe(true);
  }));
