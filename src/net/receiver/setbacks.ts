/**
 * What becomes of deliveries that did not land: each is given back with a verdict, or held without one.
 *
 *   counts, or is being sent   the server hears a nack, and delivers it again, or buries it, or gives it to another
 *   held                       it keeps its lease, so that the server offers it to nobody meanwhile, least of all to us
 *
 * Some are held until the connection ends; for others there is a moment at which they are tried again, and until then the run
 * is not over. Which is which: failures.ts. This is of one run, and what is held is of one connection.
 */
import { type FilespoolError, failure } from "../../protocol/errors.ts";
import type { Client } from "../client/client.ts";
import { about } from "../events.ts";
import { counts, type Failures } from "./failures.ts";
import { reasonOf } from "./landing-errors.ts";
import type { Delivered } from "./part-file.ts";
import type { TargetRoom } from "./target-room.ts";

/** What a receiver does when it is told. */
export interface Receiving {
  readonly client: Client;
  readonly room: TargetRoom;
  /** It is none of the files that count towards the end of the run. */
  readonly failed: () => void;
  /** Sends the verdict. Then it comes again, or the server says once more that nothing is waiting. */
  readonly nack: (token: string, isFailure: boolean, reason: string) => void;
  /** Room for another delivery, or the end of the run. */
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
  /** By token; null: until the connection ends. */
  readonly #held = new Map<string, NodeJS.Timeout | null>();
  /** Those among them that are held for good: nothing more comes of them on this connection. */
  forGood = 0;

  constructor(failures: Failures, receiving: Receiving) {
    this.#failures = failures;
    this.#receiving = receiving;
  }

  /**
   * A delivery did not land.
   * @param isWritten the disk said so while it was written, and not only a look at it
   * @param isSending the server is in the middle of it, and goes on until it hears a verdict
   * @param delayMs when it is tried again, where that is decided already; Infinity: not in this run
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

  /** Said once in a run, however often it comes again. */
  #refuse(delivery: Delivered, error: FilespoolError): void {
    if (this.#failures.isNews(delivery.transfer))
      this.#receiving.client.emit({ event: "refused", ...about(delivery), ...failure(error) });
  }

  /** It stays leased for so long, ms; Infinity: until the connection ends. */
  hold(delivery: Delivered, error: FilespoolError, ms: number): void {
    this.#receiving.failed();
    this.#hold(delivery, error, ms);
    this.#receiving.changed();
  }

  #hold(delivery: Delivered, error: FilespoolError, ms: number): void {
    const isForGood = ms === Infinity;
    if (isForGood) this.forGood++;
    this.#held.set(delivery.delivery, isForGood ? null : setTimeout(() => this.#again(delivery, error), ms));
  }

  /** The pause is over. What there is no room for need not be delivered again to be told so. */
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

  /** The server has taken it back. @returns whether it was held */
  delete(token: string): boolean {
    const timer = this.#held.get(token);
    if (timer === null) this.forGood--;
    else clearTimeout(timer);
    return this.#held.delete(token);
  }

  /** With the connection all leases end. */
  clear(): void {
    for (const token of this.#held.keys()) this.delete(token);
  }
}
