/** Stands in for node:fs, as far as src/ uses it. */
import { promisify } from "node:util";
import * as files from "../files.ts";
import { program } from "../world.ts";
import { syncFile } from "./fs-promises.ts";

export { constants } from "node:fs";

/**
 * Between two calls without a wait there is a moment as well: the program may end there, and what it would have done next
 * does not happen.
 */
function moment(): void {
  const owner = program();
  owner.world.step();
  if (!owner.isAlive) throw new Error("this program is dead");
}

export function openSync(path: string, flags: number): number {
  moment();
  return files.remember(files.openFile(path, flags));
}

export function closeSync(fd: number): void {
  files.file(fd).close();
  files.forget(fd);
}

export function fstatSync(fd: number) {
  const { big, ...stat } = files.statOf(files.file(fd).inode);
  return { ...stat, ...big };
}

export const readSync = (fd: number, into: Uint8Array, offset: number, length: number, position: number): number =>
  files.file(fd).read(into.subarray(offset, offset + length), position);

/** Goes on where the last write to the file ended. */
export function writeSync(fd: number, bytes: Buffer, from: number): number {
  moment();
  return files.file(fd).write(bytes.subarray(from), from);
}

export function fdatasync(fd: number, done: (error: Error | null) => void): void {
  syncFile(files.file(fd)).then(() => done(null), done);
}

export function rmSync(path: string, { force }: { force: boolean }): void {
  moment();
  files.removeFile(path, force);
}

export function linkSync(from: string, to: string): void {
  moment();
  files.linkFile(from, to);
}

export function unlinkSync(path: string): void {
  moment();
  files.removeFile(path, false);
}

export function renameSync(from: string, to: string): void {
  moment();
  files.renameFile(from, to);
}

export function lstatSync(path: string, { throwIfNoEntry = true } = {}) {
  const inode = program().machine.disk.find(path);
  if (inode) return files.statOf(inode);
  if (throwIfNoEntry) throw files.systemError("ENOENT", "lstat", path);
  return undefined;
}

/** There are no links here, so both look at the same. */
export const statSync = (path: string) => {
  const { big, ...stat } = lstatSync(path) as ReturnType<typeof files.statOf>;
  return { ...stat, ...big };
};

export function readlinkSync(path: string): string {
  throw files.systemError("EINVAL", "readlink", path);
}

export const existsSync = files.exists;
export const statfsSync = files.roomOnDisk;

/** Only its promise is used. */
export const read = Object.assign(() => {}, {
  [promisify.custom]: (fd: number, into: Uint8Array, offset: number, length: number, position: number) => {
    const { slowMs, world } = program().machine.disk;
    return program().ask(world.random() * slowMs, () => ({
      bytesRead: readSync(fd, into, offset, length, position),
    }));
  },
});

export function mkdirSync(path: string): void {
  moment();
  files.makeFolder(path);
}
