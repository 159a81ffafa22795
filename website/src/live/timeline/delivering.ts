/**
 * The delivering half of the simulated server: leases the file, sends it, and takes the verdict.
 *
 * As src/net/server/delivery-session.ts does it, for one connection. Invariant: whatever has no verdict when the connection ends
 * goes back to its queue at once. The other half, and what both need, is in server.ts.
 */
import { chunkAt } from "../../../../src/protocol/chunks.ts";
import { DELIVERY_SERVER } from "../../../../src/protocol/delivery.ts";
import { FilespoolError, failureForPeer } from "../../../../src/protocol/errors.ts";
import { LIMITS } from "../../../../src/protocol/limits.ts";
import type { Message, MessageOf } from "../../../../src/protocol/messages.ts";
import { Conversation, type Effects, type EventOf } from "../../../../src/protocol/state-machine.ts";
import type { Delivery } from "../../../../src/spool/files.ts";
import { SYNC_MS } from "./disk.ts";
import { type ServerParts, welcome } from "./welcome.ts";
import type { Data, End, Talker } from "./wire.ts";

/** The server's half of a delivery. */
export class Delivering implements Talker {
  readonly #parts: ServerParts;
  readonly #end: End;
  readonly #talk = new Conversation(DELIVERY_SERVER, "greeting");
  readonly #open = new Map<string, Delivery>();
  #queue = "";
  #current: Delivery | null = null;
  #from = 0;
  #credit = 0;
  #saidEmpty = false;
  #isOver = false;
  #stopListening = () => {};

  constructor(parts: ServerParts, end: End) {
    this.#parts = parts;
    this.#end = end;
  }

  async onFrame(frame: Message | Data): Promise<void> {
    if (frame.type === "hello") this.#queue = frame.queue ?? "";
    const isCurrent = "delivery" in frame && frame.delivery === this.#current?.token;
    const verdict = isCurrent ? "verdict" : "settle";
    const start = isCurrent ? "start" : "late";
    const event = frame.type === "ack" || frame.type === "nack" ? verdict : frame.type === "start" ? start : frame.type;
    await this.#take(event as EventOf<typeof DELIVERY_SERVER>, frame);
    await this.#handOut();
  }

  async #take(event: EventOf<typeof DELIVERY_SERVER>, cause?: unknown): Promise<void> {
    const work = this.#talk.carryOut(event, this.#effects, cause);
    this.#parts.scribe.change("server", "delivery", event, this.#talk.state);
    await work;
  }

  onLost(error: FilespoolError): void {
    if (this.#isOver) return;
    const kind = error.code === "connection-lost" ? "lost" : "error";
    this.#parts.scribe.mark("server", kind, `delivery: ${error.message}`);
    this.crash();
    // Whatever has no verdict goes back to the head of its queue at once.
    for (const token of this.#open.keys()) this.#parts.spool.release(token);
  }

  crash(): void {
    this.#isOver = true;
    this.#current = null;
    this.#stopListening();
    this.#end.close();
    this.#parts.scribe.change("server", "delivery", "lost", "no connection");
  }

  /** Leases and sends, if there is room and something is waiting. */
  async #handOut(): Promise<void> {
    if (this.#isOver || this.#talk.state !== "ready" || this.#credit === 0 || this.#saidEmpty) return;
    const delivery = await this.#parts.spool.lease(this.#queue);
    if (!delivery) {
      this.#saidEmpty = true;
      return this.#take("none");
    }
    this.#open.set(delivery.token, delivery);
    this.#current = delivery;
    this.#credit--;
    await this.#take(delivery.size > LIMITS.pipelineBytesMax ? "large" : "small", delivery);
  }

  /** One chunk when the one before has left, until the file ends or somebody else is at it. */
  async #pump(delivery: Delivery, offset: number): Promise<void> {
    if (this.#isOver || this.#current !== delivery) return;
    const chunk = chunkAt(offset, delivery.size, this.#parts.settings.bufferBytes);
    if (!chunk) {
      this.#current = null;
      await this.#take("sent");
      return this.#handOut();
    }
    const bytes = new Uint8Array(chunk.length);
    await this.#parts.spool.read(delivery.token, offset, bytes);
    this.#end.sendData(offset, bytes);
    this.#parts.spool.renew(delivery.token);
    this.#parts.world.at(this.#end.freeMs, () => this.#pump(delivery, offset + chunk.length));
  }

  readonly #effects: Effects<typeof DELIVERY_SERVER> = {
    welcome: () => {
      this.#end.send(welcome(this.#parts));
      this.#stopListening = this.#parts.spool.onArrival(this.#queue, () => {
        this.#saidEmpty = false;
        this.#parts.world.after(0, () => this.#handOut());
      });
    },
    credit: ({ files }: MessageOf<"want">) => {
      this.#credit += files;
      this.#saidEmpty = false;
    },
    deliver: ({ token, transfer, queue, name, size, algorithm, digest, attempt }: Delivery) =>
      this.#end.send({ type: "deliver", delivery: token, transfer, queue, name, size, algorithm, digest, attempt }),
    stream: (cause: Delivery | MessageOf<"start">) => {
      const delivery = this.#current;
      this.#from = "offset" in cause ? cause.offset : 0;
      if (delivery) this.#parts.world.after(0, () => this.#pump(delivery, this.#from));
    },
    record: (verdict: MessageOf<"ack"> | MessageOf<"nack">) => {
      const delivery = this.#open.get(verdict.delivery);
      if (this.#current === delivery) this.#current = null;
      if (!delivery) return this.#tellLost(verdict.delivery);
      this.#parts.world.after(SYNC_MS, async () => {
        if (this.#isOver) return;
        this.#open.delete(delivery.token);
        if (verdict.type === "nack") return void (await this.#parts.spool.nack(delivery.token, verdict.reason));
        await this.#parts.spool.ack(delivery.token); // 1. off the queue, durably
        this.#end.send({ type: "acked", delivery: delivery.token }); // 2. only then say so
      });
    },
    renew: ({ delivery }: MessageOf<"working">) => void this.#parts.spool.renew(delivery),
    tellEmpty: () => this.#end.send({ type: "empty", leased: 0 }),
    tellLost: ({ delivery }: MessageOf<"start">) => this.#tellLost(delivery),
    withdraw: (error: FilespoolError) =>
      this.#end.send({ type: "withdraw", delivery: this.#current?.token ?? "", ...failureForPeer(error) }),
    close: () => {
      this.crash();
    },
  };

  #tellLost(delivery: string): void {
    this.#end.send({ type: "refuse", about: delivery, ...failureForPeer(new FilespoolError("lease-lost")) });
  }
}
