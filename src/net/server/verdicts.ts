/**
 * Verdicts on deliveries, as a server writes them down: an ack, a failed attempt, a file that is
 * merely given back, and the file that a vanished receiver was working on.
 *
 *   verdict                      on disk                      then
 *   ack                          off its queue, for ever      acked
 *   nack that counts             one failure more             first of its queue again, or a dead letter
 *   nack that does not count     nothing                      first of its queue again
 *   vanished, three times        one failure more             the same as a nack that counts (suspects.ts)
 *
 * A verdict that cannot be written down (a disk that is full, or can only be read) is refused, and
 * its file is back in its queue at once. Handed out again at once, it would fail in the same way,
 * some thousand times a second; so the connection that it failed on rests for a moment. Never here:
 * frames and leases (delivery-session.ts).
 */
import { FilespoolError, failureForPeer, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Delivery } from "../../spool/files.ts";
import { about, type ServerEvent } from "../events.ts";
import type { Connection } from "../wire/connection.ts";
import type { OpenDeliveries } from "./open-deliveries.ts";
import { PerSecond, TOLD_AT_ONCE, withMore } from "./per-second.ts";
import type { ServerContext } from "./session.ts";

/** What a receiver says of a delivery: "it is in my folder, on disk", or "it is not". */
export type Verdict = MessageOf<"ack"> | MessageOf<"nack">;

/** How long a connection is handed nothing after a verdict that could not be recorded. */
const REST_MS = 1000;

export class Verdicts {
  readonly #connection: Connection;
  readonly #server: ServerContext;
  readonly #open: OpenDeliveries;
  /**
   * Told whenever a delivery is settled, and when a rest is over. `mayBeMore`: a file came back, so
   * the session has to look at the queue again although it has said that nothing waits.
   */
  readonly #onChange: (mayBeMore: boolean) => void;
  /** Runs while the connection rests; see the end of the text above. */
  #resting: NodeJS.Timeout | undefined;
  /**
   * A receiver may give a file back and get it again as fast as it likes. The log need not show
   * each time.
   */
  readonly #returned: PerSecond<Extract<ServerEvent, { event: "returned" }>>;

  constructor(
    connection: Connection,
    server: ServerContext,
    open: OpenDeliveries,
    onChange: (mayBeMore: boolean) => void,
  ) {
    this.#connection = connection;
    this.#server = server;
    this.#open = open;
    this.#onChange = onChange;
    this.#returned = new PerSecond((event, count) => server.emit(withMore(event, count)), TOLD_AT_ONCE);
  }

  /** The session hands nothing out while this is true. */
  get isResting(): boolean {
    return this.#resting !== undefined;
  }

  /**
   * Begins to write a verdict down, and returns at once: many acks share one sync of the index. A
   * verdict on a delivery that this connection does not hold is answered with `lease-lost` and
   * changes nothing.
   */
  record(verdict: Verdict): void {
    const delivery = this.#open.judge(verdict.delivery);
    if (!delivery) return this.tellLost(verdict.delivery, new FilespoolError("lease-lost"));
    const over = () => {
      this.#open.remove(delivery.token);
      this.#onChange(false);
    };
    const recorded = this.#record(verdict, delivery).then(over, (error: unknown) => {
      if (known(error).code !== "lease-lost") this.#rest(error);
      this.tellLost(delivery.token, known(error));
      over();
    });
    if (verdict.type === "nack") this.#returns(recorded);
  }

  /**
   * Takes a delivery back: its content cannot be read, or its lease is over. That counts as a
   * failed attempt.
   */
  withdraw(delivery: string, error: FilespoolError): void {
    this.#connection.send({ type: "withdraw", delivery, ...failureForPeer(error) });
    if (!this.#open.remove(delivery)) return;
    this.#returns(this.#server.spool.nack(delivery, error.message).catch((cause) => this.#rest(cause)));
  }

  /**
   * The receiver vanished with this one. Once, that says nothing about the file; again and again it
   * does.
   */
  async blame(delivery: Delivery, receiver: string): Promise<void> {
    if (!this.#server.suspects.vanished(delivery.transfer, receiver)) return this.#server.spool.release(delivery.token);
    const before = LIMITS.vanishedReceiversMax - 1;
    const reason = `its receiver vanished without a word after it had all of the file, and so did at least ${before} before it`;
    // Where that cannot be written down, the spool has given the file back all the same.
    await this.#fail(delivery, reason).catch((error: unknown) => this.#server.report(error));
  }

  /** Answers a verdict that came too late, or could not be recorded. */
  tellLost(delivery: string, error: FilespoolError): void {
    this.#connection.send({ type: "refuse", about: delivery, ...failureForPeer(error) });
  }

  /** The connection is over. */
  close(): void {
    clearTimeout(this.#resting);
    this.#returned.close();
  }

  /**
   * Writes a verdict down, and only then says that it is.
   * @throws FilespoolError lease-lost, disk-full, spool-unusable, by the promise
   */
  async #record(verdict: Verdict, delivery: Delivery): Promise<void> {
    const { spool, suspects } = this.#server;
    if (verdict.type === "nack") {
      suspects.forget(delivery.transfer); // a receiver that can say no lives
      if (verdict.counts) return this.#fail(delivery, verdict.reason);
      spool.release(delivery.token);
      return this.#tellReturned(delivery, verdict.reason, false);
    }
    // 1. off the queue, durably
    await spool.ack(delivery.token);
    const { id: connection, peer } = this.#connection;
    this.#connection.send({ type: "acked", delivery: delivery.token }); // 2. only then say so
    this.#server.emit({ event: "acked", connection, peer, ...about(delivery) });
  }

  /** A failed attempt counts, and may be the last. */
  async #fail(delivery: Delivery, reason: string): Promise<void> {
    this.#tellReturned(delivery, reason, await this.#server.spool.nack(delivery.token, reason));
  }

  #tellReturned(delivery: Delivery, reason: string, dead: boolean): void {
    const { id: connection, peer } = this.#connection;
    const event = { event: "returned", connection, peer, ...about(delivery), reason, dead } as const;
    if (dead) this.#server.emit(event);
    else this.#returned.note("returned", event);
  }

  /**
   * A file goes back, or to the dead letters; after that the receiver hears whether there is more.
   */
  #returns(written: Promise<unknown>): void {
    void written.finally(() => this.#onChange(true));
  }

  /** Reports why, and hands out nothing for a moment. A second failure begins the moment anew. */
  #rest(why: unknown): void {
    this.#server.report(why);
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.#onChange(true);
    }, REST_MS).unref();
  }
}
