/**
 * The receiver: takes what waits in a queue, lands it, and acks only what is in the folder, on disk.
 *
 * Frames are read one by one, and writing to disk holds up reading, which is how a slow disk reaches the server.
 * Small files are gathered and landed in batches beside that, so that many of them share their syncs. A file that
 * may not land here (its name is taken or unsafe) gets *no* verdict: it stays leased until this run ends, so that
 * it is not offered again and again, and then goes back to the head of its queue for whoever may take it.
 */
import { checkChunk } from "../protocol/chunks.ts";
import { DELIVERY_RECEIVER } from "../protocol/delivery.ts";
import { asError, FilespoolError, failure, known } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Conversation, type Effects, type EventOf } from "../protocol/machine.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { Client } from "./client.ts";
import type { Connection, Data } from "./connection.ts";
import { about } from "./events.ts";
import { adapted, checkKind, openIncoming } from "./incoming.ts";
import { folderError, type Incoming } from "./incoming-file.ts";
import { type Lander, openLanding } from "./landed-hook.ts";
import type { Landed } from "./landing.ts";
import { completeReceive, type ReceiveOptions, type ReceiveSummary } from "./options.ts";
import { ReceiveWindow } from "./receive-window.ts";

type Delivered = MessageOf<"deliver">;

/** Failures of an attempt; for others a file is held, and somebody else may take it. */
const FAILED: ReadonlySet<string> = new Set(["digest-mismatch", "command-failed"]);

/**
 * Collects files until the queue is empty (or as `count`, `follow` and `waitMs` say).
 * @throws FilespoolError unreachable, interrupted, folder-unusable, or whatever else ends the run rather than one file
 */
export async function receive(given: ReceiveOptions): Promise<ReceiveSummary> {
  const options = completeReceive(given);
  const landing = await openLanding(options, `${options.host}:${options.port}/${options.queue}`);
  const receiver = new Receiver(options, landing);
  await receiver.run().finally(() => landing.close());
  return { ...receiver.summary, failures: [...receiver.failures.values()] };
}

class Receiver {
  readonly summary = { landed: 0, skipped: 0, bytes: 0, elsewhere: 0 };
  /** What kept a transfer from landing, unless a later attempt lands it after all. */
  readonly failures = new Map<string, FilespoolError>();
  readonly #options: ReturnType<typeof completeReceive>;
  readonly #landing: Lander;
  readonly #client: Client;

