import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import type { Environment } from "../../src/cli/environment.ts";
import { run } from "../../src/cli/program.ts";

/** A stream that remembers, and that tells who waits for a text. */
export class Screen extends Writable {
  text = "";
  isTTY = false;
  readonly columns = 80;
  readonly #watchers: [needle: string, found: () => void][] = [];
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    for (const [needle, found] of this.#watchers) if (this.text.includes(needle)) found();
    done();
  }
  shows(needle: string): Promise<void> {
    return new Promise((found) => {
      this.#watchers.push([needle, found]);
      if (this.text.includes(needle)) found();
    });
  }
}

/** Starts a run of the program in this process, with a folder of its own. */
export function start(folder: string, words: string[], { isTTY = false, env = {} as Record<string, string> } = {}) {
  const [stdout, stderr] = [new Screen(), new Screen()];
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode() {} });
  stdout.isTTY = isTTY;
  const [interrupt, terminate] = [new AbortController(), new AbortController()];
  const environment: Environment = {
    words,
    env: { HOME: folder, FILESPOOL_STATE: join(folder, "state"), NO_COLOR: "1", ...env },
    folder,
    stdin,
    stdout,
    stderr,
    now: () => performance.now(),
    interrupt: interrupt.signal,
    terminate: terminate.signal,
  };
  return { code: run(environment), stdout, stderr, stdin, interrupt, terminate };
}
