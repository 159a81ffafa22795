/**
 * The server's disk: the real memory spool, behind a cache that a crash empties.
 *
 * The memory spool stands for what is durable. What arrives waits here, in the server's memory, until enough has
 * gathered for a sync, as in src/disk/batch-writer.ts; only then does the spool, and through it the sender, hear of
 * it. Invariant: durable <= taken, and a crash costs exactly what lies in between.
 */
import { dropBytes, overlap } from "../../../../src/protocol/chunks.ts";
import { joinParts } from "../../../../src/protocol/decoder.ts";
import { FilespoolError } from "../../../../src/protocol/errors.ts";
import type { Upload } from "../../../../src/spool/contract.ts";
import type { World } from "./world.ts";

/** One sync of this disk. */
export const SYNC_MS = 8;
/** Buffers that gather before the next sync. */
export const SYNC_BUFFERS = 4;

export class CachedUpload {
  readonly #world: World;
  readonly #upload: Upload;
  readonly #size: number;
  readonly #syncBytes: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #durable: number;
  #isSyncing = false;
  #isOver = false;

  constructor(world: World, upload: Upload, size: number, bufferBytes: number) {
    this.#world = world;
    this.#upload = upload;
    this.#size = size;
    this.#syncBytes = bufferBytes * SYNC_BUFFERS;
    this.#durable = upload.offset;
  }

  get taken(): number {
    return this.#durable + this.#waitingBytes;
  }

  /** @throws FilespoolError offset-gap, size-mismatch */
  append(offset: number, length: number, parts: readonly Uint8Array[]): void {
    const fresh = dropBytes(parts, overlap(this.taken, this.#size, { offset, length }));
    this.#waiting.push(...fresh);
    this.#waitingBytes += fresh.reduce((bytes, part) => bytes + part.length, 0);
    if (this.#waitingBytes >= this.#syncBytes && !this.#isSyncing) {
      this.#isSyncing = true;
      this.#world.after(SYNC_MS, () => {
        this.#isSyncing = false;
        return this.#flush();
      });
    }
  }

  /** Syncs what is left, verifies, and puts the file into its queue. */
  finish(digest: string, done: (error: unknown) => void): void {
    this.#world.after(SYNC_MS, async () => {
      if (this.#isOver) return;
      try {
        this.#flush();
        await this.#upload.finish(digest);
        done(null);
      } catch (error) {
        done(error);
      }
    });
  }

  #flush(): void {
    if (this.#isOver || this.#waitingBytes === 0) return;
    const offset = this.#durable;
    const bytes = joinParts(this.#waiting).slice();
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#durable += bytes.length;
    try {
      void this.#upload.append(offset, [bytes]);
    } catch (error) {
      // A newer connection has the upload, and goes on from what was durable.
      if (!(error instanceof FilespoolError) || error.code !== "superseded") throw error;
      this.#isOver = true;
    }
  }

  /** The sender is gone: what has arrived is synced and kept. */
  async suspend(): Promise<void> {
    this.#flush();
    this.#isOver = true;
    await this.#upload.suspend().catch((error: unknown) => {
      if (!(error instanceof FilespoolError)) throw error;
    });
  }

  async cancel(): Promise<void> {
    this.#isOver = true;
    await this.#upload.cancel();
  }

  /** The server is gone, and its memory with it. */
  crash(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
