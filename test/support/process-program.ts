/**
 * The real programs as real processes, for tests that look at them from outside.
 *
 * A `Place` is one test's world: a temporary folder that is the working folder, the home and the state of everything
 * started there. When the test ends, however it ends, its processes are killed, waited for, and the folder removed.
 * Tests wait for what programs say (`seen`, `ended`), never for time to pass.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFailed, onTestFinished, vi } from "vitest";
import { builtChild, builtMain, withoutCoverage } from "./built.ts";

// A process takes a moment to start, many seconds on a busy machine; a slow disk has to sync hundreds of MiB.
vi.setConfig({ testTimeout: 240_000 });

/** For TypeScript; by its full address, because the programs are started in another folder. */
const LOADER = import.meta.resolve("tsx");

/** A line of `--json`, typed as tests read it; a field that is not there is undefined and fails what looks at it. */
export type Event = { readonly event: string } & Readonly<
  Record<"transfer" | "queue" | "name" | "digest" | "path" | "code" | "message" | "host" | "peer" | "role", string> &
    Record<"size" | "offset" | "port" | "attempt" | "exitCode" | "stored" | "landed" | "bytes" | "failed", number> &
    Record<"repeated" | "collected" | "skipped", boolean>
>;

/** How a process ended: its exit code, or the signal that killed it. */
export type Ending = number | NodeJS.Signals;

export interface StartOptions {
  /** Added to the clean environment of the place; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Working folder; the place's own unless given. */
  readonly cwd?: string;
  /** Signals are sent to the whole process group, so that a tree of processes goes as one. */
  readonly group?: boolean;
  /** The user that it runs as, where the tests may choose. */
  readonly uid?: number;
  /** A descriptor to read from. Without one it is /dev/null: a program that asks a question would hang, and must not. */
  readonly stdin?: number;
  /** Descriptors to write to instead of pipes that are read; a standard output may be closed as well. */
  readonly stdout?: number | "closed";
  readonly stderr?: number;
}

const running = new Set<Program>();
// Whatever happens to the test runner: nothing that was started here outlives it.
process.on("exit", () => {
  for (const program of running) program.signal("SIGKILL");
});

export class Program {
  readonly events: Event[] = [];
  readonly words: readonly string[];
  readonly ended: Promise<Ending>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #group: boolean;
  #ending: Ending | null = null;
  #wakers: (() => void)[] = [];

