/**
 * A connection through the simulated network: bytes one way and bytes the other, a delay, a speed, and accidents.
 *
 * What goes over it was written by the protocol's encoder and is read by its decoder; in between they are bytes. A cut
 * loses what is under way, except the part of a frame that had arrived already: the decoder at that end is left
 * waiting for the rest, as it would be. Invariant: bytes of one direction arrive in order or not at all.
 */
import { crc32 } from "../../../../src/protocol/checksum.ts";
import { Decoder, joinParts } from "../../../../src/protocol/decoder.ts";
import { asError, FilespoolError, failureForPeer, known } from "../../../../src/protocol/errors.ts";
import { encodeHeader, FRAMES, frameName } from "../../../../src/protocol/frame.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../../src/protocol/messages.ts";
import type { Flight, Scribe, Settings, Who } from "./story.ts";
import type { World } from "./world.ts";

/** A data frame as it arrives. */
export interface Data {
  readonly type: "data";
  readonly offset: number;
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

/** What a program does with its end of a connection. */
export interface Talker {
  onFrame(frame: Message | Data): Promise<void> | void;
  onLost(error: FilespoolError): Promise<void> | void;
}

interface Moving {
  flight: { -readonly [K in keyof Flight]: Flight[K] };
  bytes: Uint8Array;
  isOver: boolean;
}

export class Wire {
  readonly #world: World;
  readonly #scribe: Scribe;
  readonly #settings: Settings;
  readonly ends: readonly [End, End];
  readonly moving: Moving[] = [];
  isCut = false;

  constructor(world: World, scribe: Scribe, settings: Settings, names: readonly [Who, Who]) {
    this.#world = world;
    this.#scribe = scribe;
    this.#settings = settings;
    this.ends = [new End(this, names[0], 0), new End(this, names[1], 1)];
  }

  /** Puts bytes on their way. Returns when the last of them will have left. */
  carry(from: End, freeMs: number, bytes: Uint8Array, name: string, text: string): number {
    const { latencyMs, bytesPerSecond } = this.#settings;
    const to = this.ends[from.side === 0 ? 1 : 0] as End;
    const sentMs = Math.max(this.#world.nowMs, freeMs);
    const leftMs = sentMs + (bytes.length / bytesPerSecond) * 1000;
    const arrivesMs = leftMs + latencyMs;
    const fate = this.isCut ? "lost" : "whole";
    const overMs = this.isCut ? sentMs : arrivesMs;
    const moving: Moving = {
      flight: { from: from.who, to: to.who, name, text, bytes: bytes.length, sentMs, leftMs, arrivesMs, fate, overMs },
      bytes,
      isOver: this.isCut,
    };
    this.#scribe.flights.push(moving.flight);
    if (this.isCut) return leftMs;
    this.moving.push(moving);
    this.#world.at(arrivesMs, () => {
      if (moving.isOver) return undefined;
      moving.isOver = true;
      this.moving.splice(this.moving.indexOf(moving), 1);
      return to.arrive(moving.bytes);
    });
    return leftMs;
  }

  /** The connection is over: what is under way is lost, and both ends notice a little later. */
  async cut(why: string): Promise<void> {
    if (this.isCut) return;
    this.isCut = true;
    const { nowMs } = this.#world;
    for (const moving of this.moving.splice(0)) {
      const { flight, bytes } = moving;
      moving.isOver = true;
      flight.overMs = nowMs;
      flight.fate = "lost";
      const firstMs = flight.sentMs + this.#settings.latencyMs;
      if (firstMs >= nowMs || flight.leftMs <= flight.sentMs) continue;
      const share = (nowMs - firstMs) / (flight.leftMs - flight.sentMs);
      const prefix = bytes.slice(0, Math.floor(bytes.length * share));
      if (prefix.length === 0) continue;
      flight.fate = "partly";
      await this.ends.find(({ who }) => who === flight.to)?.arrive(prefix);
    }
    this.#world.after(this.#settings.latencyMs, async () => {
      for (const end of this.ends) await end.lose(new FilespoolError("connection-lost", why));
    });
  }

  /** Inverts one bit of a frame that is under way. False when there is none of that kind. */
  damage(isMeant: (flight: Flight) => boolean): boolean {
    const moving = this.moving.find(({ flight }) => isMeant(flight));
    if (!moving) return false;
    const at = Math.floor(this.#world.random() * moving.bytes.length);
    moving.bytes = moving.bytes.slice();
    moving.bytes[at] = (moving.bytes[at] as number) ^ (1 << Math.floor(this.#world.random() * 8));
    moving.flight.fate = "damaged";
    return true;
  }
}

/** One end: writes with the encoder, reads with the decoder. */
export class End {
  readonly who: Who;
  readonly side: 0 | 1;
  talker: Talker | null = null;
  /** When what was given to the network so far will have left. */
  freeMs = 0;
  readonly #wire: Wire;
  readonly #decoder = new Decoder(crc32);
  #isOver = false;

  constructor(wire: Wire, who: Who, side: 0 | 1) {
    this.#wire = wire;
    this.who = who;
    this.side = side;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(message: Message): void {
    const { type, payload } = encodeMessage(message);
    this.#write(joinParts([encodeHeader(type, payload, crc32), payload]), message.type, describe(message));
  }

  sendData(offset: number, payload: Uint8Array): void {
    const header = encodeHeader(FRAMES.data, payload, crc32, offset);
    this.#write(
      joinParts([header, payload]),
      "data",
      `data @${offset.toLocaleString("en")}, ${payload.length.toLocaleString("en")} bytes`,
    );
  }

  #write(bytes: Uint8Array, name: string, text: string): void {
    if (!this.#isOver) this.freeMs = this.#wire.carry(this, this.freeMs, bytes, name, text);
  }

  async arrive(bytes: Uint8Array): Promise<void> {
    if (this.#isOver) return;
    try {
      this.#decoder.push(bytes);
      for (let frame = this.#decoder.next(); frame && !this.#isOver; frame = this.#decoder.next()) {
        const name = frameName(frame.type);
        if (name === null) throw new FilespoolError("frame-unknown");
        const { offset, length, parts } = frame;
        if (name === "zeros") throw new FilespoolError("frame-unexpected"); // nobody here says that it takes them
        const incoming =
          name === "data" ? ({ type: name, offset, length, parts } as const) : decodeMessage(name, joinParts(parts));
        if (incoming.type === "error") throw asError(incoming);
        await this.talker?.onFrame(incoming);
      }
    } catch (error) {
      await this.fail(known(error));
    }
  }

  /** Says what is wrong and ends the connection, as net/wire/connection.ts does. */
  async fail(error: FilespoolError): Promise<void> {
    if (this.#isOver) return;
    this.send({ type: "error", ...failureForPeer(error) });
    await this.lose(error);
  }

  /** It is over; whoever was talking hears of it once. */
  async lose(error: FilespoolError): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.talker?.onLost(error);
  }

  /** It is over, and nobody needs to hear of it. */
  close(): void {
    this.#isOver = true;
  }
}

/** The fields of a message that tell something, in a few words. */
function describe(message: Message): string {
  const telling = ["role", "offset", "size", "files", "code", "attempt", "repeated"] as const;
  const body: Record<string, unknown> = { ...message };
  const said = telling.filter((key) => key in body && body[key] !== false).map((key) => `${key} ${String(body[key])}`);
  return said.length > 0 ? `${message.type}: ${said.join(", ")}` : message.type;
}
