/**
 * The sender: offers files, sends what the server lacks, and counts a file as stored only when the server says so.
 *
 * Two loops share a connection. One writes: small files one behind the other without waiting, up to a window;
 * large ones after the server has said from where. The other reads the answers. Whatever has no answer when a
 * connection ends is offered again on the next, with the same transfer id, and the server sorts out what it has;
 * a temporary refusal ("disk full", "shutting down") is handled by that same path. The digest is computed while
 * the bytes go out: no file is read twice, except the part that the server has already.
 */
import { randomBytes } from "node:crypto";
import { asError, FilespoolError, known } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Effects, EventOf } from "../protocol/machine.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { UPLOAD_SENDER } from "../protocol/upload.ts";
import { DIGESTS, digestOf } from "../spool/digest.ts";
import { Client } from "./client.ts";
import type { Connection } from "./connection.ts";
import { about } from "./events.ts";
import { complete, labelOf, type SendOptions, type SendSummary, type StreamSource } from "./options.ts";
import { COPY_BYTES_MAX } from "./outbox.ts";
import { FolderFound, OutgoingFile } from "./outgoing-file.ts";
import { OutgoingStream } from "./outgoing-stream.ts";
import { type Job, newTalk, SendWindow, withinLimits } from "./send-window.ts";

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

class Sender {
  readonly summary: SendSummary = { stored: 0, repeated: 0, bytes: 0, failures: [] };
  readonly #options: ReturnType<typeof complete<SendOptions>>;
  readonly #client: Client;
  /** What transfer ids are derived from, beside the file: the user's secret, and with `again` something new. */
  readonly #key: string;
  readonly #salt: string;
  readonly #algorithm: string;
  readonly #sources: Iterator<string | StreamSource, undefined>;
  readonly #window = new SendWindow();
  /** For the content of small files: what is so small is copied when it is sent. */
  readonly #room = Buffer.allocUnsafe(COPY_BYTES_MAX);
  /** Files of an earlier connection that are to be offered again, before any new path is taken. */
  #again: Job[] = [];
  #connection!: Connection;
  #server!: MessageOf<"welcome">;
  /** The connection is over; whatever still runs for it should stop. */
  #isGone = false;
  /** Called when an answer has arrived or the connection is gone. */
  #ring: () => void = () => {};

  constructor(options: SendOptions) {
    this.#options = complete(options);
    this.#client = new Client(options);
    this.#key = options.senderKey ?? randomBytes(32).toString("hex");
    this.#salt = options.again ? randomBytes(8).toString("hex") : "";
    this.#algorithm = options.digest ?? (DIGESTS[0] as string);
    this.#sources = options.files[Symbol.iterator]() as Iterator<string | StreamSource, undefined>;
  }

