/**
 * Connection: one socket on one side, frames and messages on the other, and a watch on the time.
 *
 * A conversation reads with `next` and `read`, one frame at a time. A conversation that is slow
 * thereby stops the socket, and the peer with it (frame-reader.ts). It writes with `send` and
 * `sendData`; the frames of one turn of the event loop leave together (frame-writer.ts).
 * deadlines.ts says when to give up. Nothing here knows what a conversation is about.
 *
 * A connection ends in one of three ways. `end` lets everything leave that was sent. `fail` tells
 * the peer why, and then ends. `destroy` ends without a word. After any of them, reading fails or
 * finds the end of the stream; it never waits for ever.
 *
 * Invariant: at most one frame and two reads are held for the peer: what the frame reader has, and
 * what the socket reader has not handed over yet. A server does not read on while many of its
 * answers are unsent. A client always reads: if both ends waited for the other to read, both would
 * wait for ever.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe } from "../../disk/system-errors.ts";
import { type Frame, joinParts } from "../../protocol/decoder.ts";
import { asError, asGoodbye, FilespoolError, failureForPeer, goodbye } from "../../protocol/errors.ts";
import { encodeZeros, FLAG_OPTIONAL, FRAMES, frameName } from "../../protocol/frame.ts";
import type { Message } from "../../protocol/messages.ts";
import { Deadlines, LOOK_MS, type Patience } from "./deadlines.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter, type Sent } from "./frame-writer.ts";
import type { SharedLimit } from "./shared-limit.ts";
import { SocketReader } from "./socket-reader.ts";
import type { WireMemory } from "./wire-memory.ts";
import { type Data, dataOf, ZerosAhead } from "./zeros.ts";

/** How long a connection that has ended reads on, so that its last words arrive. */
const LINGER_MS = 1000;
/** How a connection fails when its peer is gone, or is stuck. */
const VANISHED: ReadonlySet<string> = new Set(["connection-lost", "timed-out", "stalled"]);

export type { Data } from "./zeros.ts";

