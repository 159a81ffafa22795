/**
 * A large file on its way in: its content goes to a part file, which survives this process. Small
 * ones: small-file.ts.
 *
 * The part file is in the target folder itself, so that landing is a rename and not a copy. Its
 * name says which transfer it belongs to. The next receiver of that transfer, in this process or
 * after a crash, goes on where the part file ends. If a power cut has damaged it, the digest tells
 * in the end: then the part file is deleted, and the next attempt starts from zero. Why: adr/0016.
 *
 * Invariant: `offset` bytes are in the digest, and on their way to the part file, in that order and
 * without a gap. The receiver never trusts them before `settle` has compared the digest.
 *
 * Never here: the final name (landing.ts), and whether a delivery may come in (incoming.ts).
 */
import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { BatchWriter, type WriteBacklog } from "../../disk/batch-writer.ts";
import { createDigest, type Digest, digestPrefix } from "../../disk/digest.ts";
import { dropBytes, overlap } from "../../protocol/chunks.ts";
import { joinParts } from "../../protocol/decoder.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { release } from "../wire/buffer-pool.ts";
import { type FileAttributes, syncAll } from "./file-attributes.ts";
import { look, openOurs, ownName, partPath, withLot } from "./own-files.ts";

export { partPath };

/** A delivery as the server announced it, or as this run adapted it (incoming.ts). */
export type Delivered = MessageOf<"deliver">;

/** What a receiver does with the content of a delivery, be it large, small or special. */
export interface Incoming {
  readonly delivery: Delivered;
  /** Where the content is when the file is to land: an absolute path in the target folder. */
  readonly part: string;
  /** Bytes that are here already. The server goes on from this one. */
  readonly offset: number;
  /** All bytes are here. Whether they are the right ones, `settle` tells. */
  readonly isComplete: boolean;
  /**
   * Takes bytes, in order. If it returns a promise, the caller waits before it calls again: that is
   * the back pressure of the disk.
   * @throws FilespoolError offset-gap, size-mismatch; or what the file system said
   */
  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined;
  /** True if `settle` gives names in the folder, so that the folder has to be synced after it. */
  readonly settlesNames?: true;
  /**
   * Verifies the content and makes it durable under the part's name.
   * @throws FilespoolError digest-mismatch: the content is deleted; or what the file system said
   */
  settle(): Promise<void>;
  /**
   * Takes the place of what has its name, where a rename is not enough. The caller removes
   * `replaced` in the end.
   */
  replace?(path: string, replaced: string[]): void;
  /** Closes the part file. A large one stays on the disk for the next attempt. */
  close(): Promise<void> | void;
}

/** What a part file needs to know of the run. */
export interface IncomingOptions {
  readonly folder: string;
  /** Most bytes that are gathered for one write to the disk. */
  readonly bufferBytes: number;
  /** Whether what is acked must survive a power cut. */
  readonly sync: boolean;
  /** Mode and time, which `settle` sets. */
  readonly attributes: FileAttributes;
  /** What waits for the disk of the target folder, of all files together. */
  readonly backlog: WriteBacklog;
  /** Called each time a sync has ended: so many bytes would survive a power cut now. */
  readonly onSynced: (offset: number) => void;
}

/**
 * Removes old part files that no receiver has gone on with, and every one with two names: writing
 * to that one would change a file that has landed. Age goes by the ctime, because the mtime may be
 * the sender's by now.
 */
export async function removeOldParts(folder: string, names: readonly string[], beforeMs: number): Promise<void> {
  for (const path of names.filter((name) => ownName(name)?.kind === "part").map((name) => join(folder, name))) {
    const found = look(path);
    if (found.is === "twin" || (found.is === "file" && found.stat.ctimeMs < beforeMs)) await rm(path, { force: true });
  }
}

/** One large file. `append` until it is complete, then `settle`; `close` at any time. */
export class PartFile implements Incoming {
  readonly delivery: Delivered;
  /** Where the content is. `#openPart` takes another name if the usual one is taken. */
  part: string;
  readonly #options: IncomingOptions;
  /** Over all bytes before `#taken`, those of an earlier run included. */
  readonly #digest: Digest;
  /** Open, and locked against other receivers, from `open` until `close`; null after that. */
  #handle: FileHandle | null = null;
  /** Gathers bytes to large writes, and syncs them now and then. Null when `#handle` is. */
  #writer: BatchWriter | null = null;
  /** Bytes that were taken, or found in the part file at the start. It only grows. */
  #taken = 0;

