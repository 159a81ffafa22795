/**
 * The sender's half of the upload conversation: what is said over one connection.
 *
 * Two loops share the connection.
 *
 *   writeFiles    offers files. A small one is offered, sent and finished in one go, without waiting, up
 *                 to a window. A large one waits for the server to say from which byte on it is wanted.
 *   readAnswers   takes the server's answers, and moves the transfer that each one is about.
 *
 * They meet in the window of open transfers and in `until`, by which the writing loop waits for an
 * answer. The digest is computed while the bytes go out. No file is read twice, except the part that the
 * server has already, and a file in doubt (adr/0090).
 *
 * Never here: what outlives the connection (sender.ts), and how a source is read (source.ts). The table
 * of states is protocol/upload.ts.
 */
import { digestOf } from "../../disk/digest.ts";
import { asError, FilespoolError, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Effects, EventOf } from "../../protocol/state-machine.ts";
import type { UPLOAD_SENDER } from "../../protocol/upload.ts";
import type { Client } from "../client/client.ts";
import { about } from "../events.ts";
import { labelOf, type Source } from "../options.ts";
import type { Connection } from "../wire/connection.ts";
import { changed } from "./file-source.ts";
import { isTransfer, type Next, type SendQueue } from "./send-queue.ts";
import type { SendResults } from "./send-results.ts";
import { anew, isProven, newTransfer, type SendWindow, type Transfer, withinLimits } from "./send-window.ts";
import type { OpenOptions, OpenSource, RereadableSource } from "./source.ts";

/** How often content that does not match its digest is sent again from the start. */
const MISMATCHES_MAX = 2;

/** What a run keeps over all of its connections. */
export interface SendRun {
  readonly client: Client;
  readonly queue: SendQueue;
  readonly window: SendWindow;
  readonly results: SendResults;
  readonly opening: OpenOptions;
  readonly open: (source: Source) => OpenSource | Promise<OpenSource>;
  /** For the content of one small file at a time: what is so small is copied when it is sent. */
  readonly room: Buffer;
}

export class SendConversation {
  readonly #connection: Connection;
  readonly #run: SendRun;
  readonly #algorithm: string;
  /** The server's limits, or ours where those are lower. */
  readonly #server: MessageOf<"welcome">;
  /** The connection is over; whatever still runs for it should stop. */
  #isOver = false;
  /** Ends the wait of `#until`, if somebody waits. At most one loop waits at a time. */
  #ring: () => void = () => {};

  constructor(connection: Connection, server: MessageOf<"welcome">, run: SendRun) {
    this.#connection = connection;
    this.#server = withinLimits(server);
    this.#run = run;
    this.#algorithm = run.opening.algorithm;
  }

  /** Something that the writing loop may wait for has changed: an answer, a stream that has more, a list. */
  wake(): void {
    this.#ring();
  }

  /** The connection is gone. Both loops end at their next step. */
  over(): void {
    this.#isOver = true;
    this.#ring();
  }

  /** Waits until the condition holds or the connection is gone. Looking comes before waiting, so nothing is missed. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isOver) {
      await new Promise<void>((ring) => {
        this.#ring = ring;
      });
    }
  }

  /** The writing loop: every file once, then a wait for the last answer, which may bring a file back. */
  async writeFiles(): Promise<void> {
    const { queue, window } = this.#run;
    while (!this.#isOver) {
      const next = queue.take();
      if (next !== null) await this.#writeFile(next);
      else if (!window.isIdle) await this.#until(() => queue.hasNext || window.isIdle);
      // Everything else is stored. Backing off and connecting anew offers once more what had no room.
      else if (window.noRoom) throw window.noRoom;
      else if (queue.isOver) return;
      else await this.#until(() => queue.hasNext || queue.isOver);
    }
  }

