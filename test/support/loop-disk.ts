/** A real file system on a loop device, for tests of what only a real one does. Only root can have one. */
import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, type TestContext } from "vitest";
import { skipAloud } from "../spool/children.ts";

const MiB = 1024 * 1024;

/** As small as `mkfs` makes them, with its defaults. */
const SIZES_MIB = { ext4: 200, xfs: 300, btrfs: 300 } as const;
export type FileSystem = keyof typeof SIZES_MIB;

export interface LoopDisk {
  readonly folder: string;
  /** Takes all the room that there is for root. */
  fill(): void;
}

/** Makes and mounts one, and removes it with the test. Skips the test, in so many words, where that cannot be done. */
export function loopDisk(context: TestContext, kind: FileSystem): LoopDisk {
  const place = mkdtempSync(join(tmpdir(), "filespool-disk-"));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  const [image, folder] = [join(place, "image"), join(place, "disk")];
  chmodSync(place, 0o755);
  mkdirSync(folder);
  const run = (command: string, ...words: string[]) => execFileSync(command, words, { stdio: "ignore" });
  try {
    closeSync(openSync(image, "w"));
    truncateSync(image, SIZES_MIB[kind] * MiB);
    run(`mkfs.${kind}`, "-q", kind === "ext4" ? "-F" : "-f", image);
    run("mount", "-o", "loop", image, folder);
  } catch {
    skipAloud(context, `a disk with ${kind} cannot be made and mounted here`);
  }
  onTestFinished(() => void run("umount", "-l", folder));
  let fillers = 0;
  const fill = () => {
    const file = openSync(join(folder, `filler ${++fillers}`), "a");
    // The last block of one size may leave room for smaller ones; and some give room back when they are synced.
    for (const bytes of [MiB, 4096, MiB, 4096])
      try {
        for (;;) writeSync(file, Buffer.alloc(bytes));
      } catch {
        execFileSync("sync", ["-f", folder]);
      }
    closeSync(file);
  };
  return { folder, fill };
}
