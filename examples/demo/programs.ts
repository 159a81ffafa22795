/**
 * The programs of the demo: real processes of the real command line, started from source.
 *
 * They are run with `--json`, and their events are both shown and acted on: the demo waits for what it has
 * seen, never for a time to pass. Whatever happens to the demo, none of them outlives it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { escapeText } from "../../src/cli/report/escape.ts";
import { type Line, serverLine, transferLine } from "../../src/cli/report/event-text.ts";
import { humanSize } from "../../src/cli/settings/units.ts";
import type { ServerEvent, TransferEvent } from "../../src/net/events.ts";
import type { Stage, Who } from "./stage.ts";

const ROOT = new URL("../../", import.meta.url);
/** By its full address, because the programs are started in another folder. */
const LOADER = import.meta.resolve("tsx");

/** Events as they are read from a program's output. */
export type Event = (TransferEvent | ServerEvent) &
  Partial<Record<"offset" | "size" | "path" | "name" | "port" | "role" | "delayMs" | "attempt", unknown>>;

const running = new Set<ChildProcess>();
const killAll = (): void => {
  for (const child of running) child.kill("SIGKILL");
};
process.on("exit", killAll);

/** Ends whatever still runs, and waits until it has: what writes to a folder must be gone before the folder goes. */
export async function stopAll(): Promise<void> {
  killAll();
  await Promise.all([...running].map((child) => once(child, "close")));
}

/** A started program. */
export class Program {
  readonly events: Event[] = [];
  /** How it ended: an exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #who: Who;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  /** @param folder where it runs. No config file or state of this machine has a say @param main of which program */
  constructor(stage: Stage, who: Exclude<Who, "demo">, words: readonly string[], folder: string, main: string) {
    this.#who = who;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FILESPOOL_")));
    const child = spawn(
      process.execPath,
      ["--import", LOADER, fileURLToPath(new URL(main, ROOT)), ...words, "--json"],
      {
        cwd: folder,
        env: { ...env, FILESPOOL_STATE: folder, FILESPOOL_CONFIG: "/dev/null" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#child = child;
    running.add(child);
    const output = createInterface({ input: child.stdout });
    output.on("line", (text) => {
      const event = JSON.parse(text) as Event;
      this.events.push(event);
      const shown = lineOf(who, event);
      if (shown !== null && !shown.verbose) stage.line(who, `${shown.verb.padEnd(9)} ${shown.text()}`);
      this.#wakeAll();
    });
    createInterface({ input: child.stderr }).on("line", (text) => stage.line(who, text));
    this.ended = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        running.delete(child);
        this.#isOver = true;
        this.#wakeAll();
        resolve(signal ?? code ?? 1);
      });
    });
  }

  /**
   * The first event that fits, past ones included.
   * @throws Error when the program ends without it
   */
  async seen(what: string, fits: (event: Event) => boolean): Promise<Event> {
    for (;;) {
      const event = this.events.find(fits);
      if (event !== undefined) return event;
      if (this.#isOver) throw new Error(`the ${this.#who} ended without ${what}`);
      await new Promise<void>((wake) => this.#watchers.add(wake));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #wakeAll(): void {
    for (const wake of this.#watchers) wake();
    this.#watchers.clear();
  }
}

/** The line that the program itself would have printed for people, shortened for the columns of the stage. */
function lineOf(who: Who, event: Event): Line | null {
  const line = (verb: string, text: string): Line => ({ tone: "plain", verb, text: () => escapeText(text) });
  const file = `${event.name}, ${humanSize(Number(event.size))}`;
  switch (event.event as string) {
    case "progress":
      return line("durable", `${humanSize(Number(event.offset))} of ${humanSize(Number(event.size))}`);
    case "connected":
      return who === "server" ? line(String(event.role), "connected") : null;
    case "landed":
      return line("landed", file);
    case "stored":
      return line("stored", file);
    case "acked":
      return who === "server" ? line("collected", file) : null;
    case "retrying":
      return line("retrying", `in ${event.delayMs} ms, attempt ${event.attempt}`);
    // These two come from the command line and not from the library: they have no line.
    case "done":
    case "error":
      return null;
    default:
      return who === "server" ? serverLine(event as ServerEvent) : transferLine(event as TransferEvent);
  }
}
