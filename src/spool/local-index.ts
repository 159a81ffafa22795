/**
 * The index of the local spool: what is where, in one LMDB file. Knows no leases, sockets or content files.
 *
 *   database   key                value
 *   uploads    transfer           what was offered, the durable offset, the time of the last progress
 *   entries    [queue, sequence]  one waiting file; small content is inside the value
 *   transfers  transfer           where it is now: waiting, dead, or collected (a tombstone)
 *   tombs      [time, transfer]   the same tombstones by time, so that expiry reads no more than it removes
 *   totals     queue              [files, bytes], so that a start need not count
 *   meta       "format", "sequence"
 *
 * Dead letters are a queue like any other, under a name that no sender can use (local-records.ts).
 *
 * Every change is all of it or nothing, and many share one commit (group-commit.ts) with one fdatasync, off the event
 * loop. That is what makes durable small files cheap. Why LMDB: adr/0013.
 */
import { chmod, open as openFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import { FilespoolError } from "../protocol/errors.ts";
import { fileError, syncFolder } from "./batch-writer.ts";
import { EntryViews } from "./entry-views.ts";
import { GroupCommit, type Move } from "./group-commit.ts";
import type { Entry, Place, Position, UploadRecord } from "./local-records.ts";
import type { Ending } from "./operate.ts";
import { Reserve } from "./reserve.ts";
import type { Offer, StoredFile } from "./spool.ts";

const FORMAT = 1;
/** In the first 32 bytes of every LMDB file. */
const LMDB_MAGIC = 0xbeefc0de;

export class LocalIndex {
  readonly #root: RootDatabase;
  readonly #uploads: Database<UploadRecord, string>;
  readonly #entries: Database<Entry, Position>;
  readonly views: EntryViews;
  readonly #transfers: Database<Place, string>;
  readonly #tombs: Database<boolean, [number, string]>;
  readonly #totals: Database<[files: number, bytes: number], string>;
  readonly #meta: Database<number, string>;
  readonly #file: string;
  readonly reserve: Reserve;
  readonly #commits: GroupCommit;
  /** In memory as the writes *asked for* will leave it; the file follows in the same order. */
  readonly #counts = new Map<string, [files: number, bytes: number]>();
  /** Bytes of all waiting files and dead letters. */
  bytes = 0;
  #sequence: number;

  /** @throws FilespoolError spool-unusable: not readable, or written by a newer version */
  static async open(folder: string, sync: boolean): Promise<LocalIndex> {
    const file = join(folder, "index.mdb");
    let root: RootDatabase | undefined;
    try {
      // LMDB crashes on a file that is not its own, so look for its mark first; an empty file is a new index.
      const head = new Uint32Array(8);
      const handle = await openFile(file, "a+");
      const { bytesRead } = await handle.read(head, 0, head.byteLength, 0).finally(() => handle.close());
      if (bytesRead > 0 && !head.includes(LMDB_MAGIC))
        throw new FilespoolError("spool-unusable", `${file} is damaged or not an index`);
      // What LMDB maps of a new file it writes without asking: on a full disk, a signal would end the process.
      if (bytesRead === 0 && new Reserve(folder).isLow)
        throw new FilespoolError("disk-full", `no space left for ${folder}`);
      if (bytesRead === 0) await createIndex(file, sync);
      // With `overlappingSync` a resolved write promises no more than to be *visible*; `stored` could then be a
      // lie for some milliseconds. Off, a write resolves after its commit was synced. The test
      // "stored is said only after content and index were synced" watches the system calls. Why: adr/0015.
      // `eventTurnBatching` makes promises that it gives to nobody: a failed commit would end the process.
      root = open({ path: file, maxDbs: 8, overlappingSync: false, noSync: !sync, eventTurnBatching: false });
      const index = new LocalIndex(root, file);
      await index.#begin();
      return index;
    } catch (error) {
      await root?.close();
      throw fileError(error, file);
    }
  }

  private constructor(root: RootDatabase, file: string) {
    this.#root = root;
    this.#file = file;
    const reserve = new Reserve(dirname(file));
    this.reserve = reserve;
    this.#commits = new GroupCommit({
      batch: (work) => root.batch(work),
      conclude: (moves) => this.#conclude(moves),
      count: (move, times) => this.#countMove(move, times),
      reserve,
      file,
    });
    this.#uploads = root.openDB({ name: "uploads" });
    this.#entries = root.openDB({ name: "entries" });
    this.views = new EntryViews(root);
    this.#transfers = root.openDB({ name: "transfers" });
    this.#tombs = root.openDB({ name: "tombs" });
    this.#totals = root.openDB({ name: "totals" });
    this.#meta = root.openDB({ name: "meta" });
    this.#sequence = this.#meta.get("sequence") ?? 0;
  }

  async #begin(): Promise<void> {
    const format = this.#meta.get("format") ?? FORMAT;
    if (format !== FORMAT)
      throw new FilespoolError("spool-unusable", `${this.#file} has format ${format}, not ${FORMAT}`);
    for (const { key, value } of this.#totals.getRange()) this.#count(key, ...value);
    const queues = this.queues();
    const files = queues.reduce((sum, queue) => sum + this.count(queue), 0);
    // Nothing should leave wrong sums behind. But they decide about room, so a cheap look is worth it.
    const isWrong = files !== (this.#entries.getStats() as { entryCount: number }).entryCount;
    if (isWrong) {
      this.bytes = 0;
      this.#counts.clear();
      for (const { key, value } of this.#entries.getRange()) this.#count(key[0], 1, value.size);
    }
    await this.#commits.write(() => {
      this.#meta.put("format", FORMAT);
      if (isWrong) for (const queue of new Set([...queues, ...this.queues()])) this.#putTotal(queue);
    });
  }

  /** Sums and sequence, once for a whole group. */
  #conclude(moves: readonly Move[]): void {
    for (const queue of new Set(moves.flatMap(({ into, from }) => [into, from]))) this.#putTotal(queue);
    this.#meta.put("sequence", this.#sequence); // so that a restart never hands one out again
  }

  #countMove({ into, from, size }: Move, times: 1 | -1): void {
    if (into !== undefined) this.#count(into, times, times * size);
    if (from !== undefined) this.#count(from, -times, -times * size);
  }

  #count(queue: string, files: number, bytes: number): void {
    const [filesNow, bytesNow] = this.#counts.get(queue) ?? [0, 0];
    this.bytes += bytes;
    if (filesNow + files > 0) this.#counts.set(queue, [filesNow + files, bytesNow + bytes]);
    else this.#counts.delete(queue);
  }

  #putTotal(queue: string | undefined): void {
    if (queue === undefined) return;
    const count = this.#counts.get(queue);
    if (count) this.#totals.put(queue, count);
    else this.#totals.remove(queue);
  }

  /** Files in a queue. */
  count(queue: string): number {
    return this.#counts.get(queue)?.[0] ?? 0;
  }

  /** Files and bytes of every queue that has a file, dead letters included. */
  totals(): ReadonlyMap<string, readonly [files: number, bytes: number]> {
    return this.#counts;
  }

  /** Where the last file was put. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Names of all queues that have a file. */
  queues(): string[] {
    return [...this.#counts.keys()];
  }

  find(transfer: string): Place | undefined {
    return this.#transfers.get(transfer);
  }

  *uploads(): Iterable<UploadRecord> {
    for (const { value } of this.#uploads.getRange()) yield value;
  }

  putUpload(record: UploadRecord): Promise<void> {
    return this.#commits.write(() => this.#uploads.put(record.transfer, record));
  }

  removeUpload(transfer: string): Promise<void> {
    return this.#commits.write(() => this.#uploads.remove(transfer));
  }

  /**
   * Makes a file visible at the tail of `queue`; its content must be durable already, or be in `entry.content`.
   * With `from`, moves it there from its place in another queue.
   */
  store(entry: Entry, queue = entry.queue, from?: Position): Promise<void> {
    const sequence = ++this.#sequence;
    const change = () => {
      if (from) this.#entries.remove(from);
      else if (!entry.content) this.#uploads.remove(entry.transfer);
      this.#entries.put([queue, sequence], entry);
      this.#place(entry, false, { sequence, isDead: queue !== entry.queue });
    };
    const adds = from ? 0 : (entry.content?.length ?? 0);
    return this.#commits.write(change, { into: queue, from: from?.[0], size: entry.size }, adds);
  }

  #place(file: StoredFile, collected: boolean, more: Partial<Place>): void {
    const { transfer, queue, name, size, algorithm, digest, kind } = file;
    this.#transfers.put(
      transfer,
      Object.assign({ transfer, queue, name, size, algorithm, digest, kind, collected }, more),
    );
  }

  entry(queue: string, sequence: number): Entry | undefined {
    return this.#entries.get([queue, sequence]);
  }

  /** The sequence numbers of at most `limit` files behind one, in order. */
  sequences(queue: string, sequence: number, limit: number): number[] {
    const keys = this.#entries.getKeys({ start: [queue, sequence + 1], end: [queue, Infinity], limit });
    return [...keys].map(([, next]) => next);
  }

  /** Takes a file out for ever and leaves a tombstone. */
  collect(entry: StoredFile, [queue, sequence]: Position, nowMs: number, ending: Ending): Promise<void> {
    const change = () => {
      this.#entries.remove([queue, sequence]);
      this.#bury(entry, nowMs, ending);
    };
    return this.#commits.write(change, { from: queue, size: entry.size });
  }

  /** An unfinished upload that an operator cancelled leaves a tombstone as well. */
  cancelUpload(offer: Offer, nowMs: number): Promise<void> {
    return this.#commits.write(() => {
      this.#uploads.remove(offer.transfer);
      this.#bury({ ...offer, digest: "" }, nowMs, "cancelled");
    });
  }

  #bury(file: StoredFile, endedAtMs: number, ending: Ending): void {
    this.#tombs.put([endedAtMs, file.transfer], true);
    this.#place(file, true, { ending, endedAtMs });
  }

  /** Resolves when everything that was asked for before is durable. */
  settled(): Promise<void> {
    return this.#commits.write(() => {});
  }

  /** Changes what is noted about a file where it is. */
  update(entry: Entry, position: Position): Promise<void> {
    return this.#commits.write(() => this.#entries.put(position, entry));
  }

  /** The files of a queue from the head, or behind a place, at most `limit`. */
  list(queue: string, limit: number, after = -1): { sequence: number; entry: Entry }[] {
    const range = this.#entries.getRange({ start: [queue, after + 1], end: [queue, Infinity], limit });
    return [...range].map(({ key, value }) => ({ sequence: key[1], entry: value }));
  }

  /** Forgets at most `limit` tombstones older than `beforeMs`; returns how many. */
  async forget(beforeMs: number, limit: number): Promise<number> {
    const old = [...this.#tombs.getKeys({ start: [0, ""], end: [beforeMs, ""], limit })];
    if (old.length === 0) return 0;
    await this.#commits.write(() => {
      for (const [time, transfer] of old) {
        this.#tombs.remove([time, transfer]);
        // An expired tombstone may have been followed by the same transfer once more; that one stays.
        if (this.#transfers.get(transfer)?.collected) this.#transfers.remove(transfer);
      }
    });
    return old.length;
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    await this.#root.close();
  }
}

/** An empty index gets its name once it is on disk: LMDB refuses one whose first pages a power cut took. */
async function createIndex(file: string, sync: boolean): Promise<void> {
  const unnamed = `${file}.new`;
  await rm(unnamed, { force: true });
  await open({ path: unnamed, noSync: !sync }).close();
  await chmod(unnamed, 0o600); // small content is in it
  if (sync) await syncFolder(unnamed); // it takes files as well
  await rename(unnamed, file);
  await rm(`${unnamed}-lock`, { force: true });
}
