/**
 * Connection: one socket on one side, frames and messages on the other, and a watch on the time.
 *
 * Reading is by `next()` and `read()`, one frame at a time, so that whoever is slow stops the socket, and with it the
 * peer (socket-reader.ts). Writing gathers the frames of one turn of the event loop (frame-writer.ts). When to give up is said by
 * deadlines.ts. Nothing here knows what a conversation is about.
 *
 * Invariant: at most one frame and two reads are held for the peer, and a server does not read on while many of its
 * answers are unsent (frame-writer.ts). A client always reads; else both could wait for ever.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import { nativeChecksum } from "../../disk/digest.ts";
import { describe } from "../../disk/system-errors.ts";
import { Decoder, type Frame, joinParts } from "../../protocol/decoder.ts";
import { asError, asGoodbye, FilespoolError, failureForPeer, goodbye } from "../../protocol/errors.ts";
import { encodeZeros, FLAG_OPTIONAL, FRAMES, frameName, HEADER_BYTES } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Message } from "../../protocol/messages.ts";
import { Deadlines, LOOK_MS, type Patience } from "./deadlines.ts";
import { FrameWriter, type Sent } from "./frame-writer.ts";
import type { SharedLimit } from "./shared-limit.ts";
import { SocketReader } from "./socket-reader.ts";
import type { WireMemory } from "./wire-memory.ts";
import { type Data, dataOf, ZerosAhead } from "./zeros.ts";

const LINGER_MS = 1000;
/** How a connection fails whose peer is no more, or is stuck. */
const VANISHED: ReadonlySet<string> = new Set(["connection-lost", "timed-out", "stalled"]);

export type { Data } from "./zeros.ts";

