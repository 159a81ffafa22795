/**
 * The server of the simulation: the two tables of src/protocol with hands, and a memory spool for a disk.
 *
 * As src/net/server/upload-session.ts and delivery-session.ts do it, for one file and one connection of each kind. What may happen
 * is in the tables, what is stored is in the spool; here is only who calls whom. Invariant: after a crash nothing is
 * left but the spool. Refuses to know when the network fails.
 */
import { checkChunk } from "../../../../src/protocol/chunks.ts";
import { FilespoolError, failureForPeer, known } from "../../../../src/protocol/errors.ts";
import type { Message, MessageOf } from "../../../../src/protocol/messages.ts";
import { Conversation, type Effects, type EventOf } from "../../../../src/protocol/state-machine.ts";
import { UPLOAD_SERVER } from "../../../../src/protocol/upload.ts";
import type { OfferAnswer } from "../../../../src/spool/contract.ts";
import type { Offer } from "../../../../src/spool/files.ts";
import { Delivering } from "./delivering.ts";
import { CachedUpload } from "./disk.ts";
import { type ServerParts, welcome } from "./welcome.ts";
import type { Data, End, Talker } from "./wire.ts";

/** A connection whose first frame has not come: the role in it decides who goes on. */
export class Reception implements Talker {
  readonly #parts: ServerParts;
  readonly #end: End;
  session: (Talker & { crash(): void }) | null = null;

  constructor(parts: ServerParts, end: End) {
    this.#parts = parts;
    this.#end = end;
  }

  async onFrame(frame: Message | Data): Promise<void> {
    if (this.session) return this.session.onFrame(frame);
    const role = "role" in frame ? frame.role : "nobody";
    this.session = role === "receiver" ? new Delivering(this.#parts, this.#end) : new Receiving(this.#parts, this.#end);
    await this.session.onFrame(frame);
  }

  onLost(error: FilespoolError): Promise<void> | void {
    return this.session?.onLost(error);
  }
}

/** The server's half of an upload. */
class Receiving implements Talker {
  readonly #parts: ServerParts;
  readonly #end: End;
  readonly #talk = new Conversation(UPLOAD_SERVER, "greeting");
  #offer: (Offer & { readonly wait: boolean }) | null = null;
  #upload: CachedUpload | null = null;
  #isOver = false;

  constructor(parts: ServerParts, end: End) {
    this.#parts = parts;
    this.#end = end;
  }

  async onFrame(frame: { readonly type: string }): Promise<void> {
    await this.#take(frame.type as EventOf<typeof UPLOAD_SERVER>, frame);
  }

  async #take(event: EventOf<typeof UPLOAD_SERVER>, cause?: unknown): Promise<void> {
    const work = this.#talk.carryOut(event, this.#effects, cause);
    this.#parts.scribe.change("server", "upload", event, this.#talk.state);
    await work;
  }

  async onLost(error: FilespoolError): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.scribe.change("server", "upload", "lost", "no connection");
    this.#parts.scribe.mark("server", error.code === "connection-lost" ? "lost" : "error", `upload: ${error.message}`);
    await this.#upload?.suspend();
  }

  crash(): void {
    this.#isOver = true;
    this.#upload?.crash();
    this.#end.close();
    this.#parts.scribe.change("server", "upload", "lost", "no connection");
  }

  readonly #effects: Effects<typeof UPLOAD_SERVER> = {
    welcome: () => this.#end.send(welcome(this.#parts)),

    open: async ({ type: _, ...offer }: MessageOf<"offer">) => {
      this.#offer = offer;
      const { scribe, spool } = this.#parts;
      try {
        const answer = await spool.offer(offer, {
          onDurable: (offset) => {
            scribe.level("durable", offset);
            scribe.mark("server", "durable", `${offset.toLocaleString("en")} bytes are durable`);
            if (!this.#isOver) this.#end.send({ type: "progress", transfer: offer.transfer, offset });
          },
          onSuperseded: () => {
            if (!this.#isOver) void this.#end.fail(new FilespoolError("superseded"));
          },
        });
        await this.#take(answer.kind === "stored" ? "already" : "accepted", answer);
      } catch (error) {
        await this.#take("refused", known(error));
      }
    },

    tellOffset: ({ upload }: OfferAnswer & { kind: "upload" }) => {
      const { transfer, size, wait } = this.#current();
      const { world, scribe, settings } = this.#parts;
      this.#upload = new CachedUpload(world, upload, size, settings.bufferBytes);
      scribe.level("taken", upload.offset);
      if (upload.offset > 0) scribe.mark("server", "resumed", `goes on at byte ${upload.offset.toLocaleString("en")}`);
      if (wait) this.#end.send({ type: "accept", transfer, offset: upload.offset });
    },

    tellStored: ({ digest, collected }: OfferAnswer & { kind: "stored" }) =>
      this.#end.send({ type: "stored", transfer: this.#current().transfer, digest, repeated: true, collected }),

    tellRefused: (error: FilespoolError) =>
      this.#end.send({ type: "refuse", about: this.#current().transfer, ...failureForPeer(error) }),

    append: ({ offset, length, parts }: Data) => {
      checkChunk(offset, length, this.#current().size);
      this.#upload?.append(offset, length, parts);
      this.#parts.scribe.level("taken", this.#upload?.taken ?? 0);
    },

    store: ({ transfer, digest }: MessageOf<"finish">) => {
      const upload = this.#upload;
      this.#upload = null;
      upload?.finish(digest, (error) => {
        // 1. it is in its queue
        if (error === null) this.#parts.scribe.mark("server", "stored", "stored: verified, durable, in its queue");
        if (this.#isOver) return;
        // 2. only then say so
        if (error === null) this.#end.send({ type: "stored", transfer, digest, repeated: false, collected: false });
        else this.#end.send({ type: "refuse", about: transfer, ...failureForPeer(known(error)) });
      });
    },

    discard: async () => {
      await this.#upload?.cancel();
      this.#upload = null;
    },

    close: () => {
      this.#isOver = true;
      this.#end.close();
    },
  };

  #current(): Offer & { readonly wait: boolean } {
    if (!this.#offer) throw new FilespoolError("internal", "no file is being received");
    return this.#offer;
  }
}
