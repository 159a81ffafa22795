/**
 * The reserve: room on the disk that only the index may use, and a look at the disk before each of its writes.
 *
 * LMDB must not meet a full disk. In the newest release (lmdb 3.5.6, mdb.c, "Attempting to write page at position") a
 * write that fails makes a message of up to 111 bytes in a buffer of 104, and the heap that it damages ends the process
 * now or later. So whoever wants to add content is refused in time; and so that a full disk can be emptied by collecting,
 * what only notes or removes may use up a file that is kept for nothing else. Why: adr/0030.
 */
import { existsSync, rmSync, statfsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FilespoolError } from "../protocol/errors.ts";

const MiB = 1024 * 1024;
/** With less than this left, no content is added, so that what only notes or removes has room. */
const LOW_BYTES = 4 * MiB;
/** About what a write takes beside the content: pages are written anew, not changed (5 KiB each in 600 acks at once). */
const NOTE_BYTES = 8 * 1024;
export const RESERVE_BYTES = 8 * MiB;
/** How long a look at the disk holds. LOW_BYTES is more than others write in that time. */
const LOOK_MS = 1;

export class Reserve {
  readonly #folder: string;
  readonly #file: string;
  /** From an earlier run, too: a server may have to start on a full disk. */
  #isThere: boolean;
  /** Bytes that the index was asked to write and has not written. */
  #asked = 0;
  /** What the last look found, and when it was. */
  #found = 0;
  #lookedMs = -Infinity;

  constructor(folder: string) {
    this.#folder = folder;
    this.#file = join(folder, "reserve");
    this.#isThere = existsSync(this.#file);
  }

  /** Bytes left for us. Synchronous: it takes microseconds, and must be true at the moment of asking. */
  #left(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    this.#lookedMs = performance.now();
    this.#found = bavail * bsize;
    return this.#found;
  }

  /** Another program may take the last room between our look and LMDB's write, which then calls it an I/O error. */
  get isLow(): boolean {
    return this.#left() < LOW_BYTES;
  }

  /** Puts the reserve aside if the disk has `ampleBytes` left; 0 for none, ever. Called at the start and with every sweep. */
  async renew(ampleBytes: number): Promise<void> {
    if (this.#isThere || ampleBytes === 0 || this.#left() < ampleBytes) return;
    this.#isThere = true;
    await writeFile(this.#file, Buffer.alloc(RESERVE_BYTES));
  }

  /**
   * Before a write of the index that adds `bytes` of content. A look serves all who ask in the same millisecond.
   * @returns what to give back by `done` @throws FilespoolError disk-full
   */
  ask(bytes: number): number {
    const asked = bytes + NOTE_BYTES;
    const found = performance.now() - this.#lookedMs < LOOK_MS ? this.#found : this.#left();
    if (found - this.#asked - asked < (bytes > 0 ? LOW_BYTES : MiB)) {
      if (bytes > 0 || !this.#isThere) throw new FilespoolError("disk-full", `no space left for ${this.#folder}`);
      rmSync(this.#file, { force: true });
      this.#isThere = false;
      this.#left();
    }
    this.#asked += asked;
    return asked;
  }

  /** After it, whatever came of it. */
  done(asked: number): void {
    this.#asked -= asked;
  }
}
