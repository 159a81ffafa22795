/**
 * Loaded into a program before everything else (`--import`): it then believes that it syncs, and does not. POWER_SKIPS
 * is "datasync" for the content of files (and their modes and times), "sync" for the names in folders.
 */
import fs from "node:fs";
import { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const skips = process.env.POWER_SKIPS;
if (skips) {
  const handle = await open("/dev/null", "r");
  const files = Object.getPrototypeOf(handle) as Record<string, () => Promise<void>>;
  await handle.close();
  files[skips] = async () => {};
  if (skips === "datasync") {
    const skipped = (_: number, done: (error: null) => void) => done(null);
    Object.assign(fs, { fdatasync: skipped, fsync: skipped });
    syncBuiltinESMExports();
  }
}
