/** A temporary folder with what a test needs: files to send, a server on a free port, folders to receive into. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createServer, type ServerOptions } from "../../src/net/create-server.ts";
import type { ServerEvent, TransferEvent } from "../../src/net/events.ts";
import type { ReceiveOptions, ReceiveSummary, SendOptions, SendSummary } from "../../src/net/options.ts";
import { receive } from "../../src/net/receive.ts";
import { send } from "../../src/net/send.ts";
import type { Server } from "../../src/net/server/server.ts";
import type { LocalSpoolOptions } from "../../src/spool/local-spool.ts";
import { Collector } from "./collector.ts";
import { InspectableSpool } from "./inspectable-spool.ts";

export type ServerSetup = Partial<Omit<ServerOptions, "spool">> & { readonly spool?: Partial<LocalSpoolOptions> };

/** A server with its spool. `stop` may be called more than once. */
export interface RunningServer {
  readonly server: Server;
  readonly spool: InspectableSpool;
  readonly port: number;
  readonly events: Collector<ServerEvent>;
  /** Cuts all connections unless it is given time, and lets go of the spool folder. */
  stop(drainMs?: number): Promise<void>;
}

/** A client that is running: `done` is what it resolves with, `events` what it has told so far. */
export interface Running<S> {
  readonly done: Promise<S>;
  readonly events: Collector<TransferEvent>;
}

export class Workspace {
  readonly folder = mkdtempSync(join(tmpdir(), "filespool-test-"));

  /** Removed when the test is over, after everything that was started in it. */
  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Writes a file into the folder "in" and returns its path. */
  write(name: string, bytes: Uint8Array | string): string {
    mkdirSync(this.path("in"), { recursive: true });
    writeFileSync(this.path("in", name), bytes);
    return this.path("in", name);
  }

  read(...parts: string[]): Buffer {
    return readFileSync(this.path(...parts));
  }

  /** What is in a folder, our own hidden files included, sorted. */
  list(folder = "out"): string[] {
    return readdirSync(this.path(folder)).sort();
  }

  /** The same workspace may have several servers, one after the other on the same spool folder or side by side. */
  async serve({ spool: spoolOptions, ...options }: ServerSetup = {}): Promise<RunningServer> {
    const events = new Collector<ServerEvent>();
    const spool = await InspectableSpool.open({ folder: this.path("spool"), ...spoolOptions });
    const server = await createServer({ port: 0, spool, onEvent: events.onEvent, ...options });
    let stopping: Promise<void> | null = null;
    const stop = (drainMs = 0) => {
      stopping ??= server.close({ drainMs }).then(() => spool.close());
      return stopping;
    };
    onTestFinished(() => stop());
    return { server, spool, port: server.port, events, stop };
  }

  send(options: SendOptions): Running<SendSummary> {
    return running(options, (both) => send({ ...options, ...both }));
  }

  /** Receives into the folder "out" unless told otherwise. */
  receive(options: Partial<ReceiveOptions>): Running<ReceiveSummary> {
    return running(options, (both) => receive({ out: this.path("out"), ...options, ...both }));
  }
}

/** Starts a client, and ends it with the test if it has not ended by itself. */
function running<S>(
  { signal }: Pick<SendOptions, "signal">,
  start: (both: Required<Pick<SendOptions, "onEvent" | "signal">>) => Promise<S>,
): Running<S> {
  const events = new Collector<TransferEvent>();
  const over = new AbortController();
  const done = start({ onEvent: events.onEvent, signal: AbortSignal.any([over.signal, ...(signal ? [signal] : [])]) });
  done.catch(() => {}); // a test that cares awaits `done` itself
  onTestFinished(async () => {
    over.abort();
    await done.catch(() => {});
  });
  return { done, events };
}
