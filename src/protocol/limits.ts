/**
 * Every bound of the protocol, with its unit and what breaks without it.
 *
 * A server that reads from strangers has exactly the limits it writes down; whatever is not bounded here
 * is bounded by its memory. Counts are bounded as well as bytes: a limit on bytes alone is no limit on a
 * peer that sends a million empty frames. Relations between limits are asserted when this file loads, so
 * that changing one number cannot quietly break another. Why these: adr/0009 (bounds), adr/0010 and adr/0063 (sizes).
 *
 * Read next: frame.ts, where the first of them is used.
 */
import { assert } from "./errors.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
  /** Versions of the conversation that this code speaks, best first. */
  versions: [1] as readonly number[],

  /** Payload of a control frame, and of any frame before the hello. Without it a peer makes us buffer and parse a JSON text of any size. */
  controlBytesMax: 16 * KiB,
  /** Payload of a data frame. Bounds what one connection must hold before a checksum can be checked. */
  dataBytesMax: 4 * MiB,

  /** The buffer size that users may choose: the most that a data frame of a large file carries. */
  bufferBytesMin: 1 * KiB,
  bufferBytesDefault: 1 * MiB,
  bufferBytesMax: 4 * MiB,
  /** What frames carry at first and where the line is slow, and what a write waits for: nothing of a frame counts before it is whole. */
  shortFrameBytes: 256 * KiB,

  /** Files up to this size are pipelined: offer, data and finish leave without waiting for an answer. */
  pipelineBytesMax: 64 * KiB,
  /** Zeros that were sent as their number, ahead of what the other end has told to have taken. Without it one frame after the other of 28 bytes makes us read a disk, or hash, as fast as we can. */
  zerosAheadBytesMax: 64 * MiB,
  /** A receiver that says `zeros` says `working` for each so many bytes of them. */
  zerosToldBytes: 16 * MiB,
  /** Transfers or deliveries that may be unanswered on one connection. Bounds what a crash repeats. */
  windowFiles: 512,
  /** Payload bytes that may be unanswered in pipelined transfers on one connection. */
  windowBytes: 4 * MiB,

  /** Bytes that a server holds for all its peers together, from the disk to the kernel. Without it, a crowd that reads nothing holds all of its memory. */
  unsentBytesMax: 16 * MiB,
  /** What each of them may hold of that always, so that nobody starves. */
  pieceBytes: 16 * KiB,
  /** Deliveries without a verdict, of all connections together: each costs about a kilobyte. One of its own each may always have. */
  unsettledFilesMax: 8192,

  /** From so many receivers on that vanished with a file, each counts as a failed attempt. Without it, a file that kills its receivers goes round for ever. */
  vanishedReceiversMax: 3,
  /** Files that are remembered because a receiver vanished with them. */
  suspectFilesMax: 10_000,

  /** UTF-8 bytes of a file name: the longest that Linux, macOS and Windows file systems can hold. */
  nameBytesMax: 255,
  /** UTF-8 bytes of a queue name. */
  queueBytesMax: 100,
  /** Code units of any other text in a message (reasons, agent strings). */
  textCharsMax: 1000,
  /** Largest file: offsets stay exact in a JavaScript number. */
  fileBytesMax: Number.MAX_SAFE_INTEGER,

  /** A pass-through part smaller than this is copied, so that tiny reads cannot pin large buffers. */
  partBytesMin: 4 * KiB,
  /** Bytes of one refused file that the server swallows before it calls them a flood. */
  skipBytesMax: 64 * MiB,
  /** Rows of one page of a list. Without it an answer takes the server as long as a queue is. */
  pageFiles: 100,
  /** How long one question about a transfer may wait for its end. Without it a timer is kept for who has gone. */
  lookMs: 60_000,
  /** Pings in a row, with nothing in between, that a peer may send in one second. */
  pingsPerSecondMax: 20,

  /** First frame to be complete after connecting. Without it, silent connections fill the table. */
  handshakeMs: 10_000,
  /** A side that has sent nothing for so long sends a ping. */
  heartbeatMs: 10_000,
  /** A side that has heard nothing for so long gives the connection up: half-open connections end here. */
  idleMs: 30_000,
  /** A frame that has begun must be complete after this, plus its length at `bytesPerSecondMin`. */
  stallMs: 30_000,
  /** The slowest link we wait for. Without it one byte a minute holds a connection for ever (slow loris). */
  bytesPerSecondMin: 1 * KiB,
} as const;

assert(LIMITS.bufferBytesMax <= LIMITS.dataBytesMax, "a buffer must fit one data frame");
assert(LIMITS.bufferBytesDefault <= LIMITS.bufferBytesMax, "the default buffer must be allowed");
assert(LIMITS.pipelineBytesMax <= LIMITS.windowBytes, "the window must have room for one pipelined file");
assert(LIMITS.pieceBytes <= LIMITS.pipelineBytesMax, "a small file is a few pieces");
assert(LIMITS.windowFiles * 2 <= LIMITS.unsettledFilesMax, "whoever is alone may fill its window");
assert(LIMITS.bufferBytesMax * 4 <= LIMITS.unsentBytesMax, "whoever is alone may use its largest buffers");
assert(LIMITS.heartbeatMs * 2 < LIMITS.idleMs, "two heartbeats may be lost before a peer counts as gone");
assert(
  LIMITS.nameBytesMax * 6 + 4 * LIMITS.textCharsMax < LIMITS.controlBytesMax,
  "the longest offer must fit one frame",
);
