/**
 * The local store, the embedded default: an LMDB index, plain files for large content, one process.
 *
 * It keeps the contract of the spool (../contract.ts) and does nothing by itself. Each call goes to
 * the part that it is about, and the store's public members are those of the contract:
 *
 *   offer                                    uploads.ts, which gives out upload.ts
 *   lease, read, renew, ack, nack, release   queues.ts, and inFlight
 *   waiting, dead, trouble                   index.ts
 *   bytesUsed                                room.ts
 *   sweep                                    sweep.ts
 *
 * Content is made durable before the entry that points to it, and removed after it. So a crash can
 * leave content that nothing points to, never an entry without content. What is in memory only
 * (leases, who listens to which queue) is gone after a restart, and may be.
 *
 * Never here: operators (../operate/local.ts; ../local-spool.ts puts both together). Where the
 * parts come from: parts.ts.
 */
import { DIGESTS } from "../../disk/digest.ts";
import type { FilespoolError } from "../../protocol/errors.ts";
import {
  type OfferAnswer,
  type Spool,
  type SpoolLimits,
  SWEEP_MAX,
  type Swept,
  type UploadWatcher,
} from "../contract.ts";
import type { DeadLetter, Delivery, Offer } from "../files.ts";
import type { LocalParts } from "./parts.ts";
import { deadQueue } from "./records.ts";
import { Sweep } from "./sweep.ts";

export class LocalStore implements Spool {
  readonly durability: "fsync" | "none";
  readonly limits: SpoolLimits;
  readonly digests = DIGESTS;
  /**
   * Private, so that a server cannot reach past the contract. Operators get the same parts by
   * their own way.
   */
  readonly #parts: LocalParts;
  readonly #sweep: Sweep;

  /** @param parts opened, and nobody else's from here on: `close` closes them */
  constructor(parts: LocalParts) {
    this.durability = parts.durability;
    this.limits = parts.limits;
    this.#parts = parts;
    this.#sweep = new Sweep(parts);
  }

  // Uploads. What each call promises stands in the contract; here is only who keeps it.

  offer(offer: Offer, watcher: UploadWatcher): Promise<OfferAnswer> | OfferAnswer {
    return this.#parts.uploads.offer(offer, watcher);
  }

  // Deliveries: leases are in memory, verdicts on disk.

  lease(queue: string): Promise<Delivery | null> | Delivery | null {
    return this.#parts.queues.lease(queue);
  }

  read(token: string, offset: number, into: Uint8Array): Promise<number> {
    return this.#parts.queues.read(token, offset, into);
  }

  renew(token: string): boolean {
    return this.#parts.queues.renew(token);
  }

  ack(token: string): Promise<void> {
    return this.#parts.queues.ack(token);
  }

  nack(token: string, reason: string): Promise<boolean> {
    return this.#parts.queues.nack(token, reason);
  }

  release(token: string): void {
    this.#parts.queues.release(token);
  }

  // Those who wait: for a file to come, or for one to end.

  onArrival(queue: string, listener: () => void): () => void {
    return this.#parts.queues.onArrival(queue, listener);
  }

  onEnded(transfer: string, listener: () => void): () => void {
    return this.#parts.ends.add(transfer, listener);
  }

  // Looks. All are answered at once, from sums that are kept.

  waiting(queue: string): number {
    return this.#parts.index.count(queue);
  }

  inFlight(queue: string, mine: Iterable<string>): number {
    return this.#parts.queues.inFlight(queue, mine);
  }

  bytesUsed(): number {
    return this.#parts.room.bytesUsed();
  }

  /** SWEEP_MAX at most; operators have pages instead. Content and place are left out. */
  async dead(queue: string): Promise<DeadLetter[]> {
    const letters = this.#parts.index.list(deadQueue(queue), SWEEP_MAX);
    return letters.map(({ entry: { content: _, storedAtMs: __, ...letter } }) => letter);
  }

  /** As the last commit ended. */
  get trouble(): FilespoolError | null {
    return this.#parts.index.trouble;
  }

  sweep(): Promise<Swept> {
    return this.#sweep.run();
  }

  /**
   * In this order: nothing new comes, what is out goes back, commits and removals end, and the
   * lock is last.
   */
  async close(): Promise<void> {
    const { uploads, queues, contents, index, lock } = this.#parts;
    await uploads.close();
    await queues.close();
    await contents.idle();
    await index.close();
    await lock.close();
  }
}
