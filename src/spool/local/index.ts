/**
 * The index of the local spool: what is where, in one LMDB file.
 *
 *   database   key                value
 *   uploads    transfer           what was offered, the durable offset, the time of the last progress
 *   entries    [queue, sequence]  one waiting file; small content is inside the value
 *   transfers  transfer           where it is now: waiting, dead, or collected (a tombstone)
 *   tombs      [time, transfer]   the same tombstones by time: expiry reads what it removes
 *   totals     queue              [files, bytes], so that a start need not count (totals.ts)
 *   ages       [time, sequence]   where a file is, by when it was stored, for expiry (ages.ts)
 *   meta       "sequence", "ages"; "format", while there are files without a row in `ages`
 *
 * Dead letters lie in a queue like any other, under a name that no sender can use (records.ts).
 *
 * Each method that changes something hands a function to the group commit (group-commit.ts). That
 * function runs later, in a transaction with the changes of others. So it must not wait and must
 * not decide anything. Many changes share one fdatasync, off the event loop, and that makes durable
 * small files cheap.
 *
 * Sequence numbers are given out when a change is asked for, and groups are committed in the order
 * of asking. So files become visible in the order of their numbers.
 *
 * Invariant: the rows of a file in `entries`, `transfers` and `ages` come, move and go
 * in one commit.
 *
 * Never here: leases, sockets, content files. Why LMDB: adr/0013.
 */
import { join } from "node:path";
import type { RootDatabase } from "lmdb";
import { fileError } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import type { Ending, Offer, StoredFile } from "../files.ts";
import { Ages } from "./ages.ts";
import { Databases } from "./databases.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { EntryViews } from "./entry-views.ts";
import { GroupCommit } from "./group-commit.ts";
import { openIndexFile } from "./index-file.ts";
import type { Entry, Place, Position, UploadRecord } from "./records.ts";
import { QueueTotals } from "./totals.ts";

/** The only format so far. A spool of another one is refused, not guessed at. */
const FORMAT = 1;

