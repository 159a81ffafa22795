/**
 * Complete files on their way into the folder: they land in batches, beside the reading of further ones.
 *
 * A batch shares its syncs (landing.ts), so a file that is complete waits for the batch before it and
 * not for a full one. With one file that is one sync for it; with a thousand it is one for a hundred.
 * At most one batch lands at a time, in the order in which files became complete.
 *
 * Never here: what a landing does, and who hears of it.
 */
import type { Lander } from "./lander.ts";
import type { Landed } from "./landing.ts";
import type { Delivered, Incoming } from "./part-file.ts";

/** Who is told. */
export interface LandingListener {
  /** The file is in the folder, on disk; or it cannot be. Called once for each file, in order. */
  ended(delivery: Delivered, landed: Landed): void;
  /** Nothing is landing any more. */
  idle(): void;
  /** No file can land: the folder is unusable or its disk is full. Nothing is called after that. */
  failed(error: unknown): void;
}

export class LandingQueue {
  readonly #landing: Lander;
  readonly #listener: LandingListener;
  /** Complete files that are in no batch yet. Of each, its content is in memory or its part file is open. */
  readonly #waiting: Incoming[] = [];
  /** The batches that are landing, as one promise; null while nothing lands. It never rejects. */
  #now: Promise<void> | null = null;

  constructor(landing: Lander, listener: LandingListener) {
    this.#landing = landing;
    this.#listener = listener;
  }

  /** Files that wait for a batch. */
  get size(): number {
    return this.#waiting.length;
  }

  get isBusy(): boolean {
    return this.#now !== null;
  }

  /** Takes a complete file. Returns at once. */
  add(file: Incoming): void {
    this.#waiting.push(file);
    this.#now ??= this.#land().catch((error: unknown) => this.#listener.failed(error));
  }

  /** Resolves when nothing is landing. */
  async idle(): Promise<void> {
    await this.#now;
  }

  /**
   * The connection is over. The batch that is landing lands; its acks are lost, and the journal answers
   * when those files are delivered again.
   * @returns the files that were in no batch, which the caller closes
   */
  async end(): Promise<Incoming[]> {
    const left = this.#waiting.splice(0);
    await this.#now;
    return left;
  }

  async #land(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#landing.batchMax);
      const landed = await this.#landing.land(batch); // 1. in the folder, on disk
      for (const [index, { delivery }] of batch.entries()) this.#listener.ended(delivery, landed[index] as Landed); // 2. only then say so
    }
    this.#now = null;
    this.#listener.idle();
  }
}
