/**
 * The upload session: the server's half of the conversation with one sender.
 *
 * protocol/upload.ts says what may happen; this file does it. The session takes the frames of its
 * connection strictly one after the other. It reads no further frame while the spool is thinking,
 * so the sender feels a slow disk as a full socket.
 *
 * One exception makes small files fast. The spool makes a small file durable *while* the next ones
 * arrive, so that one sync of the index serves a hundred of them. They still become visible in the
 * order in which they were sent, because the index writes in the order of asking.
 *
 * Invariant: `stored` leaves this file only after the spool's `finish` has resolved.
 *
 * Never here: where bytes lie and when they are durable (spool/contract.ts), how a frame is read
 * (wire/connection.ts), who may send (access.ts).
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

/** An offer that was let in. `wait`: its sender sends nothing before `accept`. */
type Receiving = Offer & { readonly wait: boolean };

export class UploadSession {
  readonly #connection: Connection;
  /**
   * The sender's address. Kept, because a closed socket has forgotten it, and the log needs it
   * then.
   */
  readonly #peer: string;
  readonly #server: ServerContext;
  readonly #access: Access;
  /**
   * Which frames may come next. An offer that the spool is thinking about is `opening`: no frame
   * may.
   */
  readonly #conversation = new Conversation(UPLOAD_SERVER, "greeting");
  /**
   * The file that frames are about now: set by its offer, null again with its finish, its end or
   * its refusal. Its size becomes known here when a stream ends.
   */
  #offer: Receiving | null = null;
  /**
   * The spool's grip on that file, once the spool has answered. Exactly one of `finish`, `suspend`
   * and `cancel` ends it. A connection that breaks in the middle suspends it, in `run`.
   */
  #upload: Upload | null = null;
  /** Bytes of the refused file that were thrown away. Counted anew for each offer. */
  #skippedBytes = 0;
  /**
   * Files whose finish has come and whose sync is under way. A window bounds their number. When the
   * connection ends they are waited for: they may be stored although nobody hears of it.
   */
  readonly #storing = new Set<Promise<void>>();
  /**
   * A refused offer costs its sender one frame. So the log gathers refusals, or a sender could fill
   * a disk.
   */
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
   * @throws FilespoolError why the conversation has to end: the sender broke the protocol, or the
   * connection is gone
   */
  async run(): Promise<void> {
    try {
      await this.#conversation.carryOut("hello", this.#effects);
      while (this.#conversation.state !== "closed") {
        const frame = this.#connection.next() ?? (await this.#connection.read());
        if (!frame) break;
        if (frame.type === "data" && this.#conversation.state === "skipping") this.#skip(frame);
        const work = this.#conversation.carryOut(frame.type as EventOf<typeof UPLOAD_SERVER>, this.#effects, frame);
        if (work) await work; // the next frame is not read before the spool has answered this one
        this.drain();
        while (this.#storing.size >= LIMITS.windowFiles) await Promise.race(this.#storing);
      }
    } finally {
      await this.#upload?.suspend().catch(() => {}); // what arrived is kept, for when the sender comes back
      await Promise.all(this.#storing);
      this.#refusals.close();
    }
  }

  /**
   * Ends the conversation of a server that shuts down, as soon as no file is in the middle of
   * arriving.
   */
  drain(): void {
    if (!this.#server.isDraining || (this.#conversation.state !== "ready" && this.#conversation.state !== "skipping"))
      return;
    void Promise.all(this.#storing).then(() => this.#connection.fail(new FilespoolError("shutting-down")));
  }

  /**
   * Counts data of a refused file. Its sender may have sent a pipeline full of it before it could
   * hear of the refusal. Data that goes on after that is an attack. @throws FilespoolError flood
   */
  #skip(data: Data): void {
    this.#skippedBytes += data.wireBytes; // zeros that came as their number are as little work as they are bytes
    if (this.#skippedBytes > LIMITS.skipBytesMax)
      throw new FilespoolError("flood", "data of a refused file goes on and on");
  }

  readonly #effects: Effects<typeof UPLOAD_SERVER> = {
    welcome: () => this.#connection.send(welcome(this.#server)),

    // A promise here holds up the reading of frames until the spool has answered; see `opening` in
    // the table.
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
          // A newer connection of the same sender has taken the transfer over. This one is dead or
          // about to be.
          onSuperseded: () => this.#connection.fail(new FilespoolError("superseded")),
          onUsed: release,
        });
        if (!(answer instanceof Promise)) return this.#opened(answer);
        return answer.then((later) => this.#opened(later)).catch((error: unknown) => this.#refuse(error));
      } catch (error) {
        return this.#refuse(error);
      }
    },

    // A sender that waits begins where the durable bytes end. One that pipelines has begun at 0
    // already.
    tellOffset: ({ upload }: OfferAnswer & { kind: "upload" }) => {
      this.#upload = upload;
      const offer = this.#current();
      const { offset } = upload;
      if (offer.wait) this.#connection.send({ type: "accept", transfer: offer.transfer, offset });
      const { id } = this.#connection;
      if (offset > 0)
        this.#server.emit({ event: "resumed", connection: id, peer: this.#peer, ...about(offer), offset });
    },

    // The spool had it from before: the answer is the same as after storing it, and `repeated` says
    // which.
    tellStored: ({ digest, collected }: OfferAnswer & { kind: "stored" }) => {
      this.#tellStored(this.#current(), digest, true, collected);
      this.#offer = null;
    },

    tellRefused: (error: FilespoolError) => this.#tellRefused(this.#current(), error),

    // The spool answers with a promise when its disk is behind. To wait for it here is the back
    // pressure: no frame is read, the kernel's buffers fill, and the sender's writes stop.
    append: ({ offset, parts, length }: Data) => {
      const offer = this.#current();
      const size = checkChunk(offset, length, offer.size); // a stream's size is its last byte so far
      if (size !== offer.size) this.#offer = { ...offer, size };
      try {
        return this.#upload?.append(offset, parts)?.catch((error: unknown) => this.#refuse(error));
      } catch (error) {
        return this.#refuse(error);
      }
    },

    // All bytes are here. The digest decides whether they are the file. From here on a later file
    // may use the connection.
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
      // A large file takes its time to be synced. A file that was sent after it must not overtake
      // it.
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

  /**
   * The spool has answered: data may come, or the file is there already and what is on its way is
   * skipped.
   */
  #opened(answer: OfferAnswer): Promise<void> | undefined {
    return this.#conversation.carryOut(answer.kind === "stored" ? "already" : "accepted", this.#effects, answer);
  }

  /**
   * The file that frames are about now. The table of states lets no frame through without one: else
   * it is our bug.
   */
  #current(): Receiving {
    if (!this.#offer) throw new FilespoolError("internal", "no file is being received");
    return this.#offer;
  }

  /**
   * Refuses the file and goes on, unless the sender broke the protocol: then the conversation ends.
   */
  async #refuse(error: unknown): Promise<void> {
    const refusal = known(error);
    // A file that is too large stays too large, so nothing of it is kept. Any other may be
    // continued later.
    await this.#upload?.[refusal.code === "file-too-large" ? "cancel" : "suspend"]().catch(() => {});
    this.#upload = null;
    if (refusal.kind === "integrity" || refusal.code === "superseded" || refusal.kind === "bug") throw refusal;
    await this.#conversation.carryOut("refused", this.#effects, refusal);
  }

  /**
   * Says the one word that a sender may rely on: `stored`. Called only when content and entry are
   * on disk, now (`finish` has resolved) or from before (`repeated`).
   */
  #tellStored(offer: Offer, digest: string, repeated: boolean, collected: boolean): void {
    this.#connection.send({ type: "stored", transfer: offer.transfer, digest, repeated, collected });
    const { transfer, queue, name, size } = offer; // one by one: spreading costs as much as the message
    const { id: connection } = this.#connection;
    this.#server.emit({ event: "stored", connection, peer: this.#peer, transfer, queue, name, size, digest, repeated });
  }

  /** The sender hears of each refusal. The log gets as many in a second as a person could read. */
  #tellRefused(offer: Offer, error: FilespoolError): void {
    this.#connection.send({ type: "refuse", about: offer.transfer, ...failureForPeer(error) });
    const { id } = this.#connection;
    const event = { event: "refused", connection: id, peer: this.#peer, ...about(offer), ...failure(error) } as const;
    this.#refusals.note(error.code, event);
  }
}
