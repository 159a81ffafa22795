/**
 * Every bound of the protocol, with its unit and what breaks without it.
 *
 * A server that reads from strangers has only the limits that it sets itself. Whatever has no limit
 * here can grow until the memory is full. Counts are bounded as well as bytes, because a limit on
 * bytes alone does not stop a peer that sends a million empty frames. Relations between limits are
 * asserted when this file loads, so a change of one number cannot quietly break another. Why these:
 * adr/0009 (bounds), adr/0010 and adr/0063 (sizes).
 *
 * Read next: frame.ts, where the first of them is used.
 */
import { assert } from "./errors.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
  /** Versions of the conversation that this code speaks, best first. */
  versions: [1] as readonly number[],

  /**
   * Payload of a control frame, and of any frame before the hello. Without it, a peer could make us
   * hold and parse a JSON text of any size.
   */
  controlBytesMax: 16 * KiB,
  /**
   * Payload of a data frame. It bounds what a connection must hold before it can check a checksum.
   */
  dataBytesMax: 4 * MiB,

  /**
   * The buffer size that users may choose: the most bytes that a data frame of a large file
   * carries.
   */
  bufferBytesMin: 1 * KiB,
  bufferBytesDefault: 1 * MiB,
  bufferBytesMax: 4 * MiB,
  /**
   * What a data frame carries at first, and for as long as the line is slow. Nothing of a frame
   * counts before all of it is here, so a long one on a slow line would lose much in a cut.
   */
  shortFrameBytes: 256 * KiB,

  /**
   * Files up to this size are pipelined: the sender sends offer, data and finish without waiting
   * for an answer.
   */
  pipelineBytesMax: 64 * KiB,
  /**
   * How many bytes of zeros may be sent as a number before the other end says that it has taken
   * them. Without it, a frame of 28 bytes that stands for 4 MiB of zeros never fills a buffer of
   * the kernel, and so never stops a sender.
   */
  zerosAheadBytesMax: 64 * MiB,
  /**
   * A receiver that takes zeros as a number says `working` after each so many bytes of them, so
   * that the server may send more.
   */
  zerosToldBytes: 16 * MiB,
  /**
   * Transfers or deliveries that may be unanswered on one connection. It bounds what is repeated
   * after a crash.
   */
  windowFiles: 512,
  /** Bytes of content that may be unanswered in pipelined transfers on one connection. */
  windowBytes: 4 * MiB,

  /**
   * Bytes of content that a server holds for all its peers together, between the disk and the
   * kernel. Without it, a crowd that asks and does not read could take all of its memory.
   */
  unsentBytesMax: 16 * MiB,
  /**
   * What each peer may always hold of that, however many there are. Without it, a slow crowd would
   * stop everybody else.
   */
  pieceBytes: 16 * KiB,
  /**
   * Deliveries without a verdict, of all connections together. Each costs about a kilobyte of
   * memory. Every receiver may always have one.
   */
  unsettledFilesMax: 8192,

  /**
   * When so many receivers have vanished with a file, each further one counts as a failed attempt.
   * Without it, a file that kills its receivers would come back for ever.
   */
  vanishedReceiversMax: 3,
  /** How many files the server remembers because a receiver vanished with them. */
  suspectFilesMax: 10_000,

  /**
   * UTF-8 bytes of a file name: the longest that Linux, macOS and Windows file systems can hold.
   */
  nameBytesMax: 255,
  /** UTF-8 bytes of a queue name. */
  queueBytesMax: 100,
  /** UTF-16 code units of any other text in a message: a reason, the name of a program. */
  textCharsMax: 1000,
  /** The largest file, bytes. Beyond it, an offset is not exact in a JavaScript number. */
  fileBytesMax: Number.MAX_SAFE_INTEGER,

  /**
   * The decoder copies a piece of a frame that is shorter than this. Without it, one tiny read
   * could keep a large buffer from being used again.
   */
  partBytesMin: 4 * KiB,
  /** Bytes of one refused file that the server reads and drops before it calls them a flood. */
  skipBytesMax: 64 * MiB,
  /**
   * Rows of one page of a list. Without it, one question would keep the server busy for the length
   * of a queue.
   */
  pageFiles: 100,
  /**
   * How long one question about a transfer may wait for its end. Without it, the server would keep
   * a timer for an operator who has gone.
   */
  lookMs: 60_000,
  /**
   * Pings that a peer may send in one second with nothing else in between. Without it, a peer could
   * keep us busy for nothing.
   */
  pingsPerSecondMax: 20,

  /**
   * The first frame must be complete so long after connecting. Without it, silent connections would
   * fill the server's table.
   */
  handshakeMs: 10_000,
  /** An end that has sent nothing for so long sends a ping. */
  heartbeatMs: 10_000,
  /**
   * An end that has heard nothing for so long gives the connection up. Without it, a connection
   * whose other end lost its power would stay for ever.
   */
  idleMs: 30_000,
  /**
   * A frame that has begun must be complete after this time, plus the time that its length takes at
   * `bytesPerSecondMin`.
   */
  stallMs: 30_000,
  /**
   * The slowest link that we wait for. Without it, one byte a minute would hold a connection for
   * ever (slow loris).
   */
  bytesPerSecondMin: 1 * KiB,
} as const;

// A number that is changed above, and breaks one of these, stops the program before it starts.
assert(LIMITS.bufferBytesMax <= LIMITS.dataBytesMax, "a buffer must fit one data frame");
assert(LIMITS.bufferBytesDefault <= LIMITS.bufferBytesMax, "the default buffer must be allowed");
assert(LIMITS.pipelineBytesMax <= LIMITS.windowBytes, "the window must have room for one pipelined file");
assert(LIMITS.pieceBytes <= LIMITS.pipelineBytesMax, "a small file is a few pieces");
assert(LIMITS.windowFiles * 2 <= LIMITS.unsettledFilesMax, "one receiver alone may fill its window");
assert(LIMITS.bufferBytesMax * 4 <= LIMITS.unsentBytesMax, "one peer alone may use its largest buffers");
assert(LIMITS.heartbeatMs * 2 < LIMITS.idleMs, "two heartbeats may be lost before a peer counts as gone");
assert(
  LIMITS.nameBytesMax * 6 + 4 * LIMITS.textCharsMax < LIMITS.controlBytesMax,
  "the longest offer must fit one frame",
);
