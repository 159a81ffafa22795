/**
 * The server's half of an upload, with its hands on the socket and the spool.
 *
 * protocol/upload.ts says what may happen; this file does it. Frames of one connection are taken strictly one
 * after the other, and the next is not read while the spool is thinking, so a slow disk is felt by the sender
 * as a full socket. The one exception makes small files fast: a file that fits the pipeline is made durable
 * *while* the next ones arrive, so that the index can sync a hundred of them at once. Files of one connection
 * still become visible in the order in which they were sent, because the index writes in the order of asking.
 */
import { checkChunk } from "../../protocol/chunks.ts";
import { FilespoolError, failure, failureForPeer, known } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { checkQueue } from "../../protocol/names.ts";
import { Conversation, type Effects, type EventOf } from "../../protocol/state-machine.ts";
import { UPLOAD_SERVER } from "../../protocol/upload.ts";
import type { OfferAnswer, Upload } from "../../spool/contract.ts";
import type { Offer } from "../../spool/files.ts";
import { about, type ServerEvent } from "../events.ts";
import { release } from "../wire/buffer-pool.ts";
import type { Connection, Data } from "../wire/connection.ts";
import { type Access, demand } from "./access.ts";
import { PerSecond, TOLD_AT_ONCE, withMore } from "./per-second.ts";
import { type ServerContext, welcome } from "./session.ts";

type Receiving = Offer & { readonly wait: boolean };

export class UploadSession {
  readonly #connection: Connection;
  /** Its address; kept, because a socket that is closed has forgotten it. */
  readonly #peer: string;
  readonly #server: ServerContext;
  readonly #access: Access;
  /** What may happen next. */
  readonly #conversation = new Conversation(UPLOAD_SERVER, "greeting");
  /** The file being received and our grip on it; null between two files. */
  #offer: Receiving | null = null;
  #upload: Upload | null = null;
  /** Bytes of the refused file that were thrown away. */
  #skippedBytes = 0;
  /** Files that are becoming durable, while others may arrive. */
  readonly #storing = new Set<Promise<void>>();
  /** An offer costs its sender a frame, and one that is refused nothing else. */
  readonly #refusals: PerSecond<Extract<ServerEvent, { event: "refused" }>>;

  constructor(connection: Connection, server: ServerContext, access: Access) {
    this.#connection = connection;
    this.#peer = connection.peer;
    this.#server = server;
    this.#access = access;
    this.#refusals = new PerSecond((event, count) => server.emit(withMore(event, count)), TOLD_AT_ONCE);
  }

