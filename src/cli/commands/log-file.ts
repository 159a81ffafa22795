/**
 * The file of a log. Lines are appended in the background, and nothing waits for it.
 *
 * Lines that are not written yet are in memory, up to WAITING_BYTES_MAX; then new lines are dropped. A failed write is tried
 * again with the next line, so nothing is lost if the disk soon has room again. Only one write runs at a time. That keeps
 * the lines in order, and leaves the other threads of the pool to files.
 *
 * The log may be on a disk that hangs, or be a pipe that nobody reads. The server must still end:
 *
 *   a pipe        is opened and written without waiting; a pipe that nobody reads is refused at the start
 *   at the end    lines that are not written within CLOSE_MS are lost, with a warning
 *
 * This is not pino's own stream, because that one writes the rest when the process exits, and on a full disk it tries
 * forever (sonic-boom 4.2, `flushSync`). Why a log at all: adr/0043; why in this way: adr/0095.
 */
import { close, constants, fstatSync, open, write } from "node:fs";
import { access } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe } from "../../disk/system-errors.ts";
import { FilespoolError } from "../../protocol/errors.ts";

/** Most bytes of lines that wait to be written. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** Most characters of one write. */
const WRITE_CHARS = 64 * 1024;
/** Time between two attempts to write to a full pipe. */
const FULL_MS = 100;
/** Time for the last lines of a server that ends. */
const CLOSE_MS = 2000;

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants;
const STDOUT = 1;

export class LogFile {
  readonly #path: string;
  /** Gets each failure; the listener decides how often to print it. */
  readonly #onTrouble: (sentence: string) => void;
  readonly #onWritten: () => void;
  #fd: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #isToBeReopened = false;
  /** The last write ended within a line. */
  #isTorn = false;
  #isClosed = false;
  #isGivenUp = false;

  /**
   * Opens the file, or standard output for "-".
   * @param onTrouble gets a sentence that says why lines cannot be written
   * @param onWritten called after a successful write
   * @throws FilespoolError folder-unusable
   */
  static async open(path: string, onTrouble: (sentence: string) => void, onWritten: () => void): Promise<LogFile> {
    return new LogFile(path, path === "-" ? STDOUT : await opened(path), onTrouble, onWritten);
  }

  private constructor(path: string, fd: number, onTrouble: (sentence: string) => void, onWritten: () => void) {
    this.#path = path;
    this.#fd = fd;
    this.#onTrouble = onTrouble;
    this.#onWritten = onWritten;
  }

  /** Appends text that ends with a line end. Never throws, and never waits. */
  write(text: string): void {
    if (this.#isClosed) return;
    const bytes = Buffer.byteLength(text);
    if (this.#waitingBytes + bytes > WAITING_BYTES_MAX)
      return this.#onTrouble(`the disk is too slow for the log ${this.#path}; lines are left out`);
    this.#waiting.push(text);
    this.#waitingBytes += bytes;
    this.#go();
  }

  /**
   * Checks whether a new file of the same name can be written.
   * @returns a function that makes the next lines go there; it does not fail
   * @throws FilespoolError folder-unusable
   */
  async prepareReopen(): Promise<() => void> {
    // A pipe cannot be rotated, and closing it might end its reader.
    if (this.#path === "-" || fstatSync(this.#fd).isFIFO()) return () => {};
    await promisify(close)(await opened(this.#path));
    return () => {
      this.#isToBeReopened = true;
      this.#go();
    };
  }

  /** Writes what is left, within bounds, and closes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#go();
    const late = new AbortController();
    const isDone = this.#writing?.then(() => true) ?? true;
    const isClosed = await Promise.race([isDone, sleep(CLOSE_MS, false, { signal: late.signal }).catch(() => false)]);
    late.abort();
    this.#isGivenUp = true;
    if (!isClosed) this.#onTrouble(`the last lines of the log ${this.#path} could not be written; they are lost`);
    else if (this.#fd !== STDOUT) await promisify(close)(this.#fd).catch(() => {});
  }

  #go(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
  }

  /** Writes until no line waits, or a write fails. Never rejects. */
  async #writeAll(): Promise<void> {
    try {
      // Checked before each write: under load, lines may wait for a long time without a pause.
      for (;;) {
        if (this.#isToBeReopened) await this.#reopen();
        if (this.#waiting.length === 0) return;
        await this.#writeSome();
      }
    } catch (error) {
      this.#onTrouble(`the log ${this.#path} cannot be written: ${describe(error)}`);
    }
  }

  async #reopen(): Promise<void> {
    this.#isToBeReopened = false;
    const fd = await opened(this.#path);
    const old = this.#fd;
    this.#fd = fd;
    this.#isTorn = false;
    await promisify(close)(old);
  }

  /** Writes the oldest lines. Lines that were not written stay first. */
  async #writeSome(): Promise<void> {
    let lines = 0;
    for (let chars = 0; lines < this.#waiting.length && chars < WRITE_CHARS; lines++)
      chars += this.#waiting[lines]?.length ?? 0;
    const text = (this.#isTorn ? "\n" : "") + this.#waiting.slice(0, lines).join("");
    const bytes = Buffer.from(text);
    let taken = 0;
    try {
      while (taken < bytes.length) taken += await this.#write(bytes.subarray(taken));
    } finally {
      // A line that was cut is written again as a whole, on a line of its own: nobody could read the rest of it.
      let whole = 0;
      let end = this.#isTorn ? 1 : 0;
      for (; whole < lines; whole++) {
        end += Buffer.byteLength(this.#waiting[whole] as string);
        if (end > taken) break;
      }
      if (taken > 0) this.#isTorn = bytes[taken - 1] !== 0x0a;
      for (const line of this.#waiting.splice(0, whole)) this.#waitingBytes -= Buffer.byteLength(line);
      if (taken > 0) this.#onWritten();
    }
  }

  /** One write; a full pipe is tried again until it accepts something. @returns bytes written */
  async #write(bytes: Uint8Array): Promise<number> {
    for (;;) {
      try {
        return (await promisify(write)(this.#fd, bytes)).bytesWritten;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || this.#isGivenUp) throw error;
        await sleep(FULL_MS);
      }
    }
  }
}

/**
 * A descriptor for appending. It opens without waiting, because a pipe that nobody reads would never open.
 * @throws FilespoolError folder-unusable
 */
async function opened(path: string): Promise<number> {
  try {
    await access(dirname(path), constants.X_OK);
    return await promisify(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640);
  } catch (error) {
    throw new FilespoolError("folder-unusable", `the log ${path} cannot be written: ${describe(error)}`);
  }
}
