/**
 * The server's half of a delivery, with its hands on the socket and the spool.
 *
 * Two loops share one conversation (protocol/delivery.ts). `run` reads the receiver's frames: room for more
 * deliveries, verdicts, signs of life. `#handOut` leases files and sends them, one at a time, while there is
 * room. When the first changes something that the second waits for, it rings a bell.
 *
 * Whatever has no verdict when the connection ends goes back to the head of its queue at once: nobody waits
 * for a lease to run out because of a cut that was noticed.
 */
import { chunkAt } from "../../protocol/chunks.ts";
import { DELIVERY_SERVER } from "../../protocol/delivery.ts";
import { FilespoolError, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import { Conversation, type Effects } from "../../protocol/state-machine.ts";
import type { Delivery } from "../../spool/files.ts";
import { about } from "../events.ts";
import type { Connection, Data } from "../wire/connection.ts";
import { sendContent } from "../wire/content-sender.ts";
import { type Access, demand } from "./access.ts";
import { OpenDeliveries } from "./open-deliveries.ts";
import { type ServerContext, welcome } from "./session.ts";
import { type Verdict, Verdicts } from "./verdicts.ts";

export class DeliverySession {
  readonly #connection: Connection;
  readonly #server: ServerContext;
  readonly #access: Access;
  readonly #queue: string;
  /** Names one run of a receiver, over all of its connections. */
  readonly #receiver: string;
  readonly #chunkBytes: number;
  /** The number of our welcome: what has more bytes waits for its start. */
  readonly #pipelineBytesMax: number;
  readonly #conversation = new Conversation(DELIVERY_SERVER, "greeting");
  /** What was delivered and is not settled. What has no verdict goes back when the connection ends. */
  readonly #open: OpenDeliveries;
  readonly #verdicts: Verdicts;
  /** The one that is being sent, or whose `start` we wait for; and from which byte on. */
  #current: Delivery | null = null;
  #from = 0;
  /** Deliveries that the receiver still has room for. */
  #credit = 0;
  /** The receiver knows that nothing is waiting; true until that may have changed. */
  #saidEmpty = false;
  #isOver = false;
  /** Wakes `#handOut`: something that it waits for may have changed. */
  #ring: () => void = () => {};
  /** The same, for whoever keeps it until then. */
  readonly #wake = (): void => this.#ring();

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
    this.#open = new OpenDeliveries(server.deliveries);
    this.#verdicts = new Verdicts(connection, server, this.#queue, this.#open, (mayBeMore) => {
      if (mayBeMore) this.#saidEmpty = false;
      this.#ring();
      this.drain();
    });
    this.#pipelineBytesMax = welcome(server).pipelineBytesMax;
    const { bufferBytesMin, dataBytesMax } = LIMITS;
    this.#chunkBytes = Math.max(bufferBytesMin, Math.min(server.bufferBytes, hello.dataBytesMax ?? dataBytesMax));
  }

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
        if (frame.type !== "want")
          this.#connection.zeros.taken(frame.type === "working" ? LIMITS.zerosToldBytes : Infinity);
        await this.#conversation.carryOut(this.#eventOf(frame), this.#effects, frame);
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

  /** What has no verdict goes back; what a receiver was working on when it vanished is looked at (suspects.ts). */
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
    // A receiver that takes what is there has all of it, and would come back for nothing.
    if (this.#conversation.state === "ready" && this.#credit > 0 && !this.#saidEmpty && this.#leased === 0)
      void this.#conversation.carryOut("none", this.#effects);
    this.#connection.fail(new FilespoolError("shutting-down"));
  }

  /** The event of the table that a frame is: a verdict on the current delivery is another than one on an earlier. */
  #eventOf(frame: Message | Data): "want" | "start" | "late" | "working" | "verdict" | "settle" | "bye" {
    switch (frame.type) {
      case "ack":
      case "nack":
        return frame.delivery === this.#current?.token ? "verdict" : "settle";
      case "start":
        return frame.delivery === this.#current?.token ? "start" : "late";
      case "want":
      case "working":
      case "bye":
        return frame.type;
      default:
        throw new FilespoolError("frame-unexpected", `a receiver does not send ${frame.type}`);
    }
  }

  /** Leases and sends, one file at a time, until the connection is over. */
  async #handOut(): Promise<void> {
    while (!this.#isOver) {
      // What cannot be sent at once is sent from here too, so that the other loop can go on reading.
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
      // What waits for a slow peer waits on the disk: nothing is leased before it can be sent.
      const waiting = this.#connection.unsentBelow(LIMITS.windowBytes);
      if (waiting) {
        await waiting;
        continue;
      }
      demand(this.#access, "collect", this.#queue); // each time: a right may have been taken away since hello
      this.#saidEmpty = true; // unless something arrives while we look
      const leasing = this.#server.spool.lease(this.#queue);
      const delivery = leasing instanceof Promise ? await leasing : leasing; // a turn for each file is too much
      if (!delivery && this.#saidEmpty && !this.#isOver) await this.#conversation.carryOut("none", this.#effects);
      if (!delivery) continue;
      this.#saidEmpty = false;
      this.#open.add(delivery);
      if (this.#isOver) break; // `run` gives it back
      this.#current = delivery;
      this.#credit--;
      const isSmall = delivery.size <= this.#pipelineBytesMax;
      const work = this.#conversation.carryOut(isSmall ? "small" : "large", this.#effects, delivery);
      if (work) await work;
      if (isSmall) this.#sendAtOnce(delivery);
      delivery.content = undefined; // it was sent, or is read again when there is room for it
    }
  }

  /**
   * Files of the queue that are there, and not with this receiver. An ack takes its file off the count at once, and if it
   * cannot be written down the file is there again: so one of another connection counts. A receiver that hears 0 forgets
   * what it has landed.
   */
  get #leased(): number {
    const ours = this.#open.size;
    return Math.max(0, this.#server.spool.waiting(this.#queue) - ours + this.#verdicts.elsewhere);
  }

  /** Whether another file may be handed out now. When that changes, somebody rings. */
  get #mayDeliver(): boolean {
    const isWanted = this.#conversation.state === "ready" && this.#credit > 0 && !this.#saidEmpty;
    if (!isWanted || this.#server.isDraining || this.#verdicts.isResting) return false;
    if (this.#open.hasRoom) return true;
    this.#server.deliveries.wait(this.#wake);
    return false;
  }

  /** Small content that came with its lease is sent at once, if there is room for it. Else it takes the way of the others. */
  #sendAtOnce({ content, size }: Delivery): void {
    if (!content || size > this.#connection.frameWriter.room) return;
    for (let chunk = chunkAt(0, size, this.#chunkBytes); chunk; ) {
      const end = chunk.offset + chunk.length;
      // Fails only when the connection is gone, and whoever reads hears of that.
      this.#connection.sendData(chunk.offset, content.subarray(chunk.offset, end))?.catch(() => {});
      chunk = chunkAt(end, size, this.#chunkBytes);
    }
    void this.#sent();
  }

  /** All of the current one was handed over. */
  #sent(): Promise<void> | undefined {
    this.#open.sent(this.#current?.token ?? "", this.#connection.frameWriter.handedData);
    this.#current = null;
    return this.#conversation.carryOut("sent", this.#effects);
  }

  /** Sends the content of the current delivery, unless a verdict or the end of the connection comes in between. */
  async #sendCurrent(): Promise<void> {
    const delivery = this.#current;
    if (!delivery) return;
    const { spool } = this.#server;
    const { token, size } = delivery;
    try {
      const isSent = await sendContent(this.#connection, {
        from: this.#from,
        size,
        chunkBytes: this.#chunkBytes,
        read: async (into, offset) => {
          const bytes = await spool.read(token, offset, into);
          if (bytes < into.length) throw new FilespoolError("spool-unusable", `the content of ${token} is too short`);
        },
        shouldContinue: () => this.#current === delivery,
        onSent: () => spool.renew(token), // taking bytes is progress, and progress keeps the lease
      });
      if (isSent && this.#current === delivery) await this.#sent();
    } catch (error) {
      // A connection that is gone says nothing about the file; `run` gives it back.
      const isGone = known(error).kind === "unreachable";
      if (this.#current === delivery && !isGone) await this.#conversation.carryOut("lost", this.#effects, known(error));
    }
  }

  readonly #effects: Effects<typeof DELIVERY_SERVER> = {
    welcome: () => this.#connection.send(welcome(this.#server)),

    credit: ({ files }: MessageOf<"want">) => {
      this.#credit += files;
      this.#saidEmpty = false;
      if (this.#credit > LIMITS.windowFiles)
        throw new FilespoolError("flood", "more deliveries wanted than a window holds");
    },

    deliver: (delivery: Delivery) => {
      const { token, algorithm, digest, attempt, kind, mode, mtime } = delivery;
      const more = { algorithm, digest, attempt, kind, mode, mtime };
      this.#connection.send({ type: "deliver", delivery: token, ...about(delivery), ...more });
      const { id, peer } = this.#connection;
      this.#server.emit({ event: "delivered", connection: id, peer, ...about(delivery), attempt });
    },

    // Only notes from where: `#handOut` sends it, so that this loop can go on reading.
    stream: (cause: Delivery | MessageOf<"start">) => {
      this.#from = "offset" in cause ? Math.min(cause.offset, this.#current?.size ?? 0) : 0;
    },

    record: (verdict: Verdict) => {
      if (this.#current?.token === verdict.delivery) this.#current = null;
      this.#verdicts.record(verdict);
    },

    renew: ({ delivery: id }: MessageOf<"working">) => void (this.#open.has(id) && this.#server.spool.renew(id)),
    tellEmpty: () => this.#connection.send({ type: "empty", leased: this.#leased }),
    tellLost: ({ delivery }: MessageOf<"start">) => this.#verdicts.tellLost(delivery, new FilespoolError("lease-lost")),

    withdraw: (error: FilespoolError) => {
      const delivery = this.#current?.token ?? "";
      this.#current = null;
      this.#verdicts.withdraw(delivery, error);
    },

    close: () => {},
  };
}
