/**
 * The receiver: takes what waits in a queue, lands it, and acks only what is in the folder, on disk.
 *
 * Frames are read one by one, and writing to disk holds up reading, which is how a slow disk reaches the server.
 * Small files are gathered and landed in batches beside that, so that many of them share their syncs. A file that
 * may not land here (its name is taken or unsafe) gets *no* verdict: it stays leased until this run ends, so that
 * it is not offered again and again, and then goes back to the head of its queue for whoever may take it.
 */
import { checkChunk } from "../../protocol/chunks.ts";
import { DELIVERY_RECEIVER } from "../../protocol/delivery.ts";
import { asError, FilespoolError, failure, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { Conversation, type Effects, type EventOf } from "../../protocol/state-machine.ts";
import { Client } from "../client/client.ts";
import { about } from "../events.ts";
import { openLanding } from "../extensions/hook/hooked-landing.ts";
import { completeReceive, type ReceiveOptions, type ReceiveSummary } from "../options.ts";
import type { Connection, Data } from "../wire/connection.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";
import { adapted, letIn } from "./incoming.ts";
import type { Lander } from "./lander.ts";
import type { Landed } from "./landing.ts";
import { folderError, ofFile } from "./landing-errors.ts";
import type { Delivered, Incoming } from "./part-file.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { Setbacks } from "./setbacks.ts";
import { Tally } from "./tally.ts";

/**
 * Collects files until the queue is empty (or as `count`, `follow` and `waitMs` say).
 * @throws FilespoolError unreachable, interrupted, folder-unusable, or whatever else ends the run rather than one file
 */
export async function receive(given: ReceiveOptions): Promise<ReceiveSummary> {
  const options = completeReceive(given);
  const landing = await openLanding(options, `${options.host}:${options.port}/${options.queue}`);
  const receiver = new Receiver(options, landing);
  await receiver.run().finally(() => landing.close());
  return receiver.tally.summary();
}

class Receiver {
  readonly tally: Tally;
  readonly #setbacks: Setbacks;
  readonly #options: ReturnType<typeof completeReceive>;
  readonly #landing: Lander;
  readonly #client: Client;

  // Of this connection; a new one starts them anew.
  #connection!: Connection;
  #conversation = new Conversation(DELIVERY_RECEIVER, "greeting");
  /** Deliveries without a verdict that the server has confirmed, by token. */
  readonly #open = new Map<string, Delivered>();
  #window!: ReceiveWindow;
  /** As the server said: what has more bytes is not sent before a start. */
  #pipelineBytesMax = 0;
  /** The file whose data is arriving. */
  #file: Incoming | null = null;
  /** Complete files that wait to land, and the landing that is under way. */
  #complete: Incoming[] = [];
  #landingNow: Promise<void> | null = null;
  /** Ends the conversation well, or with an error. */
  #end: (error?: FilespoolError) => void = () => {};
  /** It has ended: what was read together with its last frame is not ours any more. */
  #isOver = false;

  constructor(options: ReturnType<typeof completeReceive>, landing: Lander) {
    this.#options = options;
    this.#landing = landing;
    this.#client = new Client(options);
    this.tally = new Tally(this.#options, this.#client);
    this.#setbacks = new Setbacks(this.tally.failures, {
      client: this.#client,
      room: landing.room,
      failed: () => this.#window.failed(),
      nack: (delivery, counts, reason) => {
        this.#open.delete(delivery);
        this.#connection.send({ type: "nack", delivery, counts, reason });
        this.#window.isEmpty = false;
        this.#want();
      },
      changed: () => {
        this.#want();
        this.#endIfDone();
      },
    });
  }

  run(): Promise<void> {
    return this.#client.run("receiver", async (connection, server) => {
      await this.#landing.recover();
      this.#connection = connection;
      this.#pipelineBytesMax = server.pipelineBytesMax;
      this.#conversation = new Conversation(DELIVERY_RECEIVER, "greeting");
      this.#open.clear();
      this.#landing.room.reset();
      this.#window = new ReceiveWindow(this.#options, this.tally.done, () => this.#end());
      const ended = new Promise<void>((resolve, reject) => {
        this.#isOver = false;
        this.#end = (error) => {
          this.#isOver = true;
          error ? reject(error) : resolve();
        };
      });
      // Files that wait for a disk or for the end of the run keep their leases. A server may say what it likes of those.
      const renew = () => this.#open.forEach((_, delivery) => void connection.send({ type: "working", delivery }));
      const alive = setInterval(renew, Math.min(Math.max(server.leaseMs / 3, 50), TIMER_MAX_MS));
      const reading = this.#read();
      reading.catch(() => {});
      try {
        await Promise.race([ended, reading]);
      } catch (error) {
        connection.fail(known(error));
        await reading.catch(() => {}); // no further file may be opened
        throw error;
      } finally {
        clearInterval(alive);
        this.#window.close();
        this.#end = () => {};
        // What is landing lands; its acks are lost, and the journal answers when it is delivered again.
        const unfinished = this.#complete.splice(0);
        await this.#landingNow;
        this.#landingNow = null;
        for (const file of [...unfinished, this.#file]) await file?.close();
        this.#file = null;
        this.#setbacks.clear();
      }
    });
  }

  async #read(): Promise<void> {
    await this.#conversation.carryOut("welcome", this.#effects);
    while (!this.#isOver) {
      const frame = this.#connection.next() ?? (await this.#connection.read());
      if (!frame) throw new FilespoolError("connection-lost", "the server ended the connection");
      const work = this.#conversation.carryOut(frame.type as EventOf<typeof DELIVERY_RECEIVER>, this.#effects, frame);
      if (work) await work;
    }
  }

  readonly #effects: Effects<typeof DELIVERY_RECEIVER> = {
    want: () => this.#want(),

    // A delivery is announced: may it land here, and what have we of it already?
    decide: async (announced: Delivered) => {
      const delivery = adapted(announced, this.#options);
      this.#window.delivered();
      this.#open.set(delivery.delivery, delivery);
      this.#client.emit({ event: "delivered", ...about(delivery), digest: delivery.digest, attempt: delivery.attempt });
      this.#file = await this.#accepted(delivery);
      if (!this.#file) return this.#conversation.carryOut("decline", this.#effects);
      await this.#conversation.carryOut("begin", this.#effects, delivery);
      if (this.#file.isComplete) await this.#conversation.carryOut("full", this.#effects);
    },

    // The data of a small file is on its way already; a large one is sent from where we say.
    tellStart: (delivery: Delivered) => {
      const offset = this.#file?.offset ?? 0;
      if (delivery.size > this.#pipelineBytesMax)
        this.#connection.send({ type: "start", delivery: delivery.delivery, offset });
      if (offset > 0) this.#client.emit({ event: "resumed", ...about(delivery), offset });
    },

    write: async ({ offset, parts, length, wireBytes }: Data) => {
      const file = this.#file as Incoming;
      checkChunk(offset, length, file.delivery.size);
      if (wireBytes < length && this.#connection.zeros.took(length))
        this.#connection.send({ type: "working", delivery: file.delivery.delivery });
      try {
        await file.append(offset, parts, length);
      } catch (error) {
        return this.#stopWriting(file, error);
      }
      if (file.isComplete) await this.#conversation.carryOut("full", this.#effects);
    },

    // The last byte is here. Landing goes on beside the reading of further files.
    land: () => {
      if (this.#file) this.#complete.push(this.#file);
      if (this.#file) this.#landing.room.arrived(this.#file.delivery);
      this.#file = null;
      this.#landingNow ??= this.#land().catch((error: unknown) => this.#end(folderError(error, this.#landing.folder)));
    },

    // The part stays for the next attempt.
    suspend: async () => {
      const file = this.#file;
      this.#file = null;
      await file?.close();
      if (file) this.#landing.room.over(file.delivery.delivery);
    },

    caughtUp: ({ leased }: MessageOf<"empty">) => {
      this.#window.isEmpty = true;
      this.tally.elsewhere = leased ?? 0;
      // What did not come again, and nobody holds, is off the queue: only the reply to its ack was lost.
      if (leased === 0) this.#landing.confirmRest(new Set([...this.#open.values()].map(({ transfer }) => transfer)));
      this.#endIfDone();
    },

    // Our ack is on the server's disk: this transfer will not come again.
    settle: ({ delivery }: MessageOf<"acked">) => {
      const settled = this.#open.get(delivery);
      this.#open.delete(delivery);
      if (!settled) return;
      this.#landing.confirm(settled.transfer);
      this.#client.progressed(); // not when it landed: as long as no ack can be recorded, the same file comes again
      this.#client.emit({ event: "acked", ...about(settled) });
      this.#want();
      this.#endIfDone();
    },

    // The lease is over; the server will deliver the file again, to us or to another.
    giveUp: (loss: MessageOf<"refuse"> | MessageOf<"withdraw">) => {
      const token = loss.type === "refuse" ? loss.about : loss.delivery;
      const lost = this.#open.get(token);
      const error = asError(loss);
      this.#open.delete(token);
      // What was held has failed already; and what has landed counts as landed, only its ack came too late.
      if (lost && !this.#setbacks.delete(token) && !this.#landing.landedBefore(lost.transfer)) {
        this.#window.failed();
        if (loss.type === "withdraw") this.tally.failures.set(lost.transfer, error);
      }
      // The verdict could not be written down, which is the server's trouble (its disk, a bug): at once it would fail again.
      if (loss.type === "refuse" && error.code !== "lease-lost") throw error;
      this.#client.emit({ event: "retrying", delayMs: 0, attempt: 1, ...failure(error) });
      this.#want();
      this.#endIfDone();
    },

    close: () => this.#end(),
  };

  /** Gives the server room for more. */
  #want(): void {
    const files = this.#window.ask(this.#open.size);
    if (files > 0) this.#connection.send({ type: "want", files });
  }

  /** Called whenever something has come to its end. */
  #endIfDone(): void {
    const isBusy = this.#open.size > this.#setbacks.forGood || this.#file !== null || this.#landingNow !== null;
    if (!isBusy) this.#window.endIfDone(this.tally.done, this.#setbacks.forGood);
  }

  /** The file, ready to take its content; null if it is not to be sent: landed before, skipped by policy, or kept from landing. */
  async #accepted(delivery: Delivered): Promise<Incoming | null> {
    const { delivery: token, transfer, attempt, size } = delivery;
    // When a lease runs out on the way, a file comes twice: the first may be landing at this moment.
    if (attempt > 1) await this.#landingNow;
    // Large files are open until they have landed, and so many may be open.
    const isLarge = size > LIMITS.pipelineBytesMax;
    if (isLarge && this.#complete.length >= this.#landing.openMax) await this.#landingNow;
    if (this.#isOver) return null; // that failed, and what became of it is found out first on the next connection
    if (this.#landing.landedBefore(transfer)) {
      this.#window.failed(); // it counted when it landed, if anybody saw it land
      this.#connection.send({ type: "ack", delivery: token });
      return null;
    }
    const pausing = this.tally.failures.pausing(transfer);
    const file = pausing?.error ?? (await letIn(delivery, this.#landing, this.#options, this.#client));
    if (file === "skip") {
      this.tally.landed(delivery, null);
      this.#connection.send({ type: "ack", delivery: token });
      return null;
    }
    if (!(file instanceof FilespoolError)) return file;
    // Of a large file nothing is sent before its start. A start at its end lets the server go on with the next one.
    if (size > this.#pipelineBytesMax) this.#connection.send({ type: "start", delivery: token, offset: size });
    if (pausing) this.#setbacks.hold(delivery, file, pausing.leftMs);
    else this.#setbacks.add(delivery, file);
    return null;
  }

  /** The disk takes no more of the file that is arriving. Others may fit. @throws FilespoolError that is no fault of the file */
  async #stopWriting(file: Incoming, error: unknown): Promise<void> {
    const failure = ofFile(error, file, this.#landing.folder);
    await this.#conversation.carryOut("stop", this.#effects);
    this.#setbacks.add(file.delivery, failure, { isWritten: true, isSending: true });
  }

  /** Lands what is complete, batch by batch, until nothing is left. */
  async #land(): Promise<void> {
    while (this.#complete.length > 0) {
      const batch = this.#complete.splice(0, this.#landing.batchMax);
      const landed = await this.#landing.land(batch); // 1. in the folder, on disk
      for (const [index, { delivery }] of batch.entries()) {
        const outcome = landed[index] as Landed;
        this.#landing.room.over(delivery.delivery);
        if ("path" in outcome) {
          this.tally.landed(delivery, outcome.path);
          this.#connection.send({ type: "ack", delivery: delivery.delivery }); // 2. only then say so
        } else this.#setbacks.add(delivery, outcome.failure, { isWritten: true, delayMs: outcome.delayMs });
      }
    }
    this.#landingNow = null;
    this.#endIfDone();
  }
}
