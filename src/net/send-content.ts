/**
 * Sends the content of a file as data frames: the loop that both ends share.
 *
 * While one buffer is on its way to the kernel, the next is being read from disk; with BUFFERS of them the two
 * overlap and memory stays the same whatever the file's size. In a crowd there is always another file that can be read
 * meanwhile, so there whoever comes gets one (adr/0062). A buffer is used again only when the kernel has
 * taken it. That wait is also the back pressure: a slow reader at the other end stops this loop.
 */
import { chunkAt } from "../protocol/chunks.ts";
import type { Connection } from "./connection.ts";

const BUFFERS = 3;
/** So many files at a time are no crowd yet. */
const CROWD = 32;
let files = 0;
/** Small chunks are copied (outbox.ts), so their buffers are free at once; they wait for so much to be taken. */
const COPIED_BYTES_MAX = 256 * 1024;

export interface Content {
  /** First byte to send, and the size of the whole file. */
  readonly from: number;
  readonly size: number;
  /** Payload of one frame. */
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
  const free: Buffer[] = [];
  const sending: Promise<void>[] = [];
  for (let offset = content.from; ; ) {
    if (!content.goOn()) return false;
    const chunk = chunkAt(offset, size, chunkBytes);
    if (!chunk) return true;
    if (sending.length === buffers) await sending.shift();
    const buffer = free.pop() ?? Buffer.allocUnsafe(Math.min(chunkBytes, size));
    const piece = buffer.subarray(0, chunk.length);
    await content.read(piece, offset);
    offset += chunk.length;
    const end = offset;
    const isSent = () => {
      free.push(buffer);
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
