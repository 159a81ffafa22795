#!/usr/bin/env node
/**
 * The program `filespool`: where the run meets the process.
 *
 * Signals become AbortSignals, the exit code becomes the process's, and a reader that goes away (`| head`)
 * is no error. Everything else is in program.ts, which knows nothing of processes.
 *
 *   first SIGINT     ends the run in an orderly way, exit code 130
 *   first SIGTERM    the same; a server finishes what is under way, and that is a success (0)
 *   SIGHUP           a server reads its settings again (reload.ts)
 *   the second one   whichever it is: exit at once. Nothing is lost by it, only resumed later.
 *
 * That a run may be ended at any moment is what the rest of the project is built for, so nothing here tries to
 * save anything: an orderly end is a courtesy to the peer, not a condition for the safety of a file.
 */
import { FilespoolError } from "../protocol/errors.ts";
import { EXIT } from "./exit.ts";
import { run } from "./program.ts";

// "Stop now" and "stop when you can". A run sees the two signals and decides what they mean for it.
const interrupt = new AbortController();
const terminate = new AbortController();

/** Handles one more signal. What a server does about SIGTERM, the clients do as for SIGINT: see program.ts. */
function onSignal(signal: NodeJS.Signals): void {
  if (interrupt.signal.aborted || terminate.signal.aborted) process.exit(EXIT.interrupted);
  (signal === "SIGTERM" ? terminate : interrupt).abort();
}
process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read our output has gone, or their terminal has (EIO). Nobody is left to complain to; end as after Ctrl-C.
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    interrupt.abort();
  });
}

/** Node throws where the working folder is gone, and every relative path would be in vain. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new FilespoolError("folder-unusable", "the working folder was removed; change to another one (cd)", {
      cause,
    });
  }
}

// The only place in the project that reads the process: everything below here is handed what it needs.
const running = run({
  words: process.argv.slice(2),
  env: process.env,
  get folder() {
    return workingFolder();
  },
  // Node opens it when it is asked for; most runs need it for nothing.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  now: () => performance.now(),
  interrupt: interrupt.signal,
  terminate: terminate.signal,
  // Only a server listens; a sender whose terminal is closed ends by it, as any program does.
  onHangup: (listener) => void process.on("SIGHUP", listener),
});

// Pipes are written asynchronously: leave only when the last line is out, but do leave then, whatever
// timer or handle is still open (a terminal that was read from keeps a process alive). Not an `await` at the top of a module:
// what is installed is a script, which has none (adr/0061).
void running.then((code) => process.stdout.write("", () => process.stderr.write("", () => process.exit(code))));
