/**
 * Sends the content of one delivery: from memory where it came with its lease, otherwise from the
 * spool.
 *
 * Small content is inside the entry of the index, so leasing a file has read it already. It is
 * handed to the connection in the same turn. Large content is read piece by piece while the
 * connection takes it (wire/content-sender.ts), and every piece that the kernel has taken renews
 * the lease: a receiver on a slow line keeps its file as long as bytes move.
 *
 * Never here: which file is sent when, and what follows (delivery-session.ts).
 */
import { chunkAt } from "../../protocol/chunks.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { Spool } from "../../spool/contract.ts";
import type { Delivery } from "../../spool/files.ts";
import type { Connection } from "../wire/connection.ts";
import { sendContent } from "../wire/content-sender.ts";

/**
 * Sends small content that came with its lease. Returns at once.
 * @param chunkBytes most bytes of one data frame
 * @returns false when there is none, or no room for it: then it takes the way of large content
 */
export function sendSmall(connection: Connection, { content, size }: Delivery, chunkBytes: number): boolean {
  if (!content || size > connection.frameWriter.room) return false;
  for (let chunk = chunkAt(0, size, chunkBytes); chunk; ) {
    const end = chunk.offset + chunk.length;
    // This fails only when the connection is gone, and the loop that reads frames reports that.
    connection.sendData(chunk.offset, content.subarray(chunk.offset, end))?.catch(() => {});
    chunk = chunkAt(end, size, chunkBytes);
  }
  return true;
}

/** What `sendLarge` has to know. */
export interface LargeContent {
  readonly spool: Spool;
  readonly delivery: Delivery;
  /** The byte from which on the receiver wants it. */
  readonly from: number;
  readonly chunkBytes: number;
  /** False when the receiver has given a verdict, or the connection is over. */
  readonly shouldContinue: () => boolean;
}

/**
 * Sends content from the spool.
 * @returns false when `shouldContinue` said no
 * @throws FilespoolError lease-lost, spool-unusable; connection-lost
 */
export function sendLarge(connection: Connection, content: LargeContent): Promise<boolean> {
  const { spool, delivery, from, chunkBytes, shouldContinue } = content;
  const { token, size } = delivery;
  return sendContent(connection, {
    ...{ from, size, chunkBytes, shouldContinue },
    read: async (into, offset) => {
      const bytes = await spool.read(token, offset, into);
      if (bytes < into.length) throw new FilespoolError("spool-unusable", `the content of ${token} is too short`);
    },
    // Taking bytes is progress, and progress keeps the lease.
    onSent: () => spool.renew(token),
  });
}
