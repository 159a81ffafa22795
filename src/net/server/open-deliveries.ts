/**
 * The deliveries of one connection that are not settled: which there are, whose verdict is being
 * written down, and which one is to blame if the receiver vanishes.
 *
 * A delivery is in exactly one place: without a verdict, judged (its verdict is being recorded), or
 * gone. Everything that is not gone costs memory, and the limit of all connections counts just that
 * (wire/shared-limit.ts). Names and digests of 512 deliveries are half a megabyte, so a thousand
 * receivers that take and never answer would hold 500 MiB. Content is not kept here: a delivery
 * forgets it as soon as it is sent.
 *
 *   counted in the limit = without a verdict + judged
 *
 * Never here: what is sent to whom (delivery-session.ts), and what becomes of a verdict
 * (verdicts.ts).
 */
import type { Delivery } from "../../spool/files.ts";
import type { SharedLimit } from "../wire/shared-limit.ts";

/** A delivery without a verdict. */
interface Open {
  readonly delivery: Delivery;
  /**
   * The byte of all content of this connection at which its own content ended; Infinity until it is
   * handed over.
   */
  endsAt: number;
}

export class OpenDeliveries {
  readonly #limit: SharedLimit;
  /**
   * By token, in the order of delivery. A token that is in neither map is of a lost lease, or a
   * guess.
   */
  readonly #open = new Map<string, Open>();
  readonly #judged = new Map<string, Delivery>();

  constructor(limit: SharedLimit) {
    this.#limit = limit;
  }

  /**
   * The tokens of all deliveries of this connection: without a verdict, and those whose verdict is
   * being recorded.
   */
  *tokens(): Iterable<string> {
    yield* this.#open.keys();
    yield* this.#judged.keys();
  }

  /** Nothing is under way: a server that shuts down may end the connection now. */
  get isNone(): boolean {
    return this.#open.size + this.#judged.size === 0;
  }

  /** Whether there may be one more beside those of all other connections. */
  get hasRoom(): boolean {
    return this.#limit.allows(this.#open.size + this.#judged.size);
  }

  /** Whether this connection holds that delivery, without a verdict so far. */
  has(token: string): boolean {
    return this.#open.has(token);
  }

  /** A file was leased for this connection. */
  add(delivery: Delivery): void {
    this.#open.set(delivery.token, { delivery, endsAt: Infinity });
    this.#limit.take(1);
  }

  /**
   * All content of a delivery was handed to the connection.
   * @param endsAt bytes of all content until there
   */
  sent(token: string, endsAt: number): void {
    const open = this.#open.get(token);
    if (open) open.endsAt = endsAt;
  }

  /**
   * A verdict has come, maybe for the second time.
   * @returns undefined: the lease was lost, or is not of this connection
   */
  judge(token: string): Delivery | undefined {
    const open = this.#open.get(token);
    if (!open) return this.#judged.get(token);
    this.#open.delete(token);
    this.#judged.set(token, open.delivery);
    return open.delivery;
  }

  /**
   * A delivery is settled, or does not belong to this connection any more.
   * @returns false when it was not there
   */
  remove(token: string): boolean {
    if (!this.#open.delete(token) && !this.#judged.delete(token)) return false;
    this.#limit.give(1);
    return true;
  }

  /**
   * The delivery that the receiver was working on when it had taken so many bytes of content. It
   * takes them in order, so that is the oldest without a verdict; undefined if that had not arrived
   * whole.
   */
  suspectAt(takenBytes: number): Delivery | undefined {
    const [oldest] = this.#open.values();
    return oldest && oldest.endsAt <= takenBytes ? oldest.delivery : undefined;
  }

  /**
   * At the end of the connection: takes out all deliveries without a verdict. Judged ones go when
   * they are recorded.
   */
  *takeAll(): Iterable<Delivery> {
    for (const { delivery } of [...this.#open.values()]) {
      this.remove(delivery.token);
      yield delivery;
    }
  }
}
