/** What a run sees of the process that it is in: handed in by main.ts, and by tests. */
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { PACKAGE } from "./package-files.ts";

/** A stream that may be a terminal: what decides about questions, colours and the width of the help. */
type End<S> = S & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

/**
 * All that a run sees of the outside. Whatever would make one run differ from another is in here, and nowhere
 * else: what is not handed in cannot be read by accident.
 */
export interface Environment {
  /** The words after the program's name. */
  readonly words: readonly string[];
  /** FILESPOOL_* and the few variables of other conventions: NO_COLOR, FORCE_COLOR, HOME, XDG_CONFIG_HOME, XDG_STATE_HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working folder. To look at it throws where that is gone: FilespoolError folder-unusable. */
  readonly folder: string;
  readonly stdin: End<Readable>;
  readonly stdout: End<Writable>;
  readonly stderr: End<Writable>;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
  /** Ends the run as soon as possible (SIGINT). */
  readonly interrupt: AbortSignal;
  /** Ends a server when what is under way has finished, and anything else as soon as possible (SIGTERM). */
  readonly terminate: AbortSignal;
  /** Calls back when the program is asked to read its settings again (SIGHUP). Without it, nobody can ask. */
  readonly onHangup?: (listener: () => void) => void;
}

/** The version in package.json, which is two folders up both in the sources and in what is built from them. */
export function version(): string {
  const text = readFileSync(PACKAGE, "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
