/**
 * One sender's hold on an unfinished upload: small content is in memory, larger content
 * goes to `data/<transfer>`.
 *
 * Three numbers say how far the upload is, and this holds at all times:
 *
 *   slot.durable <= written <= taken <= size      (synced and recorded / in the kernel / arrived)
 *
 * A sender only ever hears of `durable`. It advances with each sync of the batch writer: sync the
 * file, then record the offset in the index, then say so. The digest runs along with the bytes.
 * The state of a digest cannot be stored, so an upload that goes on after a cut first reads what
 * is durable already.
 *
 * One object is one holder, and a slot has one holder at most. A newer offer of the same transfer
 * makes a new object, and every call on the old one fails from then on. So nobody waits until a
 * dead connection times out.
 *
 *   held  --finish, cancel, suspend, or a failure of the disk-->  over
 *   held  --a newer offer, an operator, close-->  superseded  -->  over
 *
 * Never here: records, reservations and queues. They are kept by its home
 * (uploads.ts). Why: adr/0012.
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
   * Makes an upload a file of its queue, durably. Its content is durable already, or is `content`
   * and goes into the index.
   */
  enqueue(slot: Slot, digest: string, content: Uint8Array | null): Promise<void>;
}

export class LocalUpload implements Upload {
  /** Where this holder begins to send: what was durable when it opened. It does not move. */
  offset = 0;
  readonly #home: UploadHome;
  readonly #slot: Slot;
  readonly #watcher: UploadWatcher;
  /**
   * Small content, of which the first `#taken` bytes have arrived; null where the content goes
   * to a file.
   */
  readonly #inline: Uint8Array | null;
  /**
   * Runs along with the bytes that go to a file; null for small content, which is digested
   * at its end.
   */
  readonly #digest: Digest | null;
  /** See the picture above. "over" also after an end that failed: nothing is written any more. */
  #state: "held" | "superseded" | "over" = "held";
  /** The error of every call once the upload is not ours any more. */
  #lostAs: ErrorCode = "superseded";
  #handle: FileHandle | null = null;
  #writer: BatchWriter | null = null;
  /** Bytes that have arrived from the beginning on, without a gap. */
  #taken = 0;
  /** Opening, finishing and putting away happen one at a time, in the order they were asked for. */
  #turn: Promise<void> | null = null;

  /** Does not wait, so that the newest holder is known at once. `open` comes next. */
  constructor(home: UploadHome, slot: Slot, watcher: UploadWatcher) {
    this.#home = home;
    this.#slot = slot;
    this.#watcher = watcher;
    // Where something is durable, it is in a file: the threshold may have been lower when it began.
    const { size, algorithm } = slot.offer;
    // Small content is copied. To keep the slices that arrive would keep alive each whole read
    // of the socket.
    this.#inline = size <= home.options.inlineBytesMax && slot.durable === 0 ? home.slab.take(size) : null;
    this.#digest = this.#inline ? null : createDigest(algorithm);
  }

