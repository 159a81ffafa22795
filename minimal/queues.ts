/**
 * The queues: which files wait, in which order, and who holds them. This is the server's memory.
 *
 * A spool is four folders. A file's record (who it is for, its name, its digest) is one small JSON
 * file, and the folder in which the record lies is the state of the transfer:
 *
 *   data/<transfer>             the content; while it arrives, its length is the resume point
 *   uploads/<transfer>          a record that is being written: nobody relies on it yet
 *   queues/<number>.<transfer>  the same record: the file waits; its number is its place in line
 *   done/<transfer>             the same record: the file was collected, and is never taken again
 *
 * So each change of state is one rename, which happens whole or not at all, and a sync of both
 * folders, after which it survives a power cut. Names from the wire lie *in* records; paths are
 * made of ids and numbers only, so no name can lead anywhere.
 *
 * Invariant: a record in queues/ has its whole content in data/, verified and synced before it.
 *
 * Leases are in memory, on purpose. A lease that outlives the server would protect nobody, because
 * the connection of its receiver did not; so after a restart each file is simply handed out again.
 *
 * Left out, and where the full program has it:
 *   many small files for one sync   src/spool/local/group-commit.ts   adr/0032
 *   an index, in LMDB               src/spool/local/index.ts          adr/0013
 *   quotas and full queues          src/spool/local/room.ts           adr/0009
 *   expiry, also of done/           src/spool/local/sweep.ts          adr/0072
 *   dead letters                    src/spool/operate/contract.ts     adr/0078
 *   a lock: one server per spool    src/spool/local/parts.ts          adr/0020
 *
 * It refuses to know of connections and frames. In the full program: src/spool/. Why not exactly
 * once: adr/0014. Read next: server.ts.
 */
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkDigest, DIGESTS } from "../src/disk/digest.ts";
import { checkQueue, FilespoolError, type MessageOf, safeName } from "../src/protocol/index.ts";
import { type GrowingFile, openGrowingFile, syncFolder, unless } from "./growing-file.ts";

