/** What a run sees of its process. main.ts and tests hand it in. */
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { PACKAGE } from "./package-files.ts";

/** A stream that may be a terminal. That decides about questions, colours and the width of the help. */
type End<S> = S & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

/**
 * Everything that a run sees of the outside. All that makes one run differ from another is in here, so a run cannot read
 * anything else by accident.
 */
export interface Environment {
  /** The words after the program's name. */
  readonly words: readonly string[];
  /** FILESPOOL_* and the few variables of other conventions: NO_COLOR, FORCE_COLOR, HOME, XDG_CONFIG_HOME, XDG_STATE_HOME. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working folder. Reading it throws FilespoolError folder-unusable if it no longer exists. */
  readonly folder: string;
  readonly stdin: End<Readable>;
  readonly stdout: End<Writable>;
  readonly stderr: End<Writable>;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
  /** Ends the run as soon as possible (SIGINT). */
  readonly interrupt: AbortSignal;
  /** Ends a server when running transfers have finished, and anything else as soon as possible (SIGTERM). */
  readonly terminate: AbortSignal;
  /** Calls the listener when the program should read its settings again (SIGHUP). */
  readonly onHangup?: (listener: () => void) => void;
}

/** The version in package.json. */
export function version(): string {
  const text = readFileSync(PACKAGE, "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
