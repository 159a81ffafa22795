/**
 * What the connections of one owner share. The owner is a server, or one run of a client.
 *
 * Memory that is used again makes transfers fast (adr/0031, adr/0056), and sharing it keeps a
 * thousand silent connections small: each of them holds nothing, and takes a piece from here when
 * it has something to do. The sharing ends at the owner. Two servers in one process must not feel
 * each other's load, and a simulation repeats by its seed only if nothing is left over from the run
 * before. So nothing in net/wire is a variable of a module.
 *
 * The owner makes one, and hands it to `Connection.accept` or to the SocketReader of each
 * connection. A connection that is handed none makes its own. Why: adr/0109.
 *
 * Never here: limits of what may be held in use. Those are in shared-limit.ts; this bounds only
 * what lies idle.
 */
import { BufferPool } from "./buffer-pool.ts";
import type { Block } from "./frame-writer.ts";
import { FreeList } from "./free-list.ts";
import { FastCodec, type MessageCodec } from "./message-codec.ts";

/** Blocks of 64 KiB that wait for a connection that has something to send: 2 MiB. */
const WRITE_BLOCKS_MAX = 32;
/** Buffers of 64 KiB that wait for a small file: 4 MiB, as much as may be unanswered at a time. */
const SMALL_BUFFERS_MAX = 64;

export class WireMemory {
  /** Blocks that sockets are read into. A block comes back once nobody needs a byte of it. */
  readonly readBlocks = new BufferPool();
  /**
   * Blocks in which frames are gathered. A block comes back once the kernel has taken all of it.
   */
  readonly writeBlocks = new FreeList<Block>(WRITE_BLOCKS_MAX);
  /**
   * Buffers that small files are read into. All have the same length; content-sender.ts says which.
   */
  readonly smallBuffers = new FreeList<Buffer>(SMALL_BUFFERS_MAX);
  /** Files whose content is on its way out at this moment. In a crowd, each gets fewer buffers. */
  filesUnderWay = 0;
  /**
   * Writes and reads messages. It is shared because it writes each message into the same piece of
   * memory.
   */
  readonly codec: MessageCodec;
  /** Connections so far. Numbers are never used twice by one owner, so a log can be followed. */
  #connections = 0;

  constructor(codec: MessageCodec = new FastCodec()) {
    this.codec = codec;
  }

  /** The number of a new connection, from 1 on. */
  nextConnection(): number {
    return ++this.#connections;
  }
}