/** A file as its sender announces it. */
export type Offer = Omit<MessageOf<"offer">, "type" | "wait">;
/** A file that is whole: what a record says. */
export type Stored = Offer & { readonly digest: string };
/** One attempt to hand a file out, named by its token. */
export type Delivery = Stored & { readonly token: string; readonly attempt: number };
/** A file that arrives, for its one writer, who is told when a newer offer has taken over. */
export type Upload = { readonly offer: Offer; readonly file: GrowingFile; readonly onSuperseded: () => void };
/** What an offer comes to: something to send, or nothing, because the file is here already. */
export type Answer = Upload | { readonly stored: Stored; readonly collected: boolean };
/** A waiting file: its record, the name of that in queues/, and who holds it ("" is nobody). */
type Waiting = { readonly record: Stored; readonly name: string; attempts: number; token: string; expiresMs: number };
export type Queues = Awaited<ReturnType<typeof openQueues>>;
/** A delivery without a verdict or any other sign of life is over after this. */
export const LEASE_MS = 60_000;
/** Opens a spool, and creates it when it is missing. @param nowMs a clock that nobody sets back */
export async function openQueues(folder: string, nowMs = () => performance.now(), syncBytes?: number) {
  const path = (...names: string[]) => join(folder, ...names);
  /** A record is never changed, so it is read as it was written. A damaged one stops the server. */
  const recordIn = async (...names: string[]): Promise<Stored> => JSON.parse(await readFile(path(...names), "utf8"));
  /** Called when there may be a file to lease that was not there before. */
  const listeners = new Set<() => void>();
  /** The newest upload of each transfer. */
  const uploads = new Map<string, Upload>();
  /** Every waiting file, by transfer. A map keeps the order of insertion: this is the FIFO. */
  const waiting = new Map<string, Waiting>();
  /** The place in line of the newest file. */
  let number = 0;
  /** The files that are with a receiver, by the token of the delivery. */
  const leases = new Map<string, Waiting>();
  /**
   * One change after the other. So disk and memory have one order, and an offer that comes while
   * its file is being stored hears that the file is stored.
   */
  const inTurn = oneByOne();
  /** A file is in its queue, on disk. From here on it can be leased. */
  const add = (record: Stored, name: string) => {
    waiting.set(record.transfer, { record, name, attempts: 0, token: "", expiresMs: 0 });
    number = Number.parseInt(name, 10);
    for (const listener of listeners) listener();
  };
  /** The change of state: one rename, and both folders on disk before anybody hears of it. */
  const move = async (from: string, to: string) => {
    // region: move
    await rename(from, to);
    for (const moved of [to, from]) await syncFolder(dirname(moved));
    // endregion: move
  };
  /** @throws FilespoolError lease-lost: it has run out, or its file was acked */
  const leased = (token: string): Waiting => {
    if (!leases.has(token)) throw new FilespoolError("lease-lost");
    return leases.get(token) as Waiting;
  };
  // What waits is read, and what a crash has left between two steps is tidied up.
  for (const name of ["data", "uploads", "queues", "done"]) await mkdir(path(name), { recursive: true, mode: 0o700 });
  for (const known of [folder, dirname(folder)]) await syncFolder(known); // the spool may be new
  // region: load
  // These were collected, and the server was stopped before it removed the content. A power cut
  // between the syncs of two folders may even have left such a record in both.
  const collected = new Set(await readdir(path("done")));
  for (const name of collected) await rm(path("data", name), { force: true });
  const names = (await readdir(path("queues"))).filter((name) => !collected.has(name.slice(17)));
  for (const name of names.sort()) add(await recordIn("queues", name), name);
  // Nobody was told that these are stored, so their senders will finish them once more.
  for (const name of await readdir(path("uploads"))) await rm(path("uploads", name));
  // endregion: load
  const queues = {
    digests: DIGESTS,
    listeners,
    /**
     * Begins an upload or goes on with one. The sender chose the id of the transfer, so after any
     * loss it may repeat the offer, and that never becomes a second file. The newest offer takes
     * over at once: its sender knows best which of its connections is alive.
     */
    offer: (offer: Offer, onSuperseded: () => void): Promise<Answer> =>
      inTurn(async () => {
        const { transfer, name, queue, size, algorithm } = offer;
        safeName(name);
        checkQueue(queue);
        checkDigest(algorithm);
        const here = waiting.get(transfer)?.record;
        const stored = here ?? (await recordIn("done", transfer).catch(unless("ENOENT", null)));
        const older = uploads.get(transfer);
        // Two offers with one id must mean one file. Of which content, the digest says at the end.
        if (labelOf(stored ?? older?.offer ?? offer) !== labelOf(offer)) throw new FilespoolError("transfer-conflict");
        if (stored) return { stored, collected: !here };
        if (older?.file.isOpen) older.onSuperseded();
        // This waits for a write that is under way, so that two never write to one file.
        await older?.file.close();
        const file = await openGrowingFile(path("data", transfer), size, algorithm, syncBytes);
        const upload = { offer, file, onSuperseded };
        return uploads.set(transfer, upload) && upload;
      }),
    /** Resolves when the file is in its queue, on disk. What is not as it was said is not kept. */
    finish: ({ offer, file }: Upload, digest: string, size: number): Promise<Stored> =>
      inTurn(async () => {
        const { transfer } = offer;
        // region: finish
        // 1. the content is what its sender said, and on disk
        await file.finish(digest, size);
        // 2. so is its record, where nobody looks
        const record = { ...offer, size, digest };
        await writeFile(path("uploads", transfer), JSON.stringify(record), { flush: true });
        // 3. the file is in its queue; a crash before this leaves an upload, and after it a file
        const name = `${String(number + 1).padStart(16, "0")}.${transfer}`;
        await move(path("uploads", transfer), path("queues", name));
        // 4. only then may anybody see it
        uploads.delete(transfer);
        add(record, name);
        return record;
        // endregion: finish
      }),
    /** Files of a queue, but for those that are held by one of these tokens. Never too low. */
    waiting: (queue: string, mine = new Map()) =>
      [...waiting.values()].filter(({ record, token }) => record.queue === queue && !mine.has(token)).length,
    /**
     * Lends out the first file of a queue that nobody holds. The token is a *fencing* token: it
     * names this delivery and not the file. A receiver that was away for too long, while its file
     * went to somebody else, acks in vain: its old token is of no lease any more.
     */
    lease(queue: string): Delivery | null {
      // region: lease
      const file = [...waiting.values()].find(({ record, token }) => record.queue === queue && token === "");
      if (!file) return null;
      file.token = crypto.randomUUID();
      leases.set(file.token, file);
      queues.renew(file.token);
      return { ...file.record, token: file.token, attempt: ++file.attempts };
      // endregion: lease
    },
    /** Starts the time of a lease anew. False when it has ended. */
    renew(token: string): boolean {
      const file = leases.get(token);
      if (file) file.expiresMs = nowMs() + LEASE_MS;
      return file !== undefined;
    },
    /** The content of a leased file from a byte on, in chunks; none when there is nothing left. */
    read: (token: string, start: number, highWaterMark: number): AsyncIterable<Uint8Array> =>
      createReadStream(path("data", leased(token).record.transfer), { start, highWaterMark }),
    /** Takes a file off its queue for ever. Resolves when that is on disk. */
    ack: (token: string): Promise<void> =>
      inTurn(async () => {
        // region: ack
        const file = leased(token);
        const { transfer } = file.record;
        // The lease cannot run out while the record moves. Else the file would be handed out once
        // more, and whoever got it would hold a file that was collected.
        file.expiresMs = Infinity;
        await move(path("queues", file.name), path("done", transfer));
        leases.delete(token);
        waiting.delete(transfer);
        await rm(path("data", transfer), { force: true });
        // endregion: ack
      }),
    /** Back to its old place in line, before all that is newer. */
    giveBack(token: string): void {
      // region: give-back
      const file = leases.get(token);
      if (!file) return;
      leases.delete(token);
      file.token = "";
      for (const listener of listeners) listener();
      // endregion: give-back
    },
    /** Ends the leases whose time is over. Somebody calls this every second. */
    expire(): void {
      // region: expire
      for (const [token, { expiresMs }] of leases) if (expiresMs <= nowMs()) queues.giveBack(token);
      // endregion: expire
    },
  };
  return queues;
}
/** What stays the same when an offer is repeated. */
const labelOf = ({ queue, name, kind, algorithm }: Offer) => [queue, name, kind, algorithm].join("/");
/** A line of work: each piece begins when the one before it has ended, well or not. */
export function oneByOne(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const working = last.then(work);
    last = working.catch(() => {});
    return working;
  };
}
