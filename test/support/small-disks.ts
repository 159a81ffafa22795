/**
 * Disks of a kind or a size that the machine does not have, for tests that run as root: a file that is mounted, or memory.
 * What is missing is said aloud by `canMount`; whatever was mounted is gone when the test is over.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync } from "node:fs";
import { onTestFinished } from "vitest";

const run = (program: string, ...words: string[]) => execFileSync(program, words, { stdio: "pipe", encoding: "utf8" });
const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/** A disk in memory. */
export function mountMemory(at: string, bytes: number): void {
  mkdirSync(at, { recursive: true });
  run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", at);
  onTestFinished(() => void run("umount", "-l", at));
}

/** How each kind of disk is made from a file, and mounted. */
const KINDS = {
  ntfs: {
    needs: ["mkfs.ntfs", "ntfs-3g"],
    make: ["mkfs.ntfs", "-F", "-Q", "-q"],
    mount: ["ntfs-3g", "-o", "windows_names"],
  },
  exfat: { needs: ["mkfs.exfat", "mount.exfat-fuse"], make: ["mkfs.exfat"], mount: ["mount.exfat-fuse"] },
} as const;
export type DiskKind = keyof typeof KINDS;

/** A disk of 64 MiB in a file. */
export function mountDisk(kind: DiskKind, at: string): void {
  const image = `${at}.image`;
  mkdirSync(at, { recursive: true });
  const fd = openSync(image, "w");
  ftruncateSync(fd, 64 * 1024 * 1024);
  closeSync(fd);
  const { make, mount } = KINDS[kind];
  run(make[0], ...make.slice(1), image);
  const loop = run("losetup", "-f", "--show", image).trim();
  onTestFinished(() => void run("losetup", "-d", loop));
  run(mount[0], ...mount.slice(1), loop, at);
  onTestFinished(() => void run("umount", "-l", at));
}

/** Whether that can be mounted here; if not, says so. */
export function canMount(what: "memory" | DiskKind): boolean {
  const needs: readonly string[] = what === "memory" ? [] : [...KINDS[what].needs, "losetup"];
  const missing = needs.filter((program) => !has(program));
  const why = process.getuid?.() !== 0 ? "needs root" : missing.length > 0 ? `${missing.join(", ")} missing` : tried();
  if (why !== null) console.warn(`SKIPPED: a target folder on ${what}: ${why}`);
  return why === null;
}

/** Root of a container may not be allowed to mount anything. */
function tried(): string | null {
  const script = 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"';
  return spawnSync("sh", ["-c", script]).status === 0 ? null : "mounting is not allowed here";
}
