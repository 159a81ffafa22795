#!/usr/bin/env node
/**
 * The program `filespool`: where the run meets the process.
 *
 * Signals become AbortSignals, and the exit code becomes the process's. Everything else is in program.ts, which knows
 * nothing of processes.
 *
 *   first SIGINT     ends the run in an orderly way, exit code 130
 *   first SIGTERM    the same; a server finishes what is under way, and that is a success (0)
 *   SIGHUP           a server reads its settings again (serve-reload.ts); a client ends, if it has a terminal
 *   the second one   whichever it is: exit at once, code 130. Nothing is lost by it, only resumed later.
 *   the third one    does not even wait for a write that the disk has begun: the process ends by the signal
 *
 * That a run may be ended at any moment is what the rest of the project is built for, so nothing here tries to
 * save anything: an orderly end is a courtesy to the peer, not a condition for the safety of a file.
 */
import { isatty } from "node:tty";
import { FilespoolError } from "../protocol/errors.ts";
import { EXIT } from "./exit-codes.ts";
import { run } from "./program.ts";
import { outputOf } from "./report/descriptor-output.ts";

// "Stop now" and "stop when you can". A run sees the two signals and decides what they mean for it.
const interrupt = new AbortController();
const terminate = new AbortController();
/** The signals so far; the run is ending for the last one. */
const signals: NodeJS.Signals[] = [];

/** Handles one more signal. What a server does about SIGTERM, the clients do as for SIGINT: see program.ts. */
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
// What could not be written is noted by the run (outlet.ts). Without a listener, Node would end the process by a stack trace.
for (const stream of [stdout, stderr]) stream.on("error", () => {});

// Node takes back what `nohup` has asked for, and would let SIGHUP end the program. Who has no terminal cannot lose one. Asked
// now: a terminal that is gone does not look like one any more.
const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
let onHangup = (): void => {
  if (hasTerminal) dieBy("SIGHUP");
};
process.on("SIGHUP", () => onHangup());

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

/** How long calls of the system that are under way when the process is to end may take. */
const CALLS_MS = 2000;
const LOOK_MS = 10;

/**
 * Whether a call to a file has not returned. Node waits for it before it exits, for ever if need be: on a pipe that nobody opens
 * at its other end, or on a disk that hangs.
 */
const hasCalls = (): boolean => process.getActiveResourcesInfo?.().some((name) => name.startsWith("FSReq")) ?? false;

let isLeaving = false;

/** Ends the process with this code as soon as no call is under way; where one does not return, by the signal that was to end it. */
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

// Do leave then, whatever timer or handle is still open (a terminal that was read from keeps a process alive). Not an `await`
// at the top of a module: what is installed is a script, which has none (adr/0061).
void running.then(leave);
