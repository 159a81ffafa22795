/**
 * Connection: one socket on one side, frames and messages on the other, and a watch on the time.
 *
 * Reading is by `next()` and `read()`, one frame at a time, so that whoever is slow stops the socket, and with it the
 * peer (intake.ts). Writing gathers the frames of one turn of the event loop (outbox.ts). Nothing here knows what a
 * conversation is about. What it does know is when to give up, since TCP by itself would wait for hours:
 *
 *   no hello or welcome; pings are neither       handshakeMs
 *   nothing heard while we listen (half-open)    idleMs; each side pings after heartbeatMs of its own silence
 *   a frame that has begun but does not end      stallMs + its length at bytesPerSecondMin (slow loris)
 *   a peer that does not take what we send       stallMs + what is unsent at bytesPerSecondMin
 *   pings or skipped frames, and nothing else    pingsPerSecondMax
 *
 * Invariant: at most one frame and two reads are held for the peer, and before a server reads on, the control
 * frames it has not got rid of are below UNSENT_BYTES_MAX. A client always reads; else both could wait for ever.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import { Decoder, type Frame, joinParts } from "../protocol/decoder.ts";
import { asError, FilespoolError, failureForPeer } from "../protocol/errors.ts";
import { FLAG_OPTIONAL, FRAMES, frameName, HEADER_BYTES } from "../protocol/frame.ts";
import { LIMITS } from "../protocol/limits.ts";
import { decodeMessage, encodeMessage, type Message } from "../protocol/messages.ts";
import { nativeChecksum } from "../spool/digest.ts";
import { inWords } from "../spool/errno.ts";
import { Intake } from "./intake.ts";
import { Outbox, type Sent } from "./outbox.ts";

/** The deadlines of this file; see LIMITS. Tests make them short. */
export type Patience = { readonly [key in (typeof PATIENCE)[number]]: number };
const PATIENCE = ["handshakeMs", "heartbeatMs", "idleMs", "stallMs", "bytesPerSecondMin", "pingsPerSecondMax"] as const;

/** A data frame as it arrives: `parts` are `length` bytes of the file from `offset` on, for `giveBack` once they are used. */
export interface Data extends Pick<Frame, "offset" | "length" | "parts"> {
  readonly type: "data";
}

const UNSENT_BYTES_MAX = 256 * 1024;
const LINGER_MS = 1000;
/** Where messages are put together; the outbox copies them at once. */
const scratch = new Uint8Array(LIMITS.controlBytesMax);

let connections = 0;

export class Connection {
  /** Names it in events and logs; never used twice by one process. */
  readonly id = ++connections;
  readonly #socket: Socket;
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #patience: Patience;
  readonly #isServer: boolean;
  readonly #decoder = new Decoder(nativeChecksum);
  readonly #clock = setInterval(() => this.#watch(), 250).unref();
  #failure: FilespoolError | null = null;
  /** The peer has ended its side of the stream. */
  #hasEnded = false;
  /** Wakes whoever waits for bytes: some are here, or none will come. */
  #wake: () => void = () => {};
  /** Null once the peer has said who it is. Until then it has one deadline, whatever else it says, and sends no content. */
  #strangerSinceMs: number | null = performance.now();
  #pings = 0;
  /** Bytes of all frames so far. */
  #takenBytes = 0;
  /** Who waits for the kernel to take something. */
  #onTaken: (() => void)[] = [];
  /** Times of the monotonic clock: last heard, last said, last time the kernel took something, frame begun (0: none). */
  #heardMs = performance.now();
  #saidMs = this.#heardMs;
  #tookMs = this.#heardMs;
  #begunMs = 0;
  #listening = true;

  /** The server's end of a connection; its listener has `pauseOnConnect`. */
  static accept(socket: Socket, patience?: Partial<Patience>): Connection {
    const intake = new Intake();
    return new Connection(intake.adopt(socket), intake, patience, true);
  }

