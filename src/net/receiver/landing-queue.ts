/**
 * Complete files on their way into the folder: they land in batches, while further files are read.
 *
 * The files of a batch share their syncs (landing.ts). A batch begins as soon as the one before it
 * has ended, and takes what is complete by then; it never waits to be full. So a single file does
 * not wait for others, and many files share few syncs.
 *
 * Invariant: at most one batch lands at a time, in the order in which files became complete.
 *
 * Never here: what a landing does, and what the server hears of it (receive-conversation.ts).
 */
import type { Lander } from "./lander.ts";
import type { Landed } from "./landing.ts";
import type { Delivered, Incoming } from "./part-file.ts";

/** What the owner of the queue hears. */
export interface LandingListener {
  /**
   * The landing of a file has ended: it is in the folder, on disk, or it cannot be. Called once for
   * each file, in order.
   */
  ended(delivery: Delivered, landed: Landed): void;
  /** Nothing is landing any more. */
  idle(): void;
  /** No file can land: the folder is unusable or its disk is full. Nothing is called after that. */
  failed(error: unknown): void;
}

export class LandingQueue {
  readonly #landing: Lander;
  readonly #listener: LandingListener;
  /** Complete files that are in no batch yet: in memory, or with an open part file. */
  readonly #waiting: Incoming[] = [];
  /** Lands batch after batch until none waits; null while nothing lands. It never rejects. */
  #now: Promise<void> | null = null;

  constructor(landing: Lander, listener: LandingListener) {
    this.#landing = landing;
    this.#listener = listener;
  }

  /** How many files wait for a batch. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Whether anything is landing or waits to. */
  get isBusy(): boolean {
    return this.#now !== null;
  }

  /** Takes a complete file, and returns at once. */
  add(file: Incoming): void {
    this.#waiting.push(file);
    this.#now ??= this.#land().catch((error: unknown) => this.#listener.failed(error));
  }

  /** Resolves when nothing is landing any more. */
  async idle(): Promise<void> {
    await this.#now;
  }

  /**
   * The connection is over. The batch that is landing still lands. Its acks are lost, and when
   * those files are delivered again, the journal tells that they have landed.
   * @returns the files that were in no batch, which the caller closes
   */
  async end(): Promise<Incoming[]> {
    const left = this.#waiting.splice(0);
    await this.#now;
    return left;
  }

  /** Lands batch after batch. @throws what no single file is to blame for */
  async #land(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#landing.batchMax);
      // 1. in the folder, on disk
      const landed = await this.#landing.land(batch);
      // 2. only then say so
      for (const [index, { delivery }] of batch.entries()) this.#listener.ended(delivery, landed[index] as Landed);
    }
    this.#now = null;
    this.#listener.idle();
  }
}
