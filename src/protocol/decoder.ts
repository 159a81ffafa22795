/**
 * Frame decoder: turns a byte stream back into frames.
 *
 * TCP delivers bytes, not messages: one read may hold half a header or nine frames. So the decoder is
 * given whatever arrived with `push`, and is asked with `next` for frames until it says "not yet" (null).
 * It never copies the payload of a large frame: the frame's `parts` are slices of what was pushed, which
 * the disk takes with one gathering write. Between calls this holds:
 *
 *   taken <= arrived <= length <= payloadBytesMax        (bytes of the payload of the frame in progress)
 *
 * so one decoder holds at most one frame plus one push, whatever the peer does. Slices below
 * LIMITS.partBytesMin are gathered into a block, because a peer that sends single bytes would otherwise
 * make us keep a million arrays for one MiB.
 *
 * Never here: sockets, timers, node: imports. Feeding it is net/wire/connection.ts's job.
 * Why a length prefix at all: adr/0004.
 */
import type { Checksum } from "./checksum.ts";
import { assert, type ErrorCode, FilespoolError } from "./errors.ts";
import { decodeHeader, HEADER_BYTES, type Header } from "./frame.ts";
import { LIMITS } from "./limits.ts";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** Absolute offset of the payload in the file, bytes. */
  readonly offset: number;
  /** Bytes of payload: the sum of the lengths of `parts`. */
  readonly length: number;
  readonly parts: readonly Uint8Array[];
}

const NOTHING = new Uint8Array(0);
/** How TLS begins (RFC 8446, section 5.1): the most likely of all that is not ours. */
const TLS_HANDSHAKE = 0x16;
const BLOCK_BYTES = 64 * 1024;

export class Decoder {
  readonly #checksum: Checksum;
  /** What was pushed last, and how far into it we are. */
  #input: Uint8Array = NOTHING;
  #at = 0;
  /** A header that a read cut in two collects here. */
  readonly #partial = new Uint8Array(HEADER_BYTES);
  #partialBytes = 0;
  /** The frame in progress: its header, what arrived of its payload, and the checksum so far. */
  #header: Header | null = null;
  #parts: Uint8Array[] = [];
  #arrived = 0;
  #sum = 0;
  /** Where small slices are gathered; `#blockUsed` bytes of it are spoken for. */
  #block = NOTHING;
  #blockUsed = 0;
  /** What ended the stream: every later call ends in the same way. */
  #failure: FilespoolError | null = null;
  /** After one good header, bytes that are not ours are damage and not another protocol. */
  #isOurs = false;
  /** Whoever has not said who it is may make us hold no more than a message: connection.ts sets and lifts it. */
  payloadBytesMax: number = LIMITS.dataBytesMax;

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  /** Payload bytes of the frame in progress, arrived or not; 0 between frames. For deadlines. */
  get frameBytes(): number {
    return this.#header?.length ?? 0;
  }

  /** True while a frame has begun and is not complete: the end of the stream now would be a cut. */
  get midFrame(): boolean {
    return this.#header !== null || this.#partialBytes > 0 || this.#at < this.#input.length;
  }

  /** Gives the decoder what arrived. `next` must have returned null before; the bytes must not change afterwards. */
  push(bytes: Uint8Array): void {
    assert(this.#at === this.#input.length, "push before next() returned null");
    this.#input = bytes;
    this.#at = 0;
  }

  // region: next
  /**
   * The next complete and verified frame, or null when more bytes are needed.
   * @throws FilespoolError not-filespool, frame-damaged, frame-too-large, message-invalid. The stream
   * cannot be trusted afterwards: there is no way to find the next frame, so the connection must end.
   */
  next(): Frame | null {
    if (this.#failure) throw this.#failure;
    const header = this.#header ?? this.#readHeader();
    if (!header) return null;
    this.#takePayload(header);
    if (this.#arrived < header.length) return null;
    if (this.#sum !== header.payloadSum) throw this.#fail("frame-damaged");
    const { type, flags, offset, length } = header;
    const frame: Frame = { type, flags, offset, length, parts: this.#parts };
    this.#header = null;
    this.#parts = [];
    this.#arrived = 0;
    this.#sum = 0;
    return frame;
  }
  // endregion: next

  #fail(code: ErrorCode, first?: number): FilespoolError {
    const isOther = code === "not-filespool" && !this.#isOurs;
    const why = isOther && first === TLS_HANDSHAKE ? "the other end encrypts, and this one does not" : undefined;
    this.#failure = new FilespoolError(code === "not-filespool" && !isOther ? "frame-damaged" : code, why);
    return this.#failure;
  }

  #readHeader(): Header | null {
    const available = this.#input.length - this.#at;
    let bytes = this.#input;
    let at = this.#at;
    if (this.#partialBytes === 0 && available >= HEADER_BYTES) {
      this.#at += HEADER_BYTES;
    } else {
      const take = Math.min(HEADER_BYTES - this.#partialBytes, available);
      this.#partial.set(this.#input.subarray(this.#at, this.#at + take), this.#partialBytes);
      this.#partialBytes += take;
      this.#at += take;
      this.#rejectEarly();
      if (this.#partialBytes < HEADER_BYTES) return null;
      bytes = this.#partial;
      at = 0;
      this.#partialBytes = 0;
    }
    const header = decodeHeader(bytes, at);
    if (typeof header === "string") throw this.#fail(header, bytes[at]);
    if (header.length > this.payloadBytesMax) throw this.#fail("frame-too-large");
    this.#isOurs = true;
    this.#header = header;
    return header;
  }

  /** A browser or a telnet session that sends less than one header deserves its answer now, not at a timeout. */
  #rejectEarly(): void {
    const [first, second] = this.#partial;
    if ((this.#partialBytes > 0 && first !== 0x46) || (this.#partialBytes > 1 && second !== 0x53)) {
      throw this.#fail("not-filespool");
    }
  }

  #takePayload(header: Header): void {
    const take = Math.min(header.length - this.#arrived, this.#input.length - this.#at);
    if (take === 0) return;
    const slice = this.#input.subarray(this.#at, this.#at + take);
    this.#at += take;
    this.#arrived += take;
    this.#sum = this.#checksum(slice, this.#sum);
    if (take < LIMITS.partBytesMin && take < header.length) this.#gather(slice, header);
    else this.#parts.push(slice);
  }

  /** Appends a small slice to the block; contiguous slices of one block grow the last part instead of adding one. */
  #gather(slice: Uint8Array, header: Header): void {
    if (this.#blockUsed + slice.length > this.#block.length) {
      this.#block = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(header.length, LIMITS.partBytesMin)));
      this.#blockUsed = 0;
    }
    const from = this.#blockUsed;
    this.#block.set(slice, from);
    this.#blockUsed += slice.length;
    const last = this.#parts.at(-1);
    if (last && last.buffer === this.#block.buffer && last.byteOffset + last.length === from) {
      this.#parts[this.#parts.length - 1] = this.#block.subarray(last.byteOffset, this.#blockUsed);
    } else this.#parts.push(this.#block.subarray(from, this.#blockUsed));
  }
}

/** The payload of a frame as one array: for control frames, which are small. Copies only when it was cut. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const joined = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
