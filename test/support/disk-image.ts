/** A file system in a file, mounted for one test. Only root can do that, and not everywhere. */
import { spawnSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { onTestFinished } from "vitest";

const MiB = 1024 * 1024;

/** How each is made, and the commands that may mount it, of which the first that works is taken. */
const KINDS = {
  /** Inodes of 128 bytes have no room for fractions of a second. */
  ext3: { make: ["mkfs.ext3", "-q", "-I", "128"], mounts: [["mount", "-t", "ext3"]] },
  exfat: { make: ["mkfs.exfat"], mounts: [["mount", "-t", "exfat"], ["mount.exfat-fuse"]] },
} as const;
export type DiskKind = keyof typeof KINDS;
export const DISK_KINDS = Object.keys(KINDS) as DiskKind[];

/** A mounted file system; `remount` mounts it anew, as when a stick is plugged in again. */
export interface DiskImage {
  readonly folder: string;
  remount(): void;
}

/** @returns null where it cannot be made or mounted */
export function mountImage(kind: DiskKind, folder: string): DiskImage | null {
  const image = `${folder}.img`;
  writeFileSync(image, "");
  truncateSync(image, 32 * MiB);
  const { make, mounts } = KINDS[kind];
  const run = ([command = "", ...words]: readonly string[]) => spawnSync(command, words, { encoding: "utf8" });
  const succeeds = (words: readonly string[]) => run(words).status === 0;
  if (!succeeds([...make, image])) return null;
  mkdirSync(folder);
  let device = "";
  const mount = () => {
    device = run(["losetup", "-f", "--show", image]).stdout?.trim() ?? "";
    return device !== "" && mounts.some((words) => succeeds([...words, device, folder]));
  };
  const unmount = () => {
    const isGone = succeeds(["umount", folder]);
    if (device !== "") run(["losetup", "-d", device]);
    return isGone;
  };
  onTestFinished(() => void unmount());
  if (!mount()) return null;
  const remount = () => {
    if (!unmount() || !mount()) throw new Error(`${kind} cannot be mounted again`);
  };
  return { folder, remount };
}
