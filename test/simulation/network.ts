/**
 * A simulated network: streams of bytes between programs, each with a delay of its own, that can be cut, silenced or
 * damaged. What it does is what TCP does, seen from a program:
 *
 *   bytes arrive in order, in pieces that have nothing to do with the writes; a peer that does not read stops the writer
 *   a program that dies resets its connections; a machine that loses power says nothing, and answers later with a reset
 *   a silent network keeps what is under way for as long as it lasts; nobody is told
 *   connections do not wait for each other, so what was sent first on one may arrive last
 */
import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import { systemError } from "./files.ts";
import { type Done, Pipe } from "./pipe.ts";
import { type Machine, type Program, program, type World } from "./world.ts";

const KiB = 1024;
/** A connection that nobody answers is given up after this, as Linux does. */
const CONNECT_MS = 120_000;

/** A connection, seen from the network. */
export class Link {
  readonly world: World;
  readonly ends: SimulatedSocket[] = [];
  delayMs: number;
  silentUntilMs = 0;
  /** The next bytes that arrive lose a bit. */
  damages = false;
  isDead = false;
  readonly pipes: readonly [Pipe, Pipe];

  constructor(world: World, delayMs: number) {
    this.world = world;
    this.delayMs = delayMs;
    this.pipes = [new Pipe(this, world), new Pipe(this, world)];
  }

  get isSilent(): boolean {
    return this.world.nowMs < this.silentUntilMs;
  }

  /** Both ends hear that it is over, unless the network is silent. */
  reset(): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const end of this.ends) {
      const tell = () => end.owner.enter(() => end.destroy(systemError("ECONNRESET", "read", "socket")));
      this.world.after(this.isSilent ? this.silentUntilMs - this.world.nowMs : this.delayMs, tell);
    }
    this.world.network.links.delete(this);
  }
}

/** As node:net has it: where a read goes, and who gets it; false stops reading. */
interface OnRead {
  buffer(): Uint8Array;
  callback(bytes: number, into: Uint8Array): boolean;
}

export class SimulatedSocket extends Duplex {
  onread: OnRead | undefined;
  readonly owner: Program;
  readonly link: Link;
  readonly remoteAddress: string;
  readonly remotePort: number;
  wants = false;
  readonly #out: Pipe;
  readonly #in: Pipe;

  constructor(owner: Program, link: Link, side: 0 | 1, remote: string, options: { allowHalfOpen: boolean }) {
    super({ ...options, readableHighWaterMark: 64 * KiB, writableHighWaterMark: 64 * KiB });
    this.owner = owner;
    this.link = link;
    this.remoteAddress = remote;
    this.remotePort = link.world.network.number();
    this.#out = link.pipes[side];
    this.#in = link.pipes[side === 0 ? 1 : 0];
    this.#in.reader = this;
    link.ends.push(this);
    owner.onDeath.add(this.#dies);
  }

  readonly #dies = (quietly: boolean): void => {
    // The kernel of a program that was killed resets, or sends what it still has and then the end. Without power: nothing.
    if (quietly) this.#out.freeze();
    else if (this.link.world.chance(0.5)) this.link.reset();
    else this.#out.end();
  };

  setNoDelay = (): this => this;
  setKeepAlive = (): this => this;

  /** Takes bytes, or the end. With `onread` a piece at a time, as many as the reader wants; the others come again. */
  hear(bytes: Buffer | null): Buffer | null {
    if (!this.onread || !bytes) {
      this.wants = this.push(bytes) && bytes !== null;
      return null;
    }
    let rest = bytes;
    while (this.wants && rest.length > 0) {
      const into = this.onread.buffer();
      const length = rest.copy(into);
      rest = rest.subarray(length);
      this.wants = this.onread.callback(length, into);
    }
    return rest.length > 0 ? rest : null;
  }

  override resume(): this {
    if (this.onread) this._read();
    return super.resume();
  }

