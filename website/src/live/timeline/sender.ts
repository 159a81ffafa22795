/**
 * The sender of the simulation: one file, offered again on every new connection until it is stored.
 *
 * As src/net/sender/sender.ts does it: the table says what may happen, the server says from where. It keeps nothing between two
 * connections but the file itself and its id. Invariant: it is done when, and only when, it has heard `stored`.
 */
import { chunkAt } from "../../../../src/protocol/chunks.ts";
import { asError, type FilespoolError } from "../../../../src/protocol/errors.ts";
import { LIMITS } from "../../../../src/protocol/limits.ts";
import type { Message, MessageOf } from "../../../../src/protocol/messages.ts";
import { Conversation, type Effects, type EventOf } from "../../../../src/protocol/state-machine.ts";
import { UPLOAD_SENDER } from "../../../../src/protocol/upload.ts";
import type { Scribe, Settings } from "./story.ts";
import type { Data, End, Talker } from "./wire.ts";
import type { World } from "./world.ts";

export interface File {
  readonly transfer: string;
  readonly name: string;
  readonly content: Uint8Array;
  readonly digest: string;
}

export interface ClientParts {
  readonly world: World;
  readonly scribe: Scribe;
  readonly settings: Settings;
  /** Asks for another connection, after a while. */
  readonly reconnect: () => void;
}

export class Sender {
  isDone = false;
  readonly #parts: ClientParts;
  readonly #file: File;
  readonly #talk = new Conversation(UPLOAD_SENDER, "waiting");
  #end: End | null = null;
  #from = 0;

  constructor(parts: ClientParts, file: File) {
    this.#parts = parts;
    this.#file = file;
  }

  /** A connection is there. */
  connected(end: End): void {
    this.#end = end;
    const talker: Talker = {
      onFrame: (frame) => this.#onFrame(end, frame),
      onLost: (error) => this.#onLost(end, error),
    };
    end.talker = talker;
    end.send({
      type: "hello",
      versions: [...LIMITS.versions],
      role: "sender",
      peer: "5e".repeat(16),
      agent: "timeline",
    });
  }

  #step(event: EventOf<typeof UPLOAD_SENDER>): void {
    void this.#talk.carryOut(event, this.#effects);
    this.#parts.scribe.change("sender", "upload", event, this.#talk.state);
  }

  #onFrame(end: End, frame: Message | Data): void {
    if (end !== this.#end) return;
    switch (frame.type) {
      case "welcome":
        this.#from = 0;
        return this.#step(this.#file.content.length > frame.pipelineBytesMax ? "ask" : "pipe");
      case "accept":
        this.#from = frame.offset;
        if (frame.offset > 0)
          this.#parts.scribe.mark("sender", "resumed", `goes on at byte ${frame.offset.toLocaleString("en")}`);
        return this.#step("accept");
      case "progress":
      case "stored":
        return this.#step(frame.type);
      case "refuse":
        this.#parts.scribe.mark("sender", "error", asError(frame).message);
        return this.#step("refuse");
      default:
        return;
    }
  }

  #onLost(end: End, error: FilespoolError): void {
    if (end !== this.#end) return;
    this.#end = null;
    this.#step("lost");
    if (this.isDone) return;
    this.#parts.scribe.mark("sender", error.code === "connection-lost" ? "lost" : "error", error.message);
    this.#parts.reconnect();
  }

  /** One chunk when the one before has left. */
  #pump(end: End, offset: number): void {
    if (end !== this.#end || this.#talk.state !== "sending") return;
    const { content } = this.#file;
    const chunk = chunkAt(offset, content.length, this.#parts.settings.bufferBytes);
    if (!chunk) return this.#step("end");
    end.sendData(offset, content.subarray(offset, offset + chunk.length));
    this.#parts.world.at(end.freeMs, () => this.#pump(end, offset + chunk.length));
  }

  readonly #effects: Effects<typeof UPLOAD_SENDER> = {
    offer: () => {
      const { transfer, name, content } = this.#file;
      const wait = content.length > LIMITS.pipelineBytesMax;
      const offer: MessageOf<"offer"> = {
        type: "offer",
        transfer,
        queue: "default",
        name,
        size: content.length,
        algorithm: "sha256",
        wait,
      };
      this.#end?.send(offer);
    },
    stream: () => {
      const end = this.#end;
      if (end) this.#parts.world.at(end.freeMs, () => this.#pump(end, this.#from));
    },
    finish: () => this.#end?.send({ type: "finish", transfer: this.#file.transfer, digest: this.#file.digest }),
    cancel: () => this.#end?.send({ type: "cancel", transfer: this.#file.transfer }),
    report: () => {},
    settle: () => {
      this.isDone = true;
      const end = this.#end;
      this.#end = null;
      end?.send({ type: "bye" });
      end?.close();
    },
  };
}
