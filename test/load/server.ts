/** The server of a load test: the command as it is installed, a process of its own, whose memory is looked at from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { builtMain } from "../support/built.ts";
import { anonymousBytes, processorMs } from "../support/process-memory.ts";

export const MiB = 1024 * 1024;

export class LoadServer {
  readonly port: number;
  /** From the start of the process until it listened, and what of it was the spool's and the server's own. */
  readonly startMs: number;
  readonly #child: ChildProcess;
  readonly #watch: NodeJS.Timeout;
  peakBytes = 0;
  /** How much it has told of what happens, a line for each delivery among it. */
  saidChars = 0;

  static async start(folder: string, ...words: string[]): Promise<LoadServer> {
    const beganMs = performance.now();
    const all = [builtMain(), "serve", "--json", "--port", "0", "--spool", join(folder, "spool"), ...words];
    const child = spawn(process.execPath, all, { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) {
      const event = JSON.parse(line) as { event: string; port: number };
      if (event.event !== "listening") continue;
      return new LoadServer(child, event.port, performance.now() - beganMs);
    }
    throw new Error("the server ended before it listened");
  }

  private constructor(child: ChildProcess, port: number, startMs: number) {
    this.#child = child;
    this.port = port;
    this.startMs = startMs;
    this.#watch = setInterval(() => this.memory(), 100);
    child.stdout?.on("data", (text: string) => {
      this.saidChars += text.length;
    });
  }

  /** Anonymous memory now, bytes. */
  memory(): number {
    const bytes = anonymousBytes(this.#child.pid as number);
    this.peakBytes = Math.max(this.peakBytes, bytes);
    return bytes;
  }

  /** Time on a processor so far, ms. */
  processorMs(): number {
    return processorMs(this.#child.pid as number);
  }

  async stop(): Promise<void> {
    clearInterval(this.#watch);
    this.#child.kill("SIGTERM");
    await once(this.#child, "close");
  }
}

/** Fails the run: a promise is broken. */
export function demand(condition: boolean, what: string): void {
  if (!condition) throw new Error(`BROKEN: ${what}`);
}

export const inMiB = (bytes: number): number => Math.round((bytes / MiB) * 10) / 10;
