/**
 * One sender's grip on an unfinished upload: small content in memory, larger content in data/<transfer>.
 *
 * Three numbers tell how far it is, and this holds at all times:
 *
 *   slot.durable <= written <= taken <= size      (synced and recorded / in the kernel / arrived)
 *
 * Only `durable` is ever told to a sender to go on from. It advances with each sync of the batch writer:
 * sync the file, then record the offset in the index, then say so. The digest runs along with the bytes; who
 * continues an upload catches up by reading what is there, since the state of a hash cannot be stored.
 *
 * One object is one holder. A newer offer of the same transfer makes a new object, and every call on the
 * old one fails from then on, so nobody waits for a dead connection to time out. Why: adr/0012.
 */
import { type FileHandle, open } from "node:fs/promises";
import { BatchWriter, type WriteBacklog } from "../../disk/batch-writer.ts";
import { createDigest, type Digest, digestOf, digestPrefix } from "../../disk/digest.ts";
import { fileError } from "../../disk/files.ts";
import { dropBytes, overlap } from "../../protocol/chunks.ts";
import { joinParts } from "../../protocol/decoder.ts";
import { type ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import { isWhole, type Upload, type UploadWatcher } from "../contract.ts";
import type { BufferSlab } from "./buffer-slab.ts";
import type { Contents } from "./contents.ts";
import type { Room } from "./room.ts";
import type { Slot } from "./slot.ts";

/** What all uploads of a spool have in common. */
export interface UploadOptions {
  /** Files are gathered to so much for one write. */
  readonly bufferBytes: number;
  /** Whether content and names are synced. */
  readonly sync: boolean;
  /** Content up to this size is kept inside of the index. */
  readonly inlineBytesMax: number;
  readonly contents: Contents;
  readonly room: Room;
}

/** Where an upload is at home. It writes the bytes, and its home writes down what they are. */
export interface UploadHome {
  readonly options: UploadOptions;
  /** What waits for the disk, of all uploads of the spool together. */
  readonly backlog: WriteBacklog;
  /** Where small content is until it is in the index. */
  readonly slab: BufferSlab;
  /** Writes down, durably, how many bytes of an upload are on disk. */
  recordUpload(slot: Slot, offset: number): Promise<void>;
  /** Nothing is kept of an upload: neither record nor content nor room. */
  forgetUpload(slot: Slot): Promise<void>;
  /**
   * Makes an upload a file of its queue, durably. Its content is durable already, or is `content` and
   * goes into the index.
   */
  enqueue(slot: Slot, digest: string, content: Uint8Array | null): Promise<void>;
}

export class LocalUpload implements Upload {
  offset = 0;
  readonly #spool: UploadHome;
  readonly #slot: Slot;
  readonly #watcher: UploadWatcher;
  /** The content itself when it is small, of which `#taken` bytes are here; null when it goes to the file. */
  readonly #inline: Uint8Array | null;
  /** Runs along with what goes to the file. */
  readonly #digest: Digest | null;
  #state: "held" | "superseded" | "over" = "held";
  /** What every call fails with once the upload is not ours any more. */
  #lostAs: ErrorCode = "superseded";
  #handle: FileHandle | null = null;
  #writer: BatchWriter | null = null;
  #taken = 0;
  /** Opening, finishing and putting away happen one at a time, in the order they were asked for. */
  #turn: Promise<void> | null = null;

  /** Synchronous, so that the newest holder is known before anything is waited for; `open` comes next. */
  constructor(spool: UploadHome, slot: Slot, watcher: UploadWatcher) {
    this.#spool = spool;
    this.#slot = slot;
    this.#watcher = watcher;
    // The threshold may have been lower when the upload began: what is in a file goes on there.
    const { size, algorithm } = slot.offer;
    // Copied, not kept as the slices that arrive: each would keep alive the whole read that it came in.
    this.#inline = size <= spool.options.inlineBytesMax && slot.durable === 0 ? spool.slab.take(size) : null;
    this.#digest = this.#inline ? null : createDigest(algorithm);
  }

  get #path(): string {
    return this.#spool.options.contents.path(this.#slot.offer.transfer);
  }

  /** Opens the content and catches up with what is durable already. Nothing to wait for when it is small. */
  open(): Promise<void> | undefined {
    const digest = this.#digest;
    if (!digest) return undefined;
    return this.#inTurn(() =>
      this.#orLetGo(async () => {
        this.#check();
        const { durable } = this.#slot;
        this.#handle = await open(this.#path, durable > 0 ? "r+" : "w+", 0o600);
        await digestPrefix(digest, this.#handle, durable);
        await this.#handle.truncate(durable); // what lies behind it was never vouched for
        this.offset = this.#taken = durable;
        const { bufferBytes: batchBytes, sync } = this.#spool.options;
        const { backlog } = this.#spool;
        const onSynced = (at: number) => this.#record(at);
        const onWritten = (parts: readonly Uint8Array[]) => this.#watcher.onUsed?.(parts);
        this.#writer = new BatchWriter(this.#handle, durable, { batchBytes, sync, backlog, onSynced, onWritten });
      }),
    );
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn ? this.#turn.then(work, work) : work();
    this.#turn = turn;
    try {
      await turn;
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  #check(): void {
    if (this.#state !== "held") throw new FilespoolError(this.#lostAs);
  }

  append(offset: number, parts: readonly Uint8Array[]): Promise<void> | undefined {
    this.#check();
    const length = parts.reduce((bytes, part) => bytes + part.length, 0);
    const { size } = this.#slot.offer;
    const known = overlap(this.#taken, size, { offset, length });
    if (size === Infinity) this.#spool.options.room.reserveUpTo(this.#slot, this.#taken + length - known);
    // What is left of an overlap is copied: a slice would keep alive the whole read that it came in.
    const fresh = known === 0 ? parts : [joinParts(dropBytes(parts, known)).slice()];
    for (const part of fresh) {
      this.#digest?.update(part);
      this.#inline?.set(part, this.#taken);
      this.#taken += part.length;
    }
    if (this.#inline || known > 0) this.#watcher.onUsed?.(parts); // they were copied
    try {
      return this.#writer?.append(fresh);
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  // region: record
  async #record(offset: number): Promise<void> {
    // 1. the bytes are on disk, and so must be the name of the file they are in
    if (this.#slot.durable === 0) await this.#spool.options.contents.syncNames();
    await this.#spool.recordUpload(this.#slot, offset); // 2. it is written down that they are
    this.#watcher.onDurable(offset); // 3. only then may the sender hear of it
  }
  // endregion: record

  // region: finish
  finish(digest: string, size = this.#slot.offer.size): Promise<void> {
    // Small content is in the entry, so there is nothing to wait for but the index: one promise for each file, not ten.
    if (this.#inline && !this.#turn && this.#state === "held" && !this.#mismatch(digest, size)) {
      this.#turn = this.#enqueue(digest);
      return this.#turn;
    }
    return this.#inTurn(async () => {
      this.#check();
      const wrong = this.#mismatch(digest, size);
      if (wrong) {
        await this.#end(false);
        throw wrong;
      }
      await this.#orLetGo(async () => this.#writer?.sync()); // 1. content
      await this.#enqueue(digest); // 2. then the entry
      await this.#handle?.close();
    });
  }
  // endregion: finish

  /** What is wrong with the content, or null. The digest of a file ends with it. */
  #mismatch(digest: string, size: number): FilespoolError | null {
    const { offer } = this.#slot;
    const { algorithm } = offer;
    const found = this.#digest?.hex() ?? digestOf(algorithm, this.#inline ?? new Uint8Array());
    if (!isWhole(offer, this.#taken, size))
      return new FilespoolError("size-mismatch", `finished after ${this.#taken} of ${size} bytes`);
    if (found === digest) return null;
    return new FilespoolError("digest-mismatch", `the content has the ${algorithm} digest ${found}, not ${digest}`);
  }

  /**
   * Makes the content a file in its queue, with the next group of the index. What goes wrong there is the fate of the whole
   * group; what arrived is kept, where it is in a file, for the next offer.
   */
  #enqueue(digest: string): Promise<void> {
    return this.#spool.enqueue(this.#slot, digest, this.#inline).then(
      () => {
        this.#state = "over";
        this.#slot.holder = null;
      },
      async (error: unknown) => {
        await this.#end(true);
        throw fileError(error, this.#path);
      },
    );
  }

  suspend(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state !== "over") await this.#end(true);
    });
  }

  /** Takes the upload away from its holder, for a newer one, because the spool closes, or for an operator. */
  supersede(as: "superseded" | "cancelled" = "superseded"): Promise<void> {
    if (this.#state === "held") {
      this.#state = "superseded";
      this.#lostAs = as;
      if (as === "superseded") this.#watcher.onSuperseded();
    }
    return this.suspend();
  }

  cancel(): Promise<void> {
    return this.#inTurn(async () => {
      this.#check();
      await this.#end(false);
    });
  }

  async #orLetGo(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#end(true);
      throw error;
    }
  }

  /** Ends an upload that did not become a file. What is not durable is never kept; without `keep` nothing is. */
  async #end(keep: boolean): Promise<void> {
    // Should the disk fail, what was recorded before counts. And nothing may write to a file that is removed.
    await this.#writer?.sync().catch(() => {});
    this.#state = "over";
    try {
      await this.#handle?.close();
      const { durable, offer } = this.#slot;
      if (!keep || durable === 0) await this.#spool.forgetUpload(this.#slot);
      else if (offer.size === Infinity) this.#spool.options.room.reserveUpTo(this.#slot, durable);
    } finally {
      this.#slot.holder = null; // last: whoever comes next finds all of it or nothing
    }
  }
}
