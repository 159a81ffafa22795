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

export function fstatSync(fd: number, options?: { bigint: boolean }) {
  const { big, ...stat } = files.statOf(files.file(fd).inode);
  return options?.bigint ? { ...stat, ...big } : stat;
}

export const readSync = (fd: number, into: Uint8Array, offset: number, length: number, position: number): number =>
  files.file(fd).read(into.subarray(offset, offset + length), position);

/** Goes on where the last write to the file ended. */
export function writeSync(fd: number, bytes: Buffer, from: number): number {
  moment();
  return files.file(fd).write(bytes.subarray(from), from);
}

/** Whoever writes a file in one go waits for the disk as well; that takes no time here. */
export function writeFileSync(path: string, bytes: Buffer): void {
  moment();
  const file = files.openFile(path, "w+");
  for (let at = 0; at < bytes.length; ) at += file.write(bytes.subarray(at), at);
  file.close();
}

export function fdatasync(fd: number, done: (error: Error | null) => void): void {
  syncFile(files.file(fd)).then(() => done(null), done);
}

export const fsync = fdatasync;
export const futimesSync = moment;
export const fchmodSync = moment;

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

// Only for what there is none of here: a folder in memory, and disks that are known to write in place.
const never = (): never => {
  throw new Error("not in a simulation");
};
export const mkdtempSync = never;
export const symlinkSync = never;

export function ftruncateSync(fd: number, length: number): void {
  moment();
  files.file(fd).inode.truncate(length);
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

/** There are no rights here. */
export const accessSync = (): void => {};

/** What a system tells of a process is not on this disk. */
export function readFileSync(path: string): never {
  throw files.systemError("ENOENT", "open", path);
}
export const readdirSync = readFileSync;

export const existsSync = files.exists;
export const realpathSync = (path: string): string => path;
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

export function rmdirSync(path: string): void {
  moment();
  files.removeFile(path, false);
}
