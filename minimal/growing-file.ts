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
 *   runs of zeros kept as holes          src/disk/holes.ts               adr/0099
 *   a lock on the file                   src/net/receiver/part-file.ts   adr/0082
 *
 * In the full program: src/spool/local/upload.ts, src/net/receiver/part-file.ts. Why the server
 * owns the number: adr/0012. Read next: queues.ts.
 */
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { createDigest, digestPrefix } from "../src/disk/digest.ts";
import { dropBytes, FilespoolError, joinParts, known, overlap } from "../src/protocol/index.ts";
import type { Data } from "./connection.ts";

/** Bytes between two syncs. A power cut costs about so many; a kill costs nothing. */
const SYNC_BYTES = 16 * 1024 * 1024;
export type GrowingFile = Awaited<ReturnType<typeof openGrowingFile>>;
/**
 * Creates the file, or goes on with what an earlier attempt left. A stream has the size Infinity.
 */
export async function openGrowingFile(path: string, size: number, algorithm: string, syncBytes = SYNC_BYTES) {
  // Fed as the bytes arrive, so that no file is read a second time when it is whole.
  const digest = createDigest(algorithm);
  // "a": each write goes to the end of the file, wherever that is; "+": it can be read, too.
  const handle = await open(path, "a+");
  const file = {
    /** The next missing byte. */
    next: (await handle.stat()).size,
    /** Everything before it would survive a power cut. Only this may be told to a sender. */
    durable: 0,
    /**
     * False when its writer has let go of it, or a newer one has taken over: nothing is written.
     */
    isOpen: true,
    /** Takes a chunk. Resolves when it is written; true when it was time for a sync, too. */
    async append({ offset, length, parts }: Data): Promise<boolean> {
      // region: append
      if (!file.isOpen) throw new FilespoolError("superseded");
      const known = overlap(file.next, size, { offset, length });
      const fresh = joinParts(dropBytes(parts, known));
      await handle.appendFile(fresh);
      digest.update(fresh);
      file.next += fresh.length;
      const isDue = file.next - file.durable >= syncBytes;
      if (isDue) await file.sync();
      return isDue;
      // endregion: append
    },
    /** Makes durable what is written. A file is as durable as its name, which is in the folder. */
    async sync(): Promise<void> {
      await handle.sync();
      if (file.durable === 0) await syncFolder(dirname(path));
      file.durable = file.next;
    },
    /**
     * The last step: the file is what its sender said, and on disk; or it is not, and is removed.
     */
    async finish(hex: string, total: number): Promise<void> {
      // region: finish
      if (!file.isOpen) throw new FilespoolError("superseded");
      const isSize = file.next === total;
      if (isSize && digest.hex() === hex) return file.sync().finally(file.close);
      await file.remove();
      throw new FilespoolError(isSize ? "digest-mismatch" : "size-mismatch");
      // endregion: finish
    },
    /** Lets go of the file, once a write that is under way has ended. What was written stays. */
    async close(): Promise<void> {
      file.isOpen = false;
      await handle.close();
    },
    async remove(): Promise<void> {
      if (!file.isOpen) throw new FilespoolError("superseded");
      await file.close();
      await rm(path, { force: true });
    },
  };
  // region: resume
  await digestPrefix(digest, handle, file.next);
  // Whoever wrote this may have been killed before its sync, and we are going to rely on it.
  if (file.next > 0) await file.sync();
  // endregion: resume
  return file;
}
/** Makes the names in a folder durable: to create, link or rename a file changes only that. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}
/** For a `catch`: what an error with that code stands for. Any other error is thrown on. */
export const unless =
  <T>(code: string, value: T) =>
  (error: NodeJS.ErrnoException): T | Promise<T> =>
    error.code === code ? value : Promise.reject(error);
/** Whatever was thrown, as an error of the table. A full disk may pass; all else needs a person. */
export function understood(error: unknown): FilespoolError {
  const { code, path = "the disk", message, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof FilespoolError || !syscall) return known(error);
  // "EACCES: permission denied, open 'x'" becomes "permission denied (EACCES)".
  const why = `cannot use ${path}: ${message.replace(/^(\w+): ([^,]*).*$/, "$2 ($1)")}`;
  return new FilespoolError(/ENOSPC|EDQUOT/.test(`${code}`) ? "disk-full" : "folder-unusable", why, { cause: error });
}
