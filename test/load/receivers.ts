/**
 * Receivers that take and never say what became of it: some read all that they get, some read nothing at all.
 *
 * What a server holds for one of them is bounded, and so is what it holds for all of them together. Meanwhile an honest
 * receiver gets its file, from a queue of its own and from the one that the others hold; and when they are gone, all is
 * there again.
 */
import { join } from "node:path";
import { receive } from "../../src/net/index.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { LocalSpool } from "../../src/spool/local-spool.ts";
import { fill } from "./deep-queue.ts";
import { frameOf, helloOf, idOf, RawClient } from "./raw-client.ts";
import { demand, inMiB, LoadServer, MiB } from "./server.ts";

/** The largest that is sent without being asked for. */
const SIZE = LIMITS.pipelineBytesMax;
const MEMORY_MAX = 150 * MiB;
const QUIET_MS = 10_000;

/** Until nothing was delivered for a while. */
async function quiet(server: LoadServer): Promise<void> {
  for (let before = -1; server.saidChars !== before; ) {
    before = server.saidChars;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
}

export async function silentReceivers(
  folder: string,
  count: number,
  files: number,
  isReading: boolean,
): Promise<Record<string, unknown>> {
  await fill(folder, files, SIZE, "held");
  await fill(folder, 1, SIZE, "honest", files);
  const server = await LoadServer.start(folder, "--lease", "10m");
  const { port } = server;
  const idle = server.memory();
  const clients: RawClient[] = [];
  const want = frameOf({ type: "want", files: LIMITS.windowFiles });
  for (let number = 1; number <= count; number++) {
    const hello = helloOf("receiver", { peer: idOf(300_000 + number), queue: "held" });
    clients.push(await RawClient.connect(port, frameOf(hello), isReading));
  }
  const connected = server.memory();
  for (const client of clients) client.write(want);
  await quiet(server);
  const held = server.memory();
  const beganMs = performance.now();
  for (const queue of ["honest", "held"]) {
    const got = await receive({ port, queue, count: 1, out: join(folder, queue), connectRetryMs: 60_000 });
    demand(got.landed === 1, `an honest receiver of ${queue} got ${got.landed} files`);
  }
  const honestMs = performance.now() - beganMs;
  const peak = server.peakBytes;
  for (const client of clients) demand(!client.isClosed, "a receiver that does nothing forbidden was closed");
  for (const client of clients) client.close();
  await quiet(server);
  const left = server.memory();
  await server.stop();
  const spool = await LocalSpool.open({ folder: join(folder, "spool") });
  demand(spool.waiting("held") === files - 1, `${spool.waiting("held")} of ${files - 1} are waiting`);
  await spool.close();
  demand(peak < MEMORY_MAX, `the server held ${inMiB(peak)} MiB`);
  return {
    "bytes each": SIZE,
    "files in their queue": files,
    "memory before, MiB": inMiB(idle),
    "memory, connected, MiB": inMiB(connected),
    "memory, all delivered, MiB": inMiB(held),
    "memory at most, MiB": inMiB(peak),
    "when they have left, MiB": inMiB(left),
    "two files to honest ones, ms": Math.round(honestMs),
  };
}
