/**
 * Room on the disk of the target folder: checked before a file is fetched, so that a full disk is
 * not found out in the middle of it.
 *
 * A file that does not fit is not begun: the part that was fetched would take the room of files
 * that do fit. A reserve is kept for the journal and for small files, so that a large file never
 * takes the room in which others could land. Files on their way count as if they were there.
 *
 *   needed by this file  <=  free on the disk - on their way - reserve
 *
 * Other programs write to that disk too, so this is a look and no promise. The disk may still be
 * full in the middle, or a quota used up that no look shows (landing-errors.ts). Never here: when a
 * file that does not fit is tried again (failures.ts).
 */
import { statfsSync } from "node:fs";
import { WriteBacklog } from "../../disk/batch-writer.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { quoteName } from "../../protocol/names.ts";
import { look, partPath } from "./own-files.ts";
import type { Delivered } from "./part-file.ts";

const MiB = 1024 * 1024;
/**
 * What large files leave for small ones, and small ones for the journal: so many bytes, or on a
 * small disk this share of the whole.
 */
const LARGE_LEAVE = { bytesMax: 8 * MiB, share: 1 / 64 };
const SMALL_LEAVE = { bytesMax: MiB, share: 1 / 256 };
/** How long one look at the disk serves small files, ms. Each file that is let in is subtracted. */
const LOOK_MS = 200;

/** The room of one target folder, over all connections of a run. */
export class TargetRoom {
  /** The folder that is looked at. A sink sets it when it needs a disk. */
  folder: string;
  /** Ends the sentence of an error: what a person can do. */
  readonly #hint: string;
  /** What waits to be written to that disk, of all files together. */
  readonly backlog = new WriteBacklog();
  /**
   * Bytes that each delivery still needs, by its token, as long as they are not on the disk. `over`
   * and `reset` remove them; `#comingBytes` is their sum.
   */
  readonly #coming = new Map<string, number>();
  #comingBytes = 0;
  /** What the last look found, less what was let in since, bytes. Infinity where no disk tells. */
  #free = 0;
  #total = 0;
  /** When that was, on the clock of `performance`. */
  #lookedMs = -Infinity;

  /** @param hint what a person who lacks room can do; appended to the error */
  constructor(folder: string, hint = "") {
    this.folder = folder;
    this.#hint = hint;
  }

  /** Whether a delivery would fit now. */
  hasRoom(delivery: Delivered): boolean {
    const isSmall = delivery.size <= LIMITS.pipelineBytesMax;
    const { bytesMax, share } = isSmall ? SMALL_LEAVE : LARGE_LEAVE;
    const fits = () => this.#needs(delivery) + Math.min(bytesMax, this.#total * share) <= this.#free;
    if (isSmall && performance.now() - this.#lookedMs < LOOK_MS && fits()) return true;
    this.#look();
    return fits();
  }

  /** Reserves the room of a delivery. @throws FilespoolError disk-full: it does not fit */
  take(delivery: Delivered): void {
    const { delivery: token, name, size } = delivery;
    if (!this.hasRoom(delivery)) {
      const needs = `${quoteName(name)} (${inMiB(size)}) does not fit into ${this.folder}`;
      throw new FilespoolError(
        "disk-full",
        `${needs}: ${inMiB(Math.max(0, this.#free))} are left on that disk${this.#hint}`,
      );
    }
    const bytes = this.#needs(delivery);
    this.#coming.set(token, bytes);
    this.#comingBytes += bytes;
    this.#free -= bytes;
  }

  /**
   * All of a large file is on the disk, where the next look sees it. An archive needs as much again
   * for unpacking.
   */
  arrived({ delivery, size, kind }: Delivered): void {
    if (size <= LIMITS.pipelineBytesMax) return;
    this.over(delivery);
    if (kind !== "tar") return;
    this.#coming.set(delivery, size);
    this.#comingBytes += size;
  }

  /**
   * The delivery has landed, or will not, or not now. The next look sees what is on the disk of it.
   */
  over(token: string): void {
    this.#comingBytes -= this.#coming.get(token) ?? 0;
    this.#coming.delete(token);
  }

  /** A new connection: nothing is on its way. */
  reset(): void {
    this.#coming.clear();
    this.#comingBytes = 0;
    this.#lookedMs = -Infinity;
  }

  /** Looks at the disk. A disk that does not tell its size (some network disks) has room. */
  #look(): void {
    this.#lookedMs = performance.now();
    try {
      const { bavail, bsize, blocks } = statfsSync(this.folder);
      this.#total = blocks * bsize;
      this.#free = blocks > 0 ? bavail * bsize - this.#comingBytes : Number.POSITIVE_INFINITY;
    } catch {
      this.#free = Number.POSITIVE_INFINITY;
    }
  }

  /** Bytes that a delivery needs: what its part lacks, and as much again to unpack an archive. */
  #needs({ transfer, size, kind }: Delivered): number {
    const unpacked = kind === "tar" ? size : 0;
    if (size <= LIMITS.pipelineBytesMax) return size + unpacked;
    const part = look(partPath(this.folder, transfer));
    return Math.max(0, size - (part.is === "file" ? part.stat.size : 0)) + unpacked;
  }
}

/** For people. Less than a tenth of a MiB is told in bytes, since "0.0 MiB" says nothing. */
const inMiB = (bytes: number): string => (bytes < MiB / 10 ? `${bytes} bytes` : `${(bytes / MiB).toFixed(1)} MiB`);
