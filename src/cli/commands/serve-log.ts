/**
 * The log of a server: one JSON object per line, by pino, for machines that keep and search logs.
 *
 * It is not the report (report.ts), which talks to whoever started the program. A log is kept for years and read by
 * many, so it holds what helps to find out what became of a transfer, and nothing that is worth stealing: the fields
 * that are written are listed here, and what an event has besides (a token, some day) stays out by itself. Names of
 * files are data like any other, and escaped like any other.
 *
 *   {"level":"info","time":"2026-11-25T07:00:00.000Z","event":"stored","connection":12,"transfer":"6f2a...",
 *    "queue":"photos","name":"a.jpg","size":12288,"digest":"..."}
 *
 * Lines are written behind the data path, never in front of it: a disk that is full or slow loses lines, not transfers (log-file.ts).
 * Why pino, and why a list of what may pass: adr/0043.
 */
import { pino } from "pino";
import type { ServerEvent } from "../../net/index.ts";
import { escapeText } from "../report/escape.ts";
import type { OperateEvent } from "../report/event-text.ts";
import { LogFile } from "./log-file.ts";

// In this order: each has all that is worse. A healthy server at "warn" is silent.
export type LogLevel = "debug" | "info" | "warn" | "error";

/** All that is ever logged of an event. A field that is not in this list is not written. */
const FIELDS = [
  ...["event", "connection", "peer", "role", "queue", "transfer", "name", "size", "digest", "offset", "attempt"],
  ...["repeated", "dead", "reason", "code", "message", "host", "port", "connections", "applied", "restart"],
  ...["files", "deadOnly", "what", "ageMs", "more", "times"],
] as const;

/** How much an event matters to whoever reads the log later. What is not here is "info". */
function levelOf(event: ServerEvent | OperateEvent): LogLevel {
  switch (event.event) {
    // Once per attempt, and followed by what became of it: that is the line which matters.
    case "delivered":
      return "debug";
    case "stored":
      return event.repeated ? "debug" : "info";
    // Refusing is a server's work and no error of its own. But many of them are a disk that is full, or a client that
    // is wrong.
    case "refused":
    case "turned-away":
    // Somebody's file is gone, or will be.
    case "expired":
    case "output-lost":
      return "warn";
    case "returned":
      return event.dead ? "error" : "warn";
    case "disconnected":
      return event.code === undefined ? "info" : "warn";
    case "error":
    case "reload-failed":
      return "error";
    default:
      return "info";
  }
}

/**
 * One log, from the start of a server to its end. Writing never throws: what goes wrong with it is told by a warning,
 * once until it has gone right again.
 */
export class Log {
  readonly #file: LogFile;
  readonly #pino: pino.Logger;

  /**
   * Opens the file, or stdout for "-".
   * @param warn told in a sentence when lines cannot be written, and not again until some can
   * @throws FilespoolError folder-unusable
   */
  static async open(path: string, level: LogLevel, warn: (sentence: string) => void): Promise<Log> {
    let hasWarned = false;
    const once = (sentence: string) => {
      if (!hasWarned) warn(sentence);
      hasWarned = true;
    };
    const file = await LogFile.open(path, once, () => {
      hasWarned = false;
    });
    return new Log(file, level);
  }

  private constructor(file: LogFile, level: LogLevel) {
    this.#file = file;
    // What JSON leaves as it is, and a terminal would obey when the log is looked at, is escaped on the way out.
    // Without pid and host name: whoever collects logs of many machines adds these, and calls them as they like.
    const escaped = { write: (text: string) => file.write(`${escapeText(text.slice(0, -1))}\n`) };
    const formatters = { level: (label: string) => ({ level: label }) };
    this.#pino = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, escaped);
  }

  /** From the next event on; a reload changes it. */
  set level(level: LogLevel) {
    this.#pino.level = level;
  }

  /** Writes an event, if its level is wanted. A field, since it is handed on as it is. */
  readonly observe = (event: ServerEvent | OperateEvent): void => {
    const level = levelOf(event);
    if (!this.#pino.isLevelEnabled(level)) return;
    const all = event as unknown as Record<string, unknown>;
    const written: Record<string, unknown> = {};
    for (const field of FIELDS) if (all[field] !== undefined) written[field] = all[field];
    this.#pino[level](written);
  };

  /**
   * Looks whether a new file of the same name can be written, because the old one may have been moved away (logrotate).
   * @returns what goes on in the new one
   * @throws FilespoolError folder-unusable; the old file is written on then
   */
  prepareReopen(): Promise<() => void> {
    return this.#file.prepareReopen();
  }

  /** Writes what is left and closes; within a bound, whatever the log is on. */
  close(): Promise<void> {
    return this.#file.close();
  }
}
