/**
 * Page 8: how many files each pair of programs stores in a second, and how many syncs that takes.
 *
 * The same 100 files go to the reader's server and to the full one. Each server is a process of its own, under strace where
 * the machine has it, because only the system knows all syncs. The files lie beside the copy and not in a temporary folder,
 * which is in memory on many machines, where a sync costs nothing.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { send as sendFull } from "../../src/net/index.ts";
import type { Modules } from "./laws/law.ts";

const FILES = 100;
const SIZE = 4096;
const ROOT = join(import.meta.dirname, "../..");
const COUNTS = ["-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync,msync", "-o"];

type Send = (port: number, paths: string[]) => Promise<unknown>;

class Server {
  readonly #child: ChildProcess;
  readonly #trace: string | null;
  readonly port: Promise<number>;

  constructor(main: string, words: readonly string[], trace: string | null) {
    const program = [process.execPath, "--import", join(ROOT, "node_modules/tsx/dist/loader.mjs"), main, ...words];
    const [command = "", ...rest] = trace ? ["strace", ...COUNTS, trace, ...program] : program;
    this.#trace = trace;
    this.#child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    this.port = new Promise((found, fail) => {
      this.#child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        const port = /"port":(\d+)/.exec(text)?.[1];
        if (port) found(Number(port));
      });
      this.#child.once("exit", () => fail(new Error(`the server ended: ${text}`)));
    });
  }

  /** How often the server has asked for a sync up to now. */
  syncs(): number {
    return this.#trace ? (readFileSync(this.#trace, "utf8").match(/\b(?:fsync|fdatasync|msync)\(/g)?.length ?? 0) : 0;
  }

  /** The signal is for the program; strace itself would let go of it. */
  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    const { pid } = this.#child;
    const child = this.#trace ? readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim() : String(pid);
    process.kill(Number(child), "SIGTERM");
    await ended;
  }
}

export async function measure(folder: string): Promise<void> {
  const canCount = spawnSync("strace", ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"]).status === 0;
  const work = mkdtempSync(join(folder, "measure-"));
  const { send }: Modules["send"] = await import(pathToFileURL(join(folder, "send.ts")).href);
  const sendOne: Send = async (port, paths) => {
    const dial = async () => {
      const socket = connect({ port, host: "localhost", allowHalfOpen: true }).setNoDelay(true);
      await once(socket, "connect");
      return socket;
    };
    const [failure] = await send({ dial, queue: "default", emit: () => {} }, paths);
    if (failure) throw failure;
  };
  const sendMany: Send = async (port, files) => {
    const [failure] = (await sendFull({ host: "localhost", port, queue: "default", files })).failures;
    if (failure) throw failure;
  };
  const yours = ["my server", join(folder, "main.ts")] as const;
  const full = ["full server", join(ROOT, "src/cli/main.ts")] as const;
  const rows = [
    ["my sender", sendOne, ...yours],
    ["full sender", sendMany, ...yours],
    ["full sender", sendMany, ...full],
  ] as const;
  console.log(`${FILES} files of ${SIZE / 1024} KiB, stored one run after the other`);
  try {
    for (const [index, [sender, sendAll, name, main]] of rows.entries()) {
      const at = join(work, String(index));
      mkdirSync(at);
      const paths = Array.from({ length: FILES }, (_, number) => join(at, `${number}.txt`));
      for (const path of paths) writeFileSync(path, Buffer.alloc(SIZE, path));
      const trace = canCount ? join(at, "trace") : null;
      const server = new Server(main, ["serve", "--json", "--port", "0", "--spool", join(at, "spool")], trace);
      const port = await server.port;
      const [syncs, startMs] = [server.syncs(), performance.now()];
      await sendAll(port, paths);
      const rate = Math.round((1000 * FILES) / (performance.now() - startMs));
      const each = (server.syncs() - syncs) / FILES;
      const counted = canCount ? `${each.toFixed(2)} syncs for each` : "syncs are not counted here: there is no strace";
      console.log(`${sender}, ${name}: ${rate} files/s, ${counted}`);
      await server.stop();
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
