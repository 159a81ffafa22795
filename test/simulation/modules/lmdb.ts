/**
 * Stands in for lmdb: batches that become visible, and durable, one commit after the other.
 *
 * All batches that were asked for while a commit was under way go into the next one, as with lmdb-js. A commit takes as
 * long as a sync, happens whole or not at all, and whoever dies in the middle of one does not know which. That LMDB
 * itself keeps this promise is not tried here but by test/power and test/crash.
 */
import type { Disk, Inode, Row } from "../disk.ts";
import { openFile, systemError } from "../files.ts";
import { type Program, program } from "../world.ts";

const MAGIC = 0xbeefc0de;

type Tables = Map<string, Map<string, Row>>;
type Change = { readonly table: string; readonly key: unknown; readonly value?: unknown };

interface Batch {
  readonly changes: readonly Change[];
  resolve(): void;
  reject(error: unknown): void;
}

/** There are no pages here, and so no index of any size. */
const NO_PAGES = { pageSize: 4096, treeBranchPageCount: 0, treeLeafPageCount: 0, overflowPages: 0 };

interface Range {
  readonly start?: unknown;
  readonly exclusiveStart?: boolean;
  readonly end?: unknown;
  readonly limit?: number;
}

/** Strings and numbers, and arrays of them part by part: the order of lmdb-js, as far as it is used. */
function compare(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compare(a[i], b[i]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  return (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0;
}

class Database {
  readonly #root: Root;
  readonly #name: string;

  constructor(root: Root, name: string) {
    this.#root = root;
    this.#name = name;
    if (!root.tables.has(name)) root.tables.set(name, new Map());
  }

  get #rows(): Map<string, Row> {
    return this.#root.tables.get(this.#name) as Map<string, Row>;
  }

  get(key: unknown): unknown {
    return this.#rows.get(JSON.stringify(key))?.value;
  }

  getRange({ start, exclusiveStart, end, limit = Number.POSITIVE_INFINITY }: Range = {}): Row[] {
    const least = exclusiveStart ? 1 : 0;
    const rows = [...this.#rows.values()].filter(
      ({ key }) =>
        (start === undefined || compare(key, start) >= least) && (end === undefined || compare(key, end) < 0),
    );
    return rows.sort((a, b) => compare(a.key, b.key)).slice(0, limit);
  }

  getKeys(range: Range = {}): unknown[] {
    return this.getRange(range).map(({ key }) => key);
  }

  getStats() {
    return { ...NO_PAGES, entryCount: this.#rows.size };
  }

  put(key: unknown, value: unknown): void {
    this.#root.change({ table: this.#name, key, value: structuredClone(value) });
  }

  remove(key: unknown): void {
    this.#root.change({ table: this.#name, key });
  }
}

class Root {
  readonly tables: Tables;
  readonly #disk: Disk;
  readonly #owner: Program;
  readonly #file: string;
  readonly #inode: Inode;
  #open: Change[] | null = null;
  #waiting: Batch[] = [];
  #committing: Batch[] = [];
  #isCommitting = false;
  #onIdle: (() => void)[] = [];

  constructor(file: string) {
    this.#owner = program();
    this.#disk = this.#owner.machine.disk;
    this.#file = file;
    this.#inode = openFile(file, "a+").inode;
    this.tables = this.#inode.committed;
    // As LMDB does, a new file gets its first pages without a sync; the first commit syncs them, too.
    if (this.#inode.size === 0) this.#inode.write(0, Buffer.from(new Uint32Array([0, 0, 0, 0, MAGIC, 0, 0, 0]).buffer));
    // Whoever dies in the middle of a commit finds later that it happened, or that it did not.
    this.#owner.onDeath.add(() => {
      if (this.#isCommitting && this.#disk.world.chance(0.5)) this.#apply(this.#committing);
    });
  }

  openDB({ name }: { name: string }): Database {
    return new Database(this, name);
  }

  getStats() {
    return { ...NO_PAGES, free: NO_PAGES };
  }

  change(change: Change): void {
    if (!this.#open) throw new Error("the simulation takes changes inside of a batch only");
    this.#open.push(change);
  }

  batch(work: () => void): Promise<void> {
    const changes: Change[] = [];
    this.#open = changes;
    work();
    this.#open = null;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject });
      this.#commit();
    });
  }

  #commit(): void {
    if (this.#isCommitting || this.#waiting.length === 0) return;
    this.#isCommitting = true;
    const { world, slowMs } = this.#disk;
    this.#owner.after(world.random() * slowMs, () => {
      this.#committing = this.#waiting.splice(0);
      this.#owner.after(world.random() * slowMs * 5, () => {
        const done = this.#committing;
        const isFull = this.#disk.capacity - this.#disk.used <= 0;
        const why = isFull ? "ENOSPC" : this.#disk.syncsFail ? "EIO" : null;
        if (!why) this.#apply(done);
        this.#committing = [];
        this.#isCommitting = false;
        const failure = why && Object.assign(new Error("Commit failed"), { commitError: this.#reason(why) });
        for (const batch of done) failure ? batch.reject(failure) : batch.resolve();
        if (this.#waiting.length === 0) for (const idle of this.#onIdle.splice(0)) idle();
        this.#commit();
      });
    });
  }

  #reason(code: string): Promise<never> {
    const reason = Promise.reject(systemError(code, "pwrite", this.#file));
    reason.catch(() => {});
    return reason;
  }

  #apply(batches: readonly Batch[]): void {
    this.#inode.sync()(false);
    for (const { table, key, value } of batches.flatMap(({ changes }) => changes)) {
      const rows = this.tables.get(table) as Map<string, Row>;
      if (value === undefined) rows.delete(JSON.stringify(key));
      else rows.set(JSON.stringify(key), { key, value });
    }
  }

  async close(): Promise<void> {
    if (!this.#isCommitting && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
    });
  }
}

export const open = ({ path }: { path: string }): Root => new Root(path);
