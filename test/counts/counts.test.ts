/**
 * A regression gate that is no timer: what the programs ask of the system and of memory for each file and each MiB.
 *
 * These numbers are the same on a fast machine and on a busy one. How many wake-ups and reads of a socket there are is
 * not, so those have no bounds here. Who makes the data path do more has to raise a number in this file, and say why.
 */
import { createHook } from "node:async_hooks";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { canTrace, skipAloud } from "../spool/children.ts";
import { content } from "../support/content.ts";
import { listenRaw, WELCOME } from "../support/raw-peer.ts";
import { Workspace } from "../support/workspace.ts";
import { type Counts, difference, trip } from "./trace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Each call at most so often. What is bounded by one or more must have happened at all, or the count would prove nothing. */
function expectAtMost(counts: Counts, bounds: Counts): void {
  const over = Object.entries(bounds).filter(([name, most]) => {
    const count = counts[name] ?? 0;
    return count > most || (most >= 1 && count <= 0);
  });
  expect(over.map(([name, most]) => `${name}: ${counts[name]} of at most ${most}`)).toEqual([]);
}

test("system calls for each small file", { timeout: 120_000 }, async (context) => {
  if (!canTrace()) skipAloud(context, "strace cannot trace here");
  const { sender, server, receiver } = difference(await trip(50, 4 * KiB), await trip(450, 4 * KiB), 400);
  // Open, look, read, look again, close. Many files leave by one write.
  expectAtMost(sender, { openat: 1.1, statx: 2.1, pread64: 1.1, close: 1.1, write: 0.5 });
  // No file of its own, and far less than one sync for each: twice here, for storing and for the verdicts.
  expectAtMost(server, { fdatasync: 0.25, writev: 0.8 });
  expect(server.pwritev ?? 0).toBeLessThan(0.05);
  // A look, a part, its mode (looked at) and time, its sync, a name, its closing, no second name. Beside that, each batch has
  // its journal and its folder.
  expectAtMost(receiver, { statx: 2.1, openat: 2.2, utimensat: 1.1, fsync: 1.2, close: 2.2, link: 1.1, unlink: 1.1 });
  expectAtMost(receiver, { fdatasync: 0.2, fchmod: 0.01 });
});

test("system calls for each MiB of a large file", { timeout: 120_000 }, async (context) => {
  if (!canTrace()) skipAloud(context, "strace cannot trace here");
  // With buffers of 256 KiB, which do not depend on how quick the line is (adr/0063).
  const large = (mib: number) => trip(1, mib * MiB, ["--buffer-size", "256KiB"]);
  const { sender, server, receiver } = difference(await large(16), await large(80), 64);
  // Four reads and four gathering writes, and a sync of 16 MiB at a time.
  expectAtMost(sender, { pread64: 4.1, writev: 4.3 });
  expectAtMost(server, { pwritev: 4.1, pread64: 4.1, writev: 4.5, fdatasync: 0.25 });
  expectAtMost(receiver, { pwritev: 4.1, fdatasync: 0.1 });
});

describe("round trips", () => {
  test("a window of small files leaves before the server has said a word about any", async () => {
    const work = new Workspace();
    const heard = { offer: 0, finish: 0 };
    const port = await listenRaw(async (peer) => {
      await peer.until("hello");
      peer.send({ ...WELCOME, windowFiles: LIMITS.windowFiles });
      for (let frame = await peer.next(); frame; frame = await peer.next()) {
        if (frame.type === "offer" || frame.type === "finish") heard[frame.type]++;
        if (heard.finish === LIMITS.windowFiles) peer.socket.end();
      }
    });
    const files = Array.from({ length: LIMITS.windowFiles + 10 }, (_, index) => work.write(`f${index}`, "small"));
    await expect(work.send({ port, files, retryMs: 0 }).done).rejects.toMatchObject({ code: "connection-lost" });
    expect(heard).toEqual({ offer: LIMITS.windowFiles, finish: LIMITS.windowFiles });
  });
});

/** Promises that sender and server, both in this process, make for so many small files. */
async function promisesFor(files: number): Promise<number> {
  const work = new Workspace();
  const { port } = await work.serve();
  const paths = Array.from({ length: files }, (_, index) => work.write(`f${index}`, content(4 * KiB)));
  let promises = 0;
  const hook = createHook({ init: (_, type) => type === "PROMISE" && promises++ }).enable();
  await work.send({ port, files: paths }).done;
  hook.disable();
  return promises;
}

test("promises for each small file: each is an object that waits for the disk, and moves when memory is collected", async () => {
  const each = ((await promisesFor(450)) - (await promisesFor(50))) / 400;
  // For each file the server has one that is stored and one that is told, and the sender one that writes; what is left
  // are waits that many files share. A few more or less, as the reads of a socket happen to fall.
  expect(each).toBeGreaterThan(2);
  expect(each).toBeLessThan(7);
});

describe("memory for each chunk", () => {
  test("a file is sent from three buffers, and arrives in blocks that are used again", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const size = 32 * MiB;
    const path = work.write("large", content(size));
    const memory = vi.spyOn(Buffer, "allocUnsafeSlow");
    await work.send({ port, files: [path], bufferBytes: 256 * KiB }).done;
    const sizes = memory.mock.calls.map(([bytes]) => bytes);
    const large = sizes.filter((bytes) => bytes >= 256 * KiB);
    const taken = sizes.reduce((sum, bytes) => sum + bytes, 0);
    vi.restoreAllMocks();
    expect(large.length).toBeGreaterThan(0);
    expect(large.length).toBeLessThanOrEqual(3);
    // Blocks are read into again and again: what is taken is what waits for the disk, whatever the size (adr/0056).
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(size / 3);
  });
});
