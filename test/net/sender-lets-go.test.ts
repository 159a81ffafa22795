/** After a run, whatever became of its files and of its connections, nothing of it is left open, waiting or running. */
import { appendFileSync, readdirSync, readlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { skipAloud } from "../spool/children.ts";
import { content } from "../support/content.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { Workspace } from "../support/workspace.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const OPEN = "/proc/self/fd";

/** What this process has open below a folder. */
function openBelow(folder: string): string[] {
  return readdirSync(OPEN).flatMap((fd) => {
    try {
      const path = readlinkSync(`${OPEN}/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // it was the one with which the folder was listed
    }
  });
}

/** A stream that tells whether somebody has ended it. */
function watched(pieces: number, pieceBytes: number) {
  const told = { ended: false };
  async function* run(): AsyncGenerator<Uint8Array> {
    try {
      for (let piece = 0; piece < pieces; piece++) {
        await new Promise(setImmediate);
        yield Buffer.alloc(pieceBytes, 1); // zeros would leave as their number
      }
    } finally {
      told.ended = true;
    }
  }
  return { told, source: { name: "stream", stream: run() } };
}

test("files are closed, however their sending ends", async (context) => {
  const work = new Workspace();
  const { port } = await work.serve({ spool: { limits: { fileBytesMax: 60 * MiB } } });
  try {
    openBelow(work.folder);
  } catch {
    skipAloud(context, `there is no ${OPEN} here`);
  }
  const large = work.write("large", content(30 * MiB));
  const grows = work.write("grows", content(60 * MiB));
  const files = [work.write("small", "small"), large, work.write("too-large", content(61 * MiB)), large, grows];
  const proxy = await CuttingProxy.start(port, (connection) =>
    connection === 1 ? { direction: "up", after: 20 * MiB, how: "reset" } : null,
  );
  const sender = work.send({ port: proxy.port, files });
  await sender.events.waitFor("progress", ({ name }) => name === "grows");
  appendFileSync(grows, "more");
  const { stored, repeated, failures } = await sender.done;
  expect([stored, repeated, failures.map(({ code }) => code)]).toEqual([2, 1, ["file-too-large", "file-changed"]]);
  expect(openBelow(work.path("in"))).toEqual([]);
  // And those of a run that fails as a whole.
  await expect(work.send({ port: proxy.port, files: [large], signal: AbortSignal.abort() }).done).rejects.toThrow();
  const over = new AbortController();
  const other = work.send({ port, files: [work.write("other", content(30 * MiB))], signal: over.signal });
  await other.events.waitFor("progress");
  over.abort();
  await expect(other.done).rejects.toMatchObject({ code: "interrupted" });
  expect(openBelow(work.path("in"))).toEqual([]);
});

describe("a stream is ended", () => {
  test("when its server takes no more of it, with as much kept as may be", async () => {
    const work = new Workspace();
    const { port } = await work.serve({ spool: { limits: { fileBytesMax: 8 * MiB } } });
    const { told, source } = watched(200, MiB);
    const sender = work.send({ port, files: [source, work.write("after", "after")] });
    expect(await sender.done).toMatchObject({ stored: 1, failures: [{ code: "file-too-large" }] });
    await expect.poll(() => told.ended).toBe(true);
  });

  test("when the run fails, on whichever side of its turn it is", async () => {
    const work = new Workspace();
    const { port } = await work.serve();
    const proxy = await CuttingProxy.start(port, () => ({ direction: "up", after: 20 * MiB, how: "reset" }));
    const { told, source } = watched(200, MiB);
    const sender = work.send({ port: proxy.port, files: [source], retryMs: 0 });
    await expect(sender.done).rejects.toMatchObject({ code: "connection-lost" });
    await expect.poll(() => told.ended).toBe(true);
  });

  test("while it has nothing to give: nobody would come back for the next piece", async () => {
    const work = new Workspace();
    const { port } = await work.serve({ spool: { limits: { fileBytesMax: 8 * MiB } } });
    let pieces = 0;
    const told = { ended: false };
    const iterator: AsyncIterator<Uint8Array> = {
      next: () => (++pieces <= 10 ? Promise.resolve({ value: content(MiB) }) : new Promise(() => {})),
      return: async () => {
        told.ended = true;
        return { done: true, value: undefined };
      },
    };
    const stream = { [Symbol.asyncIterator]: () => iterator };
    const sender = work.send({ port, files: [{ name: "stream", stream }] });
    expect(await sender.done).toMatchObject({ stored: 0, failures: [{ code: "file-too-large" }] });
    await expect.poll(() => told.ended).toBe(true);
  });
});