  /**
   * Opens or creates the part file.
   * @throws FilespoolError digest-unsupported; or what the file system said
   */
  static async open(delivery: Delivered, options: IncomingOptions): Promise<PartFile> {
    const file = new PartFile(delivery, options);
    try {
      await file.#openPart();
      return file;
    } catch (error) {
      await file.close(error as NodeJS.ErrnoException);
      throw error;
    }
  }

  private constructor(delivery: Delivered, options: IncomingOptions) {
    this.delivery = delivery;
    this.#options = options;
    this.part = partPath(options.folder, delivery.transfer);
    this.#digest = createDigest(delivery.algorithm);
  }

  get offset(): number {
    return this.#taken;
  }

  get isComplete(): boolean {
    return this.#taken === this.delivery.size;
  }

  /** Finds the part file to write to, and computes the digest of what is in it. */
  async #openPart(): Promise<void> {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    const create = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    const { createMode } = this.#options.attributes;
    let handle = await open(this.part, create, createMode).catch(unlessTaken);
    handle ??= await openOurs(this.part, O_RDWR);
    if (handle && !tryLock(handle.fd)) {
      await handle.close();
      handle = null;
    }
    if (!handle) {
      // Another receiver here works on the same transfer, or a stranger's file has that name.
      this.part = withLot(this.part);
      handle = await open(this.part, create, createMode);
    }
    this.#handle = handle;
    const have = Math.min((await handle.stat()).size, this.delivery.size);
    await handle.truncate(have);
    await digestPrefix(this.#digest, handle, have);
    this.#taken = have;
    const { bufferBytes: batchBytes, sync, backlog, onSynced } = this.#options;
    if (sync && have > 0) await handle.datasync(); // its writer may have been killed first
    this.#writer = new BatchWriter(handle, have, { batchBytes, sync, backlog, onSynced, onWritten: release });
  }

  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    const have = overlap(this.#taken, this.delivery.size, { offset, length });
    // The rest of an overlap is copied: a slice would keep alive the whole read that it came in.
    const fresh = have === 0 ? parts : [joinParts(dropBytes(parts, have)).slice()];
    for (const part of fresh) {
      this.#digest.update(part);
      this.#taken += part.length;
    }
    if (have > 0) release(parts); // they were copied
    return this.#writer?.append(fresh);
  }

  async settle(): Promise<void> {
    const found = this.#digest.hex();
    if (found !== this.delivery.digest) {
      await this.close();
      await rm(this.part, { force: true });
      throw mismatch(this.delivery, found);
    }
    let cause: NodeJS.ErrnoException | undefined;
    try {
      await this.#writer?.sync();
      const { attributes, sync } = this.#options;
      // Every write sets a time of change, so ours comes last, and needs a sync of its own.
      if (this.#handle && (await attributes.set(this.#handle.fd)) && sync) await syncAll(this.#handle.fd);
    } catch (error) {
      cause = error as NodeJS.ErrnoException;
      throw error;
    } finally {
      await this.close(cause); // the system tells of a failed sync once, and the writer missed it
    }
  }

  async close(cause?: NodeJS.ErrnoException): Promise<void> {
    const failure = cause ?? (await this.#writer?.sync().catch((error: NodeJS.ErrnoException) => error));
    const handle = this.#handle;
    this.#handle = null;
    this.#writer = null;
    await handle?.close();
    // Bytes that did not reach the disk are sent again. After a failed sync that is all of them:
    // what is read back may be in memory only, and no later sync tells (Rebello et al., "Can
    // Applications Recover from fsync Failures?", 2020).
    if (failure?.code === "EIO") await rm(this.part, { force: true });
  }
}

/** The error of content that is not what its digest says. */
export const mismatch = ({ name, digest }: Delivered, found: string): FilespoolError =>
  new FilespoolError("digest-mismatch", `"${name}" arrived with the digest ${found}, not ${digest}`);

/** For a `catch`: null if the name is taken. */
function unlessTaken(error: NodeJS.ErrnoException): null {
  if (error.code === "EEXIST") return null;
  throw error;
}
