/**
 * The receiver's half of the delivery conversation: what is said over one connection.
 *
 * Frames are read one by one. Writing to disk holds up reading, which is how a slow disk slows the
 * server down. A complete file goes to the landing queue, so that landing goes on beside the
 * reading.
 *
 *     deliver -> decide -> data ... -> complete -> landed, on disk -> ack -> acked
 *                  |                                    |
 *                  may not land here                    could not land
 *                  `------------> setbacks: given back, or held without a verdict
 *
 * A file that may not land here (its name is taken or unsafe) gets *no* verdict. It keeps its lease
 * until this connection ends, so that the server does not offer it again and again. Then it goes
 * back to the head of its queue, where another receiver may take it.
 *
 * Invariant: the receiver acks what is in the folder, on disk, and nothing else. Never here: what
 * outlives a connection (receiver.ts), and the table of states (protocol/delivery.ts).
 */
import { checkChunk } from "../../protocol/chunks.ts";
import { DELIVERY_RECEIVER } from "../../protocol/delivery.ts";
import { asError, FilespoolError, failure, known } from "../../protocol/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { Conversation, type Effects, type EventOf } from "../../protocol/state-machine.ts";
import { about } from "../events.ts";
import type { Connection, Data } from "../wire/connection.ts";
import { TIMER_MAX_MS } from "../wire/deadlines.ts";
import { adapted, letIn, type ReceiveRun } from "./incoming.ts";
import type { Landed } from "./landing.ts";
import { folderError, ofFile } from "./landing-errors.ts";
import { LandingQueue } from "./landing-queue.ts";
import type { Delivered, Incoming } from "./part-file.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { Setbacks } from "./setbacks.ts";

/** One connection of a run. Made when the server has welcomed it. */
export class ReceiveConversation {
  readonly #connection: Connection;
  readonly #server: MessageOf<"welcome">;
  readonly #run: ReceiveRun;
  /** Which frames may come now. Events of our own ("begin", "full", "stop") move it as well. */
  readonly #conversation = new Conversation(DELIVERY_RECEIVER, "greeting");
  /**
   * Deliveries by token, from their announcement until the server has confirmed a verdict or taken
   * the delivery back. Each holds a lease, which `working` renews. The window bounds their number.
   */
  readonly #open = new Map<string, Delivered>();
  /** How many deliveries may still be asked for, and whether the run is over. */
  readonly #window: ReceiveWindow;
  /** What becomes of deliveries that did not land. */
  readonly #setbacks: Setbacks;
  /** Complete files that have not landed yet. */
  readonly #landingQueue: LandingQueue;
  /**
   * The file whose data is arriving. Null between two files, and while what arrives is thrown away.
   * Until it is null again, this conversation closes it.
   */
  #file: Incoming | null = null;
  /** Ends the conversation well, or with an error. Only the first call counts. */
  #end: (error?: FilespoolError) => void = () => {};
  /**
   * The conversation has ended; set by `#end`. Frames that were read with its last one are dropped.
   */
  #isOver = false;

