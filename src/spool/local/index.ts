/**
 * The index of the local spool: what is where, in one LMDB file. Knows no leases, sockets or content files.
 *
 *   database   key                value
 *   uploads    transfer           what was offered, the durable offset, the time of the last progress
 *   entries    [queue, sequence]  one waiting file; small content is inside the value
 *   transfers  transfer           where it is now: waiting, dead, or collected (a tombstone)
 *   tombs      [time, transfer]   the same tombstones by time, so that expiry reads no more than it removes
 *   totals     queue              [files, bytes], so that a start need not count (local/totals.ts)
 *   ages       [time, sequence]   where a file is, by when it was stored, for expiry (local/ages.ts)
 *   meta       "sequence", "ages"; "format", as long as there are files without a row in `ages`
 *
 * Dead letters are a queue like any other, under a name that no sender can use (local/records.ts).
 *
 * Every change is all of it or nothing, and many share one commit (group-commit.ts) with one fdatasync, off the event
 * loop. That is what makes durable small files cheap. Why LMDB: adr/0013.
 */
import { join } from "node:path";
import type { Database, Key, RootDatabase } from "lmdb";
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { Ending, Offer, StoredFile } from "../files.ts";
import { type Age, Ages } from "./ages.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { EntryViews } from "./entry-views.ts";
import { GroupCommit } from "./group-commit.ts";
import { openIndexFile } from "./index-file.ts";
import type { Entry, Place, Position, UploadRecord } from "./records.ts";
import { QueueTotals, type Total } from "./totals.ts";

const FORMAT = 1;
/** What LMDB tells of a database: pages of its tree, and of values that are longer than a page. */
interface Pages {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}
export class LocalIndex {
  readonly #root: RootDatabase;
  /** All that are named below. */
  readonly #databases: Database<unknown, Key>[] = [];
  readonly #uploads: Database<UploadRecord, string>;
  readonly #entries: Database<Entry, Position>;
  readonly views: EntryViews;
  readonly #transfers: Database<Place, string>;
  readonly #tombstones: Database<boolean, [number, string]>;
  readonly #meta: Database<number, string>;
  readonly #file: string;
  readonly reserve: DiskReserve;
  readonly commits: GroupCommit;
  /** What each queue holds, as the writes *asked for* will leave it; the file follows in the same order. */
  readonly totals: QueueTotals;
  readonly ages: Ages;
  #sequence: number;

  /** @throws FilespoolError spool-unusable: not readable, or written by a newer version */
  static async open(folder: string, sync: boolean): Promise<LocalIndex> {
    const file = join(folder, "index.mdb");
    let root: RootDatabase | undefined;
    try {
      const reserve = new DiskReserve(folder);
      root = await openIndexFile(file, sync, reserve);
      const index = new LocalIndex(root, file, reserve);
      await index.#begin();
      return index;
    } catch (error) {
      await root?.close();
      throw fileError(error, file);
    }
  }

