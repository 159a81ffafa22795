/**
 * A simulated disk: files and folders with two faces, what a program sees now and what a power cut would leave.
 *
 *   write, truncate                seen at once; on disk when a sync of the file that began afterwards has ended
 *   create, link, unlink, rename   seen at once; on disk when a sync of the folder that began afterwards has ended
 *   a power cut                    of all that was not synced, any part is on disk: each write or not, a write torn at
 *                                  sectors of 512 bytes; each change of a name or not, except that a change to a name
 *                                  needs the ones before it to the same name, and a rename happens whole or not at all
 *   a sync of a file that failed   the writes before it stay visible and never get to the disk; a later sync that goes
 *                                  well does not make up for them (as on Linux: Rebello et al., "Can Applications Recover
 *                                  from fsync Failures?", 2020)
 *
 * This is harsher than ext4, where syncing a new file also keeps its name. It does not lie: what was synced stays.
 */
import type { World } from "./world.ts";

const SECTOR = 512;

type Write = { readonly at: number; readonly bytes: Buffer };
type Change = Write | { readonly length: number };

export class Inode {
  readonly number: number;
  readonly isFolder: boolean;
  links = 0;
  changedMs: number;
  /** Files: the content that is seen, and the one on disk. */
  #seen: Buffer = Buffer.alloc(0);
  #seenLength = 0;
  #disk: Buffer = Buffer.alloc(0);
  #unsynced: Change[] = [];
  /** Folders: the same for names. */
  readonly names = new Map<string, Inode>();
  readonly diskNames = new Map<string, Inode>();
  unsyncedNames: NameChange[] = [];
  /** What LMDB has committed to this file: database, key as JSON, key and value (modules/lmdb.ts). */
  readonly committed = new Map<string, Map<string, Row>>();
  /** Which open file holds the lock. */
  lockedBy: unknown = null;

  constructor(number: number, isFolder: boolean, nowMs: number) {
    this.number = number;
    this.isFolder = isFolder;
    this.changedMs = nowMs;
  }

  get size(): number {
    return this.#seenLength;
  }

  /** What is seen of it now. */
  get content(): Buffer {
    return this.#seen.subarray(0, this.#seenLength);
  }

  /** What would be there after a power cut that takes everything that was not synced. */
  get contentOnDisk(): Buffer {
    return this.#disk;
  }

  write(at: number, bytes: Buffer): void {
    this.#seen = written(this.#seen, this.#seenLength, at, bytes);
    this.#seenLength = Math.max(this.#seenLength, at + bytes.length);
    this.#unsynced.push({ at, bytes });
  }

