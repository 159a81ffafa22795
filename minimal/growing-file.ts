/**
 * A file that is on its way in. The server uses it for uploads, the receiver for what it collects.
 *
 * One number carries the whole resume: the next missing byte. A chunk that comes twice changes
 * nothing, a chunk from the future is an error, and content is never looked at to find out what is
 * missing. The file on disk is exactly so long, so its length *is* the number, and after any crash
 * whoever opens it again knows where to go on. Between two calls this holds:
 *
 *   durable <= next = length of the file <= size
 *
 * It refuses to know where the bytes come from, and what becomes of the file when it is whole.
 * A power cut may leave damage before `next`. The digest finds that at the end; then nothing of the
 * file is kept, and the next attempt begins at zero.
 *
 * Left out, and where the full program has it:
 *   writes gathered into large batches   src/disk/batch-writer.ts        adr/0010
 *   a sync each second on a slow link    src/disk/batch-writer.ts        adr/0045
 *   runs of zeros kept as holes          src/disk/holes.ts               adr/0099
 *   a lock on the file                   src/net/receiver/part-file.ts   adr/0082
 *
 * In the full program: src/spool/local/upload.ts, src/net/receiver/part-file.ts. Why the server
 * owns the number: adr/0012. Read next: queues.ts.
 */
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { createDigest, type Digest, digestPrefix } from "../src/disk/digest.ts";
import { dropBytes, type ErrorCode, FilespoolError, joinParts, overlap } from "../src/protocol/index.ts";
import type { Data } from "./connection.ts";

/** Bytes between two syncs. A crash costs about so many, and the last sync of a file is short. */
const SYNC_BYTES = 16 * 1024 * 1024;

export class GrowingFile {
  readonly path: string;
  /** The next missing byte. */
  next = 0;
  /** Everything before it would survive a power cut; only this may be told to a sender. */
  durable = 0;
  readonly #size: number;
  /** Fed as the bytes arrive, so that no file is read a second time when it is whole. */
  readonly #digest: Digest;
  #handle: FileHandle | null = null;

  private constructor(path: string, size: number, algorithm: string) {
    this.path = path;
    this.#size = size;
    this.#digest = createDigest(algorithm);
  }

  /** Creates the file, or goes on with what an earlier attempt left of it. */
  static async open(path: string, size: number, algorithm: string): Promise<GrowingFile> {
    const file = new GrowingFile(path, size, algorithm);
    // "a": each write goes to the end of the file, wherever that is; "+": and it can be read.
    const handle = await open(path, "a+").catch(diskError(path));
    file.#handle = handle;
    // region: resume
    file.next = (await handle.stat()).size;
    await digestPrefix(file.#digest, handle, file.next);
    // Whoever wrote this may have been killed before its sync, and we are going to rely on it.
    if (file.next > 0) await file.sync();
    // endregion: resume
    return file;
  }

  /** The open file, for its one writer: who has closed it, or was superseded, has lost it. */
  get #mine(): FileHandle {
    if (!this.#handle) throw new FilespoolError("superseded");
    return this.#handle;
  }

  /** Takes a chunk, and resolves when it is written. That is the back pressure of a slow disk. */
  async append({ offset, length, parts }: Data): Promise<void> {
    // region: append
    const known = overlap(this.next, this.#size, { offset, length });
    const fresh = joinParts(dropBytes(parts, known));
    await this.#mine.appendFile(fresh).catch(diskError(this.path));
    this.#digest.update(fresh);
    this.next += fresh.length;
    if (this.next - this.durable >= SYNC_BYTES) await this.sync();
    // endregion: append
  }

  /** Makes durable what is written. A file is only as durable as its name, which is in the folder. */
  async sync(): Promise<void> {
    await this.#mine.sync().catch(diskError(this.path));
    if (this.durable === 0) await syncFolder(dirname(this.path));
    this.durable = this.next;
  }

  /**
   * The last step: the file is what its sender said, and on disk; or it is not, and is removed. The
   * size of a stream is told here, because its sender did not know it before.
   */
  async finish(digest: string, size: number): Promise<void> {
    // region: finish
    const isRight = this.next === size && this.#digest.hex() === digest;
    if (!isRight) await this.remove();
    if (!isRight) throw new FilespoolError(this.next === size ? "digest-mismatch" : "size-mismatch");
    await this.sync();
    await this.close();
    // endregion: finish
  }

  /** Lets go of the file, once a write that is under way has ended. What was written stays. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  async remove(): Promise<void> {
    await this.#mine.close();
    this.#handle = null;
    await rm(this.path, { force: true });
  }
}

/** Makes the names in a folder durable: to create, link or rename a file changes only its folder. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(diskError(folder));
  await handle.sync().finally(() => handle.close());
}

/** For a `catch`: says in plain words what the disk refused. A full disk may pass, the rest does not. */
export const diskError =
  (path: string, otherwise: ErrorCode = "folder-unusable") =>
  (error: NodeJS.ErrnoException) => {
    if (error instanceof FilespoolError) throw error;
    // "EACCES: permission denied, open 'x'" becomes "permission denied (EACCES)".
    const why = error.message.replace(/^(\w+): ([^,]*).*$/, "$2 ($1)");
    const code = error.code === "ENOSPC" || error.code === "EDQUOT" ? "disk-full" : otherwise;
    throw new FilespoolError(code, `cannot use ${path}: ${why}`, { cause: error });
  };

/** For a `catch`: what an error of that code stands for. Any other error is thrown on. */
export const unlessCode =
  <T>(code: string, value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== code) throw error;
    return value;
  };
