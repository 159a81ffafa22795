/**
 * The sender's half of the upload conversation: what is said over one connection.
 *
 * Two loops share the connection. They meet in the window of open transfers, and in `until`, by
 * which the writing loop waits for an answer.
 *
 *   writeFiles    offers files. A small one is offered, sent and finished at once, up to a window.
 *                 A large one waits for the server to name the byte to start at.
 *   readAnswers   takes the server's answers, and moves the transfer that each one is about.
 *
 * The digest is computed while the bytes go out. Only what the server has already, and a file in
 * doubt (adr/0090), are read without being sent.
 *
 * Invariant: only the server says that a file is stored. A transfer without its answer is offered
 * again on the next connection, under the same id.
 *
 * Never here: what outlives the connection (sender.ts), and how a source is read (source.ts). The
 * table of states is protocol/upload.ts.
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

/** How often content that arrived damaged is sent again from the start. Then the file fails. */
const MISMATCHES_MAX = 2;

/** What a run keeps over all of its connections. */
export interface SendRun {
  readonly client: Client;
  readonly queue: SendQueue;
  readonly window: SendWindow;
  readonly results: SendResults;
  /** How sources are opened, the same for all of them. */
  readonly opening: OpenOptions;
  readonly open: (source: Source) => OpenSource | Promise<OpenSource>;
  /** Holds one small file at a time. It is free again at once: a frame copies so little. */
  readonly room: Buffer;
}

/** One connection of a run. Made when the server has welcomed it. */
export class SendConversation {
  readonly #connection: Connection;
  readonly #run: SendRun;
  readonly #algorithm: string;
  /** The server's welcome, with its limits lowered to ours where ours are lower. */
  readonly #server: MessageOf<"welcome">;
  /** The connection is over. Set once, by `over`; both loops look at it after each wait. */
  #isOver = false;
  /** Ends the wait of `#until`, if there is one. At most one loop waits at a time. */
  #ring: () => void = () => {};

  constructor(connection: Connection, server: MessageOf<"welcome">, run: SendRun) {
    this.#connection = connection;
    this.#server = withinLimits(server);
    this.#run = run;
    this.#algorithm = run.opening.algorithm;
  }

  /**
   * The writing loop may go on: an answer has come, a stream has more, or the list of files has.
   */
  wake(): void {
    this.#ring();
  }

  /** The connection is gone. Both loops end at their next step. */
  over(): void {
    this.#isOver = true;
    this.#ring();
  }