  truncate(length: number): void {
    if (length > this.#seenLength) this.#seen = written(this.#seen, this.#seenLength, length, Buffer.alloc(0));
    else this.#seen.fill(0, length, this.#seenLength);
    this.#seenLength = length;
    this.#unsynced.push({ length });
  }

  /** Begins a sync; the function that it returns ends it. */
  sync(): (failed: boolean) => void {
    if (this.isFolder) {
      const changes = this.unsyncedNames;
      return (failed) => {
        if (failed) return;
        for (const change of changes) change.apply(this.diskNames);
        this.unsyncedNames = this.unsyncedNames.filter((change) => !changes.includes(change));
      };
    }
    const before = new Set(this.#unsynced);
    return (failed) => {
      if (!failed) this.#disk = applied(this.#disk, before);
      this.#unsynced = this.#unsynced.filter((change) => !before.has(change));
    };
  }

  /** The power goes: any part of what was not synced is on disk, and from now on that is what is seen. */
  losePower(world: World): void {
    const kept: Change[] = [];
    for (const change of this.#unsynced) {
      if (world.chance(0.5)) continue;
      kept.push("bytes" in change && world.chance(0.5) ? torn(change, world) : change);
    }
    this.#disk = applied(this.#disk, kept);
    this.#unsynced = [];
    this.#seen = Buffer.from(this.#disk);
    this.#seenLength = this.#seen.length;
    this.lockedBy = null;
    if (this.#seenLength === 0) this.committed.clear(); // its first pages are gone
    const dropped = new Set<string>();
    for (const change of this.unsyncedNames) {
      if (world.chance(0.5) && !change.names.some((name) => dropped.has(name))) change.apply(this.diskNames);
      else for (const name of change.names) dropped.add(name);
    }
    this.unsyncedNames = [];
    this.names.clear();
    for (const [name, inode] of this.diskNames) this.names.set(name, inode);
  }
}

/** Room is doubled, so that appending stays cheap. */
function written(buffer: Buffer, length: number, at: number, bytes: Buffer): Buffer {
  const end = Math.max(length, at + bytes.length);
  let into = buffer;
  if (end > buffer.length) {
    into = Buffer.alloc(Math.max(end, 2 * buffer.length));
    buffer.copy(into, 0, 0, length);
  }
  bytes.copy(into, at);
  return into;
}

function applied(before: Buffer, changes: Iterable<Change>): Buffer {
  let content = before;
  let length = before.length;
  for (const change of changes) {
    if ("bytes" in change) {
      content = written(content === before ? Buffer.from(before) : content, length, change.at, change.bytes);
      length = Math.max(length, change.at + change.bytes.length);
    } else {
      const cut = Buffer.alloc(change.length);
      content.copy(cut, 0, 0, Math.min(length, change.length));
      content = cut;
      length = change.length;
    }
  }
  return content.subarray(0, length);
}

/** Some sectors of a write, from its beginning: the tail is missing. */
function torn({ at, bytes }: Write, world: World): Write {
  const sectors = Math.ceil(bytes.length / SECTOR);
  return { at, bytes: bytes.subarray(0, world.between(0, sectors) * SECTOR) };
}

/** Names that are given to inodes, or taken away (null). */
type NameEntries = readonly (readonly [name: string, inode: Inode | null])[];

/** One step that changes a folder. */
class NameChange {
  readonly #entries: NameEntries;

  constructor(entries: NameEntries) {
    this.#entries = entries;
  }

  get names(): string[] {
    return this.#entries.map(([name]) => name);
  }

  get inodes(): Inode[] {
    return this.#entries.flatMap(([, inode]) => inode ?? []);
  }

  apply(to: Map<string, Inode>): void {
    for (const [name, inode] of this.#entries) {
      if (inode) to.set(name, inode);
      else to.delete(name);
    }
  }
}

export interface Row {
  readonly key: unknown;
  readonly value: unknown;
}

export class Disk {
  readonly world: World;
  readonly root: Inode;
  /** Bytes that fit. */
  capacity = 2 ** 40;
  /** How long an operation takes, ms, at most. */
  slowMs = 1;
  syncsFail = false;
  #inodes = 1;

  constructor(world: World) {
    this.world = world;
    this.root = new Inode(1, true, 0);
  }

  get used(): number {
    const seen = new Set<Inode>();
    const visit = (folder: Inode): number => {
      let bytes = 0;
      for (const inode of folder.names.values()) {
        if (seen.has(inode)) continue;
        seen.add(inode);
        bytes += inode.isFolder ? visit(inode) : inode.size;
      }
      return bytes;
    };
    return visit(this.root);
  }

  newInode(isFolder: boolean): Inode {
    return new Inode(++this.#inodes, isFolder, this.world.nowMs);
  }

  /** Gives names to inodes, or takes them away, in one step. */
  rename(folder: Inode, entries: NameEntries): void {
    const change = new NameChange(entries);
    for (const [name, inode] of entries) {
      const before = folder.names.get(name);
      if (before) before.links--;
      if (inode) inode.links++;
    }
    change.apply(folder.names);
    folder.unsyncedNames.push(change);
  }

  /** The inode of a path, or undefined. */
  find(path: string, face: "names" | "diskNames" = "names"): Inode | undefined {
    let inode: Inode | undefined = this.root;
    for (const part of path.split("/").filter(Boolean)) inode = inode?.[face].get(part);
    return inode;
  }

  /** The content of a file as a power cut would leave it that takes everything unsynced; undefined if it had no name then. */
  onDisk(path: string): Buffer | undefined {
    return this.find(path, "diskNames")?.contentOnDisk;
  }

  /** Sets up a file that has been there for long. */
  place(path: string, content: Buffer): void {
    const parts = path.split("/").filter(Boolean);
    const name = parts.pop() as string;
    let folder = this.root;
    for (const part of parts) {
      const next = folder.names.get(part) ?? this.newInode(true);
      if (!folder.names.has(part)) this.rename(folder, [[part, next]]);
      folder.sync()(false);
      folder = next;
    }
    const inode = this.newInode(false);
    inode.write(0, content);
    inode.sync()(false);
    this.rename(folder, [[name, inode]]);
    folder.sync()(false);
  }

  /** The power of the machine goes, and comes back. */
  losePower(): void {
    const all = new Set<Inode>();
    const visit = (folder: Inode): void => {
      // Whatever has a name on either face, or had one in between and may get it back; what has none in the end is gone.
      const between = folder.unsyncedNames.flatMap(({ inodes }) => inodes);
      for (const inode of new Set([...folder.names.values(), ...folder.diskNames.values(), ...between])) {
        if (all.has(inode)) continue;
        all.add(inode);
        if (inode.isFolder) visit(inode);
        else inode.losePower(this.world);
      }
      folder.losePower(this.world);
    };
    visit(this.root);
    for (const inode of all) inode.links = 0;
    for (const folder of [this.root, ...all]) for (const inode of folder.names.values()) inode.links++;
  }
}
