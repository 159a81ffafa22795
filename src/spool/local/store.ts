/**
 * The local spool, the embedded default: an LMDB index, plain files for large content, one process.
 *
 *   <folder>/lock          held by an advisory lock for as long as the server lives, kill -9 included
 *   <folder>/index.mdb     local/index.ts
 *   <folder>/reserve       room that only the index may use: disk-reserve.ts
 *   <folder>/data/<id>     content above the inline threshold, finished or not
 *
 * Content is made durable before the entry that points to it, and removed after it. So a crash can leave
 * content that nothing points to, never an entry without content; `open` removes such files. What is in
 * memory only (leases, who waits for which queue) is gone after a restart, and may be.
 *
 * This file is the way in: offers and recovery. local/room.ts says what there is room for, local/upload.ts takes the bytes,
 * local/queues.ts hands them out, local/sweep.ts removes what expired. Why: adr/0013 (LMDB and files).
 */
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { checkDigest, DIGESTS } from "../../disk/digest.ts";
import { fileError, makeFolder, syncFolder } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { safeName } from "../../protocol/names.ts";
import {
  checkSame,
  type OfferAnswer,
  SPOOL_LIMITS,
  type Spool,
  type SpoolLimits,
  SWEEP_MAX,
  type Swept,
  type UploadWatcher,
} from "../contract.ts";
import type { DeadLetter, Offer } from "../files.ts";
import { BufferSlab } from "./buffer-slab.ts";
import { LocalIndex } from "./index.ts";
import { LocalQueues } from "./queues.ts";
import { deadQueue, type Entry } from "./records.ts";
import { Room } from "./room.ts";
import type { Slot } from "./slot.ts";
import { Sweep } from "./sweep.ts";
import { LocalUpload } from "./upload.ts";

export interface LocalSpoolOptions {
  /** Created when it is missing. */
  readonly folder: string;
  /** "none" leaves syncing to the operating system: a power cut may then lose what was reported stored. */
  readonly durability?: "fsync" | "none";
  /** Bytes gathered before one write to disk; a short frame at most (LIMITS). */
  readonly bufferBytes?: number;
  /** Content up to this size is kept inside the index. */
  readonly inlineBytesMax?: number;
  readonly limits?: Partial<SpoolLimits>;
  /** Milliseconds since the epoch, for what must outlive a restart; tests hand in a clock of their own. */
  readonly now?: () => number;
  /** Milliseconds of a clock that nobody sets, for leases; `now` where that is given, else the monotonic clock. */
  readonly ticks?: () => number;
}

export class LocalStore extends LocalQueues implements Spool {
  readonly durability: "fsync" | "none";
  readonly digests = DIGESTS;
  readonly bufferBytes: number;
  readonly inlineBytesMax: number;
  readonly #lock: FileHandle;
  /** For LocalUpload: where small content is until it is in the index. */
  readonly slab = new BufferSlab();
  readonly room: Room;
  readonly #sweep = new Sweep(this);

  /**
   * Opens or creates a spool and recovers what a crash left.
   * @throws FilespoolError spool-locked: another server has it; spool-unusable: rights, a newer format
   */
  protected static async openAs<T extends LocalStore>(
    Kind: new (options: LocalSpoolOptions, lock: FileHandle, index: LocalIndex) => T,
    options: LocalSpoolOptions,
  ): Promise<T> {
    const { folder } = options;
    let lock: FileHandle | undefined;
    let index: LocalIndex | undefined;
    try {
      const sync = options.durability !== "none";
      // Other users of the machine neither read what waits here nor put something in.
      for (const made of [folder, join(folder, "data")]) await makeFolder(made, sync, 0o700);
      lock = await open(join(folder, "lock"), "a");
      if (!tryLock(lock.fd)) throw new FilespoolError("spool-locked", `another server is using the spool ${folder}`);
      index = await LocalIndex.open(folder, sync);
      const spool = new Kind(options, lock, index);
      await spool.#recover();
      return spool;
    } catch (error) {
      await index?.close();
      await lock?.close();
      throw fileError(error, `the spool ${folder}`);
    }
  }

  constructor(options: LocalSpoolOptions, lock: FileHandle, index: LocalIndex) {
    const { now = Date.now, ticks = options.now ?? (() => performance.now()) } = options;
    super(index, options.folder, { ...SPOOL_LIMITS, ...options.limits }, now, ticks);
    this.#lock = lock;
    this.durability = options.durability ?? "fsync";
    this.bufferBytes = options.bufferBytes ?? LIMITS.bufferBytesDefault;
    this.inlineBytesMax = options.inlineBytesMax ?? LIMITS.pipelineBytesMax;
    this.room = new Room(options.folder, index, this.limits, this.inlineBytesMax);
  }

