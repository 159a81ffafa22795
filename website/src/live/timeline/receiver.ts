/**
 * The receiver of the simulation: waits for one file, lands it once, and acks it until that is confirmed.
 *
 * As src/net/receiver/receiver.ts does it; what src/net/receiver/landing.ts does with a folder and a journal is here two fields that
 * outlive a connection. Invariant: nothing lands whose digest is not right, and nothing lands twice.
 */
import { checkChunk, overlap } from "../../../../src/protocol/chunks.ts";
import { DELIVERY_RECEIVER } from "../../../../src/protocol/delivery.ts";
import type { FilespoolError } from "../../../../src/protocol/errors.ts";
import { LIMITS } from "../../../../src/protocol/limits.ts";
import type { MessageOf } from "../../../../src/protocol/messages.ts";
import { Conversation, type Effects, type EventOf } from "../../../../src/protocol/state-machine.ts";
import type { ClientParts } from "./sender.ts";
import type { Data, End } from "./wire.ts";

/** Landing a file: its sync, the journal, the link, the sync of the folder. */
export const LANDING_MS = 24;

type Deliver = MessageOf<"deliver">;

export class Receiver {
  isDone = false;
  /** The digest of what landed, and how often something did. */
  landed: string | null = null;
  landings = 0;
  readonly #parts: ClientParts;
  readonly #digestOf: (bytes: Uint8Array) => string;
  /** The part file: survives a cut. */
  #part: Uint8Array = new Uint8Array(0);
  #held = 0;
  #current: Deliver | null = null;
  #end: End | null = null;
  #talk = new Conversation(DELIVERY_RECEIVER, "greeting");

  constructor(parts: ClientParts, digestOf: (bytes: Uint8Array) => string) {
    this.#parts = parts;
    this.#digestOf = digestOf;
  }

  connected(end: End): void {
    this.#end = end;
    this.#talk = new Conversation(DELIVERY_RECEIVER, "greeting");
    end.talker = {
      onFrame: (frame) =>
        end === this.#end ? this.#take(frame.type as EventOf<typeof DELIVERY_RECEIVER>, frame) : undefined,
      onLost: (error) => this.#onLost(end, error),
    };
    const hello = { role: "receiver", peer: "4e".repeat(16) } as const;
    end.send({
      type: "hello",
      versions: [...LIMITS.versions],
      ...hello,
      agent: "timeline",
      queue: "default",
      dataBytesMax: LIMITS.dataBytesMax,
    });
  }

  async #take(event: EventOf<typeof DELIVERY_RECEIVER>, cause?: unknown): Promise<void> {
    const work = this.#talk.carryOut(event, this.#effects, cause);
    this.#parts.scribe.change("receiver", "delivery", event, this.#talk.state);
    await work;
  }

  #onLost(end: End, error: FilespoolError): void {
    if (end !== this.#end) return;
    this.#end = null;
    this.#current = null;
    this.#parts.scribe.change("receiver", "delivery", "lost", "no connection");
    if (this.isDone) return;
    this.#parts.scribe.mark("receiver", error.code === "connection-lost" ? "lost" : "error", error.message);
    this.#parts.reconnect();
  }

  #settle(): void {
    this.isDone = true;
    const end = this.#end;
    this.#end = null;
    end?.send({ type: "bye" });
    end?.close();
    // After the event of this very effect.
    this.#parts.world.after(0, () => this.#parts.scribe.change("receiver", "delivery", "bye", "done"));
  }

  readonly #effects: Effects<typeof DELIVERY_RECEIVER> = {
    want: () => this.#end?.send({ type: "want", files: 1 }),

    decide: async (deliver: Deliver) => {
      this.#current = deliver;
      if (this.landed !== null) {
        // The ack was lost, or its answer: said again, it changes nothing.
        this.#end?.send({ type: "ack", delivery: deliver.delivery });
        return this.#take("decline");
      }
      if (this.#part.length !== deliver.size) this.#part = new Uint8Array(deliver.size);
      if (deliver.size <= LIMITS.pipelineBytesMax) this.#held = 0;
      return this.#take("begin", deliver);
    },

    tellStart: ({ delivery, size }: Deliver) => {
      if (size > LIMITS.pipelineBytesMax) this.#end?.send({ type: "start", delivery, offset: this.#held });
      if (this.#held > 0)
        this.#parts.scribe.mark("receiver", "resumed", `goes on at byte ${this.#held.toLocaleString("en")}`);
      return this.#held === size ? this.#take("full") : undefined;
    },

    write: ({ offset, length, parts }: Data) => {
      const size = this.#current?.size ?? 0;
      checkChunk(offset, length, size);
      if (overlap(this.#held, size, { offset, length }) < length) {
        let at = offset;
        for (const part of parts) {
          this.#part.set(part, at);
          at += part.length;
        }
        this.#held = at;
        this.#parts.scribe.level("held", at);
      }
      return this.#held === size ? this.#take("full") : undefined;
    },

    land: () => {
      const deliver = this.#current;
      const end = this.#end;
      if (!deliver) return;
      this.#parts.world.after(LANDING_MS, () => {
        if (this.landed !== null) return;
        const digest = this.#digestOf(this.#part);
        if (digest !== deliver.digest) {
          this.#held = 0;
          end?.send({ type: "nack", delivery: deliver.delivery, counts: true, reason: "digest-mismatch" });
          return;
        }
        // 1. in the folder, verified and durable
        this.landed = digest;
        this.landings++;
        this.#parts.scribe.mark("receiver", "landed", "landed: whole, verified, in the folder");
        // 2. only then say so
        end?.send({ type: "ack", delivery: deliver.delivery });
      });
    },

    suspend: () => {},
    // A file that has landed and is in no queue has been acked: the answer was lost, and no other will come.
    caughtUp: () => (this.landed === null ? undefined : this.#settle()),
    giveUp: () => this.#end?.send({ type: "want", files: 1 }),

    settle: () => this.#settle(),

    close: () => {},
  };
}
