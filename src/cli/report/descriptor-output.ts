/**
 * Standard output where it is a file: every byte is written, or the write fails.
 *
 * Node's own stream for files calls `write` once and looks at no count (SyncWriteStream, Node 20 to 26). A disk that is nearly
 * full takes a part of a chunk and says how much; the rest is then lost without an error. `receive --output - > FILE`
 * would ack a file of which the half is there. This stream writes until all is written, so that the disk says ENOSPC.
 *
 * Text and bytes fail in different ways, because different things depend on them:
 *
 *   text    lines for people and programs. An 'error' event tells of it, and the stream goes on: the disk may have room
 *           again for the next line. Whether a lost line matters is for outlet.ts to say.
 *   bytes   contents of files. The write fails as with any stream, so that `pipeline` ends and nothing is acked.
 *
 * Never here: pipes and terminals. Node writes those whole, and without waiting.
 */
import { fstatSync, fsyncSync, readFileSync, statSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { isatty } from "node:tty";

/** As `readFileSync` has it on Linux: the flags that a descriptor was opened with, octal; the last digit says for what. */
const FLAGS = /^flags:\s*[0-7]*([0-7])$/m;
const READ_AND_WRITE = "2";

export class DescriptorOutput extends Writable {
  readonly #fd: number;

  /** @param fd 1 for standard output, 2 for standard error */
  constructor(fd: number) {
    super({ decodeStrings: false });
    this.#fd = fd;
  }

  /** Whether everything that is written here is thrown away. */
  get isNull(): boolean {
    const { rdev } = fstatSync(this.#fd);
    return rdev !== 0 && rdev === statSync("/dev/null", { throwIfNoEntry: false })?.rdev;
  }

  /**
   * Whether it was probably closed when the program started (`>&-`): Node then opens /dev/null in its place, to read and to
   * write, which `> /dev/null` does not. Known on Linux only; some who start programs open it like that as well.
   */
  get wasClosed(): boolean {
    if (!this.isNull) return false;
    try {
      return FLAGS.exec(readFileSync(`/proc/self/fdinfo/${this.#fd}`, "latin1"))?.[1] === READ_AND_WRITE;
    } catch {
      return false;
    }
  }

  /** Contents of a file are on disk before they are acked, as where a file lands. @throws Error of the system */
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

/** The stream to use for a standard descriptor: Node's own for pipes and terminals, else one that writes all or fails. */
export function outputOf<S extends Writable>(fd: number, own: () => S): S | DescriptorOutput {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile() || stat.isBlockDevice() || (stat.isCharacterDevice() && !isatty(fd)))
      return new DescriptorOutput(fd);
  } catch {} // it cannot even be looked at, and Node has an answer for that
  return own();
}
