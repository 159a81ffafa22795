/**
 * `filespool serve`: a spool on disk and a server in front of it, until somebody says stop.
 *
 * The two ways to stop differ in who asks. SIGTERM comes from whoever runs the machine: what is under way
 * may finish (`--drain`), new work is told to come back, and the exit code is 0, because ending was the
 * order. Ctrl-C comes from a person who wants the prompt back: connections are cut at once. That costs the
 * peers a resume and nobody a file, since whatever was reported stored is on disk.
 *
 *   SIGTERM    no new work, what is under way may finish for `--drain`, exit code 0
 *   SIGINT     connections are cut at once, exit code 130
 *   SIGKILL    or the power: nothing is said to anybody, and the next start finds all that was stored
 *
 * Never here: who may listen where (prompts.ts asks before the command starts), and what happens on a connection
 * (net/server.ts) or on disk (spool/local.ts).
 */
import { createServer } from "../net/index.ts";
import { LocalSpool } from "../spool/local.ts";
import type { Settings } from "./config.ts";
import { EXIT } from "./exit.ts";
import { line } from "./printable.ts";
import type { Report } from "./report.ts";
import { exactSize } from "./sizes.ts";

/** How a running server is told to stop. main.ts makes signals of the process into these two. */
export interface Stops {
  /** SIGINT: at once. */
  readonly interrupt: AbortSignal;
  /** SIGTERM: when what is under way has finished. */
  readonly terminate: AbortSignal;
}

/**
 * Serves until one of the two signals comes.
 * @returns the exit code
 * @throws FilespoolError spool-locked, spool-unusable; unreachable when the address cannot be listened on
 */
export async function serve({ values }: Settings, report: Report, stops: Stops): Promise<number> {
  const { host, port, insecure, durability, spool: folder } = values;
  const bufferBytes = values["buffer-size"];
  // The spool first: a server that listens and then finds its disk unusable would have made promises by then.
  const spool = await LocalSpool.open({
    folder,
    durability,
    bufferBytes,
    limits: {
      spoolBytesMax: values["max-spool-size"],
      fileBytesMax: values["max-file-size"],
      queueFilesMax: values["max-queue-files"],
      diskFreeBytesMin: values["min-free-disk"],
      leaseMs: values.lease,
      uploadTtlMs: values["upload-ttl"],
      fileTtlMs: values["file-ttl"],
    },
  });
  try {
    const limits = { connectionsMax: values["max-connections"] };
    const server = await createServer({ host, port, insecure, bufferBytes, spool, limits, onEvent: report.server });
    report.remark(line`files in ${folder}, durability ${durability}, buffer ${exactSize(bufferBytes)}`);
    // The original's own words. They come after the address, which `listening` has just named.
    report.say("Waiting for sender...");
    await firstOf(stops);
    await server.close({ drainMs: stops.interrupt.aborted ? 0 : values.drain });
  } finally {
    // Only after the server: a connection that is still being served writes to it.
    await spool.close();
  }
  // Interrupted is told by the exit code alone: whoever pressed Ctrl-C need not be told of an error.
  report.done({}, "Stopped.");
  return stops.interrupt.aborted ? EXIT.interrupted : EXIT.done;
}

/** Resolves when one of the two signals has come, also when it came before anybody waited for it. */
function firstOf({ interrupt, terminate }: Stops): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [interrupt, terminate]) {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}
