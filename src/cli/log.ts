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
 * Lines are written behind the data path, never in front of it: a disk that is full or slow loses lines, not transfers.
 * Why pino, and why a list of what may pass: adr/0043.
 */
import { access, constants, open } from "node:fs/promises";
import { dirname } from "node:path";
import { pino } from "pino";
import type { ServerEvent } from "../net/index.ts";
import { FilespoolError } from "../protocol/errors.ts";
import { inWords } from "../spool/errno.ts";
import type { OperateEvent } from "./lines.ts";
import { printable } from "./printable.ts";

// In this order: each has all that is worse. A healthy server at "warn" is silent.
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The stream of pino: written to in the background, reopened by name. */
type Destination = ReturnType<typeof pino.destination>;

/** All that is ever logged of an event. A field that is not in this list is not written. */
const FIELDS = [
  ...["event", "connection", "peer", "role", "queue", "transfer", "name", "size", "digest", "offset", "attempt"],
  ...["repeated", "dead", "reason", "code", "message", "host", "port", "connections", "applied", "restart"],
  ...["files", "deadOnly", "more", "times"],
] as const;

/** Lines that wait for a disk that does not take them, bytes; beyond it the newest are dropped. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

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
  readonly #destination: Destination;
  readonly #pino: pino.Logger;
  /** As it was given; after a rotation it names another file than the one that is open, until that is opened anew. */
  readonly #path: string;
  /** That the new file is open, after a rotation. */
  #reopened: Promise<void> | null = null;

  /**
   * Opens the file, or stdout for "-".
   * @param warn told in a sentence when lines cannot be written, and not again until some can
   * @throws FilespoolError folder-unusable
   */
  static async open(path: string, level: LogLevel, warn: (sentence: string) => void): Promise<Log> {
    if (path !== "-") await mayWrite(path);
    const where = path === "-" ? { fd: 1 } : { dest: path, append: true, mode: 0o640 };
    // No lines are held back to be written together: a log that ends before the crash it should explain is no use.
    const destination = pino.destination({ ...where, sync: false, minLength: 0, maxLength: WAITING_BYTES_MAX });
    return new Log(destination, path, level, warn);
  }

  private constructor(destination: Destination, path: string, level: LogLevel, warn: (sentence: string) => void) {
    this.#destination = destination;
    this.#path = path;
    let hasWarned = false;
    const once = (sentence: string) => {
      if (!hasWarned) warn(sentence);
      hasWarned = true;
    };
    destination.on("error", (error: Error) => once(`the log ${path} cannot be written: ${inWords(error)}`));
    destination.on("drop", () => once(`the log ${path} is not written fast enough; lines are left out`));
    destination.on("write", () => {
      hasWarned = false;
    });
    // What JSON leaves as it is, and a terminal would obey when the log is looked at, is escaped on the way out.
    // Without pid and host name: whoever collects logs of many machines adds these, and calls them as they like.
    const escaped = { write: (text: string) => void destination.write(`${printable(text.slice(0, -1))}\n`) };
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
  async prepareReopen(): Promise<() => void> {
    if (this.#path === "-") return () => {};
    await mayWrite(this.#path);
    return () => {
      this.#reopened = new Promise((resolve) => {
        for (const event of ["ready", "error"] as const) this.#destination.once(event, () => resolve());
      });
      this.#destination.reopen();
    };
  }

  /** Writes what is left and closes. */
  async close(): Promise<void> {
    // A stream that is ended while it waits to be reopened would do neither.
    await this.#reopened;
    return new Promise((resolve) => {
      this.#destination.once("close", resolve);
      this.#destination.once("error", () => resolve());
      this.#destination.end();
    });
  }
}

/**
 * pino opens its file in the background; whether it can be opened has to be known before the server starts. Opened to
 * append, so that looking does not shorten it.
 * @throws FilespoolError folder-unusable
 */
async function mayWrite(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.X_OK);
    await (await open(path, "a", 0o640)).close();
  } catch (error) {
    throw new FilespoolError("folder-unusable", `the log ${path} cannot be written: ${inWords(error)}`);
  }
}
