/**
 * The figures that the project has set itself a target for, each beside what the same machine can do in the same run.
 *
 * Everything is run in turn, so that a minute in which the machine is busy is every figure's minute.
 */
import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { depth } from "./depth.ts";
import { rawIndex } from "./items.ts";
import { filespool, MAIN, run, serve, tempFolder } from "./programs.ts";
import { median } from "./stats.ts";
import type { Result, TargetOptions } from "./target-result.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

type Part = (options: TargetOptions) => Promise<Result[]>;

const perSecond = (count: number, ms: number): number => (count / ms) * 1000;

/** Small files, sent and collected, beside the raw rate of the index and of the disk. */
const small: Part = async ({ folder, isQuick, report }) => {
  const [count, repeats] = isQuick ? [4000, 2] : [20_000, 5];
  const source = join(folder, "small");
  mkdirSync(source);
  const names = Array.from({ length: count }, (_, index) => `f${index}`);
  for (const name of names) writeFileSync(join(source, name), randomBytes(4 * KiB));
  const samples: Record<string, number[]> = {};
  const add = (name: string, rate: number) => {
    samples[name] ??= [];
    samples[name].push(rate);
  };
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const isWarm = repeat > 0;
    report(isWarm ? `small files, run ${repeat} of ${repeats}` : "small files, to warm up");
    const own = tempFolder(folder);
    const server = await serve(["--spool", join(own, "spool")]);
    const to = ["--port", server.port, "--quiet"];
    const sent = perSecond(count, (await filespool(["send", ...names, ...to], own, source)).ms);
    const landed = perSecond(count, (await filespool(["receive", "--out", join(own, "out"), ...to], own)).ms);
    const begunMs = performance.now();
    const share = Math.ceil(count / 8);
    const eighths = Array.from({ length: 8 }, (_, index) => names.slice(index * share, (index + 1) * share));
    await Promise.all(eighths.map((some) => filespool(["send", ...some, "--again", ...to], own, source)));
    const eight = perSecond(count, performance.now() - begunMs);
    const unsynced = ["receive", "--durability", "none", "--out", join(own, "unsynced"), ...to];
    const fast = perSecond(count, (await filespool(unsynced, own)).ms);
    const inOne = perSecond(count, await oneProgram(eighths, source, Number(server.port)));
    const single = perSecond(count, await oneProgram([names], source, Number(server.port)));
    await server.stop();
    const lmdb = perSecond(count, await rawIndex(join(own, "raw"), count));
    const disk = await rawLanding(own, isQuick ? 500 : 3000);
    if (!isWarm) continue;
    for (const [name, rate] of Object.entries({ sent, eight, inOne, single, landed, unsynced: fast, lmdb, disk }))
      add(name, rate);
  }
  const of = (name: string): number => median(samples[name] ?? []);
  const rate = (name: string): string => `${Math.round(of(name))} files/s`;
  const share = (name: string, other: string): number => (of(name) / of(other)) * 100;
  const result = (name: string, measured: string, target: string, isMet: boolean): Result => ({
    ...{ name, measured, target, isMet, samples },
  });
  const ofLmdb = share("sent", "lmdb");
  const ofDisk = share("landed", "disk");
  return [
    result(`${count} files of 4 KiB sent`, rate("sent"), "20000 files/s", of("sent") >= 20_000),
    result("... of the raw rate of LMDB", `${ofLmdb.toFixed(0)} % of ${rate("lmdb")}`, "35 %", ofLmdb >= 35),
    result("... by eight commands at a time", rate("eight"), "not less", of("eight") >= of("sent")),
    result(
      "... one program, eight connections",
      rate("inOne"),
      `${rate("single")} by one`,
      of("inOne") >= of("single"),
    ),
    result(
      "... landed, of the disk's best",
      `${rate("landed")}, ${ofDisk.toFixed(0)} % of ${rate("disk")}`,
      "80 %",
      ofDisk >= 80,
    ),
    result("... landed without sync", rate("unsynced"), "8000 files/s", of("unsynced") >= 8000),
  ];
};

/** The library in this process: a connection for each share, and nobody has to start. Milliseconds. */
async function oneProgram(shares: readonly (readonly string[])[], source: string, port: number): Promise<number> {
  const { send } = (await import(join(MAIN, "../../net/index.js"))) as typeof import("../src/net/index.ts");
  const begunMs = performance.now();
  await Promise.all(shares.map((names) => send({ port, files: names.map((name) => join(source, name)), again: true })));
  return performance.now() - begunMs;
}

/** Write, fsync, rename: files/s at whichever concurrency this disk likes best. */
async function rawLanding(folder: string, count: number): Promise<number> {
  let best = 0;
  for (const atATime of [1, 2, 4, 8, 16]) {
    const out = join(folder, `raw-${atATime}`);
    mkdirSync(out);
    const value = randomBytes(4 * KiB);
    let next = 0;
    const begunMs = performance.now();
    const work = async () => {
      while (next < count) {
        const number = next++;
        const file = await open(join(out, `.part${number}`), "w");
        await file.write(value);
        await file.sync();
        await file.close();
        await rename(join(out, `.part${number}`), join(out, `f${number}`));
      }
    };
    await Promise.all(Array.from({ length: atATime }, work));
    best = Math.max(best, perSecond(count, performance.now() - begunMs));
  }
  return best;
}