  run(): Promise<void> {
    return this.#client.run("sender", async (connection, server) => {
      if (!server.digests.includes(this.#algorithm)) {
        throw new FilespoolError("digest-unsupported", `the server does not know the digest ${this.#algorithm}`);
      }
      this.#connection = connection;
      this.#server = withinLimits(server);
      this.#isGone = false;
      this.#again = [...this.#window.takeBack(), ...this.#again];
      const writing = this.#writeFiles();
      const reading = this.#readAnswers();
      writing.catch(() => {}); // both are watched below; neither may be an unhandled rejection first
      reading.catch(() => {});
      try {
        await Promise.race([writing, reading]);
      } catch (error) {
        connection.fail(known(error)); // else the writing loop would wait for a peer that takes no more
        throw error;
      } finally {
        this.#isGone = true;
        this.#ring();
        await writing.catch(() => {});
      }
    });
  }

  /** Lets go of streams that a failed run leaves. */
  end(): void {
    for (const job of [...this.#window.takeBack(), ...this.#again]) job.stream?.end();
  }

  /** Waits until the other loop has something new. Looking comes before waiting, so nothing is missed. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isGone) {
      await new Promise<void>((ring) => {
        this.#ring = ring;
      });
    }
  }

  /** The writing loop: every path once, then wait for the last answer. */
  async #writeFiles(): Promise<void> {
    while (!this.#isGone) {
      const job = this.#again.shift();
      const source = job?.path ?? this.#sources.next().value;
      if (source === undefined) break;
      await this.#writeFile(source, job);
    }
    await this.#until(() => this.#window.isIdle);
    // Everything else is stored; back off, and offer once more what there was no room for.
    if (this.#window.noRoom) throw this.#window.noRoom;
  }

  /** Sends one file. What fails in it is reported; only what concerns the connection is thrown. */
  async #writeFile(source: string | StreamSource, earlier?: Job): Promise<void> {
    const path = typeof source === "string" ? source : (source.path ?? source.name);
    let file: OutgoingFile | OutgoingStream | undefined;
    let job = earlier;
    try {
      file = job?.stream ?? this.#open(source);
      if (job && job.transfer !== file.transfer) throw changed(path);
      job ??= this.#newJob(file);
      const wanted = job;
      const hasRoom = () => this.#window.hasRoom(wanted, this.#server);
      if (!hasRoom()) await this.#until(hasRoom);
      if (this.#isGone) return void this.#again.unshift(job);
      this.#window.open(job);
      const isSmall = job.size <= this.#server.pipelineBytesMax;
      if (isSmall && file instanceof OutgoingFile) this.#pipe(job, file);
      else await this.#ask(job, file);
    } catch (error) {
      if (error instanceof FolderFound) return this.#writeFolder(path);
      // An error of a system call here is one of reading the file.
      const isLocal = (error as NodeJS.ErrnoException).syscall !== undefined;
      const failure = isLocal ? new FilespoolError("file-unreadable", `cannot read ${path}: ${error}`) : known(error);
      // If not the file but the connection failed: the file is still among the open ones.
      if (failure.kind !== "local") throw failure;
      if (job?.talk.allows("fail")) this.#step(job, "fail");
      this.#report(source, job, failure);
    } finally {
      file?.close();
    }
  }

  /** A folder goes out as the stream of its archive. */
  async #writeFolder(path: string): Promise<void> {
    const { packFolder } = await import("./tar-pack.ts");
    const warn = (left: string, message: string) =>
      this.#client.emit({ event: "warning", path: labelOf(left), message });
    await this.#writeFile({ ...packFolder(path, warn), path: labelOf(path) });
  }

  #open(source: string | StreamSource): OutgoingFile | OutgoingStream {
    const { queue, bufferBytes } = this.#options;
    if (typeof source === "string") return new OutgoingFile(source, queue, this.#key, this.#salt);
    return new OutgoingStream(source, this.#algorithm, bufferBytes, () => this.#ring());
  }

  #newJob(file: OutgoingFile | OutgoingStream): Job {
    const { path, name, size, transfer } = file;
    const { queue } = this.#options;
    const stream = file instanceof OutgoingStream ? file : undefined;
    const state = { talk: newTalk(), from: 0, digest: "", finished: false, mismatches: 0 };
    return Object.assign(state, { path, name, size, transfer, queue, stream, kind: stream?.kind });
  }

  /** A small file: offer, data and finish in one go. It is read first, so that a change is noticed before the offer. */
  #pipe(job: Job, file: OutgoingFile): void {
    const content = file.readAll(this.#room);
    file.checkUnchanged();
    job.digest = digestOf(this.#algorithm, content);
    this.#step(job, "pipe");
    if (content.length > 0) this.#connection.sendData(0, content)?.catch(() => {}); // reading reports a lost connection
    this.#step(job, "end");
  }

  /** Takes an event of this file's conversation; the effects of this half wait for nothing. */
  #step(job: Job, event: EventOf<typeof UPLOAD_SENDER>): void {
    void job.talk.carryOut(event, this.#effects, job);
  }

  /** A large file: ask from where, catch the digest up with what the server has, send the rest. */
  async #ask(job: Job, file: OutgoingFile | OutgoingStream): Promise<void> {
    const { talk } = job;
    this.#step(job, "ask");
    await this.#until(() => talk.state !== "asking");
    const goOn = () => talk.state === "sending" && !this.#isGone;
    if (!goOn()) return;
    const chunkBytes = Math.max(LIMITS.bufferBytesMin, Math.min(this.#options.bufferBytes, this.#server.dataBytesMax));
    const until = (condition: () => boolean) => this.#until(condition);
    const road = { chunkBytes, until, goOn, algorithm: this.#algorithm };
    const digest = await file.sendOver(this.#connection, job.from, road);
    if (digest === null || !goOn()) return;
    file.checkUnchanged();
    job.digest = digest;
    this.#step(job, "end");
  }

  /** The reading loop. An answer about a file that is no longer open has crossed something of ours, and is ignored. */
  async #readAnswers(): Promise<void> {
    for (;;) {
      const answer = this.#connection.next() ?? (await this.#connection.read());
      if (!answer) throw new FilespoolError("connection-lost", "the server ended the connection");
      const job = this.#window.get(
        ("transfer" in answer ? answer.transfer : answer.type === "refuse" ? answer.about : "") ?? "",
      );
      switch (answer.type) {
        case "accept":
          if (job && answer.offset > job.from) this.#client.progressed();
          if (job) job.from = Math.min(answer.offset, job.size);
          if (job) this.#step(job, "accept");
          break;
        case "progress":
          job?.stream?.release(answer.offset);
          if (job) this.#step({ ...job, from: answer.offset }, "progress");
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
    offer: (job: Job) => {
      const wait = job.size > this.#server.pipelineBytesMax;
      const { transfer, queue, name, size, kind, path, stream } = job; // one by one: spreading costs as much as sending
      this.#connection.send({ type: "offer", transfer, queue, name, size, algorithm: this.#algorithm, wait, kind });
      this.#client.emit({ event: "offered", path: labelOf(stream ?? path), transfer, queue, name, size });
    },
    // The writing loop does it; this one only says from where.
    stream: (job: Job) => {
      if (job.from > 0) this.#client.emit({ event: "resumed", offset: job.from, ...about(job) });
    },
    finish: ({ transfer, digest, stream }: Job) =>
      this.#connection.send({ type: "finish", transfer, digest, size: stream?.size }),
    cancel: ({ transfer }: Job) => this.#connection.send({ type: "cancel", transfer }),
    report: (job: Job) => {
      this.#client.progressed();
      this.#client.emit({ event: "progress", offset: job.from, ...about(job) });
    },
    settle: (job: Job) => {
      this.#client.progressed();
      this.#window.close(job);
      job.stream?.end();
      this.#ring();
    },
  };

  #stored(job: Job, { digest, repeated, collected }: MessageOf<"stored">): void {
    // An answer may be lost and asked for again; to the user that is one file stored once.
    const isOld = repeated && !job.finished;
    this.summary[isOld ? "repeated" : "stored"]++;
    const { transfer, queue, name } = job;
    const size = job.stream?.size ?? job.size;
    this.summary.bytes += size;
    this.#client.emit({ event: "stored", transfer, queue, name, size, digest, repeated: isOld, collected });
  }

  /** A refusal for now: the others are tried first, or the connection ends and the next one offers everything anew. */
  #refused(job: Job, refusal: FilespoolError): void {
    // This is no progress: waiting for room is what the patience of a run bounds.
    if (this.#window.postpone(job, refusal)) return void job.talk.on("refuse");
    const isMismatch = refusal.code === "digest-mismatch" && ++job.mismatches > MISMATCHES_MAX;
    if (refusal.retry && !isMismatch) throw refusal;
    this.#step(job, "refuse");
    this.#report(job.stream ?? job.path, job, refusal);
  }

  /** This file cannot be sent; the others go on. */
  #report(source: string | StreamSource | OutgoingStream, job: Job | undefined, failure: FilespoolError): void {
    const { code, message } = failure;
    this.summary.failures.push(failure);
    this.#client.emit({ event: "refused", path: labelOf(source), code, message, ...(job && about(job)) });
  }
}

const changed = (path: string) =>
  new FilespoolError("file-changed", `${path} changed while it was being sent; nothing was stored`);
