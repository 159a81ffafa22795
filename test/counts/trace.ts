/** Counts the system calls of the real programs: a measure of work that a busy machine does not change. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { builtMain } from "../support/built.ts";
import { content } from "../support/content.ts";

/** Calls by name. */
export type Counts = Readonly<Record<string, number>>;

interface Traced {
  readonly port: Promise<number>;
  /** Ends it with SIGTERM if it does not end by itself. */
  counts(stop?: boolean): Promise<Counts>;
}

function start(folder: string, name: string, words: readonly string[]): Traced {
  const file = join(folder, `${name}.counts`);
  const command = [process.execPath, builtMain(), ...words];
  const env = { ...process.env, NODE_V8_COVERAGE: "", UV_USE_IO_URING: "0", FILESPOOL_STATE: join(folder, "state") };
  const strace = spawn("strace", ["-f", "-c", "-o", file, ...command], {
    env,
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void strace.kill("SIGKILL"));
  const ended = once(strace, "exit");
  const port = new Promise<number>((found) => {
    strace.stdout.setEncoding("utf8").on("data", (text: string) => {
      const listening = /"port":(\d+)/.exec(text);
      if (listening) found(Number(listening[1]));
    });
  });
  const counts = async (stop = false) => {
    // The signal is for the program; strace itself would let go of it.
    if (stop) process.kill(Number(readFileSync(`/proc/${strace.pid}/task/${strace.pid}/children`, "utf8")), "SIGTERM");
    const [code] = await ended;
    if (code !== 0) throw new Error(`${name} ended with ${code}`);
    return parse(readFileSync(file, "utf8"));
  };
  return { port, counts };
}

/** "% time  seconds  usecs/call  calls  [errors]  syscall", a line for each call. */
const parse = (table: string): Counts =>
  Object.fromEntries(
    [...table.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm)].map(([, calls, name]) => [
      name,
      Number(calls),
    ]),
  );

export interface Trip {
  readonly server: Counts;
  readonly sender: Counts;
  readonly receiver: Counts;
}

/** Sends and collects `files` files of `size` bytes, and counts what the three programs ask of the system. @param flags for all three */
export async function trip(files: number, size: number, flags: readonly string[] = []): Promise<Trip> {
  const folder = mkdtempSync(join(tmpdir(), "filespool-counts-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const names = Array.from({ length: files }, (_, index) => `f${index}`);
  for (const [index, name] of names.entries()) writeFileSync(join(folder, name), content(size, index + 1));
  const server = start(folder, "server", ["serve", "--port", "0", "--json", ...flags]);
  const at = ["--port", String(await server.port), "--quiet", ...flags];
  const sender = await start(folder, "sender", ["send", ...names, ...at]).counts();
  const receiver = await start(folder, "receiver", ["receive", "--out", "out", ...at]).counts();
  return { server: await server.counts(true), sender, receiver };
}

/** What the larger trip took more than the smaller, for each of `times`: starts and ends are the same in both. */
export function difference(small: Trip, large: Trip, times: number): Trip {
  const perTime = (one: Counts, other: Counts): Counts =>
    Object.fromEntries(Object.keys(other).map((name) => [name, ((other[name] ?? 0) - (one[name] ?? 0)) / times]));
  return {
    server: perTime(small.server, large.server),
    sender: perTime(small.sender, large.sender),
    receiver: perTime(small.receiver, large.receiver),
  };
}
