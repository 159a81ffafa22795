/** A terminal of its own for a program, which may be on hold, and may go away: a pseudo-terminal, made by Python. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { onTestFinished } from "vitest";

/** Python's first line is the pid of the program; what it writes follows, unless the screen is held. */
const SCRIPT = `
import os, pty, signal, sys, threading
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(pid, flush=True)
def show():
    try:
        while True:
            sys.stdout.buffer.write(os.read(fd, 65536))
            sys.stdout.flush()
    except OSError:
        pass
if sys.argv[1] == "shown":
    threading.Thread(target=show, daemon=True).start()
for line in sys.stdin:
    os.write(fd, line.encode())
threading.Event().wait()
`;

/** Whether terminals can be made here. */
export const hasTerminals = spawnSync("python3", ["-c", "import pty"]).status === 0;

export class Terminal {
  readonly #python: ChildProcess;
  readonly #gone: Promise<void>;
  #text = "";
  #wake: () => void = () => {};

  /**
   * Starts a program with a new terminal as its three streams.
   * @param screen "held": nobody reads it, as after Ctrl-S
   */
  constructor(screen: "shown" | "held", command: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.#python = spawn("python3", ["-c", SCRIPT, screen, ...command], {
      ...options,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#gone = new Promise((resolve) => this.#python.on("close", () => resolve()));
    this.#python.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
    onTestFinished(() => this.hangUp());
  }

  /** Waits until the screen shows something. @returns what was found */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found) return found;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  /** The process that the terminal was made for. */
  async pid(): Promise<number> {
    return Number((await this.shows(/^(\d+)\r?\n/))[1]);
  }

  /** Types a line. */
  type(line: string): void {
    this.#python.stdin?.write(`${line}\n`);
  }

  /** The terminal is gone, as when its window is closed. */
  async hangUp(): Promise<void> {
    this.#python.kill("SIGKILL");
    await this.#gone;
  }
}
