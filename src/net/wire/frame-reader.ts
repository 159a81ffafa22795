/**
 * Frame reader: the bytes of a socket as frames, one at a time. It is the counterpart of
 * frame-writer.ts.
 *
 * Nothing is read ahead for a caller who does not ask. While nobody calls `more`, the socket reader
 * stops the socket, the kernel's buffers fill, and the peer has to wait. That is the back pressure
 * of the whole program.
 *
 *   bytes held for the peer <= one frame in progress, and what one read brought
 *
 * It also counts how far the stream was taken in, because buffer-pool.ts uses a block again only
 * when no frame that began in it is incomplete.
 *
 * Never here: what a frame means (connection.ts), and when a peer is too slow (deadlines.ts, which
 * it only informs).
 */
import { nativeChecksum } from "../../disk/digest.ts";
import { Decoder, type Frame } from "../../protocol/decoder.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { FRAMES, HEADER_BYTES } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Deadlines } from "./deadlines.ts";
import type { SocketReader } from "./socket-reader.ts";

export class FrameReader {
  readonly #socketReader: SocketReader;
  readonly #deadlines: Deadlines;
  readonly #decoder = new Decoder(nativeChecksum);
  /** Why no more frames come. The first reason stays, because the later ones follow from it. */
  failure: FilespoolError | null = null;
  /** The peer has ended its side of the stream. What arrived before that is still to be read. */
  hasEnded = false;
  /** Bytes of all frames so far, headers included: how far the stream was taken in. */
  #takenBytes = 0;
  /** Wakes the call of `more` that waits: bytes are here, or none will come. */
  #wake: () => void = () => {};

  constructor(socketReader: SocketReader, deadlines: Deadlines) {
    this.#socketReader = socketReader;
    this.#deadlines = deadlines;
    this.#decoder.payloadBytesMax = LIMITS.controlBytesMax;
    socketReader.onArrival = () => this.#wake();
  }

  /** Payload bytes of the frame that has begun and is not complete; 0 between frames. */
  get frameBytes(): number {
    return this.#decoder.frameBytes;
  }

  /** The peer has said who it is. From now on its frames may be as long as content is. */
  trust(): void {
    this.#decoder.payloadBytesMax = LIMITS.dataBytesMax;
  }

  /**
   * A frame that is complete already, or null; then `more` waits for bytes of the next.
   *
   * The parts of a data frame are lent to the caller, who gives them back with `release`.
   * @throws FilespoolError why no more frames come, or what is wrong with the stream
   */
  next(): Frame | null {
    if (this.failure) throw this.failure;
    const frame = this.#decoder.next();
    if (!frame) return null;
    this.#deadlines.hasFrame();
    const { blocks } = this.#socketReader;
    // First lend, then pass: in the other order, the block could be used again in between.
    if (frame.type === FRAMES.data) blocks.retain(frame.parts);
    this.#takenBytes += HEADER_BYTES + frame.length;
    blocks.passed(this.#takenBytes);
    return frame;
  }

  /**
   * Waits until more bytes are here. Call it only after `next` returned null.
   * @returns false when the peer ended its stream between two frames
   * @throws FilespoolError connection-lost when the peer ended it inside of one, or why no more
   * frames come
   */
  async more(): Promise<boolean> {
    this.#deadlines.listens(this.#decoder.midFrame);
    for (;;) {
      if (this.failure) throw this.failure;
      const bytes = this.#socketReader.take();
      if (bytes || this.hasEnded) this.#deadlines.hears();
      if (bytes) {
        this.#decoder.push(bytes);
        return true;
      }
      if (this.hasEnded && this.#decoder.midFrame)
        throw new FilespoolError("connection-lost", "the stream ended inside a frame");
      if (this.hasEnded) return false;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  /** The peer has ended its side of the stream. */
  end(): void {
    this.hasEnded = true;
    this.#wake();
  }

  /** No more frames come, for this reason; a call that waits ends with it. */
  fail(error: FilespoolError): void {
    this.failure ??= error;
    this.#wake();
  }

  /**
   * From now on, what arrives is thrown away, so that the peer can send the rest and read our last
   * words.
   */
  ignoreRest(): void {
    this.#socketReader.ignore();
  }
}
