/**
 * Zeros on the wire: a long piece of nothing but zeros leaves as their number, and arrives as if
 * all of it had come.
 *
 * Nothing behind the connection knows the difference, with one exception. The buffers of the kernel
 * are all of our back pressure: what a slow peer has not read fills them, and then we stop. A frame
 * of 28 bytes that stands for a megabyte never fills them. So an end that sends zeros also goes by
 * what the other end says it has taken: a server says it by `progress`, a receiver by `working`.
 *
 *   zeros sent and not known to be taken  <=  LIMITS.zerosAheadBytesMax + one frame for each buffer
 *
 * Why: adr/0102.
 */
import { isHole, zeros } from "../../disk/holes.ts";
import { type Frame, joinParts } from "../../protocol/decoder.ts";
import { type ContentName, decodeZeros } from "../../protocol/frame.ts";
import { LIMITS } from "../../protocol/limits.ts";

/**
 * A piece of a file as it arrives. `parts` are `length` bytes of the file, from `offset` on. They
 * are lent, and go back by `release` once they were used.
 */
export interface Data extends Pick<Frame, "offset" | "length" | "parts"> {
  readonly type: "data";
  /** Bytes of payload that were on the wire: `length`, or four when zeros came as their number. */
  readonly wireBytes: number;
}

/**
 * The piece of a file that a frame brings.
 * @throws FilespoolError frame-too-large, message-invalid: a frame of zeros says a number that is
 * not allowed
 */
export function dataOf(name: ContentName, { offset, length: wireBytes, parts }: Frame): Data {
  if (name === "data") return { type: "data", offset, length: wireBytes, wireBytes, parts };
  const length = decodeZeros(joinParts(parts), offset);
  return { type: "data", offset, length, wireBytes, parts: [zeros(length)] };
}

/** The account of zeros of one connection, in both directions. */
export class ZerosAhead {
  readonly #onTaken: () => void;
  /** Bytes of zeros that we took, and did not tell the peer about. */
  #untold = 0;
  /** Bytes of zeros that we sent, and do not know to be taken. */
  #bytes = 0;
  /**
   * The peer understands frames of zeros. It says so in its first message, and until then nothing
   * leaves as a number.
   */
  peerTakes = false;

  /**
   * @param onTaken called when the peer has taken some, so that a sender that waits can look again
   */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Whether a piece may leave as a number. */
  canSend(piece: Uint8Array): boolean {
    return this.peerTakes && isHole(piece);
  }

  /** So many bytes of zeros have left. */
  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Whether more zeros may leave before the peer has taken some. */
  get mayGoOn(): boolean {
    return this.#bytes <= LIMITS.zerosAheadBytesMax;
  }

  /**
   * The peer has taken more of what was sent.
   * @param bytes of content, zeros or not; Infinity when it has all of the file, or wants no more
   * of it
   */
  taken(bytes: number): void {
    if (this.#bytes === 0) return;
    this.#bytes = Math.max(0, this.#bytes - bytes);
    this.#onTaken();
  }

  /**
   * So many bytes of zeros came.
   * @returns whether it is time to tell the peer that they were taken
   */
  took(bytes: number): boolean {
    this.#untold += bytes;
    if (this.#untold < LIMITS.zerosToldBytes) return false;
    this.#untold -= LIMITS.zerosToldBytes;
    return true;
  }
}
