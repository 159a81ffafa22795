/**
 * The reserve: room that only the index may use, and a look at the disk before each of its writes.
 *
 * LMDB must not meet a full disk. In the newest release (lmdb 3.5.6, mdb.c, "Attempting to write
 * page at position") a write that fails puts a message of up to 111 bytes into a buffer of 104, and
 * the damaged heap ends the process now or later. So a write that adds content is refused in time.
 * But a full disk can only be emptied by collecting files, and that has to be written down as well.
 * So writes that only note or remove something have room of their own, of two kinds:
 *
 *   inside     free pages of the index file, and zeros behind its end. On ext4 and xfs a block that
 *              was written once can be written again without new room, and nobody else can take it,
 *              not even root. Btrfs writes everything to a new place, so there it counts for nothing.
 *   the file   `reserve`, which is removed when its room is needed. That room is for the first who
 *              takes it. On an ext4 that root has filled, the first is root: 5 % of it are root's.
 *
 * Free room always means what the system has for *us* (`bavail`). Quotas are not in that number.
 *
 * Never here: bounds that people set (room.ts). Why: adr/0030, adr/0073.
 */
import { existsSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FilespoolError } from "../../protocol/errors.ts";

const MiB = 1024 * 1024;
/**
 * With less than this left no content is added: the rest is for writes that only note or remove.
 */
const LOW_BYTES = 4 * MiB;
/**
 * About what a write takes beside its content. LMDB writes changed pages anew: 5 KiB each, in 600
 * acks at once.
 */
const NOTE_BYTES = 8 * 1024;
export const RESERVE_BYTES = 8 * MiB;
/**
 * Of the room inside, so much is not counted on: pages that a commit frees can be used by
 * later ones only.
 */
const INSIDE_BYTES_MIN = MiB;
/**
 * With more than this left, no zeros are put behind the end: a growing index would only
 * use them up.
 */
const SCARCE_BYTES = 1024 * MiB;
/** How long the result of a look is used, ms. Others write less than LOW_BYTES in that time. */
const LOOK_MS = 1;
/** File systems that write a block again where it is: ext2 to ext4, and xfs (statfs, `f_type`). */
const IN_PLACE: ReadonlySet<number> = new Set([0xef53, 0x58465342]);

/** What the reserve asks of the index. */
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
  /**
   * Null until the index is open. Its own opening needs the reserve, so the reserve comes first.
   */
  index: IndexRoom | null = null;
  /**
   * The file is there; maybe since an earlier run, since a server may have to start on a full disk.
   */
  #isThere: boolean;
  /** Bytes that writes have asked for and not yet given back by `done`: they count as taken. */
  #asked = 0;
  /** What the last look found, bytes, and when that was. */
  #found = 0;
  #lookedMs = -Infinity;

  constructor(folder: string) {
    this.#folder = folder;
    this.#file = join(folder, "reserve");
    this.#isThere = existsSync(this.#file);
    this.#isInPlace = IN_PLACE.has(statfsSync(folder).type);
  }

  /**
   * Bytes left for us. It waits for the system: that takes microseconds, and must be true when
   * it is asked.
   */
  #left(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    this.#lookedMs = performance.now();
    this.#found = bavail * bsize;
    return this.#found;
  }

  /**
   * Whether too little is left. After a failed write this says whether a full disk was the reason:
   * LMDB tells of an I/O error then.
   */
  get isLow(): boolean {
    return this.#left() < LOW_BYTES;
  }

  /**
   * Before the index is open: whether LMDB can map and write its lock table, without a signal that
   * ends the process.
   */
  get isSafeToMap(): boolean {
    if (this.isLow && this.#isThere) this.#giveUp();
    return !this.isLow || this.#isInPlace;
  }

  /**
   * Bytes that the index can write without new room. Holes in its file do not count:
   * they need room.
   */
  #inside(): number {
    if (!this.#isInPlace || !this.index) return 0;
    const { size, blocks } = statSync(this.index.file);
    return Math.min(size, blocks * 512) - this.index.bytesInUse();
  }

  /**
   * Puts the reserve aside where the disk has `ampleBytes` left. Called at the start and
   * by each sweep.
   * @param ampleBytes 0: nobody wants a reserve
   */
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

  /**
   * Writes zeros behind the end of the index file. LMDB does not mind, and puts its
   * next pages there.
   */
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
   * Removes the file, to have its room. Then some of that room is written once: a copy-on-write
   * file system counts it as free only when somebody asks for it. And where the room is root's
   * again, or is under a quota, the write fails here and not in LMDB.
   */
  #giveUp(): void {
    rmSync(this.#file, { force: true });
    this.#isThere = false;
    try {
      writeFileSync(this.#file, Buffer.alloc(MiB), { flush: true });
    } catch {
      // That is what it was for: the next look says how much room there is.
    }
    rmSync(this.#file, { force: true });
  }

  /**
   * Asks for the room of one write of the index. A look at the disk serves all who
   * ask within LOOK_MS.
   * @param bytes content that the write adds; 0 where it only notes or removes something
   * @returns what to give back by `done`
   * @throws FilespoolError disk-full
   */
  ask(bytes: number): number {
    const asked = bytes + NOTE_BYTES;
    const floor = bytes > 0 ? LOW_BYTES : MiB;
    const isShort = (found: number) => found - this.#asked - asked < floor;
    if (isShort(performance.now() - this.#lookedMs < LOOK_MS ? this.#found : this.#left())) {
      const isNote = bytes === 0;
      if (!isNote || !this.#fitsInside(asked)) {
        if (isNote && this.#isThere) this.#giveUp();
        // Looked at once more, since what the file gave up may be somebody else's by now.
        if (!isNote || isShort(this.#left()))
          throw new FilespoolError("disk-full", `no space left for ${this.#folder}`);
      }
    }
    this.#asked += asked;
    return asked;
  }

  /** Whether the room inside is enough for this write and for all that have asked before. */
  #fitsInside(asked: number): boolean {
    return this.#inside() - this.#asked - asked >= INSIDE_BYTES_MIN;
  }

  /** Bytes that were asked for and not given back. */
  get askedBytes(): number {
    return this.#asked;
  }

  /** After the write, whether it went well or not. */
  done(asked: number): void {
    this.#asked -= asked;
  }
}