  // Of this connection; a new one starts them anew.
  #connection!: Connection;
  #talk = new Conversation(DELIVERY_RECEIVER, "greeting");
  /** Deliveries without a verdict that the server has confirmed, by token. */
  readonly #open = new Map<string, Delivered>();
  /** Tokens among them that will get none: they may not land here, and go back when the run ends. */
  readonly #held = new Set<string>();
  #window!: ReceiveWindow;
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
  }

  run(): Promise<void> {
    return this.#client.run("receiver", async (connection, server) => {
      await this.#landing.recover();
      this.#connection = connection;
      this.#talk = new Conversation(DELIVERY_RECEIVER, "greeting");
      this.#open.clear();
      this.#held.clear();
      this.#window = new ReceiveWindow(this.#options, this.#done, () => this.#end());
      const ended = new Promise<void>((resolve, reject) => {
        this.#isOver = false;
        this.#end = (error) => {
          this.#isOver = true;
          error ? reject(error) : resolve();
        };
      });
      // Files that wait for a disk or for the end of the run keep their leases. A server may say what it likes of those.
      const renew = () => this.#open.forEach((_, delivery) => void connection.send({ type: "working", delivery }));
      const alive = setInterval(renew, Math.min(Math.max(server.leaseMs / 3, 50), 2 ** 31 - 1));
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
      }
    });
  }

  async #read(): Promise<void> {
    await this.#talk.carryOut("welcome", this.#effects);
    while (!this.#isOver) {
      const frame = this.#connection.next() ?? (await this.#connection.read());
      if (!frame) throw new FilespoolError("connection-lost", "the server ended the connection");
      const work = this.#talk.carryOut(frame.type as EventOf<typeof DELIVERY_RECEIVER>, this.#effects, frame);
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
      if (await this.#declines(delivery)) return this.#talk.carryOut("decline", this.#effects);
      const { out: folder, bufferBytes } = this.#options;
      this.#file = await openIncoming(delivery, { folder, bufferBytes, sync: this.#landing.sync }, this.#client);
      await this.#talk.carryOut("begin", this.#effects, delivery);
      if (this.#file.isComplete) await this.#talk.carryOut("full", this.#effects);
    },

    // The data of a small file is on its way already; a large one is sent from where we say.
    tellStart: (delivery: Delivered) => {
      const offset = this.#file?.offset ?? 0;
      if (delivery.size > LIMITS.pipelineBytesMax)
        this.#connection.send({ type: "start", delivery: delivery.delivery, offset });
      if (offset > 0) this.#client.emit({ event: "resumed", ...about(delivery), offset });
    },

    write: async ({ offset, parts, length }: Data) => {
      checkChunk(offset, length, this.#file?.delivery.size ?? 0);
      await this.#file?.append(offset, parts, length);
      if (this.#file?.isComplete) await this.#talk.carryOut("full", this.#effects);
    },

    // The last byte is here. Landing goes on beside the reading of further files.
    land: () => {
      if (this.#file) this.#complete.push(this.#file);
      this.#file = null;
      this.#landingNow ??= this.#land().catch((error: unknown) => this.#end(folderError(error, this.#options.out)));
    },

    // The part stays for the next attempt.
    suspend: async () => {
      await this.#file?.close();
      this.#file = null;
    },

    caughtUp: ({ leased }: MessageOf<"empty">) => {
      this.#window.isEmpty = true;
      this.summary.elsewhere = leased ?? 0;
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
      if (lost && !this.#held.delete(token) && !this.#landing.landedBefore(lost.transfer)) {
        this.#window.failed();
        if (loss.type === "withdraw") this.failures.set(lost.transfer, error);
      }
      // The verdict could not be written down (a full disk, say): at once it would fail again.
      if (loss.type === "refuse" && error.retry) throw error;
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

  get #done(): number {
    return this.summary.landed + this.summary.skipped;
  }

  /** Called whenever something has come to its end. */
  #endIfDone(): void {
    const isBusy = this.#open.size > this.#held.size || this.#file !== null || this.#landingNow !== null;
    if (!isBusy) this.#window.endIfDone(this.#done, this.#held.size);
  }

  /** Files that are not to be sent: landed by an earlier run, skipped by policy, or not allowed to land. */
  async #declines(delivery: Delivered): Promise<boolean> {
    const { delivery: token, transfer, name, attempt } = delivery;
    // When a lease runs out on the way, a file comes twice: the first may be landing at this moment.
    if (attempt > 1) await this.#landingNow;
    if (this.#isOver) return true; // that failed, and what became of it is found out first on the next connection
    if (this.#landing.landedBefore(transfer)) {
      this.#window.failed(); // it counted when it landed, if anybody saw it land
      this.#connection.send({ type: "ack", delivery: token });
      return true;
    }
    try {
      checkKind(delivery);
      if (this.#landing.check(name, transfer) === "take") return false;
      this.#landed(delivery, null);
      this.#connection.send({ type: "ack", delivery: token });
    } catch (error) {
      if (!(error instanceof FilespoolError)) throw error;
      // A large file is not sent before its start. A start at its end lets the server go on with the next one.
      const { size } = delivery;
      if (size > LIMITS.pipelineBytesMax) this.#connection.send({ type: "start", delivery: token, offset: size });
      this.#hold(delivery, error);
    }
    return true;
  }

  /** No verdict: the file stays leased, so that it is not offered to us again in this run. */
  #hold(delivery: Delivered, error: FilespoolError): void {
    this.#held.add(delivery.delivery);
    this.#window.failed();
    if (!this.failures.has(delivery.transfer))
      this.#client.emit({ event: "refused", ...about(delivery), ...failure(error) });
    this.failures.set(delivery.transfer, error);
    this.#want();
    this.#endIfDone();
  }

  /** The content is not what its digest says: a failed attempt. The server delivers it again, or buries it. */
  #reject(delivery: Delivered, error: FilespoolError, delayMs = 0): void {
    this.#open.delete(delivery.delivery);
    this.#window.failed();
    this.failures.set(delivery.transfer, error);
    const { code, message: reason } = failure(error);
    this.#connection.send({ type: "nack", delivery: delivery.delivery, counts: true, reason });
    const again = { event: "retrying", delayMs, attempt: delivery.attempt, code, message: reason } as const;
    // Infinity: this run leaves it to the next one.
    this.#client.emit(delayMs < Infinity ? again : { event: "refused", ...about(delivery), code, message: reason });
    this.#window.isEmpty = false; // it comes again, or the server says once more that nothing is waiting
    this.#want();
  }

  #landed(delivery: Delivered, path: string | null): void {
    this.summary[path === null ? "skipped" : "landed"]++;
    if (path !== null) this.summary.bytes += delivery.size;
    this.#client.progressed();
    this.failures.delete(delivery.transfer);
    const outcome = { digest: delivery.digest, path: path ?? "", skipped: path === null };
    this.#client.emit({ event: "landed", ...about(delivery), ...outcome });
  }

  /** Lands what is complete, batch by batch, until nothing is left. */
  async #land(): Promise<void> {
    while (this.#complete.length > 0) {
      const batch = this.#complete.splice(0, this.#landing.batchMax);
      const landed = await this.#landing.land(batch); // 1. in the folder, on disk
      for (const [index, { delivery }] of batch.entries()) {
        const outcome = landed[index] as Landed;
        if ("path" in outcome) {
          this.#landed(delivery, outcome.path);
          this.#connection.send({ type: "ack", delivery: delivery.delivery }); // 2. only then say so
        } else if (FAILED.has(outcome.failure.code)) this.#reject(delivery, outcome.failure, outcome.delayMs);
        else this.#hold(delivery, outcome.failure);
      }
    }
    this.#landingNow = null;
    this.#endIfDone();
  }
}