export class Connection {
  /** Names it in events and logs; never used twice by one server. */
  readonly id: number;
  /** What it shares with the other connections of its owner. */
  readonly memory: WireMemory;
  readonly #socket: Socket;
  readonly #socketReader: SocketReader;
  /** What waits to be sent. */
  readonly frameWriter: FrameWriter;
  readonly #deadlines: Deadlines;
  readonly #isServer: boolean;
  readonly #decoder = new Decoder(nativeChecksum);
  readonly #clock = setInterval(() => this.#watch(), LOOK_MS).unref();
  #failure: FilespoolError | null = null;
  /** The peer has ended its side of the stream. */
  #hasEnded = false;
  /** Wakes whoever waits for bytes: some are here, or none will come. */
  #wake: () => void = () => {};
  /** The peer has said why it ends. */
  #hasSaidWhy = false;
  /** Bytes of all frames so far. */
  #takenBytes = 0;
  readonly zeros = new ZerosAhead(() => this.#wakeWaiting());
  /** Who waits for the kernel to take something. */
  #onTaken: (() => void)[] = [];

  /** The server's end of a connection; its listener has `pauseOnConnect`. */
  static accept(socket: Socket, patience?: Partial<Patience>, limit?: SharedLimit, memory?: WireMemory): Connection {
    const socketReader = new SocketReader(memory);
    return new Connection(socketReader.adopt(socket), socketReader, patience, true, limit);
  }

  /** @param socket what `socketReader` listens to */
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
    this.#socketReader = socketReader;
    this.memory = socketReader.memory;
    this.id = this.memory.nextConnection();
    this.#decoder.payloadBytesMax = LIMITS.controlBytesMax;
    socketReader.onArrival = () => this.#wake();
    this.frameWriter = new FrameWriter(socket, () => this.#taken(), this.memory.writeBlocks, limit);
    socket.on("error", (error) => this.destroy(lost(error)));
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#wake();
    });
    socket.on("close", () => {
      clearInterval(this.#clock);
      this.frameWriter.close();
      if (!this.#hasEnded) this.#failure ??= lost(new Error("it was closed"));
      this.#wake();
      this.#taken();
    });
  }

  /** The other end's address without its port: what its connections have in common. */
  get address(): string {
    return this.#socket.remoteAddress ?? "?";
  }

  /** Who is at the other end, for messages. */
  get peer(): string {
    return `${this.address}:${this.#socket.remotePort ?? "?"}`;
  }

  /** Bytes on the wire so far, both ways. */
  get traffic(): { received: number; sent: number } {
    return { received: this.#socket.bytesRead, sent: this.#socket.bytesWritten };
  }

  /**
   * A message or data frame that is here already, or null: then `read` waits for one.
   * @throws FilespoolError as `read`
   */
  next(): Message | Data | null {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const frame = this.#decoder.next();
      const incoming = frame && this.#interpret(frame);
      if (incoming || !frame) return incoming;
    }
  }

  /**
   * The next message or data frame; null when the peer ended the stream between two frames.
   * @throws FilespoolError what the peer reported, what it did wrong, or connection-lost, timed-out, stalled
   */
  async read(): Promise<Message | Data | null> {
    for (;;) {
      const incoming = this.next();
      if (incoming) return incoming;
      if (this.#isServer) await this.#until(() => this.frameWriter.mayAnswer);
      const bytes = await this.#receive();
      if (bytes) this.#decoder.push(bytes);
      else if (this.#decoder.midFrame) throw new FilespoolError("connection-lost", "the stream ended inside a frame");
      else return null;
    }
  }

  #interpret(frame: Frame): Message | Data | null {
    this.#deadlines.hasFrame();
    const name = frameName(frame.type);
    const { blocks } = this.#socketReader;
    if (name === "data") blocks.retain(frame.parts);
    this.#takenBytes += HEADER_BYTES + frame.length;
    blocks.passed(this.#takenBytes);
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
    // Until the peer has said who it is, it sends no content, and has one deadline whatever else it says.
    this.#deadlines.knows();
    this.#decoder.payloadBytesMax = LIMITS.dataBytesMax;
    return message;
  }

  async #receive(): Promise<Buffer | null> {
    this.#deadlines.listens(this.#decoder.midFrame);
    for (;;) {
      if (this.#failure) throw this.#failure;
      const bytes = this.#socketReader.take();
      if (bytes || this.#hasEnded) {
        this.#deadlines.hears();
        return bytes ?? null;
      }
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  /** Sends a message. Never waits: messages are small, and `read` keeps their number down. */
  send(message: Message): void {
    const { type, payload } = this.memory.codec.encode(message);
    if (this.#speaks()) this.frameWriter.put(type, payload, 0, false);
  }

  /**
   * Sends a piece of a file. A promise resolves when the kernel has it and `bytes` may be used anew; undefined means that
   * they were copied. A long piece of nothing but zeros leaves as their number (adr/0102); the promise is then that the
   * peer has taken most of those before.
   * @throws connection-lost, by the promise
   */
  sendData(offset: number, bytes: Uint8Array): Promise<void> | undefined {
    if (!this.#speaks()) return Promise.reject(this.#failure ?? lost(new Error("the conversation is over")));
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
        // A write that was cut by destroying the socket is reported as done, so our own failure decides.
        if (error || this.#failure) reject(this.#failure ?? lost(error));
        else resolve();
      };
    });
  }

  /** To a socket that was ended, a write would be an error that resets it, and our last words would be lost. */
  #speaks(): boolean {
    this.#deadlines.says(this.frameWriter.unsent === 0);
    return !this.#socket.writableEnded;
  }

  /**
   * Waits until no more than `bytes` of file content are waiting for the kernel, and there is room for more; undefined
   * when that is so already.
   */
  unsentBelow(bytes: number): Promise<void> | undefined {
    const isSo = () => this.frameWriter.unsentData <= bytes && this.frameWriter.room > 0;
    return isSo() ? undefined : this.#until(isSo);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#onTaken.push(resolve);
      });
    }
  }

  #taken(): void {
    this.#deadlines.took();
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    for (const resolve of this.#onTaken.splice(0)) resolve();
  }

  #watch(): void {
    const due = this.#deadlines.look(this.peer, this.frameWriter.unsent, this.#decoder.frameBytes);
    if (due === "ping") this.send({ type: "ping" });
    else if (due) this.fail(due);
  }

  /** Ends our side of the stream after everything that was sent. */
  end(): void {
    this.frameWriter.flush();
    this.#socket.end();
    this.#discardRest();
  }

  /** Tells the peer why, then ends. Whatever is being read or written here fails with `error`. */
  fail(error: FilespoolError): void {
    if (this.#failure || this.#socket.destroyed) return;
    this.send({ type: "error", ...(this.#isServer ? failureForPeer(error) : goodbye(error)) });
    this.#failure = error;
    this.#wake();
    this.end();
  }

  /** Ends at once, without a word. */
  destroy(error: FilespoolError): void {
    this.#failure ??= error;
    this.#wake();
    clearInterval(this.#clock);
    this.#socket.destroy();
  }

  /** Closing a socket with unread bytes resets it, and the peer may lose our last words; so read on for a moment. */
  #discardRest(): void {
    this.#socketReader.ignore();
    const timer = setTimeout(() => this.destroy(new FilespoolError("connection-lost")), LINGER_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Whether the peer went away without a word: its stream ended or broke, or it fell silent. @param error what `read` threw */
  hasVanished(error: FilespoolError | null): boolean {
    return !this.#hasSaidWhy && (error === null || VANISHED.has(error.code));
  }

  /** Resolves when the socket is closed on both sides. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, "close").catch(() => {});
  }
}

function lost(error: unknown): FilespoolError {
  if (error instanceof FilespoolError) return error;
  return new FilespoolError("connection-lost", `the connection was lost: ${describe(error)}`, { cause: error });
}
