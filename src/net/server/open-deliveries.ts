/**
 * The deliveries of one connection that are not settled: which there are, whose verdict is being written down, and which
 * one is to blame should the receiver vanish.
 *
 * A delivery is in exactly one place: without a verdict, judged (its verdict is being recorded), or gone. What costs
 * memory is all that is not gone, and that is what the limit of all connections counts (shared-limit.ts): names and
 * digests of 512 deliveries are half a megabyte, and a thousand receivers that take and never answer would hold 500 MiB.
 * Content is not kept here at all; a delivery forgets it as soon as it is sent.
 *
 *   counted in the limit = without a verdict + judged
 *
 * Never here: what is sent to whom (delivery-session.ts), and what becomes of a verdict (verdicts.ts).
 */
import type { Delivery } from "../../spool/files.ts";
import type { SharedLimit } from "../wire/shared-limit.ts";

interface Open {
  readonly delivery: Delivery;
  /** Where its content ended in all content of the connection, in bytes; Infinity until it was handed over. */
  endsAt: number;
}

export class OpenDeliveries {
  readonly #limit: SharedLimit;
  /** By token, in the order of delivery. A token that is in neither is lost, or a guess. */
  readonly #open = new Map<string, Open>();
  readonly #judged = new Map<string, Delivery>();

  constructor(limit: SharedLimit) {
    this.#limit = limit;
  }

  /** The tokens of all deliveries of this connection: without a verdict, and those whose verdict is being recorded. */
  *tokens(): Iterable<string> {
    yield* this.#open.keys();
    yield* this.#judged.keys();
  }

  /** Nothing is under way, so that this is a moment to part. */
  get isNone(): boolean {
    return this.#open.size + this.#judged.size === 0;
  }

  /** Whether there may be one more beside those of all other connections. */
  get hasRoom(): boolean {
    return this.#limit.allows(this.#open.size + this.#judged.size);
  }

  has(token: string): boolean {
    return this.#open.has(token);
  }

  add(delivery: Delivery): void {
    this.#open.set(delivery.token, { delivery, endsAt: Infinity });
    this.#limit.take(1);
  }

  /** All of its content was handed over, and that ended at so many bytes of the connection's. */
  sent(token: string, endsAt: number): void {
    const open = this.#open.get(token);
    if (open) open.endsAt = endsAt;
  }

  /** A verdict has come, maybe once more. Undefined: the lease was lost, or is somebody else's. */
  judge(token: string): Delivery | undefined {
    const open = this.#open.get(token);
    if (!open) return this.#judged.get(token);
    this.#open.delete(token);
    this.#judged.set(token, open.delivery);
    return open.delivery;
  }

  /** It is settled, or is not this connection's any more. False: it was not there. */
  remove(token: string): boolean {
    if (!this.#open.delete(token) && !this.#judged.delete(token)) return false;
    this.#limit.give(1);
    return true;
  }

  /**
   * The one that the receiver was working on when it had taken so many bytes: it takes them in order, so the oldest without
   * a verdict. Undefined where that had not arrived whole.
   */
  suspectAt(takenBytes: number): Delivery | undefined {
    const [oldest] = this.#open.values();
    return oldest && oldest.endsAt <= takenBytes ? oldest.delivery : undefined;
  }

  /** Takes out all without a verdict, at the end of the connection. The judged ones follow when they are recorded. */
  *takeAll(): Iterable<Delivery> {
    for (const { delivery } of [...this.#open.values()]) {
      this.remove(delivery.token);
      yield delivery;
    }
  }
}
