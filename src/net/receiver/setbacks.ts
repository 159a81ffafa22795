/**
 * What becomes of deliveries that did not land: each is given back with a verdict, or held without
 * one.
 *
 *   given back   a failure that counts, or a file that is being sent: the server hears a nack. It
 *                delivers the file again, to any receiver, or makes it a dead letter
 *   held         any other failure: the file keeps its lease, so that the server offers it to
 *                nobody meanwhile, least of all to this receiver
 *
 * Some files are held until the connection ends. For others there is a time at which they are tried
 * again, and until then the run is not over. failures.ts decides which is which.
 *
 * Invariant: a delivery is in `#held` at most once, and its lease is renewed as long as it is. What
 * is held belongs to one connection. Never here: what failed in the whole run (failures.ts).
 */
import { type FilespoolError, failure } from "../../protocol/errors.ts";
import type { Client } from "../client/client.ts";
import { about } from "../events.ts";
import { counts, type Failures } from "./failures.ts";
import { reasonOf } from "./landing-errors.ts";
import type { Delivered } from "./part-file.ts";
import type { TargetRoom } from "./target-room.ts";

/** What a setback needs of the conversation. */
export interface Receiving {
  readonly client: Client;
  readonly room: TargetRoom;
  /** The delivery does not count towards the end of the run. */
  readonly failed: () => void;
  /**
   * Sends the verdict. The server delivers the file again, or says anew that nothing is waiting.
   */
  readonly nack: (token: string, isFailure: boolean, reason: string) => void;
  /** Something has changed: there may be room for another delivery, or the run may be over. */
  readonly changed: () => void;
}

/** How a delivery failed; see `add`. */
export interface Setback {
  readonly isWritten?: boolean;
  readonly isSending?: boolean;
  readonly delayMs?: number | undefined;
}

export class Setbacks {
  readonly #failures: Failures;
  readonly #receiving: Receiving;
  /**
   * Deliveries that are held, by token, each with the timer that ends its pause; null: held until
   * the connection ends.
   */
  readonly #held = new Map<string, NodeJS.Timeout | null>();
  /** How many of them are held until the connection ends: the entries without a timer. */
  forGood = 0;

  constructor(failures: Failures, receiving: Receiving) {
    this.#failures = failures;
    this.#receiving = receiving;
  }

  /**
   * Gives a delivery back or holds it, and reports that.
   * @param isWritten the disk failed while it was written, not only when it was looked at
   * @param isSending the server is in the middle of it, and goes on until it hears a verdict
   * @param delayMs when it is tried again, if that is decided already; Infinity: not in this run
   */
  add(
    delivery: Delivered,
    error: FilespoolError,
    { isWritten = false, isSending = false, delayMs }: Setback = {},
  ): void {
    const { client, failed, nack } = this.#receiving;
    const { transfer, attempt, delivery: token } = delivery;
    const pauseMs = this.#failures.add(transfer, error, isWritten, delayMs);
    if (pauseMs < Infinity) client.emit({ event: "retrying", delayMs: pauseMs, attempt, ...failure(error) });
    else this.#refuse(delivery, error);
    if (!counts(error) && !isSending) return this.hold(delivery, error, pauseMs);
    failed();
    nack(token, counts(error), reasonOf(error));
  }

  /** Reports that this run gives a file up: once, however often the file comes again. */
  #refuse(delivery: Delivered, error: FilespoolError): void {
    if (this.#failures.isNews(delivery.transfer))
      this.#receiving.client.emit({ event: "refused", ...about(delivery), ...failure(error) });
  }

  /** Holds a delivery for so long, ms; Infinity: until the connection ends. */
  hold(delivery: Delivered, error: FilespoolError, ms: number): void {
    this.#receiving.failed();
    this.#hold(delivery, error, ms);
    this.#receiving.changed();
  }

  /** The same for a delivery that was counted as failed before. */
  #hold(delivery: Delivered, error: FilespoolError, ms: number): void {
    const isForGood = ms === Infinity;
    if (isForGood) this.forGood++;
    this.#held.set(delivery.delivery, isForGood ? null : setTimeout(() => this.#again(delivery, error), ms));
  }

  /**
   * The pause is over: gives the file back. If there still is no room for it, it need not be
   * delivered again to find that out, and another pause begins.
   */
  #again(delivery: Delivered, error: FilespoolError): void {
    const { room, nack, changed } = this.#receiving;
    this.#held.delete(delivery.delivery);
    if (error.code !== "disk-full" || room.hasRoom(delivery))
      return nack(delivery.delivery, false, "to be tried again");
    const pauseMs = this.#failures.add(delivery.transfer, error, false);
    if (pauseMs === Infinity) this.#refuse(delivery, error);
    this.#hold(delivery, error, pauseMs);
    changed();
  }

  /** The server has taken a delivery back. @returns whether it was held */
  delete(token: string): boolean {
    const timer = this.#held.get(token);
    if (timer === null) this.forGood--;
    else clearTimeout(timer);
    return this.#held.delete(token);
  }

  /** The connection is over, and with it every lease. */
  clear(): void {
    for (const token of this.#held.keys()) this.delete(token);
  }
}