  async #recover(): Promise<void> {
    for (const { durable, touchedAtMs, ...offer } of this.index.uploads()) {
      const reserved = offer.size === Infinity ? durable : offer.size;
      this.room.take({ offer, reserved, durable, touchedAtMs, holder: null });
    }
    for (const transfer of await readdir(join(this.folder, "data"))) {
      const isWaiting = this.index.find(transfer)?.collected === false;
      if (!isWaiting && !this.room.slots.has(transfer)) await rm(this.dataPath(transfer), { force: true });
    }
    if (this.sync) await syncFolder(this.folder);
    await this.room.look();
  }

  get sync(): boolean {
    return this.durability === "fsync";
  }

  onEnded(transfer: string, listener: () => void): () => void {
    return this.ends.add(transfer, listener);
  }

  waiting(queue: string): number {
    return this.index.count(queue);
  }

  bytesUsed(): number {
    return this.room.bytesUsed();
  }

  /** Unfinished uploads, with or without somebody who is sending. */
  get unfinished(): number {
    return this.room.slots.size;
  }

  get trouble(): FilespoolError | null {
    return this.index.trouble;
  }

  /**
   * What is in memory of what passes through, in numbers. All of it has an end, and each number is 0 when nothing is under
   * way; the test "when everything has come to its end, nothing of it is left in memory" holds each map and sum to that.
   */
  underWay(): Readonly<Record<string, number>> {
    const { totals, reserve } = this.index;
    const { askedBytes } = reserve;
    return { ...this.deliveriesUnderWay(), ...totals.underWay(), ...this.room.underWay(), askedBytes };
  }

  offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> | OfferAnswer {
    try {
      safeName(offer.name);
      checkDigest(offer.algorithm);
      // What is new and small has nothing to wait for, and promises cost more than all that is done for it here.
      const { size, transfer } = offer;
      const isNew = size <= this.inlineBytesMax && !this.room.slots.has(transfer) && !this.index.find(transfer);
      return isNew ? { kind: "upload", upload: this.#hold(offer, watcher) } : this.#offer(offer, watcher);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> {
    for (;;) {
      const known = this.index.find(offer.transfer);
      if (known) {
        checkSame(known, offer);
        // Nobody has it, and nobody will: to say "stored" would be a lie. The sender may store it as a new transfer.
        if (known.ending === "cancelled" || known.ending === "expired") throw new FilespoolError(known.ending);
        return { kind: "stored", digest: known.digest, collected: known.collected };
      }
      const slot = this.room.slots.get(offer.transfer);
      if (slot) checkSame(slot.offer, offer);
      if (!slot?.holder) {
        const upload = this.#hold(offer, watcher);
        await upload.open();
        return { kind: "upload", upload };
      }
      // It may be finishing at this moment, so look again once it has let go.
      await slot.holder.supersede();
    }
  }

  /** A new upload, or one that nobody holds. The newest holder is known before anything is waited for. */
  #hold(offer: Offer, watcher: UploadWatcher): LocalUpload {
    const slot = this.room.slots.get(offer.transfer) ?? this.room.enter(offer, this.now());
    const upload = new LocalUpload(this, slot, watcher);
    slot.holder = upload;
    return upload;
  }

  /** For LocalUpload: writes down that `durable` bytes of an upload are on disk. */
  async recordUpload(slot: Slot, durable: number): Promise<void> {
    const touchedAtMs = this.now();
    await this.index.putUpload({ ...slot.offer, durable, touchedAtMs });
    this.room.isDurable(slot, durable);
    slot.touchedAtMs = touchedAtMs;
  }

  /** For LocalUpload: the content is durable (or is `content`), so the upload becomes a file in its queue. */
  enqueue(slot: Slot, digest: string, content: Uint8Array | null): Promise<void> {
    const { transfer, queue, name, algorithm, kind, mode, mtime } = slot.offer;
    const size = slot.reserved;
    const storedAtMs = this.now();
    const failed = { failures: 0, firstFailedAtMs: 0, lastFailedAtMs: 0, reason: "" };
    const entry: Entry = Object.assign(
      { transfer, queue, name, size, algorithm, digest, kind, mode, mtime, storedAtMs, content: content ?? undefined },
      failed,
    );
    return this.index
      .store(entry, (times) => this.room.counted(slot, times))
      .then(() => {
        this.room.becameFile(slot);
        this.arrived(queue);
      });
  }

  /** For LocalUpload: nothing of it is kept. */
  async forgetUpload(slot: Slot): Promise<void> {
    if (slot.isCancelled) await this.index.cancelUpload(slot.offer, this.now());
    else if (slot.durable > 0) await this.index.removeUpload(slot.offer.transfer);
    await rm(this.dataPath(slot.offer.transfer), { force: true });
    this.room.leave(slot);
  }

  /** For LocalUpload: makes the names under data/ durable. */
  async syncData(): Promise<void> {
    if (this.sync) await syncFolder(join(this.folder, "data"));
  }

  async dead(queue: string): Promise<DeadLetter[]> {
    const letters = this.index.list(deadQueue(queue), SWEEP_MAX);
    return letters.map(({ entry: { content: _, storedAtMs: __, ...letter } }) => letter);
  }

  sweep(): Promise<Swept> {
    return this.#sweep.run();
  }

  async close(): Promise<void> {
    for (const slot of this.room.slots.values()) await slot.holder?.supersede();
    await this.closeQueues();
    await this.index.close();
    await this.#lock.close();
  }
}
