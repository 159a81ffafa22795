/** Programs that tests start, watch and kill; and the way to say aloud that a test could not run here. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onTestFinished, type TestContext } from "vitest";
import { builtChild, withoutCoverage } from "../support/built.ts";

/** A script of this folder, compiled. */
export const childScript = (name: string): string => builtChild(join(import.meta.dirname, name));

export interface Child {
  readonly process: ChildProcess;
  /** The next line on its standard output; null when there is no more. */
  nextLine(): Promise<string | null>;
  /** Kills it the hard way, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts a script of this folder; it is killed when the test ends. */
export function startChild(script: string, ...words: string[]): Child {
  const child = spawn(process.execPath, [childScript(script), ...words], {
    env: withoutCoverage(process.env),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const lines: string[] = [];
  let partial = "";
  let [isOver, wake] = [false, () => {}];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const pieces = (partial + text).split("\n");
    partial = pieces.pop() as string;
    lines.push(...pieces);
    wake();
  });
  void closed.then(() => {
    isOver = true;
    wake();
  });
  const kill = async () => {
    child.kill("SIGKILL");
    await closed;
  };
  onTestFinished(kill);
  const nextLine = async () => {
    while (lines.length === 0 && !isOver) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return lines.shift() ?? null;
  };
  return { process: child, nextLine, kill };
}

/** Runs a script of this folder under strace and returns the trace; `delayed` are system calls to make slow. */
export function traceChild(traceFile: string, calls: readonly string[], delayed: string, ...words: string[]): void {
  const [script, ...rest] = words as [string, ...string[]];
  const strace = ["-f", "-y", "-s", "64", "-e", `trace=${calls.join(",")}`, "-e", delayed, "-o", traceFile];
  const command = [process.execPath, childScript(script), ...rest];
  const env = { ...withoutCoverage(process.env), UV_USE_IO_URING: "0" };
  const { status, stderr } = spawnSync("strace", [...strace, ...command], { encoding: "utf8", env });
  if (status !== 0) throw new Error(`strace ended with ${status}: ${stderr}`);
}

export const canTrace = (): boolean => spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0;

/** Skips a test that cannot run on this machine, in a way that nobody overlooks. */
export function skipAloud({ task, skip }: TestContext, why: string): never {
  console.warn(`SKIPPED: "${task.name}": ${why}`);
  return skip(why);
}
