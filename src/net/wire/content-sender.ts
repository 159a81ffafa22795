/**
 * Sends the content of a file as data frames: the loop that senders and servers share.
 *
 * While one buffer is on its way to the kernel, the next one is read from the disk. With BUFFERS of
 * them the two overlap, and memory stays the same whatever the size of the file. In a crowd there
 * is always another file that can be read meanwhile, so there each file gets one buffer (adr/0062).
 * A buffer is used again only when the kernel has taken it. To wait for that is the back pressure:
 * a slow reader at the other end stops this loop.
 *
 * Nothing of a frame counts before all of it has arrived, and each frame costs the same effort. So
 * short frames are best over a slow line, and long ones over a fast line. The loop measures which
 * one it is (adr/0063).
 *
 * Invariant: this file holds at most BUFFERS buffers of one frame each, counted in the shared limit
 * while they are here.
 */
import { readBuffer } from "../../disk/read-buffer.ts";
import { chunkAt } from "../../protocol/chunks.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Connection } from "./connection.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { FreeList } from "./free-list.ts";

/** Buffers that a file may have in use: read into, or handed over and not taken by the kernel. */
export const BUFFERS = 3;
/** Up to so many files on their way at a time are no crowd. */
const CROWD = 32;
/**
 * The frame writer copies small chunks, so their buffers are free at once and hold nobody back. The
 * loop waits instead while more content than this is unsent.
 */
export const COPIED_BYTES_MAX = 256 * 1024;
/** A line is fast if it takes a full frame within this time. */
const FRAME_MS = 100;
/**
 * How much is sent before the line is judged. A kernel buffers some MiB at once even when nothing
 * leaves the machine, and over a shorter stretch every line would look fast.
 */
export const STRETCH_BYTES = 8 * 1024 * 1024;

/** How long the frames of one file are. The last stretch that was sent decides it for the next. */
export class FrameLength {
  readonly #fullBytes: number;
  readonly #clock: () => number;
  /** Bytes of the stretch that is being sent, and when it began by the clock. */
  #stretchBytes = 0;
  #beganMs: number;
  /**
   * How many bytes the next frame should carry. The first frames are short, because nobody knows
   * the line yet.
   */
  bytes: number;

  /**
   * @param fullBytes the most that a frame may have
   * @param clock in milliseconds; tests have their own
   */
  constructor(fullBytes: number, clock: () => number = () => performance.now()) {
    this.#fullBytes = fullBytes;
    this.#clock = clock;
    this.#beganMs = clock();
    this.bytes = Math.min(LIMITS.shortFrameBytes, fullBytes);
  }

  /**
   * Notes that so many bytes were handed to the socket. At the end of a stretch, `bytes` is decided
   * anew.
   */
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

/** What is sent: a file, or content that is in memory already. */
export interface Content {
  /** The first byte to send, and the size of the whole file. */
  readonly from: number;
  readonly size: number;
  /** The most that a frame may have. */
  readonly chunkBytes: number;
  /**
   * Fills all of `into` with the bytes of the file from `offset` on, or throws. It must not keep
   * `into`.
   */
  read(into: Buffer, offset: number): Promise<void>;
  /**
   * Asked before each chunk. False stops the loop, because the other end wants no more of this
   * file.
   */
  shouldContinue(): boolean;
  /** Called when the kernel has taken everything before `offset`. */
  onSent?(offset: number): void;
}

/**
 * Sends a file from `content.from` to its end.
 * @returns true when every frame was handed to the socket; the kernel may not have taken the last
 * ones. False when `shouldContinue` said no
 * @throws what `content.read` throws; FilespoolError connection-lost
 */
export async function sendContent(connection: Connection, content: Content): Promise<boolean> {
  const { memory } = connection;
  const buffers = memory.filesUnderWay < CROWD ? BUFFERS : 1;
  memory.filesUnderWay++;
  return sendFrom(connection, content, buffers).finally(() => memory.filesUnderWay--);
}

/** @param count how many buffers the file may have in flight */
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
      // A place among those in flight, then memory. Both come free when the kernel takes a frame.
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
      // Zeros leave as a number of a few bytes, and say nothing about the line.
      frame.passed(connection.frameWriter.handedData - handedData);
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
        buffers.back(buffer); // the socket is gone, so nobody reads it any more
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
 * The buffers of one file.
 *
 * A buffer that is idle or being read into is counted against the shared limit here. From
 * `handedOver` to `back` the frame writer counts it. While all connections together hold too much,
 * a file gets its buffers one after the other, and a short one rather than none, so that no file
 * stops for good.
 */
class Buffers {
  readonly #frameWriter: FrameWriter;
  readonly #smallBuffers: FreeList<Buffer>;
  /**
   * Buffers that were sent and wait for the next piece. All have the length that frames had when
   * they were taken.
   */
  #idle: Buffer[] = [];
  /** Bytes that are counted here: of the idle buffers, and of the one that is being read into. */
  #held = 0;
  /** The loop has ended. Buffers may still come back from the kernel, and are let go at once. */
  #isOver = false;

  constructor({ frameWriter, memory }: Connection) {
    this.#frameWriter = frameWriter;
    this.#smallBuffers = memory.smallBuffers;
  }

  /**
   * Counts memory in, or out when `bytes` is less than 0. After the end nothing of ours is counted.
   */
  #hold(bytes: number): void {
    if (this.#isOver) return;
    this.#held += bytes;
    this.#frameWriter.hold(bytes);
  }

  /**
   * Whether there is a buffer of this length, or room for one. Idle ones of another length are let
   * go: frames have changed.
   */
  fits(bytes: number): boolean {
    if (this.#idle.at(-1)?.length === lengthFor(bytes)) return true;
    for (const buffer of this.#idle.splice(0)) this.#drop(buffer);
    return this.#frameWriter.room >= bytes;
  }

  /**
   * A buffer of this length, or as long a one as there is room for.
   * @returns the buffer, and how many of its bytes may be used
   */
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

  /** Lets a buffer go: to the next small file of this owner, or to the collector. */
  #drop(buffer: Buffer): void {
    this.#hold(-buffer.length);
    if (buffer.length === SMALL_BYTES) this.#smallBuffers.give(buffer);
  }

  /** The buffer was handed to the socket, and is counted there. */
  handedOver({ length }: Buffer): void {
    this.#hold(-length);
  }

  /** The kernel has taken the buffer, or never will. It can be read into again. */
  back(buffer: Buffer): void {
    this.#hold(buffer.length);
    if (this.#isOver) this.#drop(buffer);
    else this.#idle.push(buffer);
  }

  /** The loop has ended, in whatever way. */
  close(): void {
    for (const buffer of this.#idle.splice(0)) this.#drop(buffer);
    this.#hold(-this.#held); // of a buffer that was being read into when reading failed
    this.#isOver = true;
  }
}

/**
 * The length of the buffers that go from one small file to the next. A new buffer for each small
 * file would cost more than everything else about it.
 */
const SMALL_BYTES = LIMITS.pipelineBytesMax;

/**
 * The length of the buffer for a frame. Small files all get the same length, so that their buffers
 * fit each other.
 */
const lengthFor = (bytes: number): number => (bytes > LIMITS.pieceBytes && bytes < SMALL_BYTES ? SMALL_BYTES : bytes);
