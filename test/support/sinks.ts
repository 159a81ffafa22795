/** Places to which output goes and is lost: descriptors for the standard streams of a program. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import type { Place } from "./process-program.ts";

let count = 0;

/** A pipe, as its two ends; both are closed with the test at the latest. */
export function pipe(place: Place): { readonly path: string; readonly from: Closable; readonly to: Closable } {
  const path = place.path(`pipe-${count++}`);
  execFileSync("mkfifo", [path]);
  // In this order neither waits for the other.
  const from = closable(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  const to = closable(openSync(path, constants.O_WRONLY));
  return { path, from, to };
}

export interface Closable {
  readonly fd: number;
  close(): void;
}

function closable(fd: number): Closable {
  let isOpen = true;
  const close = (): void => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  onTestFinished(close);
  return { fd, close };
}

/** A pipe whose reader has gone away. */
export function readerGone(place: Place): number {
  const { from, to } = pipe(place);
  from.close();
  return to.fd;
}

/** A disk with room for so many pages of 4 KiB, as a folder, or null where no disk can be mounted. */
export function smallDisk(place: Place, pages: number): string | null {
  const folder = place.path(`disk-${count++}`);
  mkdirSync(folder);
  try {
    // A size of 0 would mean none.
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${(pages + 1) * 4}k`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return null;
  }
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  writeFileSync(`${folder}/filler`, Buffer.alloc(4096));
  return folder;
}

/** A file or device, opened to be written to. */
export const opened = (path: string): number => closable(openSync(path, "w")).fd;
