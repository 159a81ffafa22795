/**
 * Sends the content of a file as data frames: the loop that both ends share.
 *
 * While one buffer is on its way to the kernel, the next is being read from disk; with BUFFERS of them the two
 * overlap and memory stays the same whatever the file's size. In a crowd there is always another file that can be read
 * meanwhile, so there whoever comes gets one (adr/0062). A buffer is used again only when the kernel has
 * taken it. That wait is also the back pressure: a slow reader at the other end stops this loop.
 *
 * Nothing of a frame counts before all of it has arrived, and each costs the same effort. So over a slow line short ones are
 * best, and over a fast one long ones: the line says itself which it is (adr/0063).
 */
import { chunkAt } from "../protocol/chunks.ts";
import { LIMITS } from "../protocol/limits.ts";
import { readBuffer } from "../spool/read-buffer.ts";
import type { Connection } from "./connection.ts";

/** Payloads that the kernel has not taken. */
export const BUFFERS = 3;
/** So many files at a time are no crowd yet. */
const CROWD = 32;
let files = 0;
/** Small chunks are copied (outbox.ts), so their buffers are free at once; they wait for so much to be taken. */
export const COPIED_BYTES_MAX = 256 * 1024;
/** Frames are full where a full one takes no longer than this. */
const FRAME_MS = 100;
/** The time is taken over so much: more than a kernel takes off our hands while nothing leaves. */
export const STRETCH_BYTES = 8 * 1024 * 1024;

/** How long the frames of one file are: as the stretch before it went, by a clock in milliseconds. */
export class FrameLength {
  readonly #fullBytes: number;
  readonly #clock: () => number;
  #stretchBytes = 0;
  #beganMs: number;
  /** Bytes of the next frame. */
  bytes: number;

  /** @param fullBytes the most that a frame may have */
  constructor(fullBytes: number, clock: () => number = () => performance.now()) {
    this.#fullBytes = fullBytes;
    this.#clock = clock;
    this.#beganMs = clock();
    this.bytes = Math.min(LIMITS.shortFrameBytes, fullBytes);
  }

  /** So many bytes were handed over. */
  passed(bytes: number): void {
    this.#stretchBytes += bytes;
    if (this.#stretchBytes < STRETCH_BYTES) return;
    const nowMs = this.#clock();
    const fullMs = ((nowMs - this.#beganMs) * this.#fullBytes) / this.#stretchBytes;
    this.bytes = Math.min(fullMs <= FRAME_MS ? Infinity : LIMITS.shortFrameBytes, this.#fullBytes);
    this.#stretchBytes = 0;
    this.#beganMs = nowMs;
  }
}

export interface Content {
  /** First byte to send, and the size of the whole file. */
  readonly from: number;
  readonly size: number;
  /** The most that a frame may have. */
  readonly chunkBytes: number;
  /** Fills all of `into` from `offset` of the file, or throws. */
  read(into: Buffer, offset: number): Promise<void>;
  /** Asked before each chunk; false stops, since the other end wants no more of this file. */
  goOn(): boolean;
  /** The kernel has taken everything before this. */
  onSent?(offset: number): void;
}

/** Resolves when all frames were handed over, or with false when `goOn` said no. @throws what `read` throws, connection-lost */
export async function sendContent(connection: Connection, content: Content): Promise<boolean> {
  const buffers = files < CROWD ? BUFFERS : 1;
  files++;
  return sendFrom(connection, content, buffers).finally(() => files--);
}

async function sendFrom(connection: Connection, content: Content, buffers: number): Promise<boolean> {
  const { size, chunkBytes } = content;
  const frame = new FrameLength(chunkBytes);
  const free: Buffer[] = [];
  const sending: Promise<void>[] = [];
  for (let offset = content.from; ; ) {
    if (!content.goOn()) return false;
    const chunk = chunkAt(offset, size, frame.bytes);
    if (!chunk) return true;
    if (sending.length === buffers) await sending.shift();
    const room = Math.min(frame.bytes, size);
    let buffer = free.pop();
    if (buffer?.length !== room) buffer = readBuffer(room); // frames have become longer, or shorter
    const piece = buffer.subarray(0, chunk.length);
    await content.read(piece, offset);
    offset += chunk.length;
    frame.passed(chunk.length);
    const [end, used] = [offset, buffer];
    const isSent = () => {
      free.push(used);
      content.onSent?.(end);
    };
    const taking = connection.sendData(chunk.offset, piece);
    if (!taking) {
      await connection.unsentBelow(COPIED_BYTES_MAX);
      isSent();
      continue;
    }
    const sent = taking.then(isSent);
    sent.catch(() => {}); // a lost connection is reported where it is read
    sending.push(sent);
  }
}
