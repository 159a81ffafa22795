/**
 * Frame decoder: turns a byte stream back into frames.
 *
 * TCP delivers bytes, not messages: one read may hold half a header or nine frames. So the caller
 * gives the decoder whatever arrived with `push`, and then asks with `next` for frames until the
 * answer is null, which means "not yet". The decoder does not copy the payload of a large frame.
 * The `parts` of the frame are slices of what was pushed, and the disk takes them with one
 * gathering write. Between calls this holds:
 *
 *   taken <= arrived <= length <= payloadBytesMax        (bytes of the payload in progress)
 *
 * So one decoder holds at most one frame and one push, whatever the peer does. It gathers slices
 * below LIMITS.partBytesMin into a block: a peer that sends single bytes could otherwise make it
 * keep a million arrays for one MiB.
 *
 * Never here: sockets, timers, node: imports. Feeding it is net/wire/connection.ts's job. Why a
 * length prefix at all: adr/0004.
 */
import type { Checksum } from "./checksum.ts";
import { assert, type ErrorCode, FilespoolError } from "./errors.ts";
import { decodeHeader, HEADER_BYTES, type Header } from "./frame.ts";
import { LIMITS } from "./limits.ts";

/** One frame whose two checksums were right. Nobody has looked at what the payload says. */
export interface Frame {
  /** The number of the frame type; it may be one that this version does not know. */
  readonly type: number;
  readonly flags: number;
  /** Where in the file the payload belongs, bytes from its beginning; 0 in a control frame. */
  readonly offset: number;
  /** Bytes of payload: the sum of the lengths of `parts`. */
  readonly length: number;
  /** The payload, in order: slices of what was pushed, or of a block of small slices. */
  readonly parts: readonly Uint8Array[];
}

const NOTHING = new Uint8Array(0);
/**
 * The first byte of TLS (RFC 8446, section 5.1). Of all other protocols it is the likeliest here.
 */
const TLS_HANDSHAKE = 0x16;
/** The most that a block for small slices has, bytes. A short frame gets a shorter block. */
const BLOCK_BYTES = 64 * 1024;

export class Decoder {
  readonly #checksum: Checksum;
  /** What was pushed last. The decoder has used the first `#at` bytes of it. */
  #input: Uint8Array = NOTHING;
  #at = 0;
  /** The beginning of a header whose rest has not arrived; `#partialBytes` of it are here. */
  readonly #partial = new Uint8Array(HEADER_BYTES);
  #partialBytes = 0;
  /**
   * The frame in progress. `#header` is null between two frames. `#parts` holds the `#arrived`
   * bytes of its payload that are here, and `#sum` is their checksum.
   */
  #header: Header | null = null;
  #parts: Uint8Array[] = [];
  #arrived = 0;
  #sum = 0;
  /**
   * Where small slices are gathered. The first `#blockUsed` bytes belong to frames, also to frames
   * that were handed out; they are never written again.
   */
  #block = NOTHING;
  #blockUsed = 0;
  /**
   * What ended the stream. There is no way back to good frames, so every later call throws it
   * again.
   */
  #failure: FilespoolError | null = null;
  /** The peer has sent one good header. From then on, bytes that are no frame are damage to one. */
  #isOurs = false;
  /**
   * The most that a frame may announce, bytes of payload. A peer that has not said who it is may
   * make us hold one message and no more, so connection.ts lowers this at first and lifts it after
   * hello.
   */
  payloadBytesMax: number = LIMITS.dataBytesMax;

  /** @param checksum of the payloads; headers are checked here */
  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  /**
   * All payload bytes of the frame in progress, arrived or not; 0 between frames. For deadlines.
   */
  get frameBytes(): number {
    return this.#header?.length ?? 0;
  }

  /** True while a frame has begun and is not complete. If the stream ended now, it was cut. */
  get midFrame(): boolean {
    return this.#header !== null || this.#partialBytes > 0 || this.#at < this.#input.length;
  }

  /**
   * Gives the decoder what arrived.
   *
   * Call it only after `next` returned null. The bytes must not change as long as a frame with a
   * slice of them is in use.
   */
  push(bytes: Uint8Array): void {
    assert(this.#at === this.#input.length, "push before next() returned null");
    this.#input = bytes;
    this.#at = 0;
  }

  // region: next
  /**
   * The next complete and verified frame, or null when more bytes are needed.
   *
   * After an error the connection must end. A damaged length hides where the next frame begins, and
   * nothing else in the stream tells it.
   * @throws FilespoolError not-filespool, frame-damaged, frame-too-large, message-invalid
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

  /** @param first the first byte of what should have been a header */
  #fail(code: ErrorCode, first?: number): FilespoolError {
    const isOther = code === "not-filespool" && !this.#isOurs;
    const why = isOther && first === TLS_HANDSHAKE ? "the other end encrypts, and this one does not" : undefined;
    this.#failure = new FilespoolError(code === "not-filespool" && !isOther ? "frame-damaged" : code, why);
    return this.#failure;
  }

  /** The header of the next frame, once all of it is here; it becomes the frame in progress. */
  #readHeader(): Header | null {
    const available = this.#input.length - this.#at;
    let bytes = this.#input;
    let at = this.#at;
    if (this.#partialBytes === 0 && available >= HEADER_BYTES) {
      // The usual case: the whole header is in this push, and is read where it lies.
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

  /**
   * Looks at the magic before the header is complete. A browser, or a person with telnet, may send
   * less than one header and wait; they should hear at once that this is the wrong place.
   */
  #rejectEarly(): void {
    const [first, second] = this.#partial;
    if ((this.#partialBytes > 0 && first !== 0x46) || (this.#partialBytes > 1 && second !== 0x53)) {
      throw this.#fail("not-filespool");
    }
  }

  /** Moves what is here of the payload from the push to the frame in progress. */
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

  /**
   * Copies a small slice to the end of the block. Where the last part of the frame ends just before
   * it, that part grows, so that a million tiny reads make a few parts and not a million.
   */
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

/**
 * The payload of a frame as one array. It is meant for control frames, which are small; it copies
 * only where a read cut the payload in two.
 */
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
