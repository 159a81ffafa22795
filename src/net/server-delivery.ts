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
import { DELIVERY_SERVER } from "../protocol/delivery.ts";
import { FilespoolError, failureForPeer, known } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Conversation, type Effects } from "../protocol/machine.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { Delivery } from "../spool/spool.ts";
import { type Access, demand } from "./access.ts";
import type { Connection, Data } from "./connection.ts";
import { about } from "./events.ts";
import { COPY_BYTES_MAX } from "./outbox.ts";
import { sendContent } from "./send-content.ts";
import { type ServerContext, welcome } from "./server.ts";

type Verdict = MessageOf<"ack"> | MessageOf<"nack">;

export class DeliverySession {
  readonly #connection: Connection;
  readonly #server: ServerContext;
  readonly #access: Access;
  readonly #queue: string;
  readonly #chunkBytes: number;
  readonly #talk = new Conversation(DELIVERY_SERVER, "greeting");
  /** Deliveries without a verdict, by token; go back when the connection ends. A token not in here is lost, or a guess. */
  readonly #open = new Map<string, Delivery>();
  /** Those among them whose verdict is being recorded. */
  #recording = 0;
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

  constructor(connection: Connection, server: ServerContext, access: Access, hello: MessageOf<"hello">) {
    this.#connection = connection;
    this.#access = access;
    this.#server = server;
    this.#queue = hello.queue ?? "";
    const { bufferBytesMin, dataBytesMax } = LIMITS;
    this.#chunkBytes = Math.max(bufferBytesMin, Math.min(server.bufferBytes, hello.dataBytesMax ?? dataBytesMax));
  }

