/**
 * A file on its way in: its content goes to a part file that survives us. Small ones: small-file.ts.
 *
 * The part file lies in the target folder itself, so that landing is a rename and not a copy, under a name that
 * says which transfer it is of. Whoever collects that transfer next, this process or the one after a crash, goes
 * on where the file ends. Bytes that a power cut damaged are found by the digest at the end; then the part is
 * thrown away, and the next attempt starts from zero. Why: adr/0016.
 */
import { randomBytes } from "node:crypto";
import { constants, linkSync, lstatSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { type FileHandle, lstat, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { dropBytes, overlap } from "../protocol/chunks.ts";
import { joinParts } from "../protocol/decoder.ts";
import { FilespoolError } from "../protocol/errors.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { OWN_PREFIX } from "../protocol/names.ts";
import { BatchWriter, fileError } from "../spool/batch-writer.ts";
import { createDigest, type Digest, digestPrefix } from "../spool/digest.ts";
import { giveBack } from "./read-blocks.ts";

/** What a receiver does with a file, large or small. */
export interface Incoming {
  readonly delivery: MessageOf<"deliver">;
  /** Where the content is when the file is to land. */
  readonly part: string;
  /** Bytes we have; the server goes on from there. */
  readonly offset: number;
  readonly isComplete: boolean;
  /** Takes bytes; a promise means: wait for it. @throws FilespoolError offset-gap, size-mismatch, folder-unusable, disk-full */
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

export class IncomingFile implements Incoming {
  readonly delivery: MessageOf<"deliver">;
  part: string;
  readonly #options: IncomingOptions;
  readonly #digest: Digest;
  #handle: FileHandle | null = null;
  #writer: BatchWriter | null = null;
  #taken = 0;

  /** Opens or creates the part. @throws FilespoolError folder-unusable, disk-full, digest-unsupported */
  static async open(delivery: MessageOf<"deliver">, options: IncomingOptions): Promise<IncomingFile> {
    const file = new IncomingFile(delivery, options);
    try {
      await file.#openPart();
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
  }

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
    this.#writer = new BatchWriter(handle, have, { batchBytes, sync, onSynced, onWritten: giveBack });
  }

  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    const have = overlap(this.#taken, this.delivery.size, { offset, length });
    // What is left of an overlap is copied: a slice would keep alive the whole read that it came in.
    const fresh = have === 0 ? parts : [joinParts(dropBytes(parts, have)).slice()];
    for (const part of fresh) {
      this.#digest.update(part);
      this.#taken += part.length;
    }
    if (have > 0) giveBack(parts); // they were copied
    try {
      return this.#writer?.append(fresh);
    } catch (error) {
      throw folderError(error, this.#options.folder);
    }
  }

  async settle(): Promise<void> {
    const found = this.#digest.hex();
    if (found !== this.delivery.digest) {
      await this.close();
      await rm(this.part, { force: true });
      throw mismatch(this.delivery, found);
    }
    try {
      await this.#writer?.sync();
    } finally {
      await this.close();
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

export const mismatch = ({ name, digest }: MessageOf<"deliver">, found: string): FilespoolError =>
  new FilespoolError("digest-mismatch", `"${name}" arrived with the digest ${found}, not ${digest}`);

/** What could not be removed has two names, and goes when the folder is opened next. */
export function removeParts(parts: readonly string[]): void {
  for (const part of parts) {
    try {
      if (part.endsWith(".part")) unlinkSync(part);
      else rmSync(part, { recursive: true, force: true }); // a folder that was put aside
    } catch {}
  }
}

/** Gives the part its final name, as a second one, unless something has that name; false then. */
export function claim(part: string, path: string, linked: string[]): boolean {
  try {
    linkSync(part, path);
    linked.push(part);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  // A file system without hard links (FAT): look first. Who takes the name in between would be replaced.
  if (isThere(path)) return false;
  renameSync(part, path);
  return true;
}

/** Whether anything is found under that name, be it a link that leads nowhere. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** For a `catch`: null for what is not there. */
export function unlessMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null;
  throw error;
}

/** An error of the file system in the target folder. */
export const folderError = (error: unknown, folder: string): FilespoolError =>
  fileError(error, folder, "folder-unusable");
