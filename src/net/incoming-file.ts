/**
 * A file on its way in: small content in memory until it lands, larger content in a part file that survives us.
 *
 * The part file lies in the target folder itself, so that landing is a rename and not a copy, under a name that
 * says which transfer it is of. Whoever collects that transfer next, this process or the one after a crash, goes
 * on where the file ends. Bytes that a power cut damaged are found by the digest at the end; then the part is
 * thrown away, and the next attempt starts from zero. Why: adr/0016.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { dropBytes, overlap } from "../protocol/chunks.ts";
import { joinParts } from "../protocol/decoder.ts";
import { FilespoolError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { OWN_PREFIX } from "../protocol/names.ts";
import { BatchWriter, fileError } from "../spool/batch-writer.ts";
import { createDigest, type Digest, digestPrefix } from "../spool/digest.ts";

export interface IncomingOptions {
  readonly folder: string;
  readonly bufferBytes: number;
  readonly sync: boolean;
  /** So many bytes would survive now. */
  readonly onSynced: (offset: number) => void;
}

/** The part file of a transfer. */
export const partPath = (folder: string, transfer: string): string => join(folder, `${OWN_PREFIX}-${transfer}.part`);

/** Removes parts that nobody has gone on with since, and those with two names: to write there would change what landed. */
export async function removeOldParts(folder: string, names: readonly string[], beforeMs: number): Promise<void> {
  for (const path of names.filter((name) => name.endsWith(".part")).map((name) => join(folder, name))) {
    const stat = await lstat(path).catch(() => null); // another receiver may have finished it
    if (stat && (stat.mtimeMs < beforeMs || stat.nlink > 1)) await rm(path, { force: true });
  }
}

export class IncomingFile {
  readonly delivery: MessageOf<"deliver">;
  /** Where the content is, or for a small file will be once `settle` was called. */
  part: string;
  readonly #options: IncomingOptions;
  readonly #digest: Digest;
  readonly #inline: Buffer | null;
  #handle: FileHandle | null = null;
  #writer: BatchWriter | null = null;
  #taken = 0;

  /** Opens or creates the part. @throws FilespoolError folder-unusable, disk-full, digest-unsupported */
  static async open(delivery: MessageOf<"deliver">, options: IncomingOptions): Promise<IncomingFile> {
    const file = new IncomingFile(delivery, options);
    try {
      if (!file.#inline) await file.#openPart();
      return file;
    } catch (error) {
      await file.close(error as NodeJS.ErrnoException);
      throw folderError(error, options.folder);
    }
  }

  private constructor(delivery: MessageOf<"deliver">, options: IncomingOptions) {
    this.delivery = delivery;
    this.#options = options;
    this.part = partPath(options.folder, delivery.transfer);
    this.#digest = createDigest(delivery.algorithm);
    this.#inline = delivery.size <= LIMITS.pipelineBytesMax ? Buffer.allocUnsafe(delivery.size) : null;
  }

  /** Bytes we have; the server goes on from there. */
  get offset(): number {
    return this.#taken;
  }

  get isComplete(): boolean {
    return this.#taken === this.delivery.size;
  }

  async #openPart(): Promise<void> {
    // O_NOFOLLOW: somebody may have put a link of that name there to make us write elsewhere.
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
    let handle = await open(this.part, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666);
    if (!tryLock(handle.fd)) {
      // Another receiver that works on this folder has (or had) the transfer: ours becomes a part of its own.
      await handle.close();
      this.part = this.part.replace(/part$/, `${randomBytes(4).toString("hex")}.part`);
      handle = await open(this.part, "wx+", 0o666);
    }
    this.#handle = handle;
    const have = Math.min((await handle.stat()).size, this.delivery.size);
    await handle.truncate(have);
    await digestPrefix(this.#digest, handle, have);
    this.#taken = have;
    const { bufferBytes: batchBytes, sync, onSynced } = this.#options;
    if (sync && have > 0) await handle.datasync(); // who wrote it may have been killed before the sync
    this.#writer = new BatchWriter(handle, have, { batchBytes, sync, onSynced });
  }

  /** Takes bytes; a promise means: wait for it. @throws FilespoolError offset-gap, size-mismatch, folder-unusable, disk-full */
  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    const have = overlap(this.#taken, this.delivery.size, { offset, length });
    // What is left of an overlap is copied: a slice would keep alive the whole read that it came in.
    const fresh = have === 0 ? parts : [joinParts(dropBytes(parts, have)).slice()];
    for (const part of fresh) {
      this.#digest.update(part);
      this.#inline?.set(part, this.#taken);
      this.#taken += part.length;
    }
    try {
      return this.#writer?.append(fresh);
    } catch (error) {
      throw folderError(error, this.#options.folder);
    }
  }

  /** Verifies the content and makes it durable under the part's name. @throws FilespoolError digest-mismatch; nothing is kept */
  async settle(): Promise<void> {
    const { digest, name } = this.delivery;
    const found = this.#digest.hex();
    if (found !== digest) {
      await this.discard();
      throw new FilespoolError("digest-mismatch", `"${name}" arrived with the digest ${found}, not ${digest}`);
    }
    try {
      if (this.#inline) {
        const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
        this.#handle = await open(this.part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666);
        await this.#handle.writeFile(this.#inline);
        if (this.#options.sync) await this.#handle.datasync();
      } else await this.#writer?.sync();
    } finally {
      await this.close();
    }
  }

  /** Lets go of the part and keeps it for the next attempt. */
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

  async discard(): Promise<void> {
    await this.close();
    await rm(this.part, { force: true });
  }
}

/** What could not be removed has two names, and goes when the folder is opened next. */
export async function removeParts(parts: readonly string[]): Promise<void> {
  for (const part of parts) await unlink(part).catch(() => {});
}

/** Gives the part its final name, as a second one, unless something has that name; false then. */
export async function claim(part: string, path: string, linked: string[]): Promise<boolean> {
  try {
    await link(part, path);
    linked.push(part);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  // A file system without hard links (FAT): look first. Who takes the name in between would be replaced.
  if (await lstat(path).catch(unlessMissing)) return false;
  await rename(part, path);
  return true;
}

/** For a `catch`: null for what is not there. */
export function unlessMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

/** An error of the file system in the target folder. */
export const folderError = (error: unknown, folder: string): FilespoolError =>
  fileError(error, folder, "folder-unusable");
