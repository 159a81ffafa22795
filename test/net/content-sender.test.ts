/** How many buffers a file is sent from: three, or one for those that come when many are on their way. */
import { expect, test } from "vitest";
import type { Connection } from "../../src/net/wire/connection.ts";
import { sendContent } from "../../src/net/wire/content-sender.ts";
import { WireMemory } from "../../src/net/wire/wire-memory.ts";

const CHUNK = 64 * 1024;

/** A file of eight chunks on its way: reads at once, and is taken by the kernel only when `takeAll` says so. */
function underWay(memory: WireMemory) {
  const buffers = new Set<ArrayBufferLike>();
  const offsets: number[] = [];
  let taken: (() => void)[] = [];
  const connection = {
    sendData: (offset: number, bytes: Uint8Array) => {
      buffers.add(bytes.buffer);
      offsets.push(offset);
      return new Promise<void>((resolve) => taken.push(resolve));
    },
    memory,
    frameWriter: { room: Infinity, handedData: 0, hold: () => {} },
  } as unknown as Connection;
  const read = async (into: Buffer, offset: number) => void into.fill(offset / CHUNK);
  const sent = sendContent(connection, {
    from: 0,
    size: 8 * CHUNK,
    chunkBytes: CHUNK,
    read,
    shouldContinue: () => true,
  });
  return {
    buffers,
    offsets,
    sent,
    takeAll: () => {
      for (const resolve of taken) resolve();
      taken = [];
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("in a crowd a file is sent from one buffer, before and after it from three", async () => {
  const memory = new WireMemory();
  const first = Array.from({ length: 32 }, () => underWay(memory));
  const late = underWay(memory);
  await turn();
  expect(first.map(({ offsets }) => offsets.length)).toEqual(first.map(() => 3));
  expect(late.offsets).toEqual([0]);
  const all = [...first, late];
  for (let chunk = 0; chunk < 8; chunk++) {
    for (const { takeAll } of all) takeAll();
    await turn();
  }
  expect(await Promise.all(all.map(({ sent }) => sent))).toEqual(all.map(() => true));
  for (const { offsets } of all) expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((at) => at * CHUNK));
  expect(first.map(({ buffers }) => buffers.size)).toEqual(first.map(() => 3));
  expect(late.buffers.size).toBe(1);

  const after = underWay(memory);
  await turn();
  expect(after.offsets.length).toBe(3);
  for (let chunk = 0; chunk < 8; chunk++) {
    after.takeAll();
    await turn();
  }
  await after.sent;
});
