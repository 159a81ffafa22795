/**
 * A connection through the simulated network: bytes one way and bytes the other, a delay, a speed, and accidents.
 *
 * Each end is the `Wire` that minimal/connection.ts talks over, in place of a socket. What a program writes is one frame
 * at a time, so it can be named in the picture; for the network it is bytes. A cut loses what is under way, except the
 * part of a frame that had arrived already: the decoder at that end is left waiting for the rest, as it would be.
 * Invariant: bytes of one direction arrive in order or not at all.
 */
import type { Wire } from "../../../../minimal/connection.ts";
import type { Program } from "./machine/program.ts";
import type { Flight, Scribe, Settings, Who } from "./story.ts";
import { describe, type Words, wordsOf } from "./words.ts";
import type { World } from "./world.ts";

interface Moving {
  flight: { -readonly [K in keyof Flight]: Flight[K] };
  bytes: Uint8Array;
  isOver: boolean;
}

/** What somebody sees who reads along at one end. */
export interface Watcher {
  sent(words: Words): void;
  received(words: Words): void;
  /** The connection is over for the program at this end. */
  lost(): void;
}

export class Link {
  readonly ends: readonly [End, End];
  readonly #world: World;
  readonly #scribe: Scribe;
  readonly #settings: Settings;
  readonly #moving: Moving[] = [];
  #isCut = false;

  /** @param programs the one that calls, and the one that answers */
  constructor(programs: readonly [Program, Program], settings: Settings, watcher: Watcher) {
    const { world, scribe } = programs[0].machine;
    this.#world = world;
    this.#scribe = scribe;
    this.#settings = settings;
    const nobody = { sent: () => {}, received: () => {}, lost: () => {} };
    this.ends = [new End(this, programs[0], watcher), new End(this, programs[1], nobody)];
  }

  #other(end: End): End {
    return end === this.ends[0] ? this.ends[1] : this.ends[0];
  }

  /** Puts a frame on its way. Returns when the last of its bytes will have left. */
  carry(from: End, bytes: Uint8Array): number {
    const { latencyMs, bytesPerSecond } = this.#settings;
    const to = this.#other(from);
    const words = wordsOf(bytes);
    const sentMs = Math.max(this.#world.nowMs, from.freeMs);
    const leftMs = sentMs + (bytes.length / bytesPerSecond) * 1000;
    const arrivesMs = leftMs + latencyMs;
    const isLost = this.#isCut;
    const what = { from: from.who, to: to.who, name: words.type, text: describe(words), bytes: bytes.length };
    const fate = isLost ? "lost" : "whole";
    const flight: Moving["flight"] = { ...what, sentMs, leftMs, arrivesMs, fate, overMs: isLost ? sentMs : arrivesMs };
    this.#scribe.flights.push(flight);
    // A rule that is broken here must not look like a lost connection to the program that wrote.
    try {
      from.watcher.sent(words);
    } catch (error) {
      this.#world.fail(error);
    }
    const moving: Moving = { flight, bytes, isOver: isLost };
    if (isLost) return leftMs;
    this.#moving.push(moving);
    this.#world.at(arrivesMs, () => {
      if (moving.isOver) return;
      moving.isOver = true;
      this.#moving.splice(this.#moving.indexOf(moving), 1);
      if (flight.fate === "whole") to.watcher.received(words);
      to.arrive(moving.bytes);
    });
    return leftMs;
  }

  /** After all that was sent, the other end hears that there is no more. */
  finish(from: End): void {
    const to = this.#other(from);
    this.#world.at(from.freeMs + this.#settings.latencyMs, () => this.#isCut || to.arrive(null));
  }

  /** Somebody wrote to an end that is gone. */
  refuse(at: End): void {
    this.#world.after(this.#settings.latencyMs, () => this.#other(at).lose("the other end is gone"));
  }

  /** The connection is over: what is under way is lost, and both ends notice a little later. */
  cut(why: string): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const { nowMs } = this.#world;
    for (const moving of this.#moving.splice(0)) {
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
      this.#world.after(0, () => this.ends.find(({ who }) => who === flight.to)?.arrive(prefix));
    }
    for (const end of this.ends) this.#world.after(this.#settings.latencyMs, () => end.lose(why));
  }

  /** Inverts one bit of a data frame that is under way. False when there is none. */
  damage(): boolean {
    const moving = this.#moving.find(({ flight }) => flight.name === "data" && flight.fate === "whole");
    if (!moving) return false;
    const at = Math.floor(this.#world.random() * moving.bytes.length);
    moving.bytes = moving.bytes.slice();
    moving.bytes[at] = (moving.bytes[at] as number) ^ (1 << Math.floor(this.#world.random() * 8));
    moving.flight.fate = "damaged";
    return true;
  }
}

/** What a read comes to: bytes, the end (null), or an error. */
type Arrival = Uint8Array | Error | null;

/** One end, as its program has it. */
export class End implements Wire {
  readonly who: Who;
  readonly program: Program;
  readonly watcher: Watcher;
  /** When what was given to the network so far will have left. */
  freeMs = 0;
  readonly #link: Link;
  readonly #arrived: Arrival[] = [];
  #reader: ((arrival: Arrival) => void) | null = null;
  #lost: Error | null = null;
  #isEnded = false;
  #isDestroyed = false;

  constructor(link: Link, program: Program, watcher: Watcher) {
    this.#link = link;
    this.program = program;
    this.who = program.machine.who;
    this.watcher = watcher;
  }

  /** Taken when the last byte has left: a program keeps one frame in the network's own queue. */
  write(bytes: Uint8Array, taken: (error?: Error | null) => void): void {
    const { world } = this.program.machine;
    if (!this.#lost && !this.#isEnded) this.freeMs = this.#link.carry(this, bytes);
    world.at(this.freeMs, () =>
      this.program.wake(() => taken(this.#isEnded ? new Error("it was closed") : this.#lost)),
    );
  }

  end(ended: () => void): void {
    const { world } = this.program.machine;
    if (!this.#isEnded) this.#link.finish(this);
    world.at(this.freeMs, () => this.program.wake(ended));
    this.#isEnded = true;
  }

  destroy(): void {
    if (!this.#isEnded) this.#link.finish(this);
    this.#isEnded = true;
    this.#isDestroyed = true;
    this.program.wake(() => this.#hand(new Error("it was closed")));
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        const arrival =
          this.#arrived.length > 0 ? this.#arrived[0] : await new Promise<Arrival>((reader) => (this.#reader = reader));
        // What ends the stream stays, for whoever asks again.
        if (this.#arrived[0] instanceof Uint8Array) this.#arrived.shift();
        if (arrival instanceof Error) throw arrival;
        return arrival ? { done: false, value: arrival } : { done: true, value: undefined };
      },
    };
  }

  arrive(arrival: Arrival): void {
    if (this.#isDestroyed && arrival) this.#link.refuse(this);
    else this.program.wake(() => this.#hand(arrival));
  }

  #hand(arrival: Arrival): void {
    const reader = this.#reader;
    this.#reader = null;
    this.#arrived.push(arrival);
    reader?.(arrival);
  }

  /** It is over; whoever reads or writes hears of it. */
  lose(why: string): void {
    if (this.#lost || this.#isDestroyed) return;
    this.#lost = new Error(why);
    this.arrive(this.#lost);
  }
}
