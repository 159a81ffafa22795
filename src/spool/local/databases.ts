/**
 * The databases inside of the index file, by name and type, and what they take of the file.
 *
 * LMDB keeps several sorted maps in one file, and a commit of the file is a commit of all of them.
 * Their names and keys are on people's disks, so they stay as they are; what each is for is said in
 * the table of index.ts. Keys are compared byte by byte as LMDB encodes them: numbers in order,
 * lists element by element, texts by their UTF-8.
 *
 * Never here: what a change means, and when it is committed (index.ts, group-commit.ts).
 */
import type { Database, Key, RootDatabase } from "lmdb";
import type { Age } from "./ages.ts";
import type { Entry, Place, Position, UploadRecord } from "./records.ts";
import type { Total } from "./totals.ts";

/** What LMDB tells of a database: pages of its tree, and of values that are longer than a page. */
interface Pages {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

export class Databases {
  readonly root: RootDatabase;
  /** All that are named below, for the sum of their pages. */
  readonly #named: Database<unknown, Key>[] = [];
  readonly uploads: Database<UploadRecord, string>;
  readonly entries: Database<Entry, Position>;
  readonly transfers: Database<Place, string>;
  readonly tombstones: Database<boolean, [number, string]>;
  readonly meta: Database<number, string>;
  readonly totals: Database<Total, string>;
  readonly ages: Database<string, Age>;

  /**
   * @internal: types of LMDB stay out of the declarations of the package, since not every compiler
   * can read them.
   */
  constructor(root: RootDatabase) {
    const database = <V, K extends Key>(name: string): Database<V, K> => {
      const opened = root.openDB<V, K>({ name });
      this.#named.push(opened);
      return opened;
    };
    this.root = root;
    this.uploads = database("uploads");
    this.entries = database("entries");
    this.transfers = database("transfers");
    this.tombstones = database("tombs"); // its name in the file, from before it was called so
    this.meta = database("meta");
    this.totals = database("totals");
    this.ages = database("ages");
  }

  /** Waiting files and dead letters, as of the last commit. LMDB keeps the number. */
  get files(): number {
    return (this.entries.getStats() as { entryCount: number }).entryCount;
  }

  /** Home and size of each file. It reads all of the index, so only where the sums are wrong. */
  *homes(): Iterable<{ home: string; size: number }> {
    for (const { key, value } of this.entries.getRange()) yield { home: key[0], size: value.size };
  }

  /**
   * Bytes of the file that are in use: pages of all databases, and none of the pages that were
   * freed and wait to be used again. LMDB keeps these counts itself, so a look costs some
   * microseconds however large the index is.
   */
  bytesInUse(): number {
    const { free, ...own } = this.root.getStats() as Pages & { readonly free: Pages };
    const named = this.#named.map((database) => database.getStats() as Pages);
    const pages = [own, free, ...named].map((of) => of.treeBranchPageCount + of.treeLeafPageCount + of.overflowPages);
    return pages.reduce((sum, count) => sum + count, 0) * own.pageSize;
  }
}