  override _read(): void {
    this.wants = true;
    // Not from inside of the stream's own code.
    queueMicrotask(() => this.#in.deliver());
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: Done): void {
    this.link.world.network.sees(this);
    this.#out.write(bytes, (error) => this.owner.enter(() => done(error)));
  }

  override _writev(parts: { chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(parts.map(({ chunk }) => chunk)), "utf8" as BufferEncoding, done);
  }

  override _final(done: Done): void {
    this.#out.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.owner.onDeath.delete(this.#dies);
    // Closing with unread bytes resets; so does closing before everything was said.
    if (this.#in.hasUnread || !this.writableFinished) this.link.reset();
    else this.#out.end();
    this.#out.abandon();
    done(error);
  }
}

class Listener extends EventEmitter {
  readonly owner = program();
  readonly allowHalfOpen: boolean;
  #port = 0;

  constructor({ allowHalfOpen = false }) {
    super();
    this.allowHalfOpen = allowHalfOpen;
  }

  listen({ port }: { port: number }): void {
    this.#port = port;
    this.owner.after(1, () => {
      const { listeners } = this.owner.world.network;
      if (listeners.has(port)) return this.emit("error", systemError("EADDRINUSE", "listen", String(port)));
      listeners.set(port, this);
      this.owner.onDeath.add(this.#stop);
      return this.emit("listening");
    });
  }

  readonly #stop = (): void => {
    this.owner.world.network.listeners.delete(this.#port);
  };

  address(): { port: number } {
    return { port: this.#port };
  }

  close(): void {
    this.#stop();
    this.owner.onDeath.delete(this.#stop);
  }
}

export class Network {
  readonly world: World;
  readonly listeners = new Map<number, Listener>();
  readonly links = new Set<Link>();
  /** Milliseconds one way, more or less. */
  delayMs = 5;
  /** The most that one socket ever held for the kernel, bytes. */
  unsentBytesMax = 0;
  /** Where the server runs, or would. */
  host: Machine | null = null;
  /** Machines whose packets vanish, and until when. */
  readonly silences = new Map<Machine, number>();
  #numbers = 40_000;

  constructor(world: World) {
    this.world = world;
  }

  number(): number {
    return this.#numbers++;
  }

  sees(socket: SimulatedSocket): void {
    this.unsentBytesMax = Math.max(this.unsentBytesMax, socket.writableLength);
  }

  linksOf(machine: Machine): Link[] {
    return [...this.links].filter((link) => link.ends.some(({ owner }) => owner.machine === machine));
  }

  silence(machine: Machine, ms: number): void {
    const untilMs = this.world.nowMs + ms;
    this.silences.set(machine, untilMs);
    for (const link of this.linksOf(machine)) link.silentUntilMs = Math.max(link.silentUntilMs, untilMs);
  }

  /** Begins a connection of the program that is at work. The socket says "connect" or fails, later. */
  connect(port: number, onread?: OnRead): SimulatedSocket {
    const { world } = this;
    const link = new Link(world, this.delayMs * (0.5 + world.random()));
    const client = new SimulatedSocket(program(), link, 0, "server", { allowHalfOpen: false });
    client.onread = onread;
    const begunMs = world.nowMs;
    const fail = (code: string) =>
      client.owner.after(link.delayMs, () => client.destroy(systemError(code, "connect", String(port))));
    const attempt = (): void => {
      const listener = this.listeners.get(port);
      const host = listener?.owner.machine ?? this.host;
      if (link.isDead || client.destroyed || !client.owner.isAlive) return;
      if (world.nowMs - begunMs > CONNECT_MS) return void fail("ETIMEDOUT");
      if (!host?.hasPower || this.#isSilent(host) || this.#isSilent(client.owner.machine))
        return world.after(1000, attempt); // asked again and again
      if (!listener) return void fail("ECONNREFUSED");
      const { owner, allowHalfOpen } = listener;
      const server = new SimulatedSocket(owner, link, 1, client.owner.name, { allowHalfOpen });
      this.links.add(link);
      owner.enter(() => listener.emit("connection", shellOf(server)));
      client.owner.after(link.delayMs, () => client.emit("connect"));
    };
    world.after(link.delayMs, attempt);
    return client;
  }

  #isSilent(machine: Machine): boolean {
    return (this.silences.get(machine) ?? 0) > this.world.nowMs;
  }
}

/** What a server accepts before somebody takes over its handle, as net/wire/socket-reader.ts does. */
const shellOf = (socket: SimulatedSocket) => ({ _handle: { reading: false, socket }, destroy: () => {} });
type Handle = NonNullable<ReturnType<typeof shellOf>["_handle"]>;

/** Called with `new`: the socket of a handle. */
export function Socket({ handle, onread }: { handle: Handle; onread: OnRead }): SimulatedSocket {
  handle.socket.onread = onread;
  return handle.socket;
}

export const createServer = (options: { allowHalfOpen?: boolean }): Listener => new Listener(options);
