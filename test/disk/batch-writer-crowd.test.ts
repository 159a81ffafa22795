/** What batch writers do when many of them wait for the disk at a time. */
import type { FileHandle } from "node:fs/promises";
import { expect, test } from "vitest";
import { BatchWriter, WAITING_BYTES_MAX, WriteBacklog } from "../../src/disk/batch-writer.ts";

const BATCH_BYTES = 1024 * 1024;
const BATCH = [new Uint8Array(BATCH_BYTES).fill(1)]; // zeros would be left out

test("with much waiting in all writers of a backlog together, each waits for its own batch, and those of another do not", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const ours = new WriteBacklog();
  const begin = (backlog = ours) => {
    const written: number[] = [];
    const handle = {
      writev: async (parts: readonly Uint8Array[], at: number) => {
        await gate;
        written.push(at);
        return { bytesWritten: parts.reduce((bytes, { length }) => bytes + length, 0) };
      },
    } as unknown as FileHandle;
    return { written, writer: new BatchWriter(handle, 0, { backlog, batchBytes: BATCH_BYTES, sync: false }) };
  };
  const crowd = Array.from({ length: WAITING_BYTES_MAX / BATCH_BYTES }, () => begin());
  for (const { writer } of crowd) expect(writer.append(BATCH)).toBeUndefined();

  // As in another server of the same process: what waits for one disk says nothing about another.
  const elsewhere = begin(new WriteBacklog());
  expect(elsewhere.writer.append(BATCH)).toBeUndefined();

  const late = begin();
  const waiting = late.writer.append(BATCH);
  expect(waiting).toBeInstanceOf(Promise);
  open();
  await waiting;
  expect(late.written).toEqual([0]);
  await elsewhere.writer.sync();
  await Promise.all(crowd.map(({ writer }) => writer.sync()));

  const after = begin();
  expect(after.writer.append(BATCH)).toBeUndefined();
  await after.writer.sync();
});