export class Connection {
  /** Its number in events and logs, from 1 on. One server never uses a number twice. */
  readonly id: number;
  /** What it shares with the other connections of its server, or of its run. */
  readonly memory: WireMemory;
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  /** What waits to be sent, and how much of it the kernel has taken. */
  readonly frameWriter: FrameWriter;
  readonly #deadlines: Deadlines;
  /**
   * Which end this is. A server stops reading while its answers are unsent, and does not tell what
   * its disk says.
   */
  readonly #isServer: boolean;
  /** Looks at the deadlines four times a second. It does not keep the process alive. */
  readonly #clock = setInterval(() => this.#watch(), LOOK_MS).unref();
  /** The peer has said why it ends, so it has not vanished. */
  #hasSaidWhy = false;
  /** Zeros that were sent as a number, and are ahead of what the peer has taken. */
  readonly zeros = new ZerosAhead(() => this.#wakeWaiting());
  /**
   * Callers of `#until`. All wake whenever something was taken, and look at their own conditions.
   */
  #onTaken: (() => void)[] = [];

  /**
   * The server's end of a connection.
   * @param socket from a listener with `pauseOnConnect`, so that no byte was read yet
   * @param patience deadlines that are not as LIMITS has them
   * @param limit what all connections of the server may hold together
   * @param memory what they share
   */
  static accept(socket: Socket, patience?: Partial<Patience>, limit?: SharedLimit, memory?: WireMemory): Connection {
    const socketReader = new SocketReader(memory);
    return new Connection(socketReader.adopt(socket), socketReader, patience, true, limit);
  }

  /** @param socketReader listens to `socket`, and brings the memory that is shared */
  constructor(
    socket: Socket,
    socketReader: SocketReader,
    patience?: Partial<Patience>,
    isServer = false,
    limit?: SharedLimit,
  ) {
    this.#socket = socket.setNoDelay(true).setKeepAlive(true, 30_000);
    this.#deadlines = new Deadlines(patience);
    this.#isServer = isServer;
    this.#frames = new FrameReader(socketReader, this.#deadlines);
    this.memory = socketReader.memory;
    this.id = this.memory.nextConnection();
    this.frameWriter = new FrameWriter(socket, () => this.#taken(), this.memory.writeBlocks, limit);
    socket.on("error", (error) => this.destroy(lost(error)));
    socket.on("end", () => this.#frames.end());
    socket.on("close", () => {
      clearInterval(this.#clock);
      this.frameWriter.close();
      // After an end of the stream, what arrived before it may still be read.
      if (!this.#frames.hasEnded) this.#frames.fail(lost(new Error("it was closed")));
      this.#taken();
    });
  }

  /** The other end's address without its port: the same for all connections of one machine. */
  get address(): string {
    return this.#socket.remoteAddress ?? "?";
  }

  /** Address and port of the other end, for messages. */
  get peer(): string {
    return `${this.address}:${this.#socket.remotePort ?? "?"}`;
  }

  /** Bytes on the wire so far, in both directions. */
  get traffic(): { received: number; sent: number } {
    return { received: this.#socket.bytesRead, sent: this.#socket.bytesWritten };
  }

  /**
   * A message or a piece of content that is here already, or null; then `read` waits for one.
   * Pings, and frames that may be skipped, are passed over.
   * @throws FilespoolError as `read`
   */
  next(): Message | Data | null {
    for (;;) {
      const frame = this.#frames.next();
      const incoming = frame && this.#interpret(frame);
      if (incoming || !frame) return incoming;
    }
  }

  /**
   * The next message or piece of content; null when the peer ended its stream between two frames.
   * @throws FilespoolError what the peer reported, or what it did wrong; connection-lost,
   * timed-out, stalled
   */
  async read(): Promise<Message | Data | null> {
    for (;;) {
      const incoming = this.next();
      if (incoming) return incoming;
      // What a peer sends may want an answer, and a server bounds how many are unsent.
      if (this.#isServer) await this.#until(() => this.frameWriter.mayAnswer);
      if (!(await this.#frames.more())) return null;
    }
  }

  /** What a frame says; null for a frame that says nothing. */
  #interpret(frame: Frame): Message | Data | null {
    const name = frameName(frame.type);
    if (name === "data" || name === "zeros") return dataOf(name, frame);
    if (name === null && !(frame.flags & FLAG_OPTIONAL))
      throw new FilespoolError("frame-unknown", `frame type 0x${frame.type.toString(16)}`);
    const message = name && this.memory.codec.decode(name, joinParts(frame.parts));
    if (!message || message.type === "ping") {
      this.#deadlines.pinged();
      return null;
    }
    if (message.type === "error") {
      this.#hasSaidWhy = true;
      throw this.#isServer ? asGoodbye(message) : asError(message, `the server at ${this.peer}`);
    }
    // Only now has the peer said who it is. Before that, it may send no content.
    this.#deadlines.knows();
    this.#frames.trust();
    return message;
  }

  /** Sends a message. It never waits: messages are small, and `read` bounds the unsent ones. */
  send(message: Message): void {
    const { type, payload } = this.memory.codec.encode(message);
    if (this.#speaks()) this.frameWriter.put(type, payload, 0, false);
  }

  /**
   * Sends a piece of a file.
   *
   * A long piece of nothing but zeros leaves as their number (adr/0102).
   * @returns undefined when `bytes` may be used again at once, because they were copied or not
   * needed. Otherwise a promise: the kernel has taken the bytes; or, for zeros, the peer has taken
   * enough of those before
   * @throws FilespoolError connection-lost, or why the connection ended, by the promise
   */
  sendData(offset: number, bytes: Uint8Array): Promise<void> | undefined {
    if (!this.#speaks()) return Promise.reject(this.#frames.failure ?? lost(new Error("the conversation is over")));
    if (this.zeros.canSend(bytes)) {
      this.frameWriter.put(FRAMES.zeros, encodeZeros(bytes.length), offset, true);
      this.zeros.sent(bytes.length);
      return this.zeros.mayGoOn ? undefined : this.#until(() => this.zeros.mayGoOn);
    }
    let sent: Sent = () => {};
    const isCopied = !this.frameWriter.put(FRAMES.data, bytes, offset, true, (error) => sent(error));
    if (isCopied) return undefined;
    return new Promise((resolve, reject) => {
      sent = (error) => {
        // After `destroy`, Node reports a write as done that was cut. So our own failure decides.
        if (error || this.#frames.failure) reject(this.#frames.failure ?? lost(error));
        else resolve();
      };
    });
  }

  /**
   * Notes that we are about to say something. False when our side of the stream has ended: a write
   * would then reset the socket, and the peer would lose our last words.
   */
  #speaks(): boolean {
    this.#deadlines.says(this.frameWriter.unsent === 0);
    return !this.#socket.writableEnded;
  }

  /**
   * Waits until no more than `bytes` of content are waiting for the kernel, and the shared limit
   * has room for more.
   * @returns undefined when that is so already
   */
  unsentBelow(bytes: number): Promise<void> | undefined {
    const isSo = () => this.frameWriter.unsentData <= bytes && this.frameWriter.room > 0;
    return isSo() ? undefined : this.#until(isSo);
  }

  /** Waits until the condition holds or the socket is gone. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#onTaken.push(resolve);
      });
    }
  }

  /** The kernel has taken something, or will take nothing more. */
  #taken(): void {
    this.#deadlines.took();
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    for (const resolve of this.#onTaken.splice(0)) resolve();
  }

  /** Looks at the deadlines, and does what they say. */
  #watch(): void {
    const due = this.#deadlines.look(this.peer, this.frameWriter.unsent, this.#frames.frameBytes);
    if (due === "ping") this.send({ type: "ping" });
    else if (due) this.fail(due);
  }

  /** Ends our side of the stream, behind everything that was sent. */
  end(): void {
    this.frameWriter.flush();
    this.#socket.end();
    this.#discardRest();
  }

  /** Tells the peer why, then ends. From now on, reading and writing here fail with `error`. */
  fail(error: FilespoolError): void {
    if (this.#frames.failure || this.#socket.destroyed) return;
    this.send({ type: "error", ...(this.#isServer ? failureForPeer(error) : goodbye(error)) });
    this.#frames.fail(error);
    this.end();
  }

  /** Ends at once, without a word. */
  destroy(error: FilespoolError): void {
    this.#frames.fail(error);
    clearInterval(this.#clock);
    this.#socket.destroy();
  }

  /**
   * Reads on for a moment, and drops what comes. To close a socket with unread bytes resets it, and
   * then the peer may lose our last words.
   */
  #discardRest(): void {
    this.#frames.ignoreRest();
    const timer = setTimeout(() => this.destroy(new FilespoolError("connection-lost")), LINGER_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /**
   * Whether the peer went away without a word: its stream ended or broke, or it fell silent.
   * @param error what `read` threw; null when it found the end of the stream
   */
  hasVanished(error: FilespoolError | null): boolean {
    return !this.#hasSaidWhy && (error === null || VANISHED.has(error.code));
  }

  /** Resolves when the socket is closed on both sides. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, "close").catch(() => {});
  }
}

/** Whatever broke the connection, as one of our errors. */
function lost(error: unknown): FilespoolError {
  if (error instanceof FilespoolError) return error;
  return new FilespoolError("connection-lost", `the connection was lost: ${describe(error)}`, { cause: error });
}