  constructor(script: string, words: readonly string[], env: NodeJS.ProcessEnv, options: StartOptions) {
    const { cwd, group = false, uid, stdin = "ignore", stdout = "pipe", stderr = "pipe" } = options;
    this.words = words;
    this.#group = group;
    const isSource = script.endsWith(".ts");
    const command = [process.execPath, ...(isSource ? ["--import", LOADER] : []), script, ...words];
    if (stdout === "closed") command.unshift("sh", "-c", 'exec "$0" "$@" >&-');
    this.#child = spawn(command[0] as string, command.slice(1), {
      cwd,
      env: isSource ? env : withoutCoverage(env),
      stdio: [stdin, stdout === "closed" ? "pipe" : stdout, stderr],
      detached: group,
      ...(uid !== undefined && { uid, gid: uid }),
    });
    running.add(this);
    let partial = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      const lines = (partial + text).split("\n");
      partial = lines.pop() as string;
      for (const line of lines) if (line.startsWith('{"event":')) this.events.push(JSON.parse(line) as Event);
      this.#wake();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.#child, "close").then(([code, signal]) => {
      running.delete(this);
      this.#ending = (signal ?? code) as Ending;
      this.#wake();
      return this.#ending;
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** All events of one kind. */
  all(name: string): Event[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** The first event of a kind, or the first that fits; waits for it. @throws Error when the program ends without it */
  async seen(what: string | ((event: Event) => boolean)): Promise<Event> {
    const fits = typeof what === "string" ? ({ event }: Event) => event === what : what;
    const found = () => this.events.find(fits);
    await this.until(() => found() !== undefined, `the event ${what}`);
    return found() as Event;
  }

  /** Waits until its output so far satisfies a condition. @throws Error when the program ends before */
  async until(condition: () => boolean, what = condition.toString()): Promise<void> {
    while (!condition()) {
      if (this.#ending !== null) throw new Error(`it ended (${this.#ending}) without ${what}\n${this.describe()}`);
      await new Promise<void>((wake) => this.#wakers.push(wake));
    }
  }

  /** Waits for something else, but not beyond the end of this program. @throws Error when it ends first */
  async during(other: Promise<void>): Promise<void> {
    let isOver = false;
    void other.then(() => {
      isOver = true;
      this.#wake();
    });
    await this.until(() => isOver, "what the test waited for");
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#ending !== null) return;
    if (!this.#group) this.#child.kill(signal);
    else if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(-this.pid, signal);
  }

  /** Sends a signal and waits for the end; the default is the one that nobody can handle. */
  kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Ending> {
    this.signal(signal);
    return this.ended;
  }

  /** What it was and what it said last, for the report of a failed test. */
  describe(): string {
    const tail = (text: string) => text.split("\n").slice(-13).join("\n");
    const state = this.#ending === null ? "still running" : `ended: ${this.#ending}`;
    return `$ filespool ${this.words.join(" ")}   (${state})\n${tail(this.stdout)}${tail(this.stderr)}`;
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "filespool-e2e-"));
  readonly #programs: Program[] = [];

  /** Must be called inside a test, which it then belongs to. */
  constructor() {
    mkdirSync(this.path("home"));
    onTestFinished(async () => {
      await Promise.all(this.#programs.map((program) => program.kill()));
      rmSync(this.folder, { recursive: true, force: true });
    });
    onTestFailed(() => console.error(this.#programs.map((program) => program.describe()).join("\n\n")));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** The environment of every program here: nobody's settings, nobody's colours, a home of its own. */
  environment(added: StartOptions["env"]): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(([name]) => !/^(FILESPOOL_|XDG_|FORCE_COLOR|NO_COLOR)/.test(name));
    const own = { HOME: this.path("home"), XDG_STATE_HOME: this.path("state"), FILESPOOL_STATE: this.path("state") };
    return { ...Object.fromEntries(kept), ...own, ...added };
  }

  /** Starts `filespool` with these words, as they are. */
  start(words: readonly string[], options: StartOptions = {}): Program {
    return this.script(builtMain(), words, options);
  }

  /**
   * Starts another TypeScript program: compiled, but for an example, which is for those who have the sources and starts
   * programs from where it lies.
   */
  script(path: string, words: readonly string[], options: StartOptions = {}): Program {
    const env = this.environment(options.env);
    const isSource = path.endsWith(".ts") && !path.includes("/examples/");
    const program = new Program(isSource ? builtChild(path) : path, words, env, { cwd: this.folder, ...options });
    this.#programs.push(program);
    return program;
  }

  /** Starts a server and waits until it listens; on a free port unless the words say otherwise. */
  async serve(...words: string[]): Promise<Program & { readonly port: number }> {
    const server = this.start(["serve", "--json", "--spool", this.path("spool"), "--port", "0", ...words]);
    const { port } = await server.seen("listening");
    return Object.assign(server, { port });
  }

  send(port: number, ...words: string[]): Program {
    return this.start(["send", "--json", "--port", String(port), ...words]);
  }

  receive(port: number, ...words: string[]): Program {
    return this.start(["receive", "--json", "--port", String(port), "--out", this.path("inbox"), ...words]);
  }

  /** Runs a program to its end. @throws Error unless it ends as expected */
  async run(program: Program, expected: Ending = 0): Promise<Program> {
    const ending = await program.ended;
    if (ending !== expected) throw new Error(`expected to end with ${expected}:\n${program.describe()}`);
    return program;
  }
}
