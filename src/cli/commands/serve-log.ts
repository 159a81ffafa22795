/**
 * The log of a server: one JSON object per line, by pino, for machines that keep and search logs.
 *
 * It is not the report (report.ts), which is for the person who started the program. A log is kept for years, and many
 * people read it. So it holds what helps to trace a transfer, and nothing worth stealing: only the fields in the list
 * below are written, so a new field of an event (a token, some day) stays out. Names of files are data like any other, and
 * are escaped like any other.
 *
 *   {"level":"info","time":"2026-11-25T07:00:00.000Z","event":"stored","connection":12,"transfer":"6f2a...",
 *    "queue":"photos","name":"a.jpg","size":12288,"digest":"..."}
 *
 * Transfers never wait for the log: a full or slow disk loses lines, not transfers (log-file.ts). Why pino, and why a list of
 * fields: adr/0043.
 */
import { pino } from "pino";
import type { ServerEvent } from "../../net/index.ts";
import { escapeText } from "../report/escape.ts";
import type { OperateEvent } from "../report/event-text.ts";
import { LogFile } from "./log-file.ts";

// From the least to the most important. At "warn", a healthy server is silent.
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The fields that are logged. No other field is ever written. */
const FIELDS = [
  ...["event", "connection", "peer", "role", "queue", "transfer", "name", "size", "digest", "offset", "attempt"],
  ...["repeated", "dead", "reason", "code", "message", "host", "port", "connections", "applied", "restart"],
  ...["files", "deadOnly", "what", "ageMs", "more", "times"],
] as const;

/** How important an event is for a reader of the log. */
function levelOf(event: ServerEvent | OperateEvent): LogLevel {
  switch (event.event) {
    // Another line follows with the result of the attempt, and that is the important one.
    case "delivered":
      return "debug";
    case "stored":
      return event.repeated ? "debug" : "info";
    // A refusal is no error of the server. But many refusals mean a full disk or a wrong client.
    case "refused":
    case "turned-away":
    // A file was deleted, or will be.
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
 * One log, from the start of a server to its end. Writing never throws. A failure is one warning, and the next warning
 * comes only after a successful write.
 */
export class Log {
  readonly #file: LogFile;
  readonly #pino: pino.Logger;

  /**
   * Opens the file, or stdout for "-".
   * @param warn gets a sentence when lines cannot be written; not again until some were written
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
    // Escapes what JSON leaves as it is and a terminal would obey when somebody shows the log. Without pid and host name:
    // programs that collect logs of many machines add these themselves.
    const escaped = { write: (text: string) => file.write(`${escapeText(text.slice(0, -1))}\n`) };
    const formatters = { level: (label: string) => ({ level: label }) };
    this.#pino = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, escaped);
  }

  /** From the next event on; a reload changes it. */
  set level(level: LogLevel) {
    this.#pino.level = level;
  }

  /** Writes an event, if its level is enabled. A field, because it is handed on as a function. */
  readonly observe = (event: ServerEvent | OperateEvent): void => {
    const level = levelOf(event);
    if (!this.#pino.isLevelEnabled(level)) return;
    const all = event as unknown as Record<string, unknown>;
    const written: Record<string, unknown> = {};
    for (const field of FIELDS) if (all[field] !== undefined) written[field] = all[field];
    this.#pino[level](written);
  };

  /**
   * Checks whether a new file of the same name can be written; logrotate may have moved the old one away.
   * @returns a function that makes the next lines go into the new file
   * @throws FilespoolError folder-unusable; lines then still go into the old file
   */
  prepareReopen(): Promise<() => void> {
    return this.#file.prepareReopen();
  }

  /** Writes the remaining lines, within a time limit, and closes the file. */
  close(): Promise<void> {
    return this.#file.close();
  }
}
