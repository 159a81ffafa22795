/**
 * Room on the disk of the target folder, looked at before a file is fetched rather than found missing in the middle of it.
 *
 * A file that does not fit is not begun: what was fetched of it would take the room of files that do. Of what the disk has
 * left, a reserve is for the journal and for small files, so that a large file never takes the room in which others could
 * land; and files that are on their way count as if they were there.
 *
 *   needed by this file  <=  free on the disk - on their way - reserve
 *
 * Others write to that disk, too, so this is a look and no promise: a disk may still be full in the middle, or a quota used
 * up that no look shows (landing-errors.ts). Never here: when a file that does not fit is tried again (failures.ts).
 */
import { statfsSync } from "node:fs";
import { WriteBacklog } from "../../disk/batch-writer.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { quoteName } from "../../protocol/names.ts";
import { look, partPath } from "./own-files.ts";
import type { Delivered } from "./part-file.ts";

const MiB = 1024 * 1024;
/** Left for small files by large ones, and for the journal by small ones; of a small disk, this share of all of it. */
const LARGE_LEAVE = { bytesMax: 8 * MiB, share: 1 / 64 };
const SMALL_LEAVE = { bytesMax: MiB, share: 1 / 256 };
/** For so long one look serves small files, ms; what they are let in for is taken off. */
const LOOK_MS = 200;

export class TargetRoom {
  /** Where it is looked. */
  folder: string;
  readonly #hint: string;
  /** What waits to be written there, of all files together. */
  readonly backlog = new WriteBacklog();
  /** Bytes that each delivery still needs, by its token, as long as they are not on the disk. */
  readonly #coming = new Map<string, number>();
  #comingBytes = 0;
  #free = 0;
  #total = 0;
  #lookedMs = -Infinity;

  /** @param hint what a person can do who lacks it */
  constructor(folder: string, hint = "") {
    this.folder = folder;
    this.#hint = hint;
  }

  /** Whether it would fit now. */
  hasRoom(delivery: Delivered): boolean {
    const isSmall = delivery.size <= LIMITS.pipelineBytesMax;
    const { bytesMax, share } = isSmall ? SMALL_LEAVE : LARGE_LEAVE;
    const fits = () => this.#needs(delivery) + Math.min(bytesMax, this.#total * share) <= this.#free;
    if (isSmall && performance.now() - this.#lookedMs < LOOK_MS && fits()) return true;
    this.#look();
    return fits();
  }

  /** Lets a file in. @throws FilespoolError disk-full: it does not fit */
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

  /** All of a large file is on the disk, so that the next look sees it. An archive needs as much again when it is unpacked. */
  arrived({ delivery, size, kind }: Delivered): void {
    if (size <= LIMITS.pipelineBytesMax) return;
    this.over(delivery);
    if (kind !== "tar") return;
    this.#coming.set(delivery, size);
    this.#comingBytes += size;
  }

  /** It has landed, or is not going to, or not now: what is there of it is seen by the next look. */
  over(token: string): void {
    this.#comingBytes -= this.#coming.get(token) ?? 0;
    this.#coming.delete(token);
  }

  /** With a connection all that was on its way ends. */
  reset(): void {
    this.#coming.clear();
    this.#comingBytes = 0;
    this.#lookedMs = -Infinity;
  }

  /** A disk that does not say how large it is (some of those in the network) has room. */
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

  #needs({ transfer, size, kind }: Delivered): number {
    const unpacked = kind === "tar" ? size : 0;
    if (size <= LIMITS.pipelineBytesMax) return size + unpacked;
    const part = look(partPath(this.folder, transfer));
    return Math.max(0, size - (part.is === "file" ? part.stat.size : 0)) + unpacked;
  }
}

const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;
