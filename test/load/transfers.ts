/** Many large uploads at a time, then as many downloads: memory, and whether some are left behind. */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { receive, send } from "../../src/net/index.ts";
import { demand, inMiB, LoadServer, MiB } from "./server.ts";

const SIZE = 8 * MiB;
const MEMORY_MAX = 1024 * MiB;
const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

export async function manyTransfers(folder: string, count: number): Promise<Record<string, unknown>> {
  const server = await LoadServer.start(folder);
  const { port } = server;
  const file = join(folder, "file");
  writeFileSync(file, Buffer.alloc(SIZE, "filespool"));
  const digest = sha256(file);
  const beganMs = performance.now();
  const numbers = [...Array(count).keys()];
  /** When each upload and each download was over. */
  const sentMs: number[] = [];
  const collectedMs: number[] = [];
  await Promise.all(
    numbers.map(async (number) => {
      const options = { port, queue: `${number}`, again: true, files: [file] };
      const sent = await send({ ...options, connectRetryMs: 60_000 });
      demand(sent.stored === 1, `upload ${number} was not stored`);
      sentMs.push(performance.now() - beganMs);
    }),
  );
  const uploadPeak = server.peakBytes;
  server.peakBytes = 0;
  const downMs = performance.now();
  await Promise.all(
    numbers.map(async (number) => {
      const out = join(folder, `out ${number}`);
      const got = await receive({ port, queue: `${number}`, out, connectRetryMs: 60_000 });
      demand(got.landed === 1 && sha256(join(out, "file")) === digest, `download ${number} is not what was sent`);
      collectedMs.push(performance.now() - downMs);
    }),
  );
  const downloadPeak = server.peakBytes;
  await server.stop();
  demand(Math.max(uploadPeak, downloadPeak) < MEMORY_MAX, `the server held ${inMiB(uploadPeak)} MiB`);
  const spread = (times: number[]) => times.map(Math.round).sort((a, b) => a - b);
  const [up, down] = [spread(sentMs), spread(collectedMs)];
  return {
    "MiB each": SIZE / MiB,
    "memory while sent, MiB": inMiB(uploadPeak),
    "memory while collected, MiB": inMiB(downloadPeak),
    "sent, first, median, last ms": [up[0], up[count >> 1], up.at(-1)],
    "collected, first, median, last ms": [down[0], down[count >> 1], down.at(-1)],
  };
}
