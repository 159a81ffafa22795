/**
 * Socket reader: takes bytes off a socket into buffers of our own choosing, and stops the socket when nobody fetches them.
 *
 * A socket as Node hands it out reads 64 KiB at most, into a buffer of its own for each read, through the machinery
 * of a stream. The option `onread` leaves all of that out, and buffer-pool.ts says when a buffer is used again. Which way costs how much: adr/0031, adr/0056.
 *
 * A read goes behind what the one before brought, while there is room, so that small frames share a buffer. Where reads
 * fill what they are offered, the next buffers are twice as large; where they do not, half. So a busy connection reads
 * in large pieces, and a thousand idle ones hold 16 KiB each (the idea is Netty's adaptive receive buffer).
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import { type Block, READ_BYTES_MAX, StreamBlocks } from "./buffer-pool.ts";
import { WireMemory } from "./wire-memory.ts";

const READ_BYTES_MIN = 16 * 1024;
/** Reads that nobody has fetched yet; with so many the socket is stopped. Two, or larger ones, take memory and save nothing. */
const READS_MAX = 1;

export class SocketReader {
  /** For the socket's constructor. Bytes that were handed out are not written to before all of their block came back. */
  readonly onread = {
    buffer: (): Buffer => this.#room(),
    callback: (bytes: number, into: Uint8Array): boolean => this.#arrive(into.subarray(0, bytes) as Buffer),
  };
  /** Called when something has arrived. */
  onArrival: () => void = () => {};
  #socket!: Socket;
  #arrived: Buffer[] = [];
  #isStopped = false;
  #isDeaf = false;
  #block: Block = { bytes: Buffer.alloc(0) };
  #used = 0;
  #blockBytes = READ_BYTES_MIN;
  /** Blocks that are behind us, and where in the stream they ended. */
  readonly blocks: StreamBlocks;
  /** What the connection shares with the others of its owner. */
  readonly memory: WireMemory;

  constructor(memory: WireMemory = new WireMemory()) {
    this.memory = memory;
    this.blocks = new StreamBlocks(memory.readBlocks);
  }

  /** For a socket that was made with `onread`. */
  listenTo(socket: Socket): Socket {
    this.#socket = socket;
    return socket.resume();
  }

  /**
   * For a socket that a server accepted with `pauseOnConnect`. Node makes those without `onread`, so another Socket takes
   * over the handle. Should there be none to take (a later Node, another kind of socket), its stream serves as well.
   */
  adopt(accepted: Socket): Socket {
    const shell = accepted as unknown as { _handle: { reading?: boolean } | null; encrypted?: true };
    const handle = shell._handle;
    if (handle?.reading !== false || shell.encrypted) return this.follow(accepted);
    shell._handle = null;
    const socket = new Socket({ handle, allowHalfOpen: true, onread: this.onread } as SocketConstructorOpts);
    accepted.destroy(); // an empty shell; its server stops counting it
    return this.listenTo(socket);
  }

  /** For any other socket, and for those that decrypt: they have buffers of their own anyway. */
  follow(socket: Socket): Socket {
    socket.on("data", (bytes: Buffer) => this.#arrive(bytes) || socket.pause());
    return this.listenTo(socket);
  }

  /** What arrived next, or undefined when there is nothing yet. */
  take(): Buffer | undefined {
    const bytes = this.#arrived.shift();
    if (this.#isStopped && this.#arrived.length < READS_MAX) {
      this.#isStopped = false;
      this.#socket.resume();
    }
    return bytes;
  }

  /** From now on, what arrives is thrown away. */
  ignore(): void {
    this.#isDeaf = true;
    this.#arrived = [];
    this.#socket.resume();
  }

  #room(): Buffer {
    if (this.#block.bytes.length - this.#used < this.#blockBytes / 2) {
      this.#block = this.blocks.next(this.#blockBytes, this.#block);
      this.#used = 0;
    }
    return this.#block.bytes.subarray(this.#used);
  }

  /** False stops the socket. */
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
