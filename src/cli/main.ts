#!/usr/bin/env node
/**
 * The program `filespool`: where the run meets the process.
 *
 * Signals become AbortSignals, and the exit code becomes that of the process. Everything else is in program.ts, which
 * knows nothing of processes.
 *
 *   first SIGINT     ends the run in an orderly way, exit code 130
 *   first SIGTERM    the same; a server lets running transfers finish, and that is a success (0)
 *   SIGHUP           a server reads its settings again (serve-reload.ts); a client ends, if it has a terminal
 *   a second one     exit at once, code 130. Nothing is lost; the next run resumes.
 *   a third one      does not even wait for a write that the disk has begun: the process ends by the signal
 *
 * The rest of the project is built for a run that ends at any moment, so nothing here tries to save anything. An orderly
 * end is a courtesy to the peer, not a condition for the safety of a file.
 */
import { isatty } from "node:tty";
import { FilespoolError } from "../protocol/errors.ts";
import { EXIT } from "./exit-codes.ts";
import { run } from "./program.ts";
import { outputOf } from "./report/descriptor-output.ts";

// "Stop now" and "stop when you can". The run decides what each of them means for it.
const interrupt = new AbortController();
const terminate = new AbortController();
/** The signals so far. */
const signals: NodeJS.Signals[] = [];

/** Handles one more signal. Clients treat SIGTERM like SIGINT: see program.ts. */
function onSignal(signal: NodeJS.Signals): void {
  signals.push(signal);
  if (signals.length > 2) dieBy(signal);
  if (signals.length === 2) leave(EXIT.interrupted);
  (signal === "SIGTERM" ? terminate : interrupt).abort();
}
process.on("SIGINT", onSignal);
process.on("SIGTERM", onSignal);

const stdout = outputOf(1, () => process.stdout);
const stderr = outputOf(2, () => process.stderr);
// outlet.ts notes what could not be written. Without a listener here, Node would end the process with a stack trace.
for (const stream of [stdout, stderr]) stream.on("error", () => {});

// Node undoes `nohup`, so by default SIGHUP would end the program. A program without a terminal cannot lose one. Asked at the
// start, because a terminal that is gone no longer looks like one.
const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
let onHangup = (): void => {
  if (hasTerminal) dieBy("SIGHUP");
};
process.on("SIGHUP", () => onHangup());

/** Node throws if the working folder no longer exists; no relative path would work. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new FilespoolError("folder-unusable", "the working folder no longer exists; change to another one (cd)", {
      cause,
    });
  }
}

// The only place in the project that reads the process. All other code gets what it needs from its caller.
const running = run({
  words: process.argv.slice(2),
  env: process.env,
  get folder() {
    return workingFolder();
  },
  // Node opens it at the first access; most runs do not need it.
  get stdin() {
    return process.stdin;
  },
  stdout,
  stderr,
  now: () => performance.now(),
  interrupt: interrupt.signal,
  terminate: terminate.signal,
  // Only a server listens.
  onHangup: (listener) => {
    onHangup = listener;
  },
});

/** How long a running system call may delay the end of the process. */
const CALLS_MS = 2000;
const LOOK_MS = 10;

/**
 * Whether a call to a file has not returned. Node waits for it before it exits, possibly forever: for a pipe whose other end
 * nobody opens, or for a disk that hangs.
 */
const hasCalls = (): boolean => process.getActiveResourcesInfo?.().some((name) => name.startsWith("FSReq")) ?? false;

let isLeaving = false;

/** Ends the process with this code when no call is running. If a call does not return, the process ends by the signal. */
function leave(code: number): void {
  if (isLeaving) return;
  isLeaving = true;
  const untilMs = performance.now() + CALLS_MS;
  const look = (): void => {
    if (!hasCalls()) process.exit(code);
    if (performance.now() < untilMs) setTimeout(look, LOOK_MS);
    else dieBy(signals.at(-1) ?? "SIGKILL");
  };
  look();
}

function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

// Leaves even if a timer or handle is still open: a terminal that was read from keeps a process alive. Not an `await` at the
// top of the module, because the installed program is a script, which has none (adr/0061).
void running.then(leave);
