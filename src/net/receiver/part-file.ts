/**
 * A file on its way in: its content goes to a part file that survives us. Small ones: small-file.ts.
 *
 * The part file lies in the target folder itself, so that landing is a rename and not a copy, under a name that
 * says which transfer it is of. Whoever collects that transfer next, this process or the one after a crash, goes
 * on where the file ends. Bytes that a power cut damaged are found by the digest at the end; then the part is
 * thrown away, and the next attempt starts from zero. Why: adr/0016.
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

export type Delivered = MessageOf<"deliver">;

/** What a receiver does with a file, large or small. */
export interface Incoming {
  readonly delivery: Delivered;
  /** Where the content is when the file is to land. */
  readonly part: string;
  /** Bytes we have; the server goes on from there. */
  readonly offset: number;
  readonly isComplete: boolean;
  /** Takes bytes; a promise means: wait for it. @throws FilespoolError offset-gap, size-mismatch; what the file system said */
  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined;
  /** Settling gives or changes names in the folder, so that the folder has to be synced after it. */
  readonly settlesNames?: true;
  /** Makes the content durable under the part's name. @throws FilespoolError digest-mismatch; nothing is kept */
  settle(): Promise<void>;
  /** How it takes the place of what has its name, where that is more than a rename; `replaced` is removed in the end. */
  replace?(path: string, replaced: string[]): void;
  /** Lets go of the part; a large one is kept for the next attempt. */
  close(): Promise<void> | void;
}

export interface IncomingOptions {
  readonly folder: string;
  readonly bufferBytes: number;
  readonly sync: boolean;
  readonly attributes: FileAttributes;
  /** What waits for the disk of the target folder, of all files together. */
  readonly backlog: WriteBacklog;
  /** So many bytes would survive now. */
  readonly onSynced: (offset: number) => void;
}

/**
 * Removes parts that nobody has gone on with since, and those with two names: to write there would change what landed.
 * The time of change may be the sender's by now, which the time of the last change of any kind (ctime) never is.
 */
export async function removeOldParts(folder: string, names: readonly string[], beforeMs: number): Promise<void> {
  for (const path of names.filter((name) => ownName(name)?.kind === "part").map((name) => join(folder, name))) {
    const found = look(path);
    if (found.is === "twin" || (found.is === "file" && found.stat.ctimeMs < beforeMs)) await rm(path, { force: true });
  }
}

export class PartFile implements Incoming {
  readonly delivery: Delivered;
  part: string;
  readonly #options: IncomingOptions;
  readonly #digest: Digest;
  #handle: FileHandle | null = null;
  #writer: BatchWriter | null = null;
  #taken = 0;

  /** Opens or creates the part. @throws FilespoolError digest-unsupported; what the file system said */
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
      // Another receiver that works on this folder has (or had) the transfer, or somebody has put something else there.
      this.part = withLot(this.part);
      handle = await open(this.part, create, createMode);
    }
    this.#handle = handle;
    const have = Math.min((await handle.stat()).size, this.delivery.size);
    await handle.truncate(have);
    await digestPrefix(this.#digest, handle, have);
    this.#taken = have;
    const { bufferBytes: batchBytes, sync, backlog, onSynced } = this.#options;
    if (sync && have > 0) await handle.datasync(); // who wrote it may have been killed before the sync
    this.#writer = new BatchWriter(handle, have, { batchBytes, sync, backlog, onSynced, onWritten: release });
  }

  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    const have = overlap(this.#taken, this.delivery.size, { offset, length });
    // What is left of an overlap is copied: a slice would keep alive the whole read that it came in.
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
      // Whatever is written sets a time of change, so ours comes last, and needs a sync of its own.
      if (this.#handle && (await attributes.set(this.#handle.fd)) && sync) await syncAll(this.#handle.fd);
    } catch (error) {
      cause = error as NodeJS.ErrnoException;
      throw error;
    } finally {
      await this.close(cause); // the system tells of a failed sync once, and the writer has not heard of that one
    }
  }

  async close(cause?: NodeJS.ErrnoException): Promise<void> {
    const failure = cause ?? (await this.#writer?.sync().catch((error: NodeJS.ErrnoException) => error));
    const handle = this.#handle;
    this.#handle = null;
    this.#writer = null;
    await handle?.close();
    // What did not reach the disk will be sent again. After a failed sync that is all of it: what is read back may be in
    // memory only, and no later sync tells (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
    if (failure?.code === "EIO") await rm(this.part, { force: true });
  }
}

export const mismatch = ({ name, digest }: Delivered, found: string): FilespoolError =>
  new FilespoolError("digest-mismatch", `"${name}" arrived with the digest ${found}, not ${digest}`);

/** For a `catch`: null where something has that name. */
function unlessTaken(error: NodeJS.ErrnoException): null {
  if (error.code === "EEXIST") return null;
  throw error;
}
