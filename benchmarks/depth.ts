/** Does a deep queue slow anything down? The same work on a queue of a thousand files and on one of a million. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { filespool, MAIN, serve, tempFolder } from "./programs.ts";
import { median } from "./stats.ts";
import type { Result, TargetOptions } from "./target-result.ts";

const WORK = 5000;
const BYTES = 100;

/** Puts so many small files into a spool, by the library. */
async function fill(spoolFolder: string, files: number, report: (line: string) => void): Promise<void> {
  const { LocalSpool } = (await import(join(MAIN, "../../net/index.js"))) as typeof import("../src/net/index.ts");
  const { digestOf } = (await import(join(MAIN, "../../disk/digest.js"))) as typeof import("../src/disk/digest.ts");
  const spool = await LocalSpool.open({ folder: spoolFolder, durability: "none" });
  const content = Buffer.alloc(BYTES, 7);
  const digest = digestOf("blake3", content);
  let next = 0;
  const work = async () => {
    while (next < files) {
      const number = next++;
      if (number % 250_000 === 0 && number > 0) report(`a deep queue: ${number} of ${files} files`);
      const transfer = (BigInt(number) * 0x9e3779b97f4a7c15n).toString(16).padStart(32, "0").slice(-32);
      const offer = { transfer, queue: "default", name: `d${number}`, size: BYTES, algorithm: "blake3" };
      const answer = await spool.offer(offer, { onDurable: () => {}, onSuperseded: () => {} });
      if (answer.kind !== "upload") throw new Error("a transfer was there already");
      answer.upload.append(0, [content]);
      await answer.upload.finish(digest);
    }
  };
  await Promise.all(Array.from({ length: 512 }, work));
  await spool.close();
}

/** Enqueueing, dequeueing and starting, at both depths, in turn. */
export async function depth({ folder, isQuick, report }: TargetOptions): Promise<Result[]> {
  const [depths, repeats] = isQuick ? [[1000, 20_000], 2] : [[1000, 1_000_000], 5];
  const own = tempFolder(folder);
  const source = tempFolder(own);
  const names = Array.from({ length: WORK }, (_, index) => `f${index}`);
  for (const name of names) writeFileSync(join(source, name), Buffer.alloc(BYTES, 1));
  const samples: Record<string, number[]> = {};
  for (const files of depths) await fill(join(own, `spool-${files}`), files, report);
  for (let repeat = 0; repeat <= repeats; repeat++)
    for (const files of depths) {
      report(`a queue of ${files}, run ${repeat} of ${repeats}`);
      const server = await serve(["--spool", join(own, `spool-${files}`)]);
      const to = ["--port", server.port, "--quiet"];
      const enqueue = (await filespool(["send", ...names, "--again", ...to], own, source)).ms;
      const out = join(own, `out-${files}-${repeat}`);
      const take = ["receive", "--out", out, "--count", String(WORK), "--durability", "none", ...to];
      const dequeue = (await filespool(take, own)).ms;
      await server.stop();
      if (repeat === 0) continue; // to warm up
      for (const [what, ms] of Object.entries({ enqueue, dequeue, start: server.startMs })) {
        const key = `${what} ${files}`;
        samples[key] ??= [];
        samples[key].push(ms);
      }
    }
  const [shallow, deep] = depths;
  const of = (what: string, files: number | undefined) => median(samples[`${what} ${files}`] ?? []);
  const compared = ["enqueue", "dequeue"].map((what): Result => {
    const [few, many] = [of(what, shallow), of(what, deep)];
    const rates = [few, many].map((ms) => Math.round((WORK / ms) * 1000));
    const measured = `${rates.join(" and ")} files/s, ${(many / few).toFixed(2)} x the time`;
    const name = `${what} ${WORK} at ${depths.join(" and ")} files`;
    return { name, measured, target: "1.2 x", isMet: many <= few * 1.2, samples };
  });
  const ms = of("start", deep);
  const name = `server started with ${deep} files`;
  return [...compared, { name, measured: `${ms.toFixed(0)} ms`, target: "3000 ms", isMet: ms < 3000, samples }];
}
