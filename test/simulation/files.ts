/** What a program can do with the files of its machine: system calls, at once. modules/fs*.ts give them Node's shape. */
import { constants } from "node:fs";
import type { Disk, Inode } from "./disk.ts";
import { type Program, program } from "./world.ts";

export function systemError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, ${syscall} '${path}'`), { code, syscall, path });
}

const FLAGS: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  "r+": constants.O_RDWR,
  "w+": constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  "wx+": constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_EXCL,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
  "a+": constants.O_RDWR | constants.O_CREAT | constants.O_APPEND,
  ax: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_EXCL,
};

/** One open file of one program. */
export class OpenFile {
  readonly inode: Inode;
  readonly path: string;
  readonly disk: Disk;
  /** Whoever does not say where it writes, writes at the end. */
  readonly appends: boolean;
  readonly #owner: Program;

  constructor(inode: Inode, path: string, owner: Program, flags: number) {
    this.appends = (flags & constants.O_APPEND) !== 0;
    this.inode = inode;
    this.path = path;
    this.disk = owner.machine.disk;
    this.#owner = owner;
    owner.onDeath.add(this.unlock);
  }

  readonly unlock = (): void => {
    if (this.inode.lockedBy === this) this.inode.lockedBy = null;
  };

  lock(): boolean {
    this.inode.lockedBy ??= this;
    return this.inode.lockedBy === this;
  }

  close(): void {
    this.unlock();
    this.#owner.onDeath.delete(this.unlock);
  }

  read(into: Uint8Array, position: number): number {
    const { content } = this.inode;
    const piece = content.subarray(position, position + into.length);
    into.set(piece);
    return piece.length;
  }

  /** Takes all or a part of it, as the disk has room. */
  write(bytes: Buffer, position: number): number {
    const grows = Math.max(0, position + bytes.length - this.inode.size);
    const room = grows === 0 ? Number.POSITIVE_INFINITY : this.disk.capacity - this.disk.used;
    if (room <= 0 && bytes.length > 0) throw systemError("ENOSPC", "write", this.path);
    const fits = grows <= room ? bytes.length : Math.max(1, bytes.length - (grows - room));
    // A write may take less than it was given, for no reason at all.
    const taken = this.disk.world.chance(0.05) ? this.disk.world.between(1, Math.max(1, fits)) : fits;
    if (bytes.length > 0) this.inode.write(position, Buffer.from(bytes.subarray(0, taken)));
    this.inode.changedMs = this.disk.world.nowMs;
    return Math.min(taken, bytes.length);
  }
}

const split = (path: string): [folder: string, name: string] => {
  const at = path.lastIndexOf("/");
  return [path.slice(0, at), path.slice(at + 1)];
};

function folderOf(path: string, syscall: string): [Inode, string] {
  const [folder, name] = split(path);
  const inode = program().machine.disk.find(folder);
  if (!inode?.isFolder) throw systemError("ENOENT", syscall, path);
  return [inode, name];
}

export function openFile(path: string, how: string | number = "r"): OpenFile {
  const flags = typeof how === "number" ? how : FLAGS[how];
  if (flags === undefined) throw new Error(`the simulation does not know the flags ${how}`);
  const owner = program();
  const { disk } = owner.machine;
  let inode = disk.find(path);
  if (inode && flags & constants.O_EXCL) throw systemError("EEXIST", "open", path);
  if (!inode) {
    if (!(flags & constants.O_CREAT)) throw systemError("ENOENT", "open", path);
    const [folder, name] = folderOf(path, "open");
    inode = disk.newInode(false);
    disk.rename(folder, [[name, inode]]);
  } else if (flags & constants.O_TRUNC) inode.truncate(0);
  if (inode.isFolder && flags & (constants.O_WRONLY | constants.O_RDWR)) throw systemError("EISDIR", "open", path);
  return new OpenFile(inode, path, owner, flags);
}

/** Creates one folder. */
export function makeFolder(path: string): void {
  const { disk } = program().machine;
  if (disk.find(path)) throw systemError("EEXIST", "mkdir", path);
  const [folder, name] = folderOf(path, "mkdir");
  disk.rename(folder, [[name, disk.newInode(true)]]);
}

export function listFolder(path: string): string[] {
  const inode = program().machine.disk.find(path);
  if (!inode?.isFolder) throw systemError("ENOENT", "scandir", path);
  return [...inode.names.keys()].sort();
}

export const exists = (path: string): boolean => program().machine.disk.find(path) !== undefined;

/** As `statfs` answers. */
export function roomOnDisk(): { bavail: number; bsize: number; blocks: number } {
  const { capacity, used } = program().machine.disk;
  return { bavail: Math.max(0, capacity - used), bsize: 1, blocks: capacity };
}

export function removeFile(path: string, force: boolean): void {
  const { disk } = program().machine;
  if (!disk.find(path)) {
    if (force) return;
    throw systemError("ENOENT", "unlink", path);
  }
  const [folder, name] = folderOf(path, "unlink");
  disk.rename(folder, [[name, null]]);
}

export function linkFile(from: string, to: string): void {
  const { disk } = program().machine;
  const inode = disk.find(from);
  if (!inode) throw systemError("ENOENT", "link", from);
  if (disk.find(to)) throw systemError("EEXIST", "link", to);
  const [folder, name] = folderOf(to, "link");
  disk.rename(folder, [[name, inode]]);
}

export function renameFile(from: string, to: string): void {
  const { disk } = program().machine;
  const inode = disk.find(from);
  if (!inode) throw systemError("ENOENT", "rename", from);
  const [folder, name] = folderOf(to, "rename");
  const [source, old] = folderOf(from, "rename");
  if (disk.find(to) === inode) return; // two names of one file: POSIX leaves both
  if (source !== folder) throw new Error("the simulation renames inside of one folder only");
  disk.rename(folder, [
    [old, null],
    [name, inode],
  ]);
}

/** As `lstat` and `fstat` answer, with what src/ looks at. */
export function statOf(inode: Inode) {
  const { isFolder, links, size, number, changedMs } = inode;
  const ns = BigInt(Math.floor(changedMs)) * 1_000_000n;
  return {
    isFile: () => !isFolder,
    isDirectory: () => isFolder,
    isSymbolicLink: () => false,
    nlink: links,
    uid: process.geteuid?.() ?? 0, // nobody else works on these machines
    size,
    mode: 0o100644,
    dev: 1,
    ino: number,
    ctimeMs: Date.now() - (program().world.nowMs - changedMs),
    mtimeMs: Date.now() - (program().world.nowMs - changedMs),
    big: { dev: 1n, ino: BigInt(number), size: BigInt(size), mode: 0o100644n, mtimeNs: ns, ctimeNs: ns },
  };
}

/** Descriptors: numbers for open files, since some calls know files by these only. */
const open = new Map<number, OpenFile>();
let descriptors = 2;

export function remember(file: OpenFile): number {
  open.set(++descriptors, file);
  return descriptors;
}

/** @throws EBADF */
export function file(fd: number): OpenFile {
  const found = open.get(fd);
  if (!found) throw systemError("EBADF", "read", String(fd));
  return found;
}

export const forget = (fd: number): void => void open.delete(fd);

/** Between two runs: programs that were killed left theirs open. */
export function forgetAll(): void {
  open.clear();
  descriptors = 2;
}
