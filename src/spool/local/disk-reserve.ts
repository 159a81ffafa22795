/**
 * The reserve: room that only the index may use, and a look at the disk before each of its writes.
 *
 * LMDB must not meet a full disk. In the newest release (lmdb 3.5.6, mdb.c, "Attempting to write page at position") a
 * write that fails makes a message of up to 111 bytes in a buffer of 104, and the heap that it damages ends the process
 * now or later. So whoever wants to add content is refused in time; and so that a full disk can be emptied by collecting,
 * what only notes or removes has room of its own, of two kinds:
 *
 *   inside     pages of the index file that are free, and zeros behind its end. To write there again needs no room on
 *              ext4 and xfs, and nobody else can take it, not even root. Btrfs writes everything to a new place.
 *   the file   `reserve`, which is removed when it is needed. What that frees is for whoever comes first, and on an ext4
 *              that root has filled it is root's: 5 % of it are root's again before anybody else gets a block.
 *
 * Free room is always what the system has for *us* (`bavail`). Quotas are not in that number. Why: adr/0030, adr/0073.
 */
import { existsSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FilespoolError } from "../../protocol/errors.ts";

const MiB = 1024 * 1024;
/** With less than this left, no content is added, so that what only notes or removes has room. */
const LOW_BYTES = 4 * MiB;
/** About what a write takes beside the content: pages are written anew, not changed (5 KiB each in 600 acks at once). */
const NOTE_BYTES = 8 * 1024;
export const RESERVE_BYTES = 8 * MiB;
/** Of what is inside, so much is not counted on: a commit needs its pages at once, and gets those of earlier ones later. */
const INSIDE_BYTES_MIN = MiB;
/** Zeros are written behind the end where the disk has less than this left: before that, a growing index only takes them. */
const SCARCE_BYTES = 1024 * MiB;
/** How long a look at the disk holds. LOW_BYTES is more than others write in that time. */
const LOOK_MS = 1;
/** File systems that write a block again where it is: ext2 to ext4, and xfs (statfs, `f_type`). */
const IN_PLACE: ReadonlySet<number> = new Set([0xef53, 0x58465342]);

/** What the reserve has to know of the index. */
export interface IndexRoom {
  readonly file: string;
  /** Bytes of it that are in use. */
  bytesInUse(): number;
  /** Does something while no commit is under way, and none can begin. */
  between(work: () => Promise<void>): Promise<void>;
}

export class DiskReserve {
  readonly #folder: string;
  readonly #file: string;
  readonly #isInPlace: boolean;
  /** Unknown until it is open. */
  index: IndexRoom | null = null;
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
    this.#isInPlace = IN_PLACE.has(statfsSync(folder).type);
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

  /** Before the index is open: whether what is mapped beside it can be written without a signal that ends the process. */
  get isSafeToMap(): boolean {
    if (this.isLow && this.#isThere) this.#giveUp();
    return !this.isLow || this.#isInPlace;
  }

  /** Bytes that the index can write where it has written before. Holes in the file are none: they need room. */
  #inside(): number {
    if (!this.#isInPlace || !this.index) return 0;
    const { size, blocks } = statSync(this.index.file);
    return Math.min(size, blocks * 512) - this.index.bytesInUse();
  }

  /** Puts the reserve aside if the disk has `ampleBytes` left; 0 for none, ever. Called at the start and with every sweep. */
  async renew(ampleBytes: number): Promise<void> {
    if (ampleBytes === 0 || this.#left() < ampleBytes) return;
    const isScarce = this.#found < SCARCE_BYTES;
    if (!this.#isThere) {
      this.#isThere = true;
      await writeFile(this.#file, Buffer.alloc(RESERVE_BYTES));
    }
    if (isScarce && this.#isInPlace && this.#inside() < RESERVE_BYTES / 2)
      await this.index?.between(() => this.#extend());
  }

  /** Writes zeros behind the end of the index file, where LMDB will put its next pages. It takes no notice of them. */
  async #extend(): Promise<void> {
    const handle = await open((this.index as IndexRoom).file, "r+");
    try {
      const { size } = await handle.stat();
      await handle.write(Buffer.alloc(RESERVE_BYTES - Math.max(0, this.#inside())), 0, undefined, size);
    } finally {
      await handle.close();
    }
  }

  /**
   * Frees the room of the file, and writes some of it: a copy-on-write file system counts it as free only when somebody
   * asks for room, and on one that is root's again, or under a quota, that write fails here instead of in LMDB.
   */
  #giveUp(): void {
    rmSync(this.#file, { force: true });
    this.#isThere = false;
    try {
      writeFileSync(this.#file, Buffer.alloc(MiB), { flush: true });
    } catch {
      // The next look says how much there is.
    }
    rmSync(this.#file, { force: true });
  }

  /**
   * Before a write of the index that adds `bytes` of content. A look serves all who ask in the same millisecond.
   * @returns what to give back by `done` @throws FilespoolError disk-full
   */
  ask(bytes: number): number {
    const asked = bytes + NOTE_BYTES;
    const floor = bytes > 0 ? LOW_BYTES : MiB;
    const isShort = (found: number) => found - this.#asked - asked < floor;
    if (isShort(performance.now() - this.#lookedMs < LOOK_MS ? this.#found : this.#left())) {
      const isNote = bytes === 0;
      if (!isNote || !this.#fitsInside(asked)) {
        if (isNote && this.#isThere) this.#giveUp();
        // What that freed may be somebody else's by now, or root's.
        if (!isNote || isShort(this.#left()))
          throw new FilespoolError("disk-full", `no space left for ${this.#folder}`);
      }
    }
    this.#asked += asked;
    return asked;
  }

  #fitsInside(asked: number): boolean {
    return this.#inside() - this.#asked - asked >= INSIDE_BYTES_MIN;
  }

  /** Bytes that somebody has asked for and not given back. */
  get askedBytes(): number {
    return this.#asked;
  }

  /** After it, whatever came of it. */
  done(asked: number): void {
    this.#asked -= asked;
  }
}
