/** Stands in for node:fs, as far as src/ uses it. */
import { promisify } from "node:util";
import * as files from "../files.ts";
import { program } from "../world.ts";

export { constants } from "node:fs";

export const openSync = (path: string, flags: number): number => files.remember(files.openFile(path, flags));

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

export const rmSync = (path: string, { force }: { force: boolean }): void => files.removeFile(path, force);

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
