/**
 * A model of what a disk holds after a power cut, given what was asked of it before.
 *
 * What a file system is assumed to do, and nothing more:
 *
 *   - A sector of 512 bytes is written whole or not at all. Of those of a page that changed since they were last
 *     synced, each may be on disk as it was after any of the writes since then, each by itself, in any order.
 *   - The size of a file is a value of its own: it may be on disk without the bytes (zeros then), or late.
 *   - `fsync` and `fdatasync` make durable what ended before they began, size included, once they have returned. A
 *     write through a descriptor with O_DSYNC is durable, by itself, when it returns.
 *   - To create, link, unlink or rename is a change of the folder. Without `fsync` of that folder each such change may
 *     be there or not, independently of the others; only those of one name keep their order. A rename is one change.
 *   - To sync a file does not make its name durable, and to sync a name does not make the content durable.
 *
 * This is weaker than ext4, XFS or Btrfs, which order changes of names by a journal; it is about what POSIX promises.
 * Not modelled: disks that lie about flushes, that damage sectors that nobody wrote, or that lose what was flushed;
 * the repair of a damaged file system; times and rights of files; writes through mapped memory (the lock file of LMDB
 * has such, and every start makes it anew).
 */
export const PAGE_BYTES = 4096;
export const SECTOR_BYTES = 512;

/** Begun: the disk may show it. Ended: a sync that begins now covers it. Durable: nothing takes it away. */
type State = "begun" | "ended" | "durable";

export interface Change {
  state: State;
}

interface Write extends Change {
  readonly offset: number;
  /** Null where it cuts: everything from `offset` on is zero then. */
  readonly bytes: Uint8Array | null;
  /** The new size, where that changed. */
  readonly size: number | null;
}

interface NameChange extends Change {
  /** Each name with what it stands for from then on; null: nothing. */
  readonly names: readonly (readonly [name: string, node: Node | null])[];
}

/**
 * Chooses what of a thing has reached the disk: `versions` are its states, 0 the oldest that it may have, the last one
 * what the program sees. `unit` names the thing, the same for the same at one cut.
 */
export interface Chooser {
  choose(unit: string, versions: number): number;
  /** Chooses for each sector of a page instead of for the page. */
  readonly tears: boolean;
}

let numbers = 0;

export class DiskFile {
  readonly number = ++numbers;
  /** As the program sees it. */
  size = 0;
  #base = Buffer.alloc(0);
  #baseSize = 0;
  #changes: Write[] = [];

  write(offset: number, bytes: Uint8Array): Change {
    const size = offset + bytes.length > this.size ? offset + bytes.length : null;
    return this.#add({ offset, bytes, size, state: "begun" });
  }

  resize(size: number): Change {
    const cuts = size < this.size;
    return this.#add({ offset: size, bytes: cuts ? null : new Uint8Array(0), size, state: "begun" });
  }

  #add(change: Write): Change {
    if (change.size !== null) this.size = change.size;
    this.#changes.push(change);
    return change;
  }

  /** Call it when a sync begins; what it returns is to be called when the sync has ended. */
  sync(): () => void {
    const covered = this.#changes.filter(({ state }) => state !== "begun");
    return () => {
      for (const change of covered) change.state = "durable";
      this.#fold();
    };
  }

  /** What is durable, with nothing pending before it, becomes the base. */
  #fold(): void {
    let count = 0;
    for (const { state, offset, bytes, size } of this.#changes) {
      if (state !== "durable") break;
      const end = Math.max(offset + (bytes?.length ?? 0), this.#baseSize);
      if (end > this.#base.length) this.#base = Buffer.concat([this.#base, Buffer.alloc(end * 2 - this.#base.length)]);
      if (bytes) this.#base.set(bytes, offset);
      else this.#base.fill(0, offset);
      if (size !== null) this.#baseSize = size;
      count++;
    }
    this.#changes = this.#changes.slice(count);
  }

  render(chooser: Chooser): Buffer {
    const sizes = [{ size: this.#baseSize, state: "durable" }, ...this.#changes.filter(({ size }) => size !== null)];
    const oldest = sizes.findLastIndex(({ state }) => state === "durable");
    const count = sizes.length - oldest;
    const chosen = sizes[oldest + (count > 1 ? chooser.choose(`size of ${this.number}`, count) : 0)];
    const size = chosen?.size as number;
    const image = Buffer.alloc(size);
    this.#base.copy(image, 0, 0, size);
    for (const [page, changes] of this.#byPage()) {
      const unit = `page ${page} of ${this.number}`;
      const parts = chooser.tears ? PAGE_BYTES / SECTOR_BYTES : 1;
      const bytes = PAGE_BYTES / parts;
      for (let part = 0; part < parts; part++) {
        const from = page * PAGE_BYTES + part * bytes;
        const touching = changes.filter((change) => endOf(change) > from && change.offset < from + bytes);
        const first = touching.findLastIndex(({ state }) => state === "durable") + 1;
        const count = touching.length - first + 1;
        const version = count > 1 ? chooser.choose(parts > 1 ? `${unit}, ${part}` : unit, count) : 0;
        for (const change of touching.slice(0, first + version)) apply(image, change, from, from + bytes);
      }
    }
    return image;
  }

  #byPage(): Map<number, Write[]> {
    const pages = new Map<number, Write[]>();
    const last = Math.ceil(Math.max(this.#baseSize, ...this.#changes.map(({ size }) => size ?? 0)) / PAGE_BYTES);
    for (const change of this.#changes) {
      const to = Math.min(last, Math.ceil(endOf(change) / PAGE_BYTES));
      for (let page = Math.floor(change.offset / PAGE_BYTES); page < to; page++) {
        const changes = pages.get(page);
        if (changes) changes.push(change);
        else pages.set(page, [change]);
      }
    }
    return pages;
  }
}

const endOf = ({ offset, bytes }: Write): number => (bytes ? offset + bytes.length : Infinity);

/** Applies the part of a change that lies in [from, to). */
function apply(image: Buffer, { offset, bytes }: Write, from: number, to: number): void {
  const start = Math.max(from, offset);
  const end = Math.min(to, bytes ? offset + bytes.length : to, image.length);
  if (start >= end) return;
  if (bytes) image.set(bytes.subarray(start - offset, end - offset), start);
  else image.fill(0, start, end);
}

export class DiskFolder {
  readonly number = ++numbers;
  /** As the program sees it. */
  readonly names = new Map<string, Node>();
  readonly #base = new Map<string, Node>();
  #changes: NameChange[] = [];

  change(...names: NameChange["names"]): Change {
    const change: NameChange = { names, state: "begun" };
    set(this.names, change);
    this.#changes.push(change);
    return change;
  }

  sync(): () => void {
    const covered = this.#changes.filter(({ state }) => state !== "begun");
    return () => {
      for (const change of covered) change.state = "durable";
      const first = this.#changes.findIndex(({ state }) => state !== "durable");
      for (const change of this.#changes.splice(0, first < 0 ? this.#changes.length : first)) set(this.#base, change);
    };
  }

  /** The names that are on disk. */
  render(chooser: Chooser): Map<string, Node> {
    const names = new Map(this.#base);
    for (const [index, change] of this.#changes.entries()) {
      const isThere = change.state === "durable" || chooser.choose(`name ${index} of ${this.number}`, 2) === 1;
      if (isThere) set(names, change);
    }
    return names;
  }
}

export type Node = DiskFile | DiskFolder;

function set(names: Map<string, Node>, change: NameChange): void {
  for (const [name, node] of change.names) {
    if (node) names.set(name, node);
    else names.delete(name);
  }
}
