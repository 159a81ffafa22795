/**
 * One sender's grip on an unfinished upload of the memory spool.
 *
 * Two things that are easily taken for one: the *slot* is the upload, and lives as long as there are bytes
 * worth keeping; the *grip* is one connection's hold on it, and there is at most one, `slot.holder`. That one
 * comparison is all of "the newest connection wins": who has lost the grip, to a newer offer or by ending the
 * upload, gets `superseded` from every call, and nothing it still does can reach the slot.
 */
import type { Digest } from "../../disk/digest.ts";
import { dropBytes, overlap } from "../../protocol/chunks.ts";
import { type ErrorCode, FilespoolError } from "../../protocol/errors.ts";
import { isWhole, type Upload, type UploadWatcher } from "../contract.ts";
import type { Offer } from "../files.ts";

/** An unfinished upload, with or without somebody who is sending it. */
export interface Slot {
  readonly offer: Offer;
  /** What has arrived, as it came; its digest so far, and how many bytes it is. */
  readonly parts: Uint8Array[];
  readonly digest: Digest;
  taken: number;
  /** Time of the last progress, milliseconds: expiry counts from here. */
  touchedAtMs: number;
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
  /** Where this holder goes on. It stays what it was at the offer, while `slot.taken` moves. */
  readonly offset: number;
  readonly #slot: Slot;
  readonly #watcher: UploadWatcher;
  readonly #home: Home;
  #lostAs: ErrorCode = "superseded";

  constructor(slot: Slot, watcher: UploadWatcher, home: Home) {
    this.offset = slot.taken;
    this.#slot = slot;
    this.#watcher = watcher;
    this.#home = home;
  }

  #check(): void {
    if (this.#slot.holder !== this) throw new FilespoolError(this.#lostAs);
  }

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
    this.#watcher.onDurable(slot.taken); // as durable as memory gets
  }

  async finish(digest: string, size = this.#slot.offer.size): Promise<void> {
    this.#check();
    const { offer, taken, digest: running } = this.#slot;
    // Either it becomes a file now, or what arrived is wrong and not worth keeping: the upload is over.
    this.#end(false);
    if (!isWhole(offer, taken, size))
      throw new FilespoolError("size-mismatch", `finished after ${taken} of ${size} bytes`);
    const found = running.hex();
    if (found !== digest) throw new FilespoolError("digest-mismatch", `the digest is ${found}, not ${digest}`);
    this.#home.enqueue(digest);
  }

  async suspend(): Promise<void> {
    if (this.#slot.holder === this) this.#end(this.#slot.taken > 0); // without a byte there is nothing to keep
  }

  async cancel(): Promise<void> {
    this.#check();
    this.#end(false);
  }

  /** A newer offer has come, or the spool closes. */
  supersede(): void {
    this.#watcher.onSuperseded();
    void this.suspend();
  }

  /** An operator takes it away for ever; the holder hears so from its next call. */
  lose(): void {
    this.#lostAs = "cancelled";
    this.#end(false);
  }

  #end(keep: boolean): void {
    this.#slot.holder = null;
    if (!keep) this.#home.drop();
  }
}
