/** The conversation of where-it-runs: serve, send, kill the server half-way, resume, receive, compare. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../dist/cli/filespool.cjs", import.meta.url));
const BIG_MIB = 64;
const KILL_AT = 20 * 1024 * 1024;
const STEP_MS = 180_000;

/** What runs the command. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  /** The program and the words before the script. */
  readonly command: readonly string[];
  /** "some": it has no locks, so the server and the receiver are run by Node. */
  readonly commands: "all" | "some";
  readonly env?: Readonly<Record<string, string>>;
  /** The built command, where it is not this repository's: native packages for another machine. */
  readonly script?: string;
}

export interface Outcome {
  readonly result: "works" | "in part" | "refused" | "fails" | "not tried";
  readonly note: string;
}

export interface Places {
  readonly spool: string;
  readonly target: string;
  /** For everything else. */
  readonly work: string;
}

const running = new Set<ChildProcess>();

function start(runtime: Runtime, words: readonly string[], work: string): ChildProcess {
  const [program = "", ...before] = runtime.command;
  const child = spawn(program, [...before, runtime.script ?? COMMAND, ...words], {
    cwd: work,
    env: { ...process.env, ...runtime.env, FILESPOOL_STATE: join(work, "state") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.on("close", () => running.delete(child));
  return child;
}

/** Runs a command to its end. @throws Error with what it said last */
async function run(runtime: Runtime, words: readonly string[], work: string): Promise<void> {
  const child = start(runtime, words, work);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text) => (said = (said + text).slice(-2000)));
  const timer = setTimeout(() => child.kill("SIGKILL"), STEP_MS);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${words[0]} ended with ${signal ?? code}: ${sentenceIn(said)}`);
}

const sentenceIn = (said: string): string =>
  (/^(?:error|failed +\S+): .*$/m.exec(said)?.[0] ?? said.trim().split("\n").at(-1) ?? "").slice(0, 300);

async function serve(runtime: Runtime, spool: string, port: number, work: string): Promise<[ChildProcess, number]> {
  const child = start(runtime, ["serve", "--json", "--spool", spool, "--port", String(port)], work);
  let said = "";
  child.stderr?.on("data", (text) => (said += text));
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    said += `${line}\n`;
    const event = JSON.parse(line) as { event: string; port: number };
    if (event.event === "listening") {
      child.stdout?.resume();
      return [child, event.port];
    }
  }
  throw new Error(`serve did not listen: ${sentenceIn(said)}`);
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(child, "close");
  if (child.exitCode === null && child.signalCode === null && child.kill(signal)) await closed;
}

/** Holds the conversation. @param here Node, for what the runtime cannot do */
export async function converse(runtime: Runtime, here: Runtime, { spool, target, work }: Places): Promise<Outcome> {
  const other = runtime.commands === "all" ? runtime : here;
  try {
    makeFiles(work);
    let [server, port] = await serve(other, spool, 0, work);
    const small = ["small", "folder"].map((name) => join(work, name));
    await run(runtime, ["send", "--port", String(port), ...small], work);
    const sending = start(
      runtime,
      ["send", "--json", "--retry", "2m", "--port", String(port), join(work, "big")],
      work,
    );
    const sent = once(sending, "close");
    let resumed = false;
    for await (const line of createInterface({ input: sending.stdout as NodeJS.ReadableStream })) {
      const event = JSON.parse(line) as { event: string; offset?: number };
      if (event.event === "progress" && (event.offset ?? 0) >= KILL_AT && !resumed) {
        await kill(server, "SIGKILL");
        [server] = await serve(other, spool, port, work);
      }
      if (event.event === "resumed") resumed = true;
    }
    const [code] = await sent;
    if (code !== 0) throw new Error(`send ended with ${code} after the server was killed`);
    await run(other, ["receive", "--port", String(port), "--out", target], work);
    for (const name of ["small", "big", "folder"]) {
      const { status, stdout } = spawnSync("diff", ["-r", "--no-dereference", join(work, name), join(target, name)], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`what landed differs: ${stdout.split("\n")[0]}`);
    }
    await kill(server, "SIGTERM");
    if (!resumed) return { result: "in part", note: "it was faster than the kill, so nothing was resumed" };
    if (runtime.commands === "all") return { result: "works", note: "" };
    return { result: "in part", note: "sends and operates; serve, receive, invite and token say that they need Node" };
  } catch (error) {
    const { message } = error as Error;
    return { result: /needs Node/.test(message) ? "refused" : "fails", note: message };
  } finally {
    for (const child of running) await kill(child, "SIGKILL");
  }
}

function makeFiles(work: string): void {
  rmSync(join(work, "folder"), { recursive: true, force: true });
  mkdirSync(join(work, "folder/sub"), { recursive: true });
  writeFileSync(join(work, "small"), "small\n");
  for (const name of ["empty", "sub/größe.txt"])
    writeFileSync(join(work, "folder", name), name === "empty" ? "" : name);
  const fd = openSync(join(work, "big"), "w");
  const block = Buffer.alloc(1024 * 1024);
  for (let at = 0; at < BIG_MIB; at++) {
    block.fill(at);
    writeSync(fd, block);
  }
  closeSync(fd);
}
