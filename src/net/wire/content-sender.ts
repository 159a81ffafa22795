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
import { readBuffer } from "../../disk/read-buffer.ts";
import { chunkAt } from "../../protocol/chunks.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Connection } from "./connection.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { FreeList } from "./free-list.ts";

/** Payloads that the kernel has not taken. */
export const BUFFERS = 3;
/** So many files at a time are no crowd yet. */
const CROWD = 32;
/** Small chunks are copied (frame-writer.ts), so their buffers are free at once; they wait for so much to be taken. */
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
  shouldContinue(): boolean;
  /** The kernel has taken everything before this. */
  onSent?(offset: number): void;
}

/** Resolves when all frames were handed over, or with false when `shouldContinue` said no. @throws what `read` throws, connection-lost */
export async function sendContent(connection: Connection, content: Content): Promise<boolean> {
  const { memory } = connection;
  const buffers = memory.filesUnderWay < CROWD ? BUFFERS : 1;
  memory.filesUnderWay++;
  return sendFrom(connection, content, buffers).finally(() => memory.filesUnderWay--);
}

async function sendFrom(connection: Connection, content: Content, count: number): Promise<boolean> {
  const { size, chunkBytes } = content;
  const frame = new FrameLength(chunkBytes);
  const buffers = new Buffers(connection);
  const sending: Promise<void>[] = [];
  try {
    for (let offset = content.from; ; ) {
      if (!content.shouldContinue()) return false;
      const longest = chunkAt(offset, size, frame.bytes);
      if (!longest) return true;
      if (sending.length === count) await sending.shift();
      const full = Math.min(frame.bytes, size);
      while (!buffers.fits(full) && sending.length > 0) await sending.shift();
      if (!buffers.fits(full)) await connection.unsentBelow(COPIED_BYTES_MAX);
      const [buffer, room] = buffers.take(full);
      const piece = buffer.subarray(0, Math.min(room, longest.length));
      await content.read(piece, offset);
      const at = offset;
      offset += piece.length;
      const end = offset;
      const { handedData } = connection.frameWriter;
      const taking = connection.sendData(at, piece);
      frame.passed(connection.frameWriter.handedData - handedData); // zeros say nothing about the line
      buffers.handedOver(buffer);
      const isSent = () => {
        buffers.back(buffer);
        content.onSent?.(end);
      };
      if (!taking) {
        await connection.unsentBelow(COPIED_BYTES_MAX);
        isSent();
        continue;
      }
      const sent = taking.then(isSent, (error: unknown) => {
        buffers.back(buffer); // nobody touches it any more
        throw error;
      });
      sent.catch(() => {}); // a lost connection is reported where it is read
      sending.push(sent);
    }
  } finally {
    buffers.close();
  }
}

/**
 * The buffers of one file. Those that are read into and those that wait for it are counted here, the others where they
 * are sent. Where all connections together hold too much, there is one after the other, and a short one rather than none.
 */
class Buffers {
  readonly #frameWriter: FrameWriter;
  readonly #smallBuffers: FreeList<Buffer>;
  #idle: Buffer[] = [];
  #held = 0;
  #isOver = false;

  constructor({ frameWriter, memory }: Connection) {
    this.#frameWriter = frameWriter;
    this.#smallBuffers = memory.smallBuffers;
  }

  #hold(bytes: number): void {
    if (this.#isOver) return;
    this.#held += bytes;
    this.#frameWriter.hold(bytes);
  }

  /** Whether there is one of this size, or room for it. Others that wait are let go: frames became longer, or shorter. */
  fits(bytes: number): boolean {
    if (this.#idle.at(-1)?.length === lengthFor(bytes)) return true;
    for (const buffer of this.#idle.splice(0)) this.#drop(buffer);
    return this.#frameWriter.room >= bytes;
  }

  /** One of this size, or as long a one as there is room for, and how much of it may be used. */
  take(bytes: number): [buffer: Buffer, room: number] {
    const idle = this.#idle.pop();
    if (idle?.length === lengthFor(bytes)) return [idle, bytes];
    let room = bytes;
    while (room > LIMITS.pieceBytes && room > this.#frameWriter.room)
      room = Math.max(LIMITS.pieceBytes, Math.ceil(room / 4));
    const length = lengthFor(room);
    this.#hold(length);
    return [(length === SMALL_BYTES ? this.#smallBuffers.take() : undefined) ?? readBuffer(length), room];
  }

  #drop(buffer: Buffer): void {
    this.#hold(-buffer.length);
    if (buffer.length === SMALL_BYTES) this.#smallBuffers.give(buffer);
  }

  /** Its content is being sent. */
  handedOver({ length }: Buffer): void {
    this.#hold(-length);
  }

  /** It was sent. */
  back(buffer: Buffer): void {
    this.#hold(buffer.length);
    if (this.#isOver) this.#drop(buffer);
    else this.#idle.push(buffer);
  }

  close(): void {
    for (const buffer of this.#idle.splice(0)) this.#drop(buffer);
    this.#hold(-this.#held); // one that was being read into when that failed
    this.#isOver = true;
  }
}

/** Small files come one after the other, and a new buffer for each would cost more than all else. These are used again. */
const SMALL_BYTES = LIMITS.pipelineBytesMax;

/** Three sizes would do; frames of large files have the length that was asked for. */
const lengthFor = (bytes: number): number => (bytes > LIMITS.pieceBytes && bytes < SMALL_BYTES ? SMALL_BYTES : bytes);
