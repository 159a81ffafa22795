/** One of the three programs as a process that is going to be killed: what it said, and how it ended. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { builtMain, builtPreload } from "../support/built.ts";

export type Kind = "server" | "sender" | "receiver";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const PUBLISHED = at("../../dist/cli/filespool.cjs");
const FAULT_POINTS = at("fault-points.ts");

export interface Said {
  readonly event: string;
  readonly transfer: string;
  readonly name: string;
  readonly size: number;
  readonly offset: number;
  readonly path: string;
  readonly port: number;
  readonly repeated: boolean;
  readonly code: string;
  readonly message: string;
  readonly elsewhere: number;
}

const living = new Set<Program>();
process.on("exit", () => {
  for (const program of living) program.kill();
});

export class Program {
  readonly kind: Kind;
  readonly said: Said[] = [];
  readonly ended: Promise<number | string>;
  stderr = "";
  isOver = false;
  /** Killed by its fault point, or from outside. */
  ending: number | string | null = null;
  readonly #child: ChildProcess;

  /**
   * @param fault as fault-points.ts takes it, or "" for none
   * @param onSaid called with each event, and a last time when the program is over
   */
  constructor(kind: Kind, words: readonly string[], folder: string, fault: string, built: boolean, onSaid: () => void) {
    this.kind = kind;
    const program = built && existsSync(PUBLISHED) ? PUBLISHED : builtMain();
    const points = fault ? ["--import", builtPreload(FAULT_POINTS)] : [];
    const verb = { server: "serve", sender: "send", receiver: "receive" }[kind];
    this.#child = spawn(process.execPath, [...points, program, verb, "--json", "--yes", ...words], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, HOME: folder, FILESPOOL_STATE: `${folder}/state`, FILESPOOL_FAULT: fault },
    });
    living.add(this);
    let partial = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() as string;
      for (const line of lines) this.said.push(JSON.parse(line) as Said);
      onSaid();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.#child, "close").then(([code, signal]) => {
      living.delete(this);
      this.isOver = true;
      this.ending = (signal ?? code) as number | string;
      onSaid();
      return this.ending;
    });
  }

  all(event: string): Said[] {
    return this.said.filter((said) => said.event === event);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
