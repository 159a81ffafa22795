import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { skipAloud } from "./children.ts";
import { inTempFolder } from "./subject.ts";

interface Disk {
  readonly folder: string;
  /** Takes all the room that is left, and gives it back. */
  fill(): void;
  free(): void;
}

/** Runs a law on a small disk of its own: a tmpfs, which only root can mount. */
export function onSmallDisk(context: TestContext, sizeMiB: number, law: (disk: Disk) => Promise<void>): Promise<void> {
  return inTempFolder(async (temp) => {
    const folder = join(temp, "disk");
    mkdirSync(folder);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMiB}m`, "tmpfs", folder], { stdio: "ignore" });
    } catch {
      skipAloud(context, "a small disk cannot be mounted here");
    }
    const filler = join(folder, "filler");
    const fill = () => {
      const file = openSync(filler, "a");
      try {
        for (;;) writeSync(file, Buffer.alloc(4096));
      } catch {
        closeSync(file);
      }
    };
    try {
      await law({ folder, fill, free: () => rmSync(filler) });
    } finally {
      execFileSync("umount", ["-l", folder]);
    }
  });
}