  async run(): Promise<void> {
    const stopListening = this.#server.spool.onArrival(this.#queue, () => {
      this.#saidEmpty = false;
      this.#ring();
    });
    await this.#talk.carryOut("hello", this.#effects);
    const handingOut = this.#handOut().catch((error: unknown) => this.#connection.fail(known(error)));
    try {
      while (this.#talk.state !== "closed") {
        const frame = await this.#connection.read();
        if (!frame) break;
        await this.#talk.carryOut(this.#eventOf(frame), this.#effects, frame);
        this.#ring();
      }
    } finally {
      this.#isOver = true;
      this.#current = null;
      stopListening();
      this.#ring();
      await handingOut;
      for (const token of this.#open.keys()) this.#server.spool.release(token);
    }
  }

  /** When the server is shutting down: no new deliveries, and goodbye after the last verdict. */
  drain(): void {
    if (this.#server.isDraining && this.#open.size === 0) this.#connection.fail(new FilespoolError("shutting-down"));
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
      // A large file that was asked for is sent from here too, so that the other loop can go on reading.
      if (this.#talk.state === "streaming") {
        if (!this.#sendSmall()) await this.#sendCurrent();
        continue;
      }
      if (this.#talk.state !== "ready" || this.#credit === 0 || this.#server.isDraining || this.#saidEmpty) {
        await new Promise<void>((ring) => {
          this.#ring = ring;
        });
        continue;
      }
      demand(this.#access, "collect", this.#queue); // each time: a right may have been taken away since hello
      this.#saidEmpty = true; // unless something arrives while we look
      const leasing = this.#server.spool.lease(this.#queue);
      const delivery = leasing instanceof Promise ? await leasing : leasing; // a turn for each file is too much
      if (!delivery && this.#saidEmpty && !this.#isOver) await this.#talk.carryOut("none", this.#effects);
      if (!delivery) continue;
      this.#saidEmpty = false;
      this.#open.set(delivery.token, delivery);
      if (this.#isOver) break; // `run` gives it back
      this.#current = delivery;
      this.#credit--;
      const work = this.#talk.carryOut(
        delivery.size > LIMITS.pipelineBytesMax ? "large" : "small",
        this.#effects,
        delivery,
      );
      if (work) await work;
    }
  }

  /** Small content that came with its lease is copied, and so sent at once. False: it takes the way of the others. */
  #sendSmall(): boolean {
    const content = this.#current?.content;
    if (!content || content.length > Math.min(COPY_BYTES_MAX, this.#chunkBytes)) return false;
    if (this.#connection.unsentBelow(LIMITS.windowBytes)) return false;
    const sending = content.length > 0 ? this.#connection.sendData(0, content) : undefined;
    sending?.catch(() => {}); // only when the connection is gone, and the other way hears of it as well
    if (sending) return false;
    this.#current = null;
    void this.#talk.carryOut("sent", this.#effects);
    return true;
  }

  /** Sends the content of the current delivery, unless a verdict or the end of the connection comes in between. */
  async #sendCurrent(): Promise<void> {
    const delivery = this.#current;
    if (!delivery) return;
    const { spool } = this.#server;
    const { token, size } = delivery;
    try {
      await this.#connection.unsentBelow(LIMITS.windowBytes);
      const isSent = await sendContent(this.#connection, {
        from: this.#from,
        size,
        chunkBytes: this.#chunkBytes,
        read: async (into, offset) => {
          const bytes = await spool.read(token, offset, into);
          if (bytes < into.length) throw new FilespoolError("spool-unusable", `the content of ${token} is too short`);
        },
        goOn: () => this.#current === delivery,
        onSent: () => spool.renew(token), // taking bytes is progress, and progress keeps the lease
      });
      if (!isSent || this.#current !== delivery) return;
      this.#current = null;
      await this.#talk.carryOut("sent", this.#effects);
    } catch (error) {
      // A connection that is gone says nothing about the file; `run` gives it back.
      const isGone = known(error).kind === "unreachable";
      if (this.#current === delivery && !isGone) await this.#talk.carryOut("lost", this.#effects, known(error));
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
      const { token, algorithm, digest, attempt, kind } = delivery;
      this.#connection.send({ type: "deliver", delivery: token, ...about(delivery), algorithm, digest, attempt, kind });
      const { id, peer } = this.#connection;
      this.#server.emit({ event: "delivered", connection: id, peer, ...about(delivery), attempt });
    },

    // Only notes from where: `#handOut` sends it, so that this loop can go on reading.
    stream: (cause: Delivery | MessageOf<"start">) => {
      this.#from = "offset" in cause ? Math.min(cause.offset, this.#current?.size ?? 0) : 0;
    },

    // Verdicts are recorded beside the reading: many acks share one sync of the index.
    record: (verdict: Verdict) => {
      const delivery = this.#open.get(verdict.delivery);
      if (this.#current === delivery) this.#current = null;
      if (!delivery) return this.#tellLost(verdict, new FilespoolError("lease-lost"));
      this.#count(1);
      const over = () => {
        this.#count(-1);
        this.#open.delete(delivery.token);
        this.#ring();
        this.drain();
      };
      const recorded = this.#record(verdict, delivery).then(over, (error: unknown) => {
        this.#tellLost(verdict, known(error));
        over();
      });
      if (verdict.type === "nack") this.#returns(recorded);
    },

    renew: ({ delivery: id }: MessageOf<"working">) => void (this.#open.has(id) && this.#server.spool.renew(id)),
    tellEmpty: () => {
      // An ack takes its file off the count at once, and if it cannot be written down the file is there again: so one of
      // another connection counts. A receiver that hears 0 forgets what it has landed.
      const theirs = (this.#server.recording.get(this.#queue) ?? 0) - this.#recording;
      const ours = this.#open.size - this.#recording;
      this.#connection.send({
        type: "empty",
        leased: Math.max(0, this.#server.spool.waiting(this.#queue) - ours + theirs),
      });
    },
    tellLost: (start: MessageOf<"start">) => this.#tellLost(start, new FilespoolError("lease-lost")),

    // The content cannot be read, or the lease is over. That counts as a failed attempt.
    withdraw: (error: FilespoolError) => {
      const delivery = this.#current?.token ?? "";
      this.#current = null;
      this.#connection.send({ type: "withdraw", delivery, ...failureForPeer(error) });
      if (this.#open.delete(delivery)) this.#returns(this.#server.spool.nack(delivery, error.message).catch(() => {}));
    },

    close: () => {},
  };

  /** A file goes back, or to the dead letters; after that the receiver hears whether there is more. */
  #returns(written: Promise<unknown>): void {
    void written.finally(() => {
      this.#saidEmpty = false;
      this.#ring();
    });
  }

  #count(verdicts: 1 | -1): void {
    this.#recording += verdicts;
    const { recording } = this.#server;
    const all = (recording.get(this.#queue) ?? 0) + verdicts;
    if (all > 0) recording.set(this.#queue, all);
    else recording.delete(this.#queue);
  }

  /** Writes a verdict down, and only then says that it is. @throws FilespoolError lease-lost, disk-full, spool-unusable, by the promise */
  #record(verdict: Verdict, delivery: Delivery): Promise<void> {
    if (verdict.type === "nack") return this.#recordFailure(verdict, delivery);
    // 1. off the queue, durably
    return this.#server.spool.ack(delivery.token).then(() => {
      const { id: connection, peer } = this.#connection;
      this.#connection.send({ type: "acked", delivery: delivery.token }); // 2. only then say so
      this.#server.emit({ event: "acked", connection, peer, ...about(delivery) });
    });
  }

  /** A failed attempt counts, and may be the last; what was merely given back goes to the head of its queue at once. */
  async #recordFailure({ counts, reason }: MessageOf<"nack">, delivery: Delivery): Promise<void> {
    const { spool } = this.#server;
    const { id: connection, peer } = this.#connection;
    const dead = counts && (await spool.nack(delivery.token, reason));
    if (!counts) spool.release(delivery.token);
    this.#server.emit({ event: "returned", connection, peer, ...about(delivery), reason, dead });
  }

  #tellLost({ delivery }: { readonly delivery: string }, error: FilespoolError): void {
    this.#connection.send({ type: "refuse", about: delivery, ...failureForPeer(error) });
  }
}
