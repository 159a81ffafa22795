/**
 * One sender's hold on an unfinished upload of the memory spool.
 *
 * Two things are easily taken for one. The *slot* is the upload; it lives as long as there are
 * bytes worth keeping. The *holder* is one connection's access to it, and a slot has one at most.
 * Each call compares `slot.holder` with itself, and that is all of "the newest connection wins": an
 * upload that has lost its slot, to a newer offer or by its end, gets `superseded` from every call,
 * and cannot change the slot any more.
 */
import type { Digest } from "../../disk/digest.ts";
import { dropBytes, overlap } from "../../protocol/chunks.ts";
import { type ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import { isWhole, type Upload, type UploadWatcher } from "../contract.ts";
import type { Offer } from "../files.ts";

/** An unfinished upload, with or without a sender. */
export interface Slot {
  readonly offer: Offer;
  /** What has arrived, as it came, with its digest so far and its number of bytes. */
  readonly parts: Uint8Array[];
  readonly digest: Digest;
  taken: number;
  /** Time of the last progress, milliseconds: expiry counts from here. */
  touchedAtMs: number;
  /** Who may write to it now; null between two senders. */
  holder: MemoryUpload | null;
}

/** What an upload needs from its spool. */
interface Home {
  now(): number;
  /** Forgets the slot; its reservation ends. */
  drop(): void;
  /** Makes room for content of unknown size. @throws FilespoolError file-too-large, spool-full */
  admit(taken: number, bytes: number): void;
  /** Makes the content a file in its queue. */
  enqueue(digest: string): void;
}

export class MemoryUpload implements Upload {
  /** Where this holder began. It does not move, while `slot.taken` does. */
  readonly offset: number;
  readonly #slot: Slot;
  readonly #watcher: UploadWatcher;
  readonly #home: Home;
  /** What calls fail with once this is not the holder any more. */
  #lostAs: ErrorCode = "superseded";

  constructor(slot: Slot, watcher: UploadWatcher, home: Home) {
    this.offset = slot.taken;
    this.#slot = slot;
    this.#watcher = watcher;
    this.#home = home;
  }

  /** @throws FilespoolError superseded, cancelled: the slot is somebody else's, or gone */
  #check(): void {
    if (this.#slot.holder !== this) throw new FilespoolError(this.#lostAs);
  }

  /** See the contract. What arrives is kept as it came, and is as durable as memory gets. */
  append(offset: number, parts: readonly Uint8Array[]): undefined {
    this.#check();
    const slot = this.#slot;
    const length = parts.reduce((bytes, part) => bytes + part.length, 0);
    const known = overlap(slot.taken, slot.offer.size, { offset, length });
    if (slot.offer.size === Infinity) this.#home.admit(slot.taken, length - known);
    for (const part of dropBytes(parts, known)) {
      slot.parts.push(part);
      slot.digest.update(part);
      slot.taken += part.length;
    }
    slot.touchedAtMs = this.#home.now();
    this.#watcher.onDurable(slot.taken);
  }

  async finish(digest: string, size = this.#slot.offer.size): Promise<void> {
    this.#check();
    const { offer, taken, digest: running } = this.#slot;
    // Whether it becomes a file now or what has arrived is wrong: the upload is over.
    this.#end(false);
    if (!isWhole(offer, taken, size))
      throw new FilespoolError("size-mismatch", `finished after ${taken} of ${size} bytes`);
    const found = running.hex();
    if (found !== digest) throw new FilespoolError("digest-mismatch", `the digest is ${found}, not ${digest}`);
    this.#home.enqueue(digest);
  }

  /** The slot stays, without a holder. */
  async suspend(): Promise<void> {
    if (this.#slot.holder === this) this.#end(this.#slot.taken > 0); // of no bytes, nothing is kept
  }

  /** The slot goes, with all that has arrived. */
  async cancel(): Promise<void> {
    this.#check();
    this.#end(false);
  }

  /** A newer offer has come, or the spool closes. */
  supersede(): void {
    this.#watcher.onSuperseded();
    void this.suspend();
  }

  /** An operator cancels the upload. Its holder hears so from its next call. */
  lose(): void {
    this.#lostAs = "cancelled";
    this.#end(false);
  }

  /** Gives the slot up. Without `keep`, the slot goes as well. */
  #end(keep: boolean): void {
    this.#slot.holder = null;
    if (!keep) this.#home.drop();
  }
}