  /** @param socket what `intake` listens to */
  constructor(socket: Socket, intake: Intake, patience?: Partial<Patience>, isServer = false) {
    this.#socket = socket.setNoDelay(true).setKeepAlive(true, 30_000);
    this.#patience = { ...LIMITS, ...patience };
    this.#isServer = isServer;
    this.#intake = intake;
    this.#decoder.payloadBytesMax = LIMITS.controlBytesMax;
    intake.onArrival = () => this.#wake();
    this.#outbox = new Outbox(socket, () => this.#taken());
    socket.on("error", (error) => this.destroy(lost(error)));
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#wake();
    });
    socket.on("close", () => {
      clearInterval(this.#clock);
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
      if (this.#isServer) await this.#below(() => this.#outbox.unsent - this.#outbox.unsentData, UNSENT_BYTES_MAX);
      const bytes = await this.#receive();
      if (bytes) this.#decoder.push(bytes);
      else if (this.#decoder.midFrame) throw new FilespoolError("connection-lost", "the stream ended inside a frame");
      else return null;
    }
  }

  #interpret(frame: Frame): Message | Data | null {
    this.#begunMs = 0;
    const name = frameName(frame.type);
    const { blocks } = this.#intake;
    if (name === "data") blocks.lend(frame.parts);
    this.#takenBytes += HEADER_BYTES + frame.length;
    blocks.passed(this.#takenBytes);
    if (name === "data") return { type: name, offset: frame.offset, length: frame.length, parts: frame.parts };
    if (name === null && !(frame.flags & FLAG_OPTIONAL))
      throw new FilespoolError("frame-unknown", `frame type 0x${frame.type.toString(16)}`);
    const message = name && decodeMessage(name, joinParts(frame.parts));
    if (!message || message.type === "ping") {
      const isFlood = ++this.#pings > this.#patience.pingsPerSecondMax;
      if (isFlood) throw new FilespoolError("flood", "too many frames that say nothing");
      return null;
    }
    if (message.type === "error") throw asError(message);
    this.#strangerSinceMs = null;
    this.#decoder.payloadBytesMax = LIMITS.dataBytesMax;
    return message;
  }

  async #receive(): Promise<Buffer | null> {
    this.#listening = true;
    this.#heardMs = performance.now();
    if (this.#decoder.midFrame && this.#begunMs === 0) this.#begunMs = this.#heardMs;
    for (;;) {
      if (this.#failure) throw this.#failure;
      const bytes = this.#intake.take();
      if (bytes || this.#hasEnded) {
        this.#listening = false;
        return bytes ?? null;
      }
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  /** Sends a message. Never waits: messages are small, and `read` keeps their number down. */
  send(message: Message): void {
    const { type, payload } = encodeMessage(message, scratch);
    if (this.#speaks()) this.#outbox.put(type, payload, 0, false);
  }

  /**
   * Sends a piece of a file. A promise resolves when the kernel has it and `bytes` may be used anew; undefined means that
   * they were copied. @throws connection-lost, by the promise
   */
  sendData(offset: number, bytes: Uint8Array): Promise<void> | undefined {
    if (!this.#speaks()) return Promise.reject(this.#failure ?? lost(new Error("the conversation is over")));
    let sent: Sent = () => {};
    const isCopied = !this.#outbox.put(FRAMES.data, bytes, offset, true, (error) => sent(error));
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
    this.#saidMs = performance.now();
    if (this.#outbox.unsent === 0) this.#tookMs = this.#saidMs;
    return !this.#socket.writableEnded;
  }

  /** Waits until no more than `bytes` of file content are waiting for the kernel; undefined when that is so already. */
  unsentBelow(bytes: number): Promise<void> | undefined {
    return this.#outbox.unsentData > bytes ? this.#below(() => this.#outbox.unsentData, bytes) : undefined;
  }

  async #below(unsent: () => number, bytes: number): Promise<void> {
    while (unsent() > bytes && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#onTaken.push(resolve);
      });
    }
  }

  #taken(): void {
    this.#tookMs = performance.now();
    for (const resolve of this.#onTaken.splice(0)) resolve();
  }

  #watch(): void {
    const { handshakeMs, idleMs, stallMs, heartbeatMs, bytesPerSecondMin } = this.#patience;
    const nowMs = performance.now();
    const slow = (bytes: number) => stallMs + (bytes / bytesPerSecondMin) * 1000;
    const { unsent } = this.#outbox;
    this.#pings = Math.max(0, this.#pings - this.#patience.pingsPerSecondMax / 4);
    if (this.#strangerSinceMs !== null) {
      if (nowMs - this.#strangerSinceMs > handshakeMs)
        this.fail(new FilespoolError("timed-out", "the other end said nothing that is complete in time"));
    } else if (this.#listening && nowMs - this.#heardMs > idleMs) {
      this.fail(new FilespoolError("timed-out", `nothing was heard from ${this.peer} for ${idleMs} ms`));
    } else if (this.#listening && this.#begunMs > 0 && nowMs - this.#begunMs > slow(this.#decoder.frameBytes)) {
      this.fail(new FilespoolError("stalled", `a frame from ${this.peer} did not end in time`));
    } else if (unsent > 0 && nowMs - this.#tookMs > slow(unsent)) {
      this.fail(new FilespoolError("stalled", `${this.peer} does not take what it is sent`));
    } else if (nowMs - this.#saidMs > heartbeatMs) this.send({ type: "ping" });
  }

  /** Ends our side of the stream after everything that was sent. */
  end(): void {
    this.#outbox.flush();
    this.#socket.end();
    this.#discardRest();
  }

  /** Tells the peer why, then ends. Whatever is being read or written here fails with `error`. */
  fail(error: FilespoolError): void {
    if (this.#failure || this.#socket.destroyed) return;
    this.send({ type: "error", ...failureForPeer(error) });
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
    this.#intake.ignore();
    const timer = setTimeout(() => this.destroy(new FilespoolError("connection-lost")), LINGER_MS);
    this.#socket.once("close", () => clearTimeout(timer));
  }

  /** Resolves when the socket is closed on both sides. */
  async closed(): Promise<void> {
    if (!this.#socket.closed) await once(this.#socket, "close").catch(() => {});
  }
}

function lost(error: unknown): FilespoolError {
  if (error instanceof FilespoolError) return error;
  return new FilespoolError("connection-lost", `the connection was lost: ${inWords(error)}`, { cause: error });
}
