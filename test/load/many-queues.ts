/**
 * Very many queues with a file each: what they cost a server that has nothing to do with them.
 *
 * The same is asked of a server with all of them and of one with none, in turns, so that a busy machine is busy for both.
 */
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createDigest, DIGESTS } from "../../src/disk/digest.ts";
import { operate, receive, send } from "../../src/net/index.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { frameOf, helloOf } from "../support/raw-frames.ts";
import { demand, inMiB, LoadServer, MiB } from "./server.ts";

const IN_FLIGHT = 2000;
const HELLOS = 300;
const IDLE_MS = 5000;
/** How much longer a hello may take beside all the queues than beside none, in the middle of all of them. */
const LONGER_MS_MAX = 10;
/** How much more memory they may take. */
const MORE_BYTES_MAX = 64 * MiB;

/** One empty file in each queue, by the spool itself. Nothing is synced: that is not what is tried here. */
async function fill(folder: string, queues: number): Promise<void> {
  const spool = await LocalSpool.open({ folder, durability: "none", limits: { queuesMax: queues } });
  const algorithm = DIGESTS[0] as string;
  const digest = createDigest(algorithm).hex();
  let next = 0;
  const worker = async () => {
    while (next < queues) {
      const number = next++;
      const transfer = number.toString(16).padStart(32, "0");
      const offer = { transfer, queue: `queue ${number}`, name: "file", size: 0, algorithm };
      const answer = await spool.offer(offer, { onDurable: () => {}, onSuperseded: () => {} });
      if (answer.kind !== "upload") throw new Error("stored already");
      await answer.upload.finish(digest);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  await spool.close();
}

/** From the start of a connection to the welcome, ms. */
async function helloMs(port: number): Promise<number> {
  const beganMs = performance.now();
  const socket = connect({ port, host: "localhost" });
  await once(socket, "connect");
  socket.write(frameOf(helloOf("sender")));
  await once(socket, "data");
  socket.destroy();
  return performance.now() - beganMs;
}

/** Half of them took no longer, nine tenths, and all. */
function spread(times: number[]): number[] {
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) * 10) / 10;
  return [at(0.5), at(0.9), at(1)];
}

export async function manyQueues(folder: string, queues: number): Promise<Record<string, unknown>> {
  const [full, none] = [join(folder, "full"), join(folder, "none")];
  for (const each of [full, none]) mkdirSync(each);
  const fillMs = performance.now();
  await fill(join(full, "spool"), queues);
  const filledMs = performance.now() - fillMs;
  const words = ["--file-ttl", "30d", "--max-queues", String(queues)];
  const [empty, server] = [await LoadServer.start(none, ...words), await LoadServer.start(full, ...words)];
  const before = [empty.processorMs(), server.processorMs()] as const;
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idle = [empty.processorMs() - before[0], server.processorMs() - before[1]];
  const hellos: [number[], number[]] = [[], []];
  for (let round = 0; round < HELLOS; round++) {
    hellos[0].push(await helloMs(empty.port));
    hellos[1].push(await helloMs(server.port));
    await new Promise((resolve) => setTimeout(resolve, 17)); // so that they meet a sweep at each of its moments
  }
  const [beside, here] = [spread(hellos[0]), spread(hellos[1])];
  const memory = [empty.memory(), server.memory()] as const;

  // One more is one too many; and those that are there are taken from, listed, and can be sent to.
  const path = join(folder, "one more");
  writeFileSync(path, "");
  const { port } = server;
  const refused = await send({ port, queue: "one more", files: [path], retryMs: 0, again: true }).then(
    () => "that it is stored",
    (error: { readonly code?: string }) => error.code,
  );
  demand(refused === "queues-full", `one queue too many heard ${refused}`);
  const got = await receive({ port, queue: "queue 7", out: join(folder, "out") });
  demand(got.landed === 1, `${got.landed} files landed from one of the queues`);
  const sent = await send({ port, queue: "one more", files: [path], again: true });
  demand(sent.stored === 1, "there was no room where a queue had become empty");
  const operator = await operate({ port });
  const listMs = performance.now();
  let listed = 0;
  for await (const _ of operator.queues()) listed++;
  const listedMs = performance.now() - listMs;
  await operator.close();
  demand(listed === queues, `${listed} of ${queues} queues were listed`);

  await Promise.all([empty.stop(), server.stop()]);
  const longer = (here[0] ?? 0) - (beside[0] ?? 0);
  demand(longer < LONGER_MS_MAX, `a hello takes ${longer} ms longer beside ${queues} queues`);
  const more = memory[1] - memory[0];
  demand(more < MORE_BYTES_MAX, `${queues} queues take ${inMiB(more)} MiB of memory`);
  const share = (ms: number) => Math.round((1000 * ms) / IDLE_MS) / 10;
  return {
    "stored by the spool, files/s": Math.round((queues / filledMs) * 1000),
    "start with none, ms": Math.round(empty.startMs),
    "start with all, ms": Math.round(server.startMs),
    "hello beside none, half, nine tenths, all below ms": beside,
    "hello beside all, half, nine tenths, all below ms": here,
    "idle, percent of a processor, none and all": idle.map(share),
    "memory, MiB, none and all": memory.map(inMiB),
    "all queues listed by pages, ms": Math.round(listedMs),
  };
}
