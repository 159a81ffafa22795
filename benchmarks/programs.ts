/**
 * Starts programs, waits for them, and says what they used. Whatever is started here ends with the suite, and so do the
 * folders that are made here.
 *
 * Folders in which files have landed are removed at the very end, not between runs: ext4 avoids inodes that were freed in
 * the last minutes, and then needs some 600 microseconds for each new file (adr/0033).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Usage } from "./types.ts";

/** The built program: what a user runs. */
export const MAIN = fileURLToPath(new URL("../dist/cli/filespool.cjs", import.meta.url));
const PRELOAD = fileURLToPath(new URL("usage-preload.cjs", import.meta.url));
const POLL_MS = 20;
const TICK_MS = 10; // of /proc/PID/stat: sysconf(_SC_CLK_TCK) is 100 on Linux

// Node reads this file of authorities whenever it starts, which took 80 ms of each command on a machine where it was set, be
// there a TLS connection or not. Nothing that is measured here asks an authority, so what is set for other programs stays out.
delete process.env.NODE_EXTRA_CA_CERTS;

const children = new Set<ChildProcess>();
const folders = new Set<string>();

/** A folder of our own below `parent`. */
export function tempFolder(parent: string): string {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "filespool-bench-"));
  folders.add(folder);
  return folder;
}

/** Ends everything that was started, and removes everything that was made. */
export function cleanUp(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  folders.clear();
}
process.on("exit", cleanUp);

/** Watches a process until `stop`: the peak of its anonymous memory, bytes. */
function watchMemory(pid: number | undefined): { stop(): number } {
  let peak = 0;
  const look = () => {
    try {
      const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      peak = Math.max(peak, Number(kib ?? 0) * 1024);
    } catch {} // it has ended
  };
  const timer = setInterval(look, POLL_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}

/** User and system time that a running process has used, milliseconds. */
function cpuMs(pid: number | undefined): number {
  const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export interface Ran extends Usage {
  readonly ms: number;
  readonly stdout: string;
}

/** Runs a command to its end. @throws Error with what it said, when it ends with another code than 0 */
export async function run(
  command: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; keepOutput?: boolean } = {},
): Promise<Ran> {
  const [program = "", ...words] = command;
  const begunMs = performance.now();
  const stdio = ["ignore", options.keepOutput ? "pipe" : "ignore", "pipe"] as const;
  const child = spawn(program, words, { stdio: [...stdio], cwd: options.cwd, env: { ...process.env, ...options.env } });
  children.add(child);
  const memory = watchMemory(child.pid);
  let said = "";
  let stdout = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const [code] = await once(child, "exit");
  const ms = performance.now() - begunMs;
  children.delete(child);
  const peakBytes = memory.stop();
  if (code !== 0)
    throw new Error(`${program} ${words.slice(0, 3).join(" ")} ended with ${code}: ${said.slice(0, 500)}`);
  return { ms, stdout, cpuMs: 0, peakBytes };
}

/** Runs the built program. `state` is a folder for its sender key, and for notes. */
export async function filespool(words: readonly string[], state: string, cwd?: string): Promise<Ran> {
  const file = join(state, `usage-${process.hrtime.bigint()}`);
  const env = { FILESPOOL_STATE: state, FILESPOOL_CONFIG: "/dev/null", BENCH_USAGE_FILE: file };
  const ran = await run([process.execPath, "-r", PRELOAD, MAIN, ...words], { env, ...(cwd && { cwd }) });
  const used = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  return { ...ran, cpuMs: used };
}

export interface RunningServer {
  readonly port: string;
  /** From the start of the command until it listened. */
  readonly startMs: number;
  /** Since it was last asked. */
  cpuMs(): number;
  /** Stops it in good order; what it used at most. */
  stop(): Promise<{ peakBytes: number }>;
}

/** Starts `filespool serve` on a free port. */
export async function serve(words: readonly string[]): Promise<RunningServer> {
  const begunMs = performance.now();
  const command = [MAIN, "serve", "--port", "0", "--json", ...words];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const memory = watchMemory(child.pid);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = once(child, "exit");
  const port = await new Promise<string>((found, failed) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const listening = /"event":"listening".*?"port":(\d+)/.exec(text)?.[1];
      if (listening) found(listening);
    });
    void ended.then(() => failed(new Error(`the server ended: ${said}`)));
  });
  const startMs = performance.now() - begunMs;
  let before = cpuMs(child.pid);
  return {
    port,
    startMs,
    cpuMs: () => {
      const now = cpuMs(child.pid);
      const used = now - before;
      before = now;
      return used;
    },
    stop: async () => {
      const peakBytes = memory.stop();
      child.kill("SIGTERM");
      await ended;
      children.delete(child);
      return { peakBytes };
    },
  };
}

/** Starts something that serves until the suite ends. Resolves when it has printed `ready`, or at once without it. */
export async function background(command: readonly string[], ready?: RegExp, cwd?: string): Promise<ChildProcess> {
  const [program = "", ...words] = command;
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], ...(cwd && { cwd }) });
  children.add(child);
  let said = "";
  const ended = once(child, "exit");
  await new Promise<void>((found, failed) => {
    const hear = (text: Buffer) => {
      said += text.toString();
      if (ready?.test(said)) found();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    void ended.then(() => failed(new Error(`${program} ended: ${said.slice(0, 300)}`))).catch(() => {});
    if (!ready) setImmediate(found);
  });
  return child;
}