  get #path(): string {
    return this.#home.options.contents.path(this.#slot.offer.transfer);
  }

  /**
   * Opens the content and catches up with what is durable already. Nothing to wait for when
   * it is small.
   */
  open(): Promise<void> | undefined {
    const digest = this.#digest;
    if (!digest) return undefined;
    return this.#inTurn(() =>
      this.#orLetGo(async () => {
        this.#check();
        const { durable } = this.#slot;
        this.#handle = await open(this.#path, durable > 0 ? "r+" : "w+", 0o600);
        await digestPrefix(digest, this.#handle, durable);
        await this.#handle.truncate(durable); // nobody has vouched for what lies behind it
        this.offset = this.#taken = durable;
        const { bufferBytes: batchBytes, sync } = this.#home.options;
        const { backlog } = this.#home;
        const onSynced = (at: number) => this.#record(at);
        const onWritten = (parts: readonly Uint8Array[]) => this.#watcher.onUsed?.(parts);
        this.#writer = new BatchWriter(this.#handle, durable, { batchBytes, sync, backlog, onSynced, onWritten });
      }),
    );
  }

  /** Runs work after what was asked for before, whether that went well or not. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn ? this.#turn.then(work, work) : work();
    this.#turn = turn;
    try {
      await turn;
    } catch (error) {
      throw fileError(error, this.#path);
    }
  }

  /** @throws FilespoolError superseded, cancelled: somebody else has the upload */
  #check(): void {
    if (this.#state !== "held") throw new FilespoolError(this.#lostAs);
  }

  /**
   * See the contract. Nothing here waits, so that no frame of the sender is held up by a promise.
   */
  append(offset: number, parts: readonly Uint8Array[]): Promise<void> | undefined {
    this.#check();
    const length = parts.reduce((bytes, part) => bytes + part.length, 0);
    const { size } = this.#slot.offer;
    const known = overlap(this.#taken, size, { offset, length });
    if (size === Infinity) this.#home.options.room.reserveUpTo(this.#slot, this.#taken + length - known);
    // The rest of an overlap is copied: its parts are given back at once, and may be used anew.
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
  /** Called after each sync of the content. The writer waits for it before it writes on. */
  async #record(offset: number): Promise<void> {
    // 1. the bytes are on disk, and so must be the name of the file they are in
    if (this.#slot.durable === 0) await this.#home.options.contents.syncNames();
    await this.#home.recordUpload(this.#slot, offset); // 2. it is written down that they are
    this.#watcher.onDurable(offset); // 3. only then may the sender hear of it
  }
  // endregion: record

  // region: finish
  /**
   * See the contract. The order is the promise: content, then entry, and only then does it resolve.
   */
  finish(digest: string, size = this.#slot.offer.size): Promise<void> {
    // Small content is inside of the entry, so one commit makes all durable: one promise for a
    // file, not ten.
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

  /** What is wrong with the content, or null. It ends the running digest, so it is called once. */
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
   * Makes the content a file of its queue, with the next group commit of the index. Where
   * the commit fails, it fails for the whole group; a content that is in a file is kept for
   * the next offer.
   */
  #enqueue(digest: string): Promise<void> {
    return this.#home.enqueue(this.#slot, digest, this.#inline).then(
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

  /** See the contract. It is the only call that may come while another one is under way. */
  suspend(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state !== "over") await this.#end(true);
    });
  }

  /**
   * Takes the upload away from its holder: for a newer one, because the spool closes, or for an
   * operator. Resolves when the holder has let go, and what was durable is kept.
   */
  supersede(as: "superseded" | "cancelled" = "superseded"): Promise<void> {
    if (this.#state === "held") {
      this.#state = "superseded";
      this.#lostAs = as;
      if (as === "superseded") this.#watcher.onSuperseded();
    }
    return this.suspend();
  }

  /** See the contract. */
  cancel(): Promise<void> {
    return this.#inTurn(async () => {
      this.#check();
      await this.#end(false);
    });
  }

  /**
   * Does work that writes. Where it fails, the upload is over for this holder, and what is
   * durable is kept.
   */
  async #orLetGo(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#end(true);
      throw error;
    }
  }

  /**
   * Ends the hold on an upload that did not become a file. With `keep`, what is durable stays for a
   * later offer; without it, or where nothing is durable, nothing stays.
   */
  async #end(keep: boolean): Promise<void> {
    // The last bytes may fail to be synced: then what was recorded before counts. The writer must
    // be at rest before its file is closed or removed.
    await this.#writer?.sync().catch(() => {});
    this.#state = "over";
    try {
      await this.#handle?.close();
      const { durable, offer } = this.#slot;
      if (!keep || durable === 0) await this.#home.forgetUpload(this.#slot);
      else if (offer.size === Infinity) this.#home.options.room.reserveUpTo(this.#slot, durable);
    } finally {
      this.#slot.holder = null; // last: the next holder finds all that is kept, or nothing
    }
  }
}