  /** Sends one file. What fails in it is reported; only what concerns the connection is thrown. */
  async #writeFile(next: Next): Promise<void> {
    const { queue, window, results, opening } = this.#run;
    let source: OpenSource | undefined;
    let transfer = isTransfer(next) ? next : undefined;
    try {
      const opened = transfer?.kept ?? this.#run.open(isTransfer(next) ? next.path : next);
      source = opened instanceof Promise ? await opened : opened; // for a small file there is nothing to wait for
      // A file that was offered before is the same one under the same id, or it has changed since.
      if (transfer && !source.isReadOnce) {
        if (transfer.transfer !== source.transferWith(transfer.other?.salt ?? "")) throw changed(transfer.path);
        if (transfer.claim) return await this.#examine(transfer, source, transfer.claim);
      }
      transfer ??= newTransfer(source, opening.queue);
      const wanted = transfer;
      const hasRoom = () => window.hasRoom(wanted, this.#server);
      if (!hasRoom()) await this.#until(hasRoom);
      if (this.#isOver) return queue.putBack(transfer);
      window.open(transfer);
      if (source.isReadOnce || transfer.size > this.#server.pipelineBytesMax) return await this.#ask(transfer, source);
      const content = source.prepare(this.#run.room);
      if (content instanceof Uint8Array) return this.#pipe(transfer, content);
      // Its size is not what it says: nothing of it was offered, and it is sent as a stream instead.
      window.close(transfer);
      await this.#writeFile(content);
    } catch (error) {
      const failure = known(error);
      // Any other failure is one of the connection. The file is still among the open ones then.
      if (failure.kind !== "local") throw failure;
      if (transfer?.conversation.allows("fail")) this.#step(transfer, "fail");
      results.failed(isTransfer(next) ? (next.kept ?? next.path) : next, transfer, failure);
    } finally {
      source?.close();
    }
  }

  /**
   * The server says to have this file from before: compares the content with the digest that came with it. Another
   * content is another transfer, whose id is derived from its digest as well; so that one can be repeated, too.
   */
  async #examine(transfer: Transfer, source: RereadableSource, claim: MessageOf<"stored">): Promise<void> {
    const { bufferBytes: chunkBytes, algorithm } = this.#run.opening;
    const digest = await source.digest({ chunkBytes, algorithm, shouldContinue: () => !this.#isOver });
    if (digest === null) return this.#run.queue.putBack(transfer);
    if (digest === claim.digest) return this.#stored({ ...transfer, digest }, claim);
    const other = { before: transfer.transfer, salt: digest };
    const changes = { transfer: source.transferWith(digest), digest, other, claim: null };
    this.#run.queue.putBack(anew(transfer, changes));
  }

  /** A small file: offer, data and finish in one go. It was read first, so that a change was noticed before the offer. */
  #pipe(transfer: Transfer, content: Uint8Array): void {
    this.#know(transfer, digestOf(this.#algorithm, content));
    this.#step(transfer, "pipe");
    if (content.length > 0) this.#connection.sendData(0, content)?.catch(() => {}); // reading reports a lost connection
    this.#step(transfer, "end");
  }

  /** A large file: ask from where, catch the digest up with what the server has, send the rest. */
  async #ask(transfer: Transfer, source: OpenSource): Promise<void> {
    const { conversation } = transfer;
    this.#step(transfer, "ask");
    await this.#until(() => conversation.state !== "asking");
    const shouldContinue = () => conversation.state === "sending" && !this.#isOver;
    if (!shouldContinue()) return;
    const { bufferBytes } = this.#run.opening;
    const chunkBytes = Math.max(LIMITS.bufferBytesMin, Math.min(bufferBytes, this.#server.dataBytesMax));
    const sending = { chunkBytes, until: this.#until.bind(this), shouldContinue, algorithm: this.#algorithm };
    const digest = await source.sendOver(this.#connection, transfer.from, sending);
    if (digest === null || !shouldContinue()) return;
    this.#know(transfer, digest);
    this.#step(transfer, "end");
  }

  /** All of it was read. An id that was derived from a digest must not get another content. @throws file-changed */
  #know(transfer: Transfer, digest: string): void {
    if (transfer.other && digest !== transfer.other.salt) throw changed(transfer.path);
    transfer.digest = digest;
  }

  /** The reading loop. An answer about a file that is no longer open has crossed something of ours, and is ignored. */
  async readAnswers(): Promise<void> {
    for (;;) {
      const answer = this.#connection.next() ?? (await this.#connection.read());
      if (!answer) throw new FilespoolError("connection-lost", "the server ended the connection");
      const transfer = this.#run.window.transferOf(answer);
      const isProgress = answer.type === "progress" && transfer;
      this.#connection.zeros.taken(isProgress ? answer.offset - transfer.from : Infinity);
      switch (answer.type) {
        case "accept":
          if (transfer && answer.offset > transfer.from) this.#run.client.progressed();
          if (transfer) transfer.from = Math.min(answer.offset, transfer.size);
          if (transfer) this.#step(transfer, "accept");
          break;
        case "progress":
          transfer?.kept?.release(answer.offset);
          if (transfer) this.#step(Object.assign(transfer, { from: answer.offset }), "progress");
          break;
        case "stored":
          if (transfer) this.#step(transfer, "stored");
          if (transfer) this.#stored(transfer, answer);
          break;
        case "refuse":
          if (transfer) this.#refused(transfer, asError(answer));
          break;
        default:
          throw new FilespoolError("frame-unexpected", `a server does not send ${answer.type} to a sender`);
      }
      this.#ring();
    }
  }

  /** Takes an event of this file's conversation; the effects of this half wait for nothing. */
  #step(transfer: Transfer, event: EventOf<typeof UPLOAD_SENDER>): void {
    void transfer.conversation.carryOut(event, this.#effects, transfer);
  }

  readonly #effects: Effects<typeof UPLOAD_SENDER> = {
    offer: (offered: Transfer) => {
      const wait = offered.size > this.#server.pipelineBytesMax;
      // Field by field: to spread the transfer costs as much as to send the offer.
      const { transfer, queue, name, size, kind, mode, mtime, path, kept } = offered;
      const algorithm = this.#algorithm;
      this.#connection.send({ type: "offer", transfer, queue, name, size, algorithm, wait, kind, mode, mtime });
      this.#run.client.emit({ event: "offered", path: labelOf(kept ?? path), transfer, queue, name, size });
    },
    // The writing loop does it; this one only says from where.
    stream: (transfer: Transfer) => {
      const { from: offset } = transfer;
      if (offset > 0) this.#run.client.emit({ event: "resumed", offset, ...about(transfer) });
    },
    finish: ({ transfer, digest, kept }: Transfer) =>
      this.#connection.send({ type: "finish", transfer, digest, size: kept?.size }),
    cancel: ({ transfer }: Transfer) => this.#connection.send({ type: "cancel", transfer }),
    report: (transfer: Transfer) => {
      this.#run.client.progressed();
      this.#run.client.emit({ event: "progress", offset: transfer.from, ...about(transfer) });
    },
    settle: (transfer: Transfer) => {
      this.#run.client.progressed();
      this.#run.window.close(transfer);
      transfer.kept?.end();
      this.#ring();
    },
  };

  /** The server has it, or says so: whether it is this content, the digest tells where the id cannot. */
  #stored(transfer: Transfer, answer: MessageOf<"stored">): void {
    if (isProven(transfer, answer)) return this.#run.results.stored(transfer, answer);
    // Once the id says which content it is, another digest is no coincidence any more; nor is it worth a second look.
    if (!transfer.other) return this.#run.queue.putBack(anew(transfer, { claim: answer }));
    const why = `the server says to have ${transfer.path}, with another digest`;
    this.#run.results.failed(transfer.path, transfer, new FilespoolError("digest-mismatch", why));
  }

  /** A refusal for now: the others are tried first, or the connection ends and the next one offers everything anew. */
  #refused(transfer: Transfer, refusal: FilespoolError): void {
    // This is no progress: waiting for room is what the patience of a run bounds.
    if (this.#run.window.postpone(transfer, refusal)) return void transfer.conversation.on("refuse");
    const isMismatch = refusal.code === "digest-mismatch" && ++transfer.mismatches > MISMATCHES_MAX;
    if (refusal.retry && !isMismatch) throw refusal;
    this.#step(transfer, "refuse");
    this.#run.results.failed(transfer.kept ?? transfer.path, transfer, refusal);
  }
}
