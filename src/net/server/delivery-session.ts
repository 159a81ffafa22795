/**
 * The delivery session: the server's half of the conversation with one receiver.
 *
 * Two loops share one state machine (protocol/delivery.ts).
 *
 *   run        reads the receiver's frames: room for more deliveries, verdicts, signs of life
 *   #handOut   leases files and sends them, one at a time, while there is room
 *
 * The second sleeps until something that it waits for may have changed. The first, the spool and
 * the shared limits wake it by `#ring`. It looks at everything anew each time, so a ring too many
 * costs a turn and a ring too few would be the only mistake.
 *
 * When the connection ends, the server gives every file without a verdict back to the head of its
 * queue at once. No other receiver waits for a lease to run out because of a cut that the server
 * has noticed.
 *
 * Never here: what a verdict changes on disk (verdicts.ts), how content is sent
 * (deliver-content.ts), and when a lease is over (spool/leases.ts).
 */
import { DELIVERY_SERVER } from "../../protocol/delivery.ts";
import { FilespoolError, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { Conversation, type Effects } from "../../protocol/state-machine.ts";
import type { Delivery } from "../../spool/files.ts";
import { about } from "../events.ts";
import type { Connection } from "../wire/connection.ts";
import { type Access, demand } from "./access.ts";
import { sendLarge, sendSmall } from "./deliver-content.ts";
import { eventOf } from "./delivery-events.ts";
import { OpenDeliveries } from "./open-deliveries.ts";
import { type ServerContext, welcome } from "./session.ts";
import { type Verdict, Verdicts } from "./verdicts.ts";

export class DeliverySession {
  readonly #connection: Connection;
  readonly #server: ServerContext;
  readonly #access: Access;
  /** The one queue that this connection takes from, as its hello named it. */
  readonly #queue: string;
  /** Names one run of a receiver, over all of its connections. */
  readonly #receiver: string;
  /** Most bytes of one data frame: what we like, or what the receiver takes, if that is less. */
  readonly #chunkBytes: number;
  /** What this server has told the receiver of its bounds. Both go by these numbers. */
  readonly #welcome: MessageOf<"welcome">;
  readonly #conversation = new Conversation(DELIVERY_SERVER, "greeting");
  /** Deliveries that are not settled. Those without a verdict go back when the connection ends. */
  readonly #open: OpenDeliveries;
  readonly #verdicts: Verdicts;
  /**
   * The delivery that is being sent, or whose `start` the server waits for. Null between two, and
   * as soon as a verdict arrives: a receiver may refuse a file in the middle.
   */
  #current: Delivery | null = null;
  /** The byte from which on the current one is sent: as `start` says, or 0. */
  #from = 0;
  /**
   * Deliveries that the receiver has room for, beside those it has. `want` adds to it, each
   * delivery takes one off, and a window bounds it.
   */
  #credit = 0;
  /**
   * The receiver knows that nothing is waiting. An arrival sets it back, and so does a file that
   * came back. While it is true, `#handOut` leases nothing, so an empty queue costs nothing.
   */
  #saidEmpty = false;
  /** `run` has ended. `#handOut` finishes its step and ends, too. */
  #isOver = false;
  /** Wakes `#handOut`, if it sleeps; does nothing otherwise. Set anew for each sleep. */
  #ring: () => void = () => {};
  /** The same function always, for lists of listeners. It calls the `#ring` of the moment. */
  readonly #wake = (): void => this.#ring();

  /** @param receiver names the run of the receiver, as its token vouches for it */
  constructor(
    connection: Connection,
    server: ServerContext,
    access: Access,
    hello: MessageOf<"hello">,
    receiver: string,
  ) {
    this.#connection = connection;
    connection.zeros.peerTakes = hello.zeros === true;
    this.#access = access;
    this.#server = server;
    this.#queue = hello.queue ?? "";
    this.#receiver = receiver;
    this.#welcome = welcome(server);
    this.#open = new OpenDeliveries(server.deliveries);
    this.#verdicts = new Verdicts(connection, server, this.#open, (mayBeMore) => {
      if (mayBeMore) this.#saidEmpty = false;
      this.#ring();
      this.drain();
    });
    const { bufferBytesMin, dataBytesMax } = LIMITS;
    this.#chunkBytes = Math.max(bufferBytesMin, Math.min(server.bufferBytes, hello.dataBytesMax ?? dataBytesMax));
  }

  /** @throws FilespoolError why it has to end: a broken protocol, or a lost connection */
  async run(): Promise<void> {
    const stopListening = this.#server.spool.onArrival(this.#queue, () => {
      this.#saidEmpty = false;
      this.#ring();
    });
    await this.#conversation.carryOut("hello", this.#effects);
    const handingOut = this.#handOut().catch((error: unknown) => this.#connection.fail(known(error)));
    let broken: FilespoolError | null = null;
    try {
      while (this.#conversation.state !== "closed") {
        const frame = await this.#connection.read();
        if (!frame) break;
        // Zeros cross the wire as a number, so the socket holds nothing back. The receiver's own
        // words bound how far the server runs ahead (wire/zeros.ts); `want` alone says nothing
        // about content.
        if (frame.type !== "want")
          this.#connection.zeros.taken(frame.type === "working" ? LIMITS.zerosToldBytes : Infinity);
        await this.#conversation.carryOut(eventOf(frame, this.#current?.token), this.#effects, frame);
        this.#ring();
      }
    } catch (error) {
      broken = known(error);
      throw error;
    } finally {
      const hasVanished = this.#conversation.state !== "closed" && this.#connection.hasVanished(broken);
      this.#isOver = true;
      this.#current = null;
      stopListening();
      this.#server.deliveries.leave(this.#wake);
      this.#verdicts.close();
      this.#ring();
      await handingOut;
      await this.#release(hasVanished);
    }
  }

  /**
   * Gives back what has no verdict. The file that a vanished receiver was working on may be to
   * blame (suspects.ts).
   */
  async #release(hasVanished: boolean): Promise<void> {
    const isSuspicious = hasVanished && !this.#server.isDraining;
    const suspect = isSuspicious ? this.#open.suspectAt(this.#connection.frameWriter.takenData) : undefined;
    for (const delivery of this.#open.takeAll()) {
      if (delivery === suspect) await this.#verdicts.blame(delivery, this.#receiver);
      else this.#server.spool.release(delivery.token);
    }
  }

  /** When the server is shutting down: no new deliveries, and goodbye after the last verdict. */
  drain(): void {
    if (!this.#server.isDraining || !this.#open.isNone || this.#isOver) return;
    // This receiver has all that there was. Without this word it would come back, for nothing.
    const isAllTaken = this.#server.spool.waiting(this.#queue) + this.#leased === 0;
    if (this.#conversation.state === "ready" && this.#credit > 0 && !this.#saidEmpty && isAllTaken)
      void this.#conversation.carryOut("none", this.#effects);
    this.#connection.fail(new FilespoolError("shutting-down"));
  }

  /**
   * Leases and sends, one file at a time, until the connection is over. Its order is a promise to
   * the others: access first, then memory, then the lease. So a file that cannot go out now stays
   * with its queue, where another receiver may take it.
   */
  async #handOut(): Promise<void> {
    while (!this.#isOver) {
      // Large content is sent from here and not by the effect `stream`: the other loop must go on
      // reading.
      if (this.#conversation.state === "streaming") {
        await this.#sendCurrent();
        continue;
      }
      if (!this.#mayDeliver) {
        await new Promise<void>((ring) => {
          this.#ring = ring;
        });
        continue;
      }
      // A slow receiver's files wait on the disk, not in memory: nothing is leased before it can be
      // sent.
      const waiting = this.#connection.unsentBelow(LIMITS.windowBytes);
      if (waiting) {
        await waiting;
        continue;
      }
      demand(this.#access, "collect", this.#queue); // each time: a right may have been taken away since hello
      this.#saidEmpty = true; // before the look: a file that arrives during it sets this back
      const leasing = this.#server.spool.lease(this.#queue);
      const delivery = leasing instanceof Promise ? await leasing : leasing; // a turn of the loop for each file is too much
      if (!delivery && this.#saidEmpty && !this.#isOver) await this.#conversation.carryOut("none", this.#effects);
      if (!delivery) continue; // an arrival, or the end, wakes this loop
      this.#saidEmpty = false;
      this.#open.add(delivery);
      if (this.#isOver) break; // it is among the open ones, so `run` gives it back
      this.#current = delivery;
      this.#credit--;
      const isSmall = delivery.size <= this.#welcome.pipelineBytesMax;
      const work = this.#conversation.carryOut(isSmall ? "small" : "large", this.#effects, delivery);
      if (work) await work;
      if (isSmall && sendSmall(this.#connection, delivery, this.#chunkBytes)) void this.#sent();
      delivery.content = undefined; // it was sent, or is read again from the spool when there is room for it
    }
  }

  /**
   * Files of the queue that others have. A file whose ack is being recorded for another connection
   * is among them, since it comes back if that fails. A receiver that hears 0 forgets what it has
   * landed, but for the files that it still holds. So the number must never be too low.
   */
  get #leased(): number {
    return this.#server.spool.inFlight(this.#queue, this.#open.tokens());
  }

  /**
   * Whether another file may be handed out now. Everything that it depends on rings when it
   * changes.
   */
  get #mayDeliver(): boolean {
    const isWanted = this.#conversation.state === "ready" && this.#credit > 0 && !this.#saidEmpty;
    if (!isWanted || this.#server.isDraining || this.#verdicts.isResting) return false;
    if (this.#open.hasRoom) return true;
    this.#server.deliveries.wait(this.#wake); // all connections together have too many: rings when one is settled
    return false;
  }

  /**
   * The connection has all content of the current delivery. Its verdict comes later, among those of
   * others.
   */
  #sent(): Promise<void> | undefined {
    this.#open.sent(this.#current?.token ?? "", this.#connection.frameWriter.handedData);
    this.#current = null;
    return this.#conversation.carryOut("sent", this.#effects);
  }

  /**
   * Sends the content of the current delivery, unless a verdict or the end of the connection comes
   * in between.
   */
  async #sendCurrent(): Promise<void> {
    const delivery = this.#current;
    if (!delivery) return;
    try {
      const isSent = await sendLarge(this.#connection, {
        ...{ spool: this.#server.spool, delivery, from: this.#from, chunkBytes: this.#chunkBytes },
        shouldContinue: () => this.#current === delivery,
      });
      if (isSent && this.#current === delivery) await this.#sent();
    } catch (error) {
      // A lost connection says nothing about the file: `run` gives it back, and no failure is
      // counted.
      const isGone = known(error).kind === "unreachable";
      if (this.#current === delivery && !isGone) await this.#conversation.carryOut("lost", this.#effects, known(error));
    }
  }

  readonly #effects: Effects<typeof DELIVERY_SERVER> = {
    welcome: () => this.#connection.send(this.#welcome),
    // Room is told in portions and adds up. What goes beyond a window was not meant as room.
    credit: ({ files }: MessageOf<"want">) => {
      this.#credit += files;
      this.#saidEmpty = false;
      if (this.#credit > LIMITS.windowFiles)
        throw new FilespoolError("flood", "more deliveries wanted than a window holds");
    },
    // The announcement of one attempt. The token in it names the lease, and fences every later word
    // about it.
    deliver: (delivery: Delivery) => {
      const { token, algorithm, digest, attempt, kind, mode, mtime } = delivery;
      const more = { algorithm, digest, attempt, kind, mode, mtime };
      this.#connection.send({ type: "deliver", delivery: token, ...about(delivery), ...more });
      const { id, peer } = this.#connection;
      this.#server.emit({ event: "delivered", connection: id, peer, ...about(delivery), attempt });
    },
    // This only notes from where. `#handOut` sends the content, so that the reading loop can go on.
    stream: (cause: Delivery | MessageOf<"start">) => {
      this.#from = "offset" in cause ? Math.min(cause.offset, this.#current?.size ?? 0) : 0;
    },
    // The file stays leased until the verdict is on disk. Only `#current` lets go of it at once.
    record: (verdict: Verdict) => {
      if (this.#current?.token === verdict.delivery) this.#current = null;
      this.#verdicts.record(verdict);
    },
    // Only for what this connection holds. A token of somebody else's delivery renews nothing.
    renew: ({ delivery: id }: MessageOf<"working">) => void (this.#open.has(id) && this.#server.spool.renew(id)),
    // `leased` lets the receiver decide whether to wait: those files may come back.
    tellEmpty: () => this.#connection.send({ type: "empty", leased: this.#leased }),
    tellLost: ({ delivery }: MessageOf<"start">) => this.#verdicts.tellLost(delivery, new FilespoolError("lease-lost")),
    // The server takes the file back in the middle: its lease is over, or its content cannot be
    // read.
    withdraw: (error: FilespoolError) => {
      const delivery = this.#current?.token ?? "";
      this.#current = null;
      this.#verdicts.withdraw(delivery, error);
    },
    close: () => {},
  };
}
