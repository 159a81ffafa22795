/** Stands in for node:fs/promises: each call takes a while, and a program that dies meanwhile never hears of it. */
import * as files from "../files.ts";
import { program } from "../world.ts";

export { constants } from "node:fs";

/** Lets a system call happen after a while. `syncs`: it waits for the disk itself, which takes longer. */
function call<T>(work: () => T, syncs = false): Promise<T> {
  const { slowMs, world } = program().machine.disk;
  return program().ask(world.random() * slowMs * (syncs ? 5 : 1), work);
}

/** What was written before the call is on disk when it ends well. */
export function syncFile({ inode, disk, path }: files.OpenFile): Promise<void> {
  const end = inode.sync();
  return call(() => {
    end(disk.syncsFail);
    if (disk.syncsFail) throw files.systemError("EIO", "fsync", path);
  }, true);
}

export class FileHandle {
  readonly fd: number;
  readonly #file: files.OpenFile;

  constructor(file: files.OpenFile) {
    this.#file = file;
    this.fd = files.remember(file);
  }

  read(into: ArrayBufferView, offset: number, length: number, position: number): Promise<{ bytesRead: number }> {
    const view = new Uint8Array(into.buffer, into.byteOffset + offset, length);
    return call(() => ({ bytesRead: this.#file.read(view, position) }));
  }

  writev(parts: readonly Uint8Array[], position: number): Promise<{ bytesWritten: number }> {
    return call(() => ({ bytesWritten: this.#file.write(Buffer.concat(parts), position) }));
  }

  async writeFile(content: Uint8Array): Promise<void> {
    await call(() => this.#all(Buffer.from(content), 0));
  }

  async appendFile(text: string): Promise<void> {
    // As Node has it: at the end only where the file was opened for that.
    await call(() => this.#all(Buffer.from(text), this.#file.appends ? this.#file.inode.size : 0));
  }

  #all(content: Buffer, position: number): void {
    for (let at = 0; at < content.length; ) at += this.#file.write(content.subarray(at), position + at);
  }

  readFile(_: "utf8"): Promise<string> {
    return call(() => this.#file.inode.content.toString("utf8"));
  }

  truncate(length: number): Promise<void> {
    return call(() => this.#file.inode.truncate(length));
  }

  stat() {
    return call(() => files.statOf(this.#file.inode));
  }

  sync(): Promise<void> {
    return syncFile(this.#file);
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  close(): Promise<void> {
    files.forget(this.fd);
    this.#file.close();
    return call(() => {});
  }
}

export const open = (path: string, flags?: string | number): Promise<FileHandle> =>
  call(() => new FileHandle(files.openFile(path, flags)));
export async function writeFile(path: string, content: Uint8Array): Promise<void> {
  const handle = await open(path, "w+");
  await handle.writeFile(content);
  await handle.close();
}
export const mkdir = (path: string): Promise<void> => call(() => files.makeFolder(path));
export const readdir = (path: string): Promise<string[]> => call(() => files.listFolder(path));
export const rm = (path: string, { force = false } = {}): Promise<void> => call(() => files.removeFile(path, force));
export const rmdir = (path: string): Promise<void> => call(() => files.removeFile(path, false));
export const unlink = (path: string): Promise<void> => call(() => files.removeFile(path, false));
export const link = (from: string, to: string): Promise<void> => call(() => files.linkFile(from, to));
export const rename = (from: string, to: string): Promise<void> => call(() => files.renameFile(from, to));

export const stat = (path: string) => lstat(path);
export const lstat = (path: string) =>
  call(() => {
    const inode = program().machine.disk.find(path);
    if (!inode) throw files.systemError("ENOENT", "lstat", path);
    return files.statOf(inode);
  });

export const statfs = () => call(files.roomOnDisk);

/** There are no rights here. */
export const chmod = (): Promise<void> => call(() => {});
export async function readFile(path: string): Promise<string> {
  const handle = await open(path, "r");
  return handle.readFile("utf8").finally(() => handle.close());
}
