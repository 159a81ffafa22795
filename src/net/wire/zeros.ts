/**
 * Zeros on the wire: a long piece of nothing but zeros leaves as their number, and arrives as if it had come whole.
 *
 * Nothing behind the connection knows the difference, but for one thing. What a slow peer has not read fills the buffers of
 * the kernel, and that is all of our back pressure; a frame of 28 bytes that stands for a megabyte never fills them. So a
 * sender of zeros also goes by what the other end tells it has taken: a server by `progress`, a receiver by `working`.
 *
 *   zeros that were sent and not told to have been taken  <=  LIMITS.zerosAheadBytesMax + one frame for each buffer
 *
 * Why: adr/0102.
 */
import { isHole, zeros } from "../../disk/holes.ts";
import { type Frame, joinParts } from "../../protocol/decoder.ts";
import { type ContentName, decodeZeros } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** A data frame as it arrives: `parts` are `length` bytes of the file from `offset` on, for `release` once they are used. */
export interface Data extends Pick<Frame, "offset" | "length" | "parts"> {
  readonly type: "data";
  /** Payload bytes on the wire: `length`, or a few where zeros came as their number. */
  readonly wireBytes: number;
}

/** What a frame brings of a file. @throws FilespoolError frame-too-large, message-invalid */
export function dataOf(name: ContentName, { offset, length: wireBytes, parts }: Frame): Data {
  if (name === "data") return { type: "data", offset, length: wireBytes, wireBytes, parts };
  const length = decodeZeros(joinParts(parts), offset);
  return { type: "data", offset, length, wireBytes, parts: [zeros(length)] };
}

/** The zeros that one connection sends, or takes. */
export class ZerosAhead {
  readonly #onTaken: () => void;
  /** Taken, and not told to the peer. */
  #untold = 0;
  /** Sent, and not told to have been taken, bytes. */
  #bytes = 0;
  /** The peer understands frames of zeros: it said so in its first message. */
  peerTakes = false;

  /** @param onTaken called when the peer has taken some */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Whether a piece leaves as a number. */
  canSend(piece: Uint8Array): boolean {
    return this.peerTakes && isHole(piece);
  }

  /** So many left. */
  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether more may leave. */
  get mayGoOn(): boolean {
    return this.#bytes <= LIMITS.zerosAheadBytesMax;
  }

  /** The peer has taken so many bytes more of what was sent; Infinity: it wants no more of it, or has it all. */
  taken(bytes: number): void {
    if (this.#bytes === 0) return;
    this.#bytes = Math.max(0, this.#bytes - bytes);
    this.#onTaken();
  }

  /** So many came. @returns whether it is time to tell */
  took(bytes: number): boolean {
    this.#untold += bytes;
    if (this.#untold < LIMITS.zerosToldBytes) return false;
    this.#untold -= LIMITS.zerosToldBytes;
    return true;
  }
}