/** How long a small file takes to somebody who waits for it, beside one sync of the same disk. */
const latency: Part = async ({ folder, isQuick, report }) => {
  report("latency of a small file");
  const own = tempFolder(folder);
  const { receive, send } = (await import(join(MAIN, "../../net/index.js"))) as typeof import("../src/net/index.ts");
  const server = await serve(["--spool", join(own, "spool")]);
  const port = Number(server.port);
  let heard: (name: string) => void = () => {};
  const stop = new AbortController();
  const receiving = receive({
    ...{ port, out: join(own, "out"), follow: true, signal: stop.signal },
    onEvent: (event) => event.event === "landed" && heard(event.name),
  }).catch(() => {});
  const file = await open(join(own, "synced"), "w");
  const samples: Record<string, number[]> = { whole: [], afterConnecting: [], fdatasync: [] };
  for (let index = 0; index < (isQuick ? 15 : 60); index++) {
    const path = join(own, `f${index}`);
    writeFileSync(path, randomBytes(4 * KiB));
    const landed = new Promise<void>((resolve) => {
      heard = (name) => name === `f${index}` && resolve();
    });
    const begunMs = performance.now();
    let connectedMs = begunMs;
    const sent = send({
      ...{ port, files: [path] },
      onEvent: ({ event }) => {
        if (event === "connected") connectedMs = performance.now();
      },
    });
    await landed;
    const landedMs = performance.now();
    await sent;
    const syncMs = await syncOnce(file, index);
    if (index < 5) continue; // to warm up
    samples.whole?.push(landedMs - begunMs);
    samples.afterConnecting?.push(landedMs - connectedMs);
    samples.fdatasync?.push(syncMs);
  }
  stop.abort();
  await receiving;
  await file.close();
  await server.stop();
  const [whole, after, sync] = ["whole", "afterConnecting", "fdatasync"].map((name) => median(samples[name] ?? []));
  const ratio = (whole ?? 0) / (sync ?? 1);
  const measured = `${whole?.toFixed(2)} ms (${after?.toFixed(2)} ms once connected), ${ratio.toFixed(1)} x ${sync?.toFixed(2)} ms`;
  return [{ name: "4 KiB, sent until landed", measured, target: "3 x fdatasync", isMet: ratio <= 3, samples }];
};

async function syncOnce(file: FileHandle, index: number): Promise<number> {
  await file.write(randomBytes(4 * KiB), 0, 4 * KiB, index * 4 * KiB);
  const begunMs = performance.now();
  await file.datasync();
  return performance.now() - begunMs;
}

/** From the start of a command until it is connected. */
const start: Part = async ({ folder, isQuick, report }) => {
  report("start of a command");
  const own = tempFolder(folder);
  const server = await serve(["--spool", join(own, "spool")]);
  writeFileSync(join(own, "file"), "x");
  const samples: Record<string, number[]> = { send: [], receive: [] };
  const to = ["--port", server.port, "--json", "--verbose"];
  for (let repeat = 0; repeat < (isQuick ? 4 : 12); repeat++)
    for (const words of [
      ["send", join(own, "file"), ...to],
      ["receive", "--out", join(own, "out"), ...to],
    ]) {
      const ms = await untilConnected(words, own);
      if (repeat > 0) samples[words[0] as string]?.push(ms);
    }
  await server.stop();
  return ["send", "receive"].map((name) => {
    const ms = median(samples[name] ?? []);
    return { name: `${name} connected`, measured: `${ms.toFixed(0)} ms`, target: "120 ms", isMet: ms < 120, samples };
  });
};

async function untilConnected(words: readonly string[], state: string): Promise<number> {
  const { spawn } = await import("node:child_process");
  const begunMs = performance.now();
  const env = { ...process.env, FILESPOOL_STATE: state, FILESPOOL_CONFIG: "/dev/null" };
  const child = spawn(process.execPath, [MAIN, ...words], { env, stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise((over) => child.once("close", over));
  const ms = await new Promise<number>((found) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes('"connected"')) found(performance.now() - begunMs);
    });
  });
  await ended;
  return ms;
}

/** So many MiB that take little room on the disk, and travel whole: a piece of nothing but zeros would not (adr/0102). */
function writeLarge(path: string, mib: number): void {
  const file = openSync(path, "w");
  ftruncateSync(file, mib * MiB);
  for (let at = 0; at < mib; at++) for (const piece of [0, 1, 2, 3]) writeSync(file, "x", at * MiB + (piece * MiB) / 4);
  closeSync(file);
}

/** Memory while a very large file passes: it must not depend on the size. */
const memory: Part = async ({ folder, isQuick, report }) => {
  const gib = isQuick ? 1 : 10;
  report(`memory while ${gib} GiB pass`);
  const own = tempFolder(folder);
  const path = join(own, "large");
  writeLarge(path, gib * 1024);
  const server = await serve(["--spool", join(own, "spool"), "--durability", "none"]);
  const to = ["--port", server.port, "--quiet"];
  const sender = await filespool(["send", path, ...to], own);
  const receiver = await filespool(["receive", "--out", join(own, "out"), "--durability", "none", ...to], own);
  const { peakBytes } = await server.stop();
  await run(["rm", "-rf", own]);
  const peaks = { server: peakBytes, sender: sender.peakBytes, receiver: receiver.peakBytes };
  return Object.entries(peaks).map(([name, bytes]) => ({
    ...{ name: `${name}, ${gib} GiB`, measured: `${(bytes / MiB).toFixed(0)} MiB`, target: "150 MiB" },
    ...{ isMet: bytes < 150 * MiB, samples: { peakBytes: [bytes] } },
  }));
};

export const PARTS: Readonly<Record<string, Part>> = { start, latency, small, memory, depth };