  /**
   * Converses until the sender leaves. Whatever was being received stays as far as it is durable.
   * @throws FilespoolError why the conversation has to end: the sender broke the protocol, or the connection is gone
   */
  async run(): Promise<void> {
    try {
      await this.#conversation.carryOut("hello", this.#effects);
      while (this.#conversation.state !== "closed") {
        const frame = this.#connection.next() ?? (await this.#connection.read());
        if (!frame) break;
        if (frame.type === "data" && this.#conversation.state === "skipping") this.#skip(frame);
        const work = this.#conversation.carryOut(frame.type as EventOf<typeof UPLOAD_SERVER>, this.#effects, frame);
        if (work) await work;
        this.drain();
        while (this.#storing.size >= LIMITS.windowFiles) await Promise.race(this.#storing);
      }
    } finally {
      await this.#upload?.suspend().catch(() => {}); // what arrived is kept, for when the sender comes back
      await Promise.all(this.#storing);
      this.#refusals.close();
    }
  }

  /** When the server is shutting down, the moment between two files is the one to part. */
  drain(): void {
    if (!this.#server.isDraining || (this.#conversation.state !== "ready" && this.#conversation.state !== "skipping"))
      return;
    void Promise.all(this.#storing).then(() => this.#connection.fail(new FilespoolError("shutting-down")));
  }

  /** The rest of a refused file may be on its way; without an end it is an attack. */
  #skip(data: Data): void {
    this.#skippedBytes += data.wireBytes; // zeros that came as their number are as little work as they are bytes
    if (this.#skippedBytes > LIMITS.skipBytesMax)
      throw new FilespoolError("flood", "data of a refused file goes on and on");
  }

  readonly #effects: Effects<typeof UPLOAD_SERVER> = {
    welcome: () => this.#connection.send(welcome(this.#server)),

    // Nothing is read from the socket until the spool has answered; see `opening` in the table.
    open: ({ transfer, queue, name, size, algorithm, kind, mode, mtime, wait }: MessageOf<"offer">) => {
      const offer = { transfer, queue, name, size, algorithm, kind, mode, mtime, wait };
      this.#offer = offer;
      this.#skippedBytes = 0;
      try {
        if (!offer.wait && offer.size > LIMITS.pipelineBytesMax)
          throw new FilespoolError("message-invalid", "too large to pipeline");
        demand(this.#access, "send", queue);
        checkQueue(queue);
        if (this.#server.isDraining) throw new FilespoolError("shutting-down");
        const answer = this.#server.spool.offer(offer, {
          onDurable: (offset) => this.#connection.send({ type: "progress", transfer: offer.transfer, offset }),
          // Whoever took over is a newer connection of the same sender; this one is dead or about to be.
          onSuperseded: () => this.#connection.fail(new FilespoolError("superseded")),
          onUsed: release,
        });
        if (!(answer instanceof Promise)) return this.#opened(answer);
        return answer.then((later) => this.#opened(later)).catch((error: unknown) => this.#refuse(error));
      } catch (error) {
        return this.#refuse(error);
      }
    },

    // A sender that sends at once does not wait to hear from where; all others begin where the durable bytes end.
    tellOffset: ({ upload }: OfferAnswer & { kind: "upload" }) => {
      this.#upload = upload;
      const offer = this.#current();
      const { offset } = upload;
      if (offer.wait) this.#connection.send({ type: "accept", transfer: offer.transfer, offset });
      const { id } = this.#connection;
      if (offset > 0)
        this.#server.emit({ event: "resumed", connection: id, peer: this.#peer, ...about(offer), offset });
    },

    // The spool had it from before: the answer is the same as after storing it, and `repeated` says which.
    tellStored: ({ digest, collected }: OfferAnswer & { kind: "stored" }) => {
      this.#tellStored(this.#current(), digest, true, collected);
      this.#offer = null;
    },

    tellRefused: (error: FilespoolError) => this.#tellRefused(this.#current(), error),

    // A promise of the spool means that the disk is behind; waiting for it here is the back pressure.
    append: ({ offset, parts, length }: Data) => {
      const offer = this.#current();
      const size = checkChunk(offset, length, offer.size); // where it was not known, a short chunk tells it
      if (size !== offer.size) this.#offer = { ...offer, size };
      try {
        return this.#upload?.append(offset, parts)?.catch((error: unknown) => this.#refuse(error));
      } catch (error) {
        return this.#refuse(error);
      }
    },

    // The file is complete if the digest says so. From here on a later file may use the connection.
    store: ({ transfer, digest, size }: MessageOf<"finish">) => {
      const offered = this.#current();
      const offer = size === undefined ? offered : { ...offered, size };
      if (offer.size === Infinity) throw new FilespoolError("message-invalid", "a finish that does not say the size");
      if (transfer !== offer.transfer)
        throw new FilespoolError("frame-unexpected", `finish of another transfer, ${transfer}`);
      const upload = this.#upload;
      this.#offer = null;
      this.#upload = null;
      const storing = (upload?.finish(digest, offer.size) ?? Promise.resolve()).then(
        () => {
          this.#storing.delete(storing);
          this.#tellStored(offer, digest, false, false);
        },
        (error: unknown) => {
          this.#storing.delete(storing);
          this.#tellRefused(offer, known(error));
        },
      );
      this.#storing.add(storing);
      // A large file takes its time to be synced; whatever was sent after it must not overtake it.
      return offer.wait ? storing : undefined;
    },

    // The sender gave up, because its file changed under it.
    discard: async () => {
      await this.#upload?.cancel();
      this.#upload = null;
      this.#offer = null;
    },

    close: () => {},
  };

  /** The spool has answered: data may come, or the file is there already and what is on its way is skipped. */
  #opened(answer: OfferAnswer): Promise<void> | undefined {
    return this.#conversation.carryOut(answer.kind === "stored" ? "already" : "accepted", this.#effects, answer);
  }

  /** The file that frames are about now. That there is none is our bug: the table of states lets no such frame through. */
  #current(): Receiving {
    if (!this.#offer) throw new FilespoolError("internal", "no file is being received");
    return this.#offer;
  }

  /** Refuses the file and goes on, unless the sender broke the protocol: then the conversation ends. */
  async #refuse(error: unknown): Promise<void> {
    const refusal = known(error);
    // Too large it stays, however often it is sent; whatever else may be sent on later.
    await this.#upload?.[refusal.code === "file-too-large" ? "cancel" : "suspend"]().catch(() => {});
    this.#upload = null;
    if (refusal.kind === "integrity" || refusal.code === "superseded" || refusal.kind === "bug") throw refusal;
    await this.#conversation.carryOut("refused", this.#effects, refusal);
  }

  /** The one sentence that a sender may rely on, so it is said only when all of it is on disk. */
  #tellStored(offer: Offer, digest: string, repeated: boolean, collected: boolean): void {
    this.#connection.send({ type: "stored", transfer: offer.transfer, digest, repeated, collected });
    const { transfer, queue, name, size } = offer; // one by one: spreading costs as much as the message
    const { id: connection } = this.#connection;
    this.#server.emit({ event: "stored", connection, peer: this.#peer, transfer, queue, name, size, digest, repeated });
  }

  /** The sender hears each refusal; whoever reads the log hears as many in a second as a person could read. */
  #tellRefused(offer: Offer, error: FilespoolError): void {
    this.#connection.send({ type: "refuse", about: offer.transfer, ...failureForPeer(error) });
    const { id } = this.#connection;
    const event = { event: "refused", connection: id, peer: this.#peer, ...about(offer), ...failure(error) } as const;
    this.#refusals.note(error.code, event);
  }
}
