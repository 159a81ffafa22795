/**
 * node:fs and node:fs/promises, as far as minimal/ uses them, on the disk of the program that is running.
 *
 * A sync takes a while, and so does each change of a name, however little: so a program may be killed between any two of
 * them. To read or to append takes no time, but one read gives at most a buffer, which is how the reader of the timeline
 * chooses the size of data frames: a program has to take what a read gives.
 */
import { type Disk, diskError, type Inode } from "./disk.ts";
import { dirname, resolve } from "./names.ts";
import { running } from "./program.ts";

/** One sync. */
const SYNC_MS = 8;
/** One change of a name. */
const NAME_MS = 0.1;

/** Does something to the disk, after its time; never, when the program is killed meanwhile. */
async function change<T>(path: string, ms: number, work: (disk: Disk, path: string) => T): Promise<T> {
  const program = running();
  await program.pause(ms);
  return work(program.machine.disk, resolve(path));
}

/** Looks at the disk as it is. */
async function look<T>(path: string, work: (disk: Disk, path: string) => T): Promise<T> {
  return work(running().machine.disk, resolve(path));
}

const join = (one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
};

function statusOf({ number, content, links, isFolder }: Inode, { bigint = false } = {}) {
  // No file is changed here while it is sent, so times say nothing.
  const [ino, size, nlink, never] = [number, content.length, links, 0].map((value) => (bigint ? BigInt(value) : value));
  return { ino, size, nlink, mtimeNs: never, ctimeNs: never, isFile: () => !isFolder };
}

class Handle {
  readonly #disk: Disk;
  readonly #inode: Inode;
  readonly #bufferBytes: number;

  constructor(disk: Disk, inode: Inode, bufferBytes: number) {
    this.#disk = disk;
    this.#inode = inode;
    this.#bufferBytes = bufferBytes;
  }

  async stat(options?: { bigint: boolean }) {
    return statusOf(this.#inode, options);
  }

  async read(into: Uint8Array, at: number, length: number, from: number): Promise<{ bytesRead: number }> {
    const bytes = this.#inode.content.subarray(from, from + Math.min(length, this.#bufferBytes));
    into.set(bytes, at);
    return { bytesRead: bytes.length };
  }

  async appendFile(bytes: Uint8Array): Promise<void> {
    this.#disk.write(this.#inode, join(this.#inode.content, bytes));
  }

  async sync(): Promise<void> {
    await running().pause(SYNC_MS);
    this.#disk.sync(this.#inode);
  }

  async close(): Promise<void> {}
}

/** "r" reads; "a+" goes on with a file, and creates one that is not there. */
export async function open(path: string, flags = "r"): Promise<Handle> {
  const { disk, bufferBytes } = running().machine;
  const isNew = flags !== "r" && !disk.find(resolve(path));
  if (isNew) await change(path, NAME_MS, (disk, path) => void disk.create(path));
  return new Handle(disk, disk.get(resolve(path)), bufferBytes);
}

/** A new file, or a new content for one; synced. */
export async function writeFile(path: string, text: string, _options: { flush: true }): Promise<void> {
  const inode = await change(path, NAME_MS, (disk, path) => disk.find(path) ?? disk.create(path));
  await change(path, SYNC_MS, (disk) => {
    disk.write(inode, new TextEncoder().encode(text));
    disk.sync(inode);
  });
}

export const stat = (path: string) => look(path, (disk, path) => statusOf(disk.get(path)));
export const readdir = (path: string) => look(path, (disk, path) => disk.list(path));
export const readFile = (path: string, _encoding: "utf8") =>
  look(path, (disk, path) => new TextDecoder().decode(disk.get(path).content));

export const link = (from: string, to: string) => change(from, NAME_MS, (disk, from) => disk.link(from, resolve(to)));
export const rename = (from: string, to: string) =>
  change(from, NAME_MS, (disk, from) => disk.rename(from, resolve(to)));
export const rm = (path: string, { force = false } = {}) =>
  change(path, NAME_MS, (disk, path) => {
    if (!force) disk.get(path);
    disk.remove(path);
  });
export const rmdir = (path: string) =>
  change(path, NAME_MS, (disk, path) => {
    if (disk.list(path).length > 0) throw diskError("ENOTEMPTY", "directory not empty", path);
    disk.remove(path);
  });

export async function mkdir(path: string, _options: { recursive: true }): Promise<void> {
  if (await look(path, (disk, path) => disk.find(path))) return;
  await mkdir(dirname(resolve(path)), _options);
  await change(path, NAME_MS, (disk, path) => disk.find(path) ?? disk.create(path, true));
}

/** The content from `start` on, one read after the other. */
export async function* createReadStream(path: string, { start = 0 } = {}): AsyncGenerator<Uint8Array, void> {
  const { disk, bufferBytes } = running().machine;
  const { content } = disk.get(resolve(path));
  for (let at = start; at < content.length; at += bufferBytes) yield content.slice(at, at + bufferBytes);
}
