/**
 * The sender: offers files, sends what the server lacks, and counts a file as stored only when the server says so.
 *
 * Two loops share a connection. One writes: small files one behind the other without waiting, up to a window;
 * large ones after the server has said from where. The other reads the answers. Whatever has no answer when a
 * connection ends is offered again on the next, with the same transfer id, and the server sorts out what it has;
 * a temporary refusal ("disk full", "shutting down") is handled by that same path. The digest is computed while
 * the bytes go out: no file is read twice, except the part that the server has already, and a known file in doubt (adr/0090).
 */
import { randomBytes } from "node:crypto";
import { DIGESTS, digestOf } from "../../disk/digest.ts";
import { asError, FilespoolError, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Effects, EventOf } from "../../protocol/state-machine.ts";
import type { UPLOAD_SENDER } from "../../protocol/upload.ts";
import { Client } from "../client/client.ts";
import { about } from "../events.ts";
import type { OpenStream } from "../extensions/stream/stream-source.ts";
import { complete, labelOf, type SendOptions, type SendSummary } from "../options.ts";
import type { Connection } from "../wire/connection.ts";
import { COPY_BYTES_MAX } from "../wire/frame-writer.ts";
import { changed, OpenFile, SizeUnknown, streamOf } from "./file-source.ts";
import { agree, type Opening, openSource } from "./open-source.ts";
import { isTransfer, type Next, SendQueue } from "./send-queue.ts";
import { SendResults } from "./send-results.ts";
import { anew, isProven, newTransfer, SendWindow, type Transfer, withinLimits } from "./send-window.ts";

/** How often content that does not match its digest is sent again from the start. */
const MISMATCHES_MAX = 2;

/**
 * Sends files and resolves when each is stored or has failed for good.
 * @throws FilespoolError unreachable, interrupted, or whatever else ends the run rather than one file
 */
export async function send(options: SendOptions): Promise<SendSummary> {
  const sender = new Sender(options);
  await sender.run().finally(() => sender.end());
  return sender.summary;
}

/** One run: what it has to do outlives any of its connections, and what it knows of a server does not. */
class Sender {
  /** Connects, and comes back after whatever may pass. */
  readonly #client: Client;
  readonly #results: SendResults;
  readonly #opening: Opening;
  readonly #queue: SendQueue;
  readonly #window = new SendWindow();
  /** For the content of small files, and a byte to see that there is no more: what is so small is copied when it is sent. */
  readonly #room = Buffer.allocUnsafe(COPY_BYTES_MAX + 1);
  /** Those of this moment; both loops begin with them and end with them. */
  #connection!: Connection;
  #server!: MessageOf<"welcome">;
  /** The connection is over; whatever still runs for it should stop. */
  #isGone = false;
  /** Called when an answer has arrived or the connection is gone. */
  #ring: () => void = () => {};

