/**
 * Connection: a stream of bytes on one side, messages and pieces of files on the other.
 *
 * TCP carries bytes and knows no messages. A read may hold half a frame, or nine of them. The
 * decoder (src/protocol/decoder.ts) finds the frames again, and this file hands them out one by
 * one, as an async iterator. That iterator is the back pressure on the way in: a session that is
 * busy with its disk asks for no frame, so nothing is read from the wire, so the buffers of the
 * kernel fill, so the other end has to wait. On the way out, each `send` resolves when the kernel
 * has the bytes.
 *
 * It refuses to know what a conversation is about, and what a socket is: a `Wire` may be simulated.
 * Invariant: at most one read and one frame are held for the other end, however much it sends.
 *
 * Left out, and where the full program has it:
 *   encryption                       src/net/extensions/trust/tls.ts   adr/0037
 *   reads into buffers of its own    src/net/wire/socket-reader.ts     adr/0031
 *   writes that are gathered         src/net/wire/frame-writer.ts      adr/0031
 *   zeros sent as their number       src/net/wire/zeros.ts             adr/0102
 *   peers that ping and take nothing src/net/wire/deadlines.ts         adr/0009
 *
 * In the full program: src/net/wire/connection.ts. Why frames: adr/0004, adr/0005. Read next:
 * growing-file.ts.
 */
import { asError, crc32, Decoder, decodeMessage, encodeHeader, encodeMessage } from "../src/protocol/index.ts";
import { FilespoolError, FLAG_OPTIONAL, FRAMES, type Frame, frameName } from "../src/protocol/index.ts";
import { goodbye, joinParts, LIMITS, type Message } from "../src/protocol/index.ts";

