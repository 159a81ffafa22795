/**
 * Standard output where it is a file: every byte is written, or the write fails.
 *
 * Node's own stream for files calls `write` once and ignores the count (SyncWriteStream, Node 20 to 26). A disk that is
 * nearly full takes only a part of a chunk, and the rest is lost without an error. `receive --output - > FILE` would then
 * ack half a file. This stream writes until all is written, so the disk reports ENOSPC.
 *
 * Text and bytes fail in different ways:
 *
 *   text    lines for people and programs. There is an 'error' event, and the stream goes on, because the disk may have
 *           room for the next line. outlet.ts decides whether a lost line matters.
 *   bytes   contents of files. The write fails as in any stream, so `pipeline` ends and nothing is acked.
 *
 * Never here: pipes and terminals. Node writes those completely, and without waiting.
 */
import { fstatSync, fsyncSync, readFileSync, statSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { isatty } from "node:tty";

/** The line of /proc with the flags of an open descriptor, in octal (Linux). The last digit says read, write or both. */
const FLAGS = /^flags:\s*[0-7]*([0-7])$/m;
const READ_AND_WRITE = "2";

export class DescriptorOutput extends Writable {
  readonly #fd: number;

  /** @param fd 1 for standard output, 2 for standard error */
  constructor(fd: number) {
    super({ decodeStrings: false });
    this.#fd = fd;
  }

  /** Whether it is /dev/null, which discards all output. */
  get isNull(): boolean {
    const { rdev } = fstatSync(this.#fd);
    return rdev !== 0 && rdev === statSync("/dev/null", { throwIfNoEntry: false })?.rdev;
  }

  /**
   * Whether it was probably closed when the program started (`>&-`). Node then opens /dev/null in its place, for reading and
   * writing, unlike `> /dev/null`. Known only on Linux; some programs open it in the same way when they start others.
   */
  get wasClosed(): boolean {
    if (!this.isNull) return false;
    try {
      return FLAGS.exec(readFileSync(`/proc/self/fdinfo/${this.#fd}`, "latin1"))?.[1] === READ_AND_WRITE;
    } catch {
      return false;
    }
  }

  /** Syncs the content of a file before it is acked, as for a file that lands. @throws Error of the system */
  sync(): void {
    if (fstatSync(this.#fd).isFile()) fsyncSync(this.#fd);
  }

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      if (typeof chunk !== "string") return done(error as Error);
      this.emit("error", error);
    }
    done();
  }
}

/** The stream for a standard descriptor: Node's own for pipes and terminals, else one that writes everything or fails. */
export function outputOf<S extends Writable>(fd: number, own: () => S): S | DescriptorOutput {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile() || stat.isBlockDevice() || (stat.isCharacterDevice() && !isatty(fd)))
      return new DescriptorOutput(fd);
  } catch {} // fstat failed; Node's own stream handles that
  return own();
}