  private constructor(root: RootDatabase, file: string, reserve: DiskReserve) {
    this.#root = root;
    this.#file = file;
    this.reserve = reserve;
    this.commits = new GroupCommit({
      batch: (work) => root.batch(work),
      // Sums and sequence, once for a whole group.
      conclude: (moves) => {
        this.totals.put(moves);
        this.#meta.put("sequence", this.#sequence); // so that a restart never hands one out again
      },
      count: (move, step) => this.totals.count(move, step),
      reserve,
      file,
    });
    const database = <V, K extends Key>(name: string): Database<V, K> => {
      const opened = root.openDB<V, K>({ name });
      this.#databases.push(opened);
      return opened;
    };
    this.#uploads = database("uploads");
    this.#entries = database("entries");
    this.views = new EntryViews(root);
    this.#transfers = database("transfers");
    this.#tombstones = database("tombs");
    this.#meta = database("meta");
    this.totals = new QueueTotals(database<Total, string>("totals"));
    this.ages = new Ages(database<string, Age>("ages"), this.#entries, this.#meta, this.commits);
    this.#sequence = this.#meta.get("sequence") ?? 0;
    reserve.index = { file, bytesInUse: () => this.bytesInUse(), between: (work) => this.commits.between(work) };
  }

  async #begin(): Promise<void> {
    const format = this.#meta.get("format") ?? FORMAT;
    if (format !== FORMAT)
      throw new FilespoolError("spool-unusable", `${this.#file} has format ${format}, not ${FORMAT}`);
    this.totals.load();
    // Nothing should leave wrong sums behind. But they decide about room, so a cheap look is worth it.
    const { waiting, dead } = this.totals.sums;
    const { entryCount } = this.#entries.getStats() as { entryCount: number };
    const isWrong = waiting.files + dead.files !== entryCount;
    // Also where all is well: an index that cannot be written should say so now.
    await this.commits.write(() => void (isWrong && this.totals.mend(this.#homes())));
    if (isWrong) this.totals.load();
    if (entryCount === 0) await this.ages.build(); // nothing to look for, so nothing to wait for
  }

  /** Home and size of each file. */
  *#homes(): Iterable<{ home: string; size: number }> {
    for (const { key, value } of this.#entries.getRange()) yield { home: key[0], size: value.size };
  }

  /** Files in a queue. */
  count(queue: string): number {
    return this.totals.of(queue)[0];
  }

  /** Why nothing could be written when that was last tried, or null. */
  get trouble(): FilespoolError | null {
    return this.commits.trouble;
  }

  /**
   * Bytes of the index that are in use: pages of all databases, and none of those that were freed and wait to be used again.
   * LMDB keeps these counts itself, so a look costs some microseconds however large the index is.
   */
  bytesInUse(): number {
    const { free, ...own } = this.#root.getStats() as Pages & { readonly free: Pages };
    const named = this.#databases.map((database) => database.getStats() as Pages);
    const pages = [own, free, ...named].map((of) => of.treeBranchPageCount + of.treeLeafPageCount + of.overflowPages);
    return pages.reduce((sum, count) => sum + count, 0) * own.pageSize;
  }

  /** Where the last file was put. */
  get sequence(): number {
    return this.#sequence;
  }

  find(transfer: string): Place | undefined {
    return this.#transfers.get(transfer);
  }

  *uploads(): Iterable<UploadRecord> {
    for (const { value } of this.#uploads.getRange()) yield value;
  }

  putUpload(record: UploadRecord): Promise<void> {
    return this.commits.write(() => this.#uploads.put(record.transfer, record));
  }

  removeUpload(transfer: string): Promise<void> {
    return this.commits.write(() => this.#uploads.remove(transfer));
  }

  /**
   * Makes a file visible at the tail of its queue; its content must be durable already, or be in `entry.content`.
   * @param onCounted called in the step in which the file is counted in its queue, and in which that is taken back
   */
  store(entry: Entry, onCounted?: (times: 1 | -1) => void): Promise<void> {
    const { queue, size, content } = entry;
    const change = this.#enter(entry, queue);
    const move = { into: queue, size, ...(onCounted && { onCounted }) };
    return this.commits.write(
      () => {
        if (!content) this.#uploads.remove(entry.transfer);
        change();
      },
      move,
      content?.length ?? 0,
    );
  }

  /** Takes a file from its place to the tail of another home, as `anew` says. */
  move(entry: Entry, [from, sequence]: Position, into: string, anew: Entry): Promise<void> {
    const change = this.#enter(anew, into);
    return this.commits.write(
      () => {
        this.#exit(entry.storedAtMs, [from, sequence]);
        change();
      },
      { into, from, size: entry.size },
    );
  }

  /** The change that puts a file at the tail of a home. */
  #enter(entry: Entry, home: string): () => void {
    const sequence = ++this.#sequence;
    return () => {
      this.#entries.put([home, sequence], entry);
      this.ages.put(entry.storedAtMs, [home, sequence]);
      this.#place(entry, false, { sequence, isDead: home !== entry.queue });
    };
  }

  #exit(sinceMs: number, position: Position): void {
    this.#entries.remove(position);
    this.ages.remove(sinceMs, position);
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

  /** Takes a file out for ever and leaves a tombstone. `sinceMs` is when it was stored. */
  collect(file: StoredFile, position: Position, sinceMs: number, nowMs: number, ending: Ending): Promise<void> {
    const change = () => {
      this.#exit(sinceMs, position);
      this.#leaveTombstone(file, nowMs, ending);
    };
    return this.commits.write(change, { from: position[0], size: file.size });
  }

  /** An unfinished upload that an operator cancelled leaves a tombstone as well. */
  cancelUpload(offer: Offer, nowMs: number): Promise<void> {
    return this.commits.write(() => {
      this.#uploads.remove(offer.transfer);
      this.#leaveTombstone({ ...offer, digest: "" }, nowMs, "cancelled");
    });
  }

  #leaveTombstone(file: StoredFile, endedAtMs: number, ending: Ending): void {
    this.#tombstones.put([endedAtMs, file.transfer], true);
    this.#place(file, true, { ending, endedAtMs });
  }

  /** Resolves when everything that was asked for before is durable. */
  settled(): Promise<void> {
    return this.commits.write(() => {});
  }

  /** Changes what is noted about a file where it is. */
  update(entry: Entry, position: Position): Promise<void> {
    return this.commits.write(() => this.#entries.put(position, entry));
  }

  /** The files of a queue from the head, or behind a place, at most `limit`. */
  list(queue: string, limit: number, after = -1): { sequence: number; entry: Entry }[] {
    const range = this.#entries.getRange({ start: [queue, after + 1], end: [queue, Infinity], limit });
    return [...range].map(({ key, value }) => ({ sequence: key[1], entry: value }));
  }

  /** How many tombstones there are. */
  get tombstoneCount(): number {
    return (this.#tombstones.getStats() as { entryCount: number }).entryCount;
  }

  /** Forgets at most `limit` tombstones older than `beforeMs`, the oldest first; returns how many. */
  async forget(beforeMs: number, limit: number): Promise<number> {
    const old = [...this.#tombstones.getKeys({ start: [0, ""], end: [beforeMs, ""], limit })];
    if (old.length === 0) return 0;
    await this.commits.write(() => {
      for (const [time, transfer] of old) {
        this.#tombstones.remove([time, transfer]);
        // An expired tombstone may have been followed by the same transfer once more; that one stays.
        if (this.#transfers.get(transfer)?.collected) this.#transfers.remove(transfer);
      }
    });
    return old.length;
  }

  async close(): Promise<void> {
    await this.commits.idle();
    await this.#root.close();
  }
}