/** A stream of bytes both ways. A socket of Node's is one. */
export interface Wire extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array, taken: (error?: Error | null) => void): unknown;
  end(ended: () => void): unknown;
  destroy(): unknown;
}
/** A piece of a file: `parts` are `length` bytes from `offset` on. */
export type Data = Pick<Frame, "offset" | "length" | "parts"> & { readonly type: "data" };
/** How often the clock is looked at. */
const WATCH_MS = 250;
/** How long a connection that closes listens for the rest of what the other end was sending. */
const LINGER_MS = 1000;
const CLOSED = new Error("it was closed");
export class Connection {
  /**
   * What arrives, in order. It throws what broke the conversation, and ends where the peer ended.
   */
  readonly frames = this.#read();
  readonly #wire: Wire;
  /** Asked by hand and not by `for await`, which would destroy a socket that we still talk on. */
  readonly #bytes: AsyncIterator<Uint8Array>;
  readonly #decoder = new Decoder(crc32);
  readonly #clock = setInterval(() => this.#watch(), WATCH_MS);
  /**
   * Why the connection is over, once it is. The first reason counts, ours or the one we were told.
   */
  #failure: FilespoolError | null = null;
  #isOver = false;
  /**
   * The peer has said hello or welcome. Before that it has one deadline, whatever else it sends.
   */
  #isKnown = false;
  /**
   * Since when we wait for a frame to be complete; Infinity while we do not, because then the
   * silence is our own. A peer that sends a byte a minute (slow loris) gains no time by that.
   */
  #waitsMs = performance.now();
  #saidMs = this.#waitsMs;
  constructor(wire: Wire) {
    this.#wire = wire;
    this.#bytes = wire[Symbol.asyncIterator]();
    // A stranger may make us hold no more than a message. It has not said yet who it is.
    this.#decoder.payloadBytesMax = LIMITS.controlBytesMax;
  }
  async *#read(): AsyncGenerator<Message | Data, void> {
    // region: read
    for (;;) {
      this.#waitsMs = Math.min(this.#waitsMs, performance.now());
      const { done, value } = await this.#bytes.next().catch(this.#lost);
      if (this.#failure) throw this.#failure;
      if (done) break;
      this.#decoder.push(value);
      for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
        const incoming = this.#interpret(frame);
        if (this.#isKnown) this.#waitsMs = Infinity;
        if (this.#failure) throw this.#failure;
        if (incoming) yield incoming;
      }
    }
    // An end in the middle of a frame is a cut. It must never look like the end of a conversation.
    if (this.#decoder.midFrame) this.#lost(new Error("it ended inside a frame"));
    // endregion: read
  }
  /**
   * The next frame, for an end that waits for one.
   * @throws FilespoolError as `frames`, also at the end
   */
  readonly hear = async (): Promise<Message | Data> => (await this.frames.next()).value ?? this.#lost(CLOSED);
  /** A frame as a session sees it; null for one that says nothing. */
  #interpret({ type, flags, offset, length, parts }: Frame): Message | Data | null {
    const name = frameName(type);
    if (name === "data") return { type: name, offset, length, parts };
    // region: interpret
    // Frames of zeros come only to an end that says it knows them, and this one does not say so.
    const isOurs = name !== null && name !== "zeros";
    if (!isOurs && !(flags & FLAG_OPTIONAL)) throw new FilespoolError("frame-unknown");
    const message = isOurs && decodeMessage(name, joinParts(parts));
    if (!message || message.type === "ping") return null;
    // Kept, so that whoever is sending at this moment hears the reason as well.
    if (message.type === "error") this.#failure ??= asError(message, "the other end");
    this.#isKnown = true;
    this.#decoder.payloadBytesMax = LIMITS.dataBytesMax;
    return message;
    // endregion: interpret
  }
  /** Sends a message. Resolves when the kernel has it, rejects when the connection is over. */
  readonly send = (message: Message): Promise<void> => this.#write(encodeMessage(message), 0);
  /** Sends a piece of a file. Its bytes are copied, so that the caller may use the buffer again. */
  readonly sendData = (at: number, payload: Uint8Array): Promise<void> =>
    this.#write({ type: FRAMES.data, payload }, at);
  async #write({ type, payload }: ReturnType<typeof encodeMessage>, offset: number): Promise<void> {
    // region: write
    // To write after our end would reset the socket, and the peer would lose our last words.
    if (this.#isOver) this.#lost(CLOSED);
    this.#saidMs = performance.now();
    const frame = joinParts([encodeHeader(type, payload, crc32, offset), payload]);
    const error = await new Promise((taken) => void this.#wire.write(frame, taken));
    if (error) this.#lost(error);
    // endregion: write
  }
  /** Four times a second: is it time to give the peer up, or to tell it that we are alive? */
  #watch(): void {
    const nowMs = performance.now();
    // A long frame takes its time on a slow link, and so much is granted.
    const slowMs = (this.#decoder.frameBytes / LIMITS.bytesPerSecondMin) * 1000;
    const patienceMs = this.#isKnown ? LIMITS.idleMs + slowMs : LIMITS.handshakeMs;
    if (nowMs - this.#waitsMs > patienceMs) void this.close(new FilespoolError("timed-out"));
    else if (this.#isKnown && nowMs - this.#saidMs > LIMITS.heartbeatMs) this.send({ type: "ping" }).catch(() => {});
  }
  /**
   * Ends the connection after all that was sent, and says why if there is a reason. Then it reads
   * on for a moment, because a socket that closes with unread bytes resets the peer. The peer would
   * lose our last words.
   */
  async close(error?: FilespoolError): Promise<void> {
    if (this.#isOver) return;
    if (error) this.send({ type: "error", ...goodbye(error) }).catch(() => {});
    this.#failure ??= error ?? null;
    this.#isOver = true;
    clearInterval(this.#clock);
    const linger = setTimeout(() => this.#wire.destroy(), LINGER_MS);
    await new Promise<void>((ended) => void this.#wire.end(ended));
    while (!(await this.#bytes.next().catch(() => ({ done: true }))).done);
    clearTimeout(linger);
    this.#wire.destroy();
  }
  /** Why nothing more comes: the reason that is known, or a cut, which is worth another try. */
  readonly #lost = (error: unknown): never => {
    const why = `the connection was lost: ${(error as Error).message}`;
    throw this.#failure ?? new FilespoolError("connection-lost", why, { cause: error });
  };
}
