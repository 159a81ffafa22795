/**
 * Socket reader: takes bytes off a socket into buffers of our own, and stops the socket when nobody
 * fetches them.
 *
 * A socket as Node hands it out reads 64 KiB at most, into a new buffer for each read, through the
 * machinery of a stream. The option `onread` leaves all of that out. buffer-pool.ts decides when a
 * buffer is used again. Which way costs how much: adr/0031, adr/0056.
 *
 * A read goes behind the bytes of the one before while there is room, so that small frames share a
 * buffer. When reads fill the room that they are offered, the next buffer is twice as large; when
 * they do not, half as large. So a busy connection reads in large pieces, and each of a thousand
 * idle ones holds 16 KiB. The idea is Netty's adaptive receive buffer.
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import { type Block, READ_BYTES_MAX, StreamBlocks } from "./buffer-pool.ts";
import { WireMemory } from "./wire-memory.ts";

/** Bytes of the shortest buffer. READ_BYTES_MAX is the longest. */
const READ_BYTES_MIN = 16 * 1024;
/**
 * Reads that nobody has fetched. With so many, the socket stops. Two of them would take memory and
 * save no time.
 */
const READS_MAX = 1;

export class SocketReader {
  /**
   * For the constructor of the socket. Node asks `buffer` where to read to, and tells `callback`
   * what came; false from there stops the socket. Bytes that were handed out are not written to
   * before all of their block came back.
   */
  readonly onread = {
    buffer: (): Buffer => this.#room(),
    callback: (bytes: number, into: Uint8Array): boolean => this.#arrive(into.subarray(0, bytes) as Buffer),
  };
  /** Called when something has arrived; `take` has it. */
  onArrival: () => void = () => {};
  #socket!: Socket;
  /** What was read and not fetched, oldest first. */
  #arrived: Buffer[] = [];
  /** The socket reads nothing, because READS_MAX reads wait. */
  #isStopped = false;
  /** Whatever arrives is thrown away. */
  #isDeaf = false;
  /**
   * The block that is read into; `#used` bytes of it are taken. It is empty at first, so the first
   * read takes another.
   */
  #block: Block = { bytes: Buffer.alloc(0) };
  #used = 0;
  /** How long the next block will be. Each read doubles or halves it, within the two bounds. */
  #blockBytes = READ_BYTES_MIN;
  /** The blocks of this connection, and how far its stream has arrived. */
  readonly blocks: StreamBlocks;
  /**
   * What the connection shares with others. It is here because the reader is there before the
   * connection.
   */
  readonly memory: WireMemory;

  constructor(memory: WireMemory = new WireMemory()) {
    this.memory = memory;
    this.blocks = new StreamBlocks(memory.readBlocks);
  }

  /** Reads a socket that was made with `onread`. */
  listenTo(socket: Socket): Socket {
    this.#socket = socket;
    return socket.resume();
  }

  /**
   * Reads a socket that a server accepted with `pauseOnConnect`.
   *
   * Node makes such a socket without `onread`, so another Socket takes over its handle. A later
   * Node, or another kind of socket, may have no handle to take; then its stream serves as well.
   * @returns the socket to use from now on
   */
  adopt(accepted: Socket): Socket {
    const shell = accepted as unknown as { _handle: { reading?: boolean } | null; encrypted?: true };
    const handle = shell._handle;
    if (handle?.reading !== false || shell.encrypted) return this.follow(accepted);
    shell._handle = null;
    const socket = new Socket({ handle, allowHalfOpen: true, onread: this.onread } as SocketConstructorOpts);
    accepted.destroy(); // an empty shell now; the listener stops counting it
    return this.listenTo(socket);
  }

  /** Reads any other socket as a stream. One that decrypts has buffers of its own anyway. */
  follow(socket: Socket): Socket {
    socket.on("data", (bytes: Buffer) => this.#arrive(bytes) || socket.pause());
    return this.listenTo(socket);
  }

  /**
   * The bytes of the oldest read that nobody has fetched, or undefined. Fetching lets the socket
   * read on.
   */
  take(): Buffer | undefined {
    const bytes = this.#arrived.shift();
    if (this.#isStopped && this.#arrived.length < READS_MAX) {
      this.#isStopped = false;
      this.#socket.resume();
    }
    return bytes;
  }

  /** From now on, whatever arrives is thrown away. */
  ignore(): void {
    this.#isDeaf = true;
    this.#arrived = [];
    this.#socket.resume();
  }

  /**
   * Where the next read goes: behind the last one, unless too little room is left in that block.
   */
  #room(): Buffer {
    if (this.#block.bytes.length - this.#used < this.#blockBytes / 2) {
      this.#block = this.blocks.next(this.#blockBytes, this.#block);
      this.#used = 0;
    }
    return this.#block.bytes.subarray(this.#used);
  }

  /** Takes note of a read. False stops the socket. */
  #arrive(bytes: Buffer): boolean {
    if (this.#isDeaf) return true;
    this.#used += bytes.length;
    this.blocks.arrivedBytes += bytes.length;
    const isFull = this.#used >= this.#block.bytes.length;
    this.#blockBytes = Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, this.#blockBytes * (isFull ? 2 : 0.5)));
    this.#arrived.push(bytes);
    this.onArrival();
    this.#isStopped = this.#arrived.length >= READS_MAX;
    return !this.#isStopped;
  }
}
