/** Many connections at once: idle ones, slow ones, and some at work; and what the one too many hears. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ClientOptions, FilespoolError, receive, send } from "../../src/net/index.ts";
import { frameOf, helloOf, idOf, RawClient } from "./raw-client.ts";
import { demand, inMiB, LoadServer, MiB } from "./server.ts";

const MEMORY_MAX = 512 * MiB;

export async function manyConnections(folder: string, count: number): Promise<Record<string, unknown>> {
  const server = await LoadServer.start(folder, "--max-connections", String(count));
  const { port } = server;
  const client: ClientOptions = { port, retryMs: 60_000, connectRetryMs: 60_000 };
  const file = join(folder, "file");
  writeFileSync(file, Buffer.alloc(4 * MiB, "filespool"));
  const before = server.memory();
  const [idleCount, slowCount] = [Math.floor(count * 0.8), Math.floor(count * 0.1)];
  const idle: RawClient[] = [];
  for (let number = 1; number <= idleCount; number++)
    idle.push(await RawClient.connect(port, frameOf(helloOf("receiver", { peer: idOf(number), queue: "nothing" }))));
  // The slow ones have an upload open and send a byte of it now and then.
  const slow: RawClient[] = [];
  for (let number = 1; number <= slowCount; number++)
    slow.push(await RawClient.slowUpload(port, idOf(100_000 + number), MiB));
  const withIdle = server.memory();
  const busyCount = count - idleCount - slowCount - 1;
  const beganMs = performance.now();
  const busy = Array.from({ length: busyCount }, async (_, number) => {
    const queue = `busy ${number}`;
    const sent = await send({ ...client, queue, files: [file] });
    const got = await receive({ ...client, queue, out: join(folder, queue) });
    demand(sent.stored === 1 && got.landed === 1, `a file of ${queue} was not handed over`);
    return performance.now() - beganMs;
  });
  const times = (await Promise.all(busy)).sort((a, b) => a - b);
  // Now there is room for one and no more.
  const rest = [];
  for (let number = idleCount + slowCount; number < count; number++)
    rest.push(await RawClient.connect(port, frameOf(helloOf("sender", { peer: idOf(200_000 + number) }))));
  const refusal = await send({ port, files: [file], retryMs: 0 }).catch((error: unknown) => error);
  demand(refusal instanceof FilespoolError && refusal.code === "connections-full", `one too many heard ${refusal}`);
  demand((refusal as FilespoolError).kind === "temporary", "connections-full must be temporary");
  for (const peer of [...idle, ...slow, ...rest]) demand(!peer.isClosed, "an honest connection was closed");
  for (const peer of [...idle, ...slow, ...rest]) peer.close();
  const peak = server.peakBytes;
  await server.stop();
  demand(peak < MEMORY_MAX, `the server held ${inMiB(peak)} MiB`);
  return {
    idle: idleCount,
    slow: slowCount,
    busy: busyCount,
    "memory before, MiB": inMiB(before),
    "memory with them, MiB": inMiB(withIdle),
    "memory at most, MiB": inMiB(peak),
    "4 MiB both ways, first ms": Math.round(times[0] ?? 0),
    "4 MiB both ways, last ms": Math.round(times.at(-1) ?? 0),
  };
}