export class LocalIndex {
  readonly #db: Databases;
  /** The entries once more, for leases: without copies of their content. */
  readonly views: EntryViews;
  readonly #file: string;
  readonly reserve: DiskReserve;
  readonly commits: GroupCommit;
  /** What each queue holds, once all changes that were asked for are on disk. */
  readonly totals: QueueTotals;
  /** Which files are due, whatever queue they are in. */
  readonly ages: Ages;
  /**
   * The last sequence number that was given out. The file follows with each commit. Where a commit
   * fails, its numbers are gone, and that is a gap which nobody minds.
   */
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
    const db = new Databases(root);
    this.#db = db;
    this.#file = file;
    this.reserve = reserve;
    this.commits = new GroupCommit({
      batch: (work) => root.batch(work),
      // Once for a whole group, after its changes: what all of them have changed together.
      conclude: (moves) => {
        this.totals.put(moves);
        this.#db.meta.put("sequence", this.#sequence); // so that a restart never hands one out again
      },
      count: (move, step) => this.totals.count(move, step),
      reserve,
      file,
    });
    this.views = new EntryViews(root);
    this.totals = new QueueTotals(db.totals);
    this.ages = new Ages(db.ages, db.entries, db.meta, this.commits);
    this.#sequence = db.meta.get("sequence") ?? 0;
    reserve.index = { file, bytesInUse: () => this.bytesInUse(), between: (work) => this.commits.between(work) };
  }

  async #begin(): Promise<void> {
    const format = this.#db.meta.get("format") ?? FORMAT;
    if (format !== FORMAT)
      throw new FilespoolError("spool-unusable", `${this.#file} has format ${format}, not ${FORMAT}`);
    this.totals.load();
    // Sums decide about room, so they are compared once with the number of entries,
    // which LMDB knows.
    const { waiting, dead } = this.totals.sums;
    const entryCount = this.#db.files;
    const isWrong = waiting.files + dead.files !== entryCount;
    // Written also where the sums are right: an index that cannot be written should say so now.
    await this.commits.write(() => void (isWrong && this.totals.mend(this.#db.homes())));
    if (isWrong) this.totals.load();
    if (entryCount === 0) await this.ages.build(); // of no files, all rows are there at once
  }

  /** Files in a queue, as all changes asked for will leave it. */
  count(queue: string): number {
    return this.totals.of(queue)[0];
  }

  /** Why nothing could be written when that was last tried, or null. */
  get trouble(): FilespoolError | null {
    return this.commits.trouble;
  }

  /** Bytes of the file that are in use. A look costs some microseconds. */
  bytesInUse(): number {
    return this.#db.bytesInUse();
  }

  /** The last number that was given out: every file of now has this one or a lower one. */
  get sequence(): number {
    return this.#sequence;
  }

  /** What is known of a transfer that is a file or was one, as of the last commit. */
  find(transfer: string): Place | undefined {
    return this.#db.transfers.get(transfer);
  }

  /** All unfinished uploads of which something is durable. */
  *uploads(): Iterable<UploadRecord> {
    for (const { value } of this.#db.uploads.getRange()) yield value;
  }

  /** Notes how far an upload is. Its content must be durable that far. */
  putUpload(record: UploadRecord): Promise<void> {
    return this.commits.write(() => this.#db.uploads.put(record.transfer, record));
  }

  /** Forgets an unfinished upload, without a tombstone: the same transfer may be offered again. */
  removeUpload(transfer: string): Promise<void> {
    return this.commits.write(() => this.#db.uploads.remove(transfer));
  }

  /**
   * Makes a file visible at the tail of its queue. Its content must be durable already, or must be
   * `entry.content`, which the commit makes durable with the entry.
   * @param onCounted called in the step in which the file is counted in its queue, and in the step
   * in which that is taken back because the commit failed
   */
  store(entry: Entry, onCounted?: (times: 1 | -1) => void): Promise<void> {
    const { queue, size, content } = entry;
    const change = this.#enter(entry, queue);
    const move = { into: queue, size, ...(onCounted && { onCounted }) };
    return this.commits.write(
      () => {
        if (!content) this.#db.uploads.remove(entry.transfer); // small content never had a record
        change();
      },
      move,
      content?.length ?? 0,
    );
  }

  /** Takes a file from its place to the tail of another home, where it is what `anew` says. */
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

  /** Gives out the number of the new place now, and returns the change that puts the file there. */
  #enter(entry: Entry, home: string): () => void {
    const sequence = ++this.#sequence;
    return () => {
      this.#db.entries.put([home, sequence], entry);
      this.ages.put(entry.storedAtMs, [home, sequence]);
      this.#place(entry, false, { sequence, isDead: home !== entry.queue });
    };
  }

  /** Inside a transaction: a file leaves its place. `sinceMs` finds its row by age. */
  #exit(sinceMs: number, position: Position): void {
    this.#db.entries.remove(position);
    this.ages.remove(sinceMs, position);
  }

  /** Inside a transaction: notes where a transfer is, in place of what was noted before. */
  #place(file: StoredFile, collected: boolean, more: Partial<Place>): void {
    const { transfer, queue, name, size, algorithm, digest, kind } = file;
    this.#db.transfers.put(
      transfer,
      Object.assign({ transfer, queue, name, size, algorithm, digest, kind, collected }, more),
    );
  }

  /** A file with all that is known of it, or undefined where none is at that place. */
  entry(queue: string, sequence: number): Entry | undefined {
    return this.#db.entries.get([queue, sequence]);
  }

  /** The sequence numbers of at most `limit` files behind one, in order. */
  sequences(queue: string, sequence: number, limit: number): number[] {
    const keys = this.#db.entries.getKeys({ start: [queue, sequence + 1], end: [queue, Infinity], limit });
    return [...keys].map(([, next]) => next);
  }

  /** Takes a file out for ever and leaves a tombstone. It was stored at `sinceMs`. */
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
      this.#db.uploads.remove(offer.transfer);
      this.#leaveTombstone({ ...offer, digest: "" }, nowMs, "cancelled");
    });
  }

  /**
   * Inside a transaction: two rows, one to find the tombstone by its transfer and one by its time.
   */
  #leaveTombstone(file: StoredFile, endedAtMs: number, ending: Ending): void {
    this.#db.tombstones.put([endedAtMs, file.transfer], true);
    this.#place(file, true, { ending, endedAtMs });
  }

  /** Resolves when everything that was asked for before is durable. */
  settled(): Promise<void> {
    return this.commits.write(() => {});
  }

  /** Changes what is noted about a file, and leaves the file where it is. */
  update(entry: Entry, position: Position): Promise<void> {
    return this.commits.write(() => this.#db.entries.put(position, entry));
  }

  /**
   * The files of a queue from its head, or behind a place, at most `limit`, small content included.
   */
  list(queue: string, limit: number, after = -1): { sequence: number; entry: Entry }[] {
    const range = this.#db.entries.getRange({ start: [queue, after + 1], end: [queue, Infinity], limit });
    return [...range].map(({ key, value }) => ({ sequence: key[1], entry: value }));
  }

  /** How many tombstones there are. */
  get tombstoneCount(): number {
    return (this.#db.tombstones.getStats() as { entryCount: number }).entryCount;
  }

  /**
   * Forgets at most `limit` tombstones older than `beforeMs`, the oldest first; returns how many.
   */
  async forget(beforeMs: number, limit: number): Promise<number> {
    const old = [...this.#db.tombstones.getKeys({ start: [0, ""], end: [beforeMs, ""], limit })];
    if (old.length === 0) return 0;
    await this.commits.write(() => {
      for (const [time, transfer] of old) {
        this.#db.tombstones.remove([time, transfer]);
        // The same transfer may have been stored once more after its tombstone had expired:
        // that file stays.
        if (this.#db.transfers.get(transfer)?.collected) this.#db.transfers.remove(transfer);
      }
    });
    return old.length;
  }

  /** Waits for the commits that were asked for, and closes the file. */
  async close(): Promise<void> {
    await this.commits.idle();
    await this.#db.root.close();
  }
}