  constructor(connection: Connection, server: MessageOf<"welcome">, run: ReceiveRun) {
    this.#connection = connection;
    this.#server = server;
    this.#run = run;
    const { client, landing, options, tally } = run;
    this.#window = new ReceiveWindow(options, tally.done, () => this.#end());
    this.#landingQueue = new LandingQueue(landing, {
      ended: (delivery, landed) => this.#landed(delivery, landed),
      idle: () => this.#endIfDone(),
      failed: (error) => this.#end(folderError(error, landing.folder)),
    });
    this.#setbacks = new Setbacks(tally.failures, {
      client,
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

  /**
   * Converses until the run is over.
   * @throws FilespoolError why the connection, or the whole run, cannot go on
   */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#end = (error) => {
        this.#isOver = true;
        error ? reject(error) : resolve();
      };
    });
    // Files that wait keep their leases. The bounds are ours: a server may say 1 ms, or a year.
    const renew = () => this.#open.forEach((_, delivery) => void this.#connection.send({ type: "working", delivery }));
    const alive = setInterval(renew, Math.min(Math.max(this.#server.leaseMs / 3, 50), TIMER_MAX_MS));
    const reading = this.#read();
    reading.catch(() => {});
    try {
      await Promise.race([ended, reading]);
    } catch (error) {
      this.#connection.fail(known(error));
      await reading.catch(() => {}); // until then it may open one more file
      throw error;
    } finally {
      clearInterval(alive);
      this.#window.close();
      this.#end = () => {};
      const unfinished = await this.#landingQueue.end();
      this.#setbacks.clear();
      await Promise.all([...unfinished, this.#file].map(async (file) => file?.close())); // all, also where one fails
    }
  }

  /** Reads frames until the conversation is over. A frame waits for the effects of the last one. */
  async #read(): Promise<void> {
    await this.#conversation.carryOut("welcome", this.#effects);
    while (!this.#isOver) {
      const frame = this.#connection.next() ?? (await this.#connection.read());
      if (!frame) throw new FilespoolError("connection-lost", "the server ended the connection");
      const work = this.#conversation.carryOut(frame.type as EventOf<typeof DELIVERY_RECEIVER>, this.#effects, frame);
      if (work) await work;
    }
  }

  /** What each effect of the transition table does. */
  readonly #effects: Effects<typeof DELIVERY_RECEIVER> = {
    want: () => this.#want(),
    // A delivery is announced: may it land here, and what of it is here already?
    decide: async (announced: Delivered) => {
      const delivery = adapted(announced, this.#run.options);
      const { digest, attempt } = delivery;
      this.#window.delivered();
      this.#open.set(delivery.delivery, delivery);
      this.#run.client.emit({ event: "delivered", ...about(delivery), digest, attempt });
      this.#file = await this.#accepted(delivery);
      if (!this.#file) return this.#conversation.carryOut("decline", this.#effects);
      await this.#conversation.carryOut("begin", this.#effects, delivery);
      if (this.#file.isComplete) await this.#conversation.carryOut("full", this.#effects);
    },
    tellStart: (delivery: Delivered) => {
      const offset = this.#file?.offset ?? 0;
      if (this.#waitsForStart(delivery)) this.#connection.send({ type: "start", delivery: delivery.delivery, offset });
      if (offset > 0) this.#run.client.emit({ event: "resumed", ...about(delivery), offset });
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
    // The last byte is here. Landing goes on while further files are read.
    land: () => {
      const file = this.#file as Incoming;
      this.#file = null;
      this.#run.landing.room.arrived(file.delivery);
      this.#landingQueue.add(file);
    },
    // The part file stays for the next attempt.
    suspend: async () => {
      const file = this.#file;
      this.#file = null;
      await file?.close();
      if (file) this.#run.landing.room.over(file.delivery.delivery);
    },
    // Nothing is waiting on the server. `leased`: how many files other receivers hold.
    caughtUp: ({ leased }: MessageOf<"empty">) => {
      const { landing, tally } = this.#run;
      this.#window.isEmpty = true;
      tally.elsewhere = leased ?? 0;
      // Not delivered again, and held by nobody: its ack had arrived, and only the reply was lost.
      if (leased === 0) landing.confirmRest(new Set([...this.#open.values()].map(({ transfer }) => transfer)));
      this.#endIfDone();
    },
    // Our ack is on the server's disk: this transfer will not come again.
    settle: ({ delivery }: MessageOf<"acked">) => {
      const { landing, client } = this.#run;
      const settled = this.#open.get(delivery);
      this.#open.delete(delivery);
      if (!settled) return;
      landing.confirm(settled.transfer);
      client.progressed(); // only now: until here the same file may come again
      client.emit({ event: "acked", ...about(settled) });
      this.#want();
      this.#endIfDone();
    },
    // The lease is over. The server delivers the file again, to this receiver or to another.
    giveUp: (loss: MessageOf<"refuse"> | MessageOf<"withdraw">) => {
      const { landing, tally, client } = this.#run;
      const token = loss.type === "refuse" ? loss.about : loss.delivery;
      const lost = this.#open.get(token);
      const error = asError(loss);
      this.#open.delete(token);
      // A held file counts as failed already. A landed one stays landed: only its ack was late.
      if (lost && !this.#setbacks.delete(token) && !landing.landedBefore(lost.transfer)) {
        this.#window.failed();
        if (loss.type === "withdraw") tally.failures.set(lost.transfer, error);
      }
      // The server could not record the verdict (its disk, a bug). At once that would fail again.
      if (loss.type === "refuse" && error.code !== "lease-lost") throw error;
      client.emit({ event: "retrying", delayMs: 0, attempt: 1, ...failure(error) });
      this.#want();
      this.#endIfDone();
    },
    close: () => this.#end(),
  };

  /**
   * Whether the server waits for our `start` before it sends content. Its welcome names the size up
   * to which it does not, and may name any.
   */
  #waitsForStart = ({ size }: Delivered): boolean => size > this.#server.pipelineBytesMax;

  /** Asks for as many more deliveries as the window has room for. */
  #want(): void {
    const files = this.#window.ask(this.#open.size);
    if (files > 0) this.#connection.send({ type: "want", files });
  }

  /** Ends the run if nothing is under way. Called whenever something has come to its end. */
  #endIfDone(): void {
    const isBusy = this.#open.size > this.#setbacks.forGood || this.#file !== null || this.#landingQueue.isBusy;
    if (!isBusy) this.#window.endIfDone(this.#run.tally.done, this.#setbacks.forGood);
  }

  /**
   * Decides about a delivery.
   * @returns the file, ready to take its content. Null if its content is not wanted: it landed
   * before, is skipped by policy, or may not land.
   */
  async #accepted(delivery: Delivered): Promise<Incoming | null> {
    const { landing, tally } = this.#run;
    const { delivery: token, transfer, attempt, size } = delivery;
    // An earlier attempt, whose lease ran out, may be landing here at this moment.
    if (attempt > 1) await this.#landingQueue.idle();
    // A large file is open until it has landed, and the system bounds how many may be open.
    const isAsked = this.#waitsForStart(delivery);
    if (isAsked && this.#landingQueue.size >= landing.openMax) await this.#landingQueue.idle();
    if (this.#isOver) return null; // landing has failed; the next connection finds out more
    if (landing.landedBefore(transfer)) {
      this.#window.failed(); // it was counted when it landed
      this.#connection.send({ type: "ack", delivery: token });
      return null;
    }
    const pausing = tally.failures.pausing(transfer);
    const file = pausing?.error ?? (await letIn(delivery, this.#run));
    if (file === "skip") {
      tally.landed(delivery, null);
      this.#connection.send({ type: "ack", delivery: token });
      return null;
    }
    if (!(file instanceof FilespoolError)) return file;
    // None of its content is wanted. A start at its end lets the server go on with the next.
    if (isAsked) this.#connection.send({ type: "start", delivery: token, offset: size });
    if (pausing) this.#setbacks.hold(delivery, file, pausing.leftMs);
    else this.#setbacks.add(delivery, file);
    return null;
  }

  /**
   * The disk takes no more of the file that is arriving. Other files may fit, so the run goes on.
   * @throws FilespoolError an error that is not the fault of this file
   */
  async #stopWriting(file: Incoming, error: unknown): Promise<void> {
    const failure = ofFile(error, file, this.#run.landing.folder);
    await this.#conversation.carryOut("stop", this.#effects);
    this.#setbacks.add(file.delivery, failure, { isWritten: true, isSending: true });
  }

  /**
   * The landing of a file has ended.
   *
   * 1. It is in the folder, on disk.
   * 2. Only then the server hears an ack.
   */
  #landed(delivery: Delivered, landed: Landed): void {
    this.#run.landing.room.over(delivery.delivery);
    if (!("path" in landed))
      return this.#setbacks.add(delivery, landed.failure, { isWritten: true, delayMs: landed.delayMs });
    this.#run.tally.landed(delivery, landed.path);
    this.#connection.send({ type: "ack", delivery: delivery.delivery });
  }
}