  constructor(options: SendOptions) {
    this.#client = new Client(options);
    this.#results = new SendResults((event) => this.#client.emit(event));
    const { queue, bufferBytes, signal } = complete(options);
    this.#opening = {
      ...{ queue, bufferBytes, signal, algorithm: options.digest ?? (DIGESTS[0] as string), isAgreed: false },
      key: options.senderKey ?? randomBytes(32).toString("hex"),
      salt: options.again ? randomBytes(8).toString("hex") : "",
      onChange: () => this.#ring(),
      warn: (path, message) => this.#client.emit({ event: "warning", path: labelOf(path), message }),
      refuse: (path, failure) => this.#results.failed(path, undefined, failure),
    };
    this.#queue = new SendQueue(options.files, () => this.#ring());
  }

  /** Converses over one connection after the other, until every file has its answer. */
  run(): Promise<void> {
    return this.#client.run("sender", async (connection, server) => {
      agree(this.#opening, server.digests);
      this.#connection = connection;
      this.#server = withinLimits(server);
      this.#isGone = false;
      this.#queue.putBack(...this.#window.takeBack());
      const writing = this.#writeFiles();
      const reading = this.#readAnswers();
      for (const loop of [writing, reading]) loop.catch(() => {}); // both are watched below; neither may be an unhandled rejection first
      try {
        await Promise.race([writing, reading]);
      } catch (error) {
        // After the last answer a server that shuts down need not wait for our goodbye.
        if (this.#window.isSettled && this.#queue.isOver) return;
        connection.fail(known(error)); // else the writing loop would wait for a peer that takes no more
        throw error;
      } finally {
        this.#isGone = true;
        this.#ring();
        await writing.catch(() => {});
      }
    });
  }

  get summary(): SendSummary {
    return this.#results.summary;
  }

  /** Lets go of streams that a failed run leaves. */
  end(): void {
    for (const job of [...this.#window.takeBack(), ...this.#queue.end()]) job.stream?.end();
  }

  /** Waits until the other loop has something new. Looking comes before waiting, so nothing is missed. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isGone) {
      await new Promise<void>((ring) => {
        this.#ring = ring;
      });
    }
  }

  /** The writing loop: every file once, then wait for the last answer, which may bring a file back. */
  async #writeFiles(): Promise<void> {
    while (!this.#isGone) {
      const next = this.#queue.take();
      if (next !== null) await this.#writeFile(next);
      else if (!this.#window.isIdle) await this.#until(() => this.#queue.hasNext || this.#window.isIdle);
      // Everything else is stored; back off, and offer once more what there was no room for.
      else if (this.#window.noRoom) throw this.#window.noRoom;
      else if (this.#queue.isOver) return;
      else await this.#until(() => this.#queue.hasNext || this.#queue.isOver);
    }
  }

  /** Sends one file. What fails in it is reported; only what concerns the connection is thrown. */
  async #writeFile(next: Next): Promise<void> {
    const path = typeof next === "string" ? next : (next.path ?? ("name" in next ? next.name : ""));
    let file: OpenFile | OpenStream | undefined;
    let job = isTransfer(next) ? next : undefined;
    try {
      const opened = job?.stream ?? openSource(isTransfer(next) ? next.path : next, this.#opening);
      file = opened instanceof Promise ? await opened : opened; // for a small file there is nothing to wait for
      // A file that was offered before is the same one under the same id, or it has changed since.
      if (job && file instanceof OpenFile) {
        if (job.transfer !== file.transferWith(job.other?.salt ?? "")) throw changed(path);
        if (job.claim) return await this.#examine(job, file, job.claim);
      }
      job ??= newTransfer(file, this.#opening.queue);
      const wanted = job;
      const hasRoom = () => this.#window.hasRoom(wanted, this.#server);
      if (!hasRoom()) await this.#until(hasRoom);
      if (this.#isGone) return this.#queue.putBack(job);
      this.#window.open(job);
      if (file instanceof OpenFile && job.size <= this.#server.pipelineBytesMax) this.#pipe(job, file);
      else await this.#ask(job, file);
    } catch (error) {
      // An error of a system call here is one of reading the file.
      const isLocal = (error as NodeJS.ErrnoException).syscall !== undefined;
      const failure = isLocal ? new FilespoolError("file-unreadable", `cannot read ${path}: ${error}`) : known(error);
      const isUnknown = error instanceof SizeUnknown;
      // If not the file but the connection failed: the file is still among the open ones.
      if (failure.kind !== "local" && !isUnknown) throw failure;
      if (job?.conversation.allows("fail")) this.#step(job, "fail");
      if (isUnknown) return this.#writeFile(streamOf(path));
      this.#results.failed(isTransfer(next) ? (next.stream ?? next.path) : next, job, failure);
    } finally {
      file?.close();
    }
  }

  /**
   * The server says to have this file from before: compares the content with the digest that came with it. Another
   * content is another transfer, whose id is derived from its digest as well; so that one can be repeated, too.
   */
  async #examine(job: Transfer, file: OpenFile, claim: MessageOf<"stored">): Promise<void> {
    const { bufferBytes: chunkBytes, algorithm } = this.#opening;
    const digest = await file.digest({ chunkBytes, algorithm, shouldContinue: () => !this.#isGone });
    if (digest === null) return this.#queue.putBack(job);
    if (digest === claim.digest) return this.#stored({ ...job, digest }, claim);
    const other = { before: job.transfer, salt: digest };
    this.#queue.putBack(anew(job, { transfer: file.transferWith(digest), digest, other, claim: null }));
  }

  /** A small file: offer, data and finish in one go. It is read first, so that a change is noticed before the offer. */
  #pipe(job: Transfer, file: OpenFile): void {
    const content = file.readAll(this.#room);
    file.checkUnchanged();
    this.#know(job, digestOf(this.#opening.algorithm, content));
    this.#step(job, "pipe");
    if (content.length > 0) this.#connection.sendData(0, content)?.catch(() => {}); // reading reports a lost connection
    this.#step(job, "end");
  }

  /** Takes an event of this file's conversation; the effects of this half wait for nothing. */
  #step(job: Transfer, event: EventOf<typeof UPLOAD_SENDER>): void {
    void job.conversation.carryOut(event, this.#effects, job);
  }

  /** A large file: ask from where, catch the digest up with what the server has, send the rest. */
  async #ask(job: Transfer, file: OpenFile | OpenStream): Promise<void> {
    const { conversation } = job;
    this.#step(job, "ask");
    await this.#until(() => conversation.state !== "asking");
    const shouldContinue = () => conversation.state === "sending" && !this.#isGone;
    if (!shouldContinue()) return;
    const chunkBytes = Math.max(LIMITS.bufferBytesMin, Math.min(this.#opening.bufferBytes, this.#server.dataBytesMax));
    const road = { chunkBytes, until: this.#until.bind(this), shouldContinue, algorithm: this.#opening.algorithm };
    const digest = await file.sendOver(this.#connection, job.from, road);
    if (digest === null || !shouldContinue()) return;
    this.#know(job, digest);
    this.#step(job, "end");
  }

  /** All of it was read. An id that was derived from a digest must not get another content. @throws file-changed */
  #know(job: Transfer, digest: string): void {
    if (job.other && digest !== job.other.salt) throw changed(job.path);
    job.digest = digest;
  }

  /** The reading loop. An answer about a file that is no longer open has crossed something of ours, and is ignored. */
  async #readAnswers(): Promise<void> {
    for (;;) {
      const answer = this.#connection.next() ?? (await this.#connection.read());
      if (!answer) throw new FilespoolError("connection-lost", "the server ended the connection");
      const job = this.#window.transferOf(answer);
      this.#connection.zeros.taken(answer.type === "progress" && job ? answer.offset - job.from : Infinity);
      switch (answer.type) {
        case "accept":
          if (job && answer.offset > job.from) this.#client.progressed();
          if (job) job.from = Math.min(answer.offset, job.size);
          if (job) this.#step(job, "accept");
          break;
        case "progress":
          job?.stream?.release(answer.offset);
          if (job) this.#step(Object.assign(job, { from: answer.offset }), "progress");
          break;
        case "stored":
          if (job) this.#step(job, "stored");
          if (job) this.#stored(job, answer);
          break;
        case "refuse":
          if (job) this.#refused(job, asError(answer));
          break;
        default:
          throw new FilespoolError("frame-unexpected", `a server does not send ${answer.type} to a sender`);
      }
      this.#ring();
    }
  }

  readonly #effects: Effects<typeof UPLOAD_SENDER> = {
    offer: (job: Transfer) => {
      const wait = job.size > this.#server.pipelineBytesMax;
      const { transfer, queue, name, size, kind, mode, mtime, path, stream } = job; // spreading costs as much as sending
      const algorithm = this.#opening.algorithm;
      this.#connection.send({ type: "offer", transfer, queue, name, size, algorithm, wait, kind, mode, mtime });
      this.#client.emit({ event: "offered", path: labelOf(stream ?? path), transfer, queue, name, size });
    },
    // The writing loop does it; this one only says from where.
    stream: (job: Transfer) => {
      if (job.from > 0) this.#client.emit({ event: "resumed", offset: job.from, ...about(job) });
    },
    finish: ({ transfer, digest, stream }: Transfer) =>
      this.#connection.send({ type: "finish", transfer, digest, size: stream?.size }),
    cancel: ({ transfer }: Transfer) => this.#connection.send({ type: "cancel", transfer }),
    report: (job: Transfer) => {
      this.#client.progressed();
      this.#client.emit({ event: "progress", offset: job.from, ...about(job) });
    },
    settle: (job: Transfer) => {
      this.#client.progressed();
      this.#window.close(job);
      job.stream?.end();
      this.#ring();
    },
  };

  /** The server has it, or says so: whether it is this content, the digest tells where the id cannot. */
  #stored(job: Transfer, answer: MessageOf<"stored">): void {
    if (isProven(job, answer)) this.#results.stored(job, answer);
    else this.#doubt(job, answer);
  }

  /** Once the id says which content it is, another digest is no coincidence any more; nor is it worth a second look. */
  #doubt(job: Transfer, claim: MessageOf<"stored">): void {
    if (!job.other) return this.#queue.putBack(anew(job, { claim }));
    const why = `the server says to have ${job.path}, with another digest`;
    this.#results.failed(job.path, job, new FilespoolError("digest-mismatch", why));
  }

  /** A refusal for now: the others are tried first, or the connection ends and the next one offers everything anew. */
  #refused(job: Transfer, refusal: FilespoolError): void {
    // This is no progress: waiting for room is what the patience of a run bounds.
    if (this.#window.postpone(job, refusal)) return void job.conversation.on("refuse");
    const isMismatch = refusal.code === "digest-mismatch" && ++job.mismatches > MISMATCHES_MAX;
    if (refusal.retry && !isMismatch) throw refusal;
    this.#step(job, "refuse");
    this.#results.failed(job.stream ?? job.path, job, refusal);
  }
}