  /**
   * Waits until the condition holds or the connection is gone. Looks first, so nothing is missed.
   */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isOver) {
      await new Promise<void>((ring) => {
        this.#ring = ring;
      });
    }
  }

  /**
   * The writing loop. Offers every file, then waits for the answers: a refusal may bring one back.
   * @throws FilespoolError what concerns the connection or the run, and not one file
   */
  async writeFiles(): Promise<void> {
    const { queue, window } = this.#run;
    while (!this.#isOver) {
      const next = queue.take();
      if (next !== null) await this.#writeFile(next);
      else if (!window.isIdle) await this.#until(() => queue.hasNext || window.isIdle);
      // Only files without room are left. The run backs off, and its next connection offers them.
      else if (window.noRoom) throw window.noRoom;
      else if (queue.isOver) return;
      else await this.#until(() => queue.hasNext || queue.isOver);
    }
  }

  /**
   * Sends one file. A failure of the file is reported. @throws only what concerns the connection
   */
  async #writeFile(next: Next): Promise<void> {
    const { queue, window, results, opening } = this.#run;
    let source: OpenSource | undefined;
    let transfer = isTransfer(next) ? next : undefined;
    try {
      const opened = transfer?.kept ?? this.#run.open(isTransfer(next) ? next.path : next);
      source = opened instanceof Promise ? await opened : opened; // an ordinary file is no promise
      // A file that was offered before has the same id again, or else it has changed since.
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
      // It does not have the size that it reports. Nothing was offered yet: send it as a stream.
      window.close(transfer);
      await this.#writeFile(content);
    } catch (error) {
      const failure = known(error);
      // Any other failure is the connection's. The file stays open, and is offered again.
      if (failure.kind !== "local") throw failure;
      if (transfer?.conversation.allows("fail")) this.#step(transfer, "fail");
      results.failed(isTransfer(next) ? (next.kept ?? next.path) : next, transfer, failure);
    } finally {
      source?.close();
    }
  }

  /**
   * The server says that it has this file from before. Compares the content with the digest of that
   * claim. A different content is a different transfer. Its id is derived from the digest as well,
   * so that it can be repeated without a second copy.
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

  /** A small file: offer, data, finish. It was read first, so that a change was noticed in time. */
  #pipe(transfer: Transfer, content: Uint8Array): void {
    this.#know(transfer, digestOf(this.#algorithm, content));
    this.#step(transfer, "pipe");
    // A lost connection is reported by readAnswers.
    if (content.length > 0) this.#connection.sendData(0, content)?.catch(() => {});
    this.#step(transfer, "end");
  }

  /**
   * A large file: asks where to start, reads for the digest what the server has, sends the rest.
   */
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

  /** An id that was derived from a digest demands content of that digest. @throws file-changed */
  #know(transfer: Transfer, digest: string): void {
    if (transfer.other && digest !== transfer.other.salt) throw changed(transfer.path);
    transfer.digest = digest;
  }

  /**
   * The reading loop. An answer about a file that is not open any more is late, and is ignored.
   * @throws FilespoolError connection-lost, frame-unexpected, or a refusal that is temporary
   */
  async readAnswers(): Promise<void> {
    for (;;) {
      const answer = this.#connection.next() ?? (await this.#connection.read());
      if (!answer) throw new FilespoolError("connection-lost", "the server ended the connection");
      const transfer = this.#run.window.transferOf(answer);
      const isProgress = answer.type === "progress" && transfer;
      // Zeros travel as a number and fill no kernel buffer, so they are counted here (adr/0102).
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

  /** Feeds an event to the state machine of this file. No effect of this half waits. */
  #step(transfer: Transfer, event: EventOf<typeof UPLOAD_SENDER>): void {
    void transfer.conversation.carryOut(event, this.#effects, transfer);
  }

  /** What each effect of the transition table does. */
  readonly #effects: Effects<typeof UPLOAD_SENDER> = {
    offer: (offered: Transfer) => {
      const wait = offered.size > this.#server.pipelineBytesMax;
      // Field by field: to spread the transfer costs as much as to send the offer.
      const { transfer, queue, name, size, kind, mode, mtime, path, kept } = offered;
      const algorithm = this.#algorithm;
      this.#connection.send({ type: "offer", transfer, queue, name, size, algorithm, wait, kind, mode, mtime });
      this.#run.client.emit({ event: "offered", path: labelOf(kept ?? path), transfer, queue, name, size });
    },
    // The writing loop sends the bytes. This effect only reports where they start.
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

  /** The server says that it has the file. The digest proves it where the id cannot. */
  #stored(transfer: Transfer, answer: MessageOf<"stored">): void {
    if (isProven(transfer, answer)) return this.#run.results.stored(transfer, answer);
    // First compare the content. With an id that was derived from it, the server is wrong.
    if (!transfer.other) return this.#run.queue.putBack(anew(transfer, { claim: answer }));
    const why = `the server says that it has ${transfer.path}, but with another digest`;
    this.#run.results.failed(transfer.path, transfer, new FilespoolError("digest-mismatch", why));
  }

  /**
   * A refusal. Without room, the others are tried first. Another temporary one ends the connection,
   * and the next one offers everything again. A final one fails the file.
   */
  #refused(transfer: Transfer, refusal: FilespoolError): void {
    // This is no progress: the patience of a run also bounds its wait for room.
    if (this.#run.window.postpone(transfer, refusal)) return void transfer.conversation.on("refuse");
    const isMismatch = refusal.code === "digest-mismatch" && ++transfer.mismatches > MISMATCHES_MAX;
    if (refusal.retry && !isMismatch) throw refusal;
    this.#step(transfer, "refuse");
    this.#run.results.failed(transfer.kept ?? transfer.path, transfer, refusal);
  }
}
