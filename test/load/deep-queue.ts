/** A queue of very many small files: the rate at its head and tail, the memory it costs, and how long a start takes. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createDigest, DIGESTS } from "../../src/disk/digest.ts";
import { receive, send } from "../../src/net/index.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { demand, inMiB, LoadServer, MiB } from "./server.ts";

const SIZE = 100;
const IN_FLIGHT = 256;
const SAMPLE = 2000;
const MEMORY_MAX = 250 * MiB;

/**
 * Fills a queue by the spool itself; that the way over the wire does the same is what the sample below is for. The files
 * are numbered from `first` on.
 */
export async function fill(folder: string, files: number, size: number, queue: string, first = 0): Promise<number> {
  const spool = await LocalSpool.open({ folder: join(folder, "spool") });
  const content = new Uint8Array(size);
  const hasher = createDigest(DIGESTS[0] as string);
  hasher.update(content);
  const digest = hasher.hex();
  const beganMs = performance.now();
  let next = first;
  const worker = async () => {
    while (next < first + files) {
      const transfer = (next++).toString(16).padStart(32, "0");
      const offer = { transfer, queue, name: `${queue} ${next}`, size, algorithm: DIGESTS[0] as string };
      const answer = await spool.offer(offer, { onDurable: () => {}, onSuperseded: () => {} });
      if (answer.kind !== "upload") throw new Error("stored already");
      await answer.upload.append(0, [content]);
      await answer.upload.finish(digest);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  await spool.close();
  return (files / (performance.now() - beganMs)) * 1000;
}

export async function deepQueue(folder: string, files: number): Promise<Record<string, unknown>> {
  const empty = await LoadServer.start(folder);
  const emptyStartMs = empty.startMs;
  await empty.stop();
  const fillRate = await fill(folder, files, SIZE, "deep");
  const server = await LoadServer.start(folder);
  const { port, startMs } = server;
  mkdirSync(join(folder, "in"));
  const paths = Array.from({ length: SAMPLE }, (_, number) => join(folder, "in", `${number}`));
  for (const path of paths) writeFileSync(path, Buffer.alloc(SIZE));
  const rates: Record<string, number> = {};
  // The same sample through a queue that is short and through the one that is deep.
  for (const queue of ["short", "deep"]) {
    const sendMs = performance.now();
    const sent = await send({ port, queue, again: true, files: paths });
    demand(sent.stored === SAMPLE, `${sent.stored} of ${SAMPLE} were stored`);
    const receiveMs = performance.now();
    const got = await receive({ port, queue, count: SAMPLE, out: join(folder, queue), durability: "none" });
    demand(got.landed === SAMPLE, `${got.landed} of ${SAMPLE} landed`);
    rates[`sent to ${queue}, files/s`] = Math.round((SAMPLE / (receiveMs - sendMs)) * 1000);
    rates[`from ${queue}, files/s`] = Math.round((SAMPLE / (performance.now() - receiveMs)) * 1000);
  }
  const peak = server.peakBytes;
  await server.stop();
  const spool = await LocalSpool.open({ folder: join(folder, "spool") });
  demand(spool.waiting("deep") === files, `${spool.waiting("deep")} of ${files} are waiting`);
  await spool.close();
  demand(peak < MEMORY_MAX, `the server held ${inMiB(peak)} MiB`);
  return {
    "bytes each": SIZE,
    "stored by the spool, files/s": Math.round(fillRate),
    "start with none, ms": Math.round(emptyStartMs),
    "start with all, ms": Math.round(startMs),
    ...rates,
    "memory at most, MiB": inMiB(peak),
  };
}
