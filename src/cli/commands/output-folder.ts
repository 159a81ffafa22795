/**
 * A private folder below $TMPDIR, for content that `receive --output -` cannot verify in memory.
 *
 *   filespool-output-<user>-<server and queue>         the next run of the same command finds this one again
 *   filespool-output-<user>-<server and queue>-<lot>   another one, if the first is in use or is not ours
 *
 * The first large file makes the folder. The lock in it is held while the folder is in use, and ends with the process: if a
 * run can lock a folder, nobody uses it. When a run has written everything that it began, it removes the folder. The next
 * run of the same command continues what an interrupted run left there. After a week, any run removes it.
 *
 * Everybody may write to $TMPDIR. So the folder is used only if it is a folder, ours, and closed to others. Why: adr/0085.
 */
import { createHash } from "node:crypto";
import { constants, lstatSync } from "node:fs";
import { type FileHandle, lstat, mkdir, mkdtemp, open, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe } from "../../disk/system-errors.ts";
import { removeTree } from "../../net/receiver/remove-tree.ts";
import { FilespoolError } from "../../protocol/errors.ts";

const PREFIX = "filespool-output-";
/** No landed file has a name that begins like this. */
const LOCK = ".filespool-lock";
const DAY_MS = 86_400_000;
const KEPT_MS = 7 * DAY_MS;
/** New folders that are tried, one after the other. */
const TRIES_MAX = 20;

export class OutputFolder {
  readonly #path: string;
  #open: { readonly path: string; readonly lock: FileHandle } | null = null;

  /** @param what names the server and the queue */
  constructor(what: string) {
    const key = createHash("sha256").update(what).digest("hex").slice(0, 16);
    this.#path = join(tmpdir(), `${PREFIX}${process.geteuid?.() ?? 0}-${key}`);
  }

  /** Opens the folder that an earlier run has left, so that this run removes it in the end. Makes no new folder. */
  async resume(): Promise<void> {
    if (lstatSync(this.#path, { throwIfNoEntry: false })) await this.path();
  }

  /** The folder. The first call makes and locks it. @throws FilespoolError folder-unusable */
  async path(): Promise<string> {
    if (this.#open) return this.#open.path;
    try {
      await mkdir(this.#path, { mode: 0o700 }).catch(unlessExists);
      let path = this.#path;
      let lock = await lockIn(path);
      // A run that tidies up may take a new folder, which is not locked yet, for one that nobody uses.
      for (let tries = 0; !lock && tries < TRIES_MAX; tries++) {
        path = await mkdtemp(`${this.#path}-`);
        lock = await lockIn(path);
      }
      if (!lock) throw new Error("other programs locked every new folder first");
      this.#open = { path, lock };
      await removeLeft(basename(path));
      return path;
    } catch (error) {
      const what = `cannot keep large files in ${tmpdir()} until they are verified`;
      throw new FilespoolError("folder-unusable", `${what}: ${describe(error)}; set TMPDIR to another folder`);
    }
  }

  /** @returns the folder, if it holds something for the next run; null when nothing is left */
  async close(): Promise<string | null> {
    if (!this.#open) return null;
    const { path, lock } = this.#open;
    this.#open = null;
    const hasParts = (await readdir(path)).some((name) => name !== LOCK);
    if (!hasParts) await removeTree(path).catch(unlessTaken); // under its lock, so that no other run begins to use it
    await lock.close();
    return hasParts ? path : null;
  }
}

/** For a `catch`: after the lock file is removed, another run may have begun to use the folder. */
function unlessTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
}

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

/** For a `catch`: null where the name belongs to something that is not ours. A full or broken disk is an error. */
function unlessForeign(error: NodeJS.ErrnoException): null {
  if (["ENOENT", "ELOOP", "ENXIO", "EISDIR", "EACCES", "EPERM"].includes(error.code ?? "")) return null;
  throw error;
}

/** Whether it is a folder of this user that is closed to others. */
async function isOurs(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  const isClosed =
    process.geteuid === undefined || (stat !== null && stat.uid === process.geteuid() && !(stat.mode & 0o077));
  return stat?.isDirectory() === true && isClosed;
}

/** Locks a folder. Null: it is in use, is not ours, or was just removed. @throws errors of the file system */
async function lockIn(path: string): Promise<FileHandle | null> {
  if (!(await isOurs(path))) return null;
  const { tryLock } = await import("fs-native-extensions");
  const file = join(path, LOCK);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const lock = await open(file, flags, 0o600).catch(unlessForeign);
  if (!lock) return null;
  // Another run may have removed the lock file after we opened it.
  const isThere = async () => (await lstat(file).catch(() => null))?.ino === (await lock.stat()).ino;
  if (tryLock(lock.fd) && (await isThere())) return lock;
  await lock.close();
  return null;
}

/** Removes unused folders: those with a lot at once, others after a week. A folder that cannot be removed stays. */
async function removeLeft(except: string): Promise<void> {
  const user = `${PREFIX}${process.geteuid?.() ?? 0}-`;
  for (const name of await readdir(tmpdir())) {
    // Earlier versions used folders with six letters and no lock.
    const isOld = /^filespool-output-[A-Za-z0-9]{6}$/.test(name);
    if (name === except || (!isOld && !name.startsWith(user))) continue;
    const path = join(tmpdir(), name);
    const stat = await lstat(path).catch(() => null);
    const hasLot = name.length > `${user}0123456789abcdef`.length;
    const ageMs = Date.now() - (stat?.mtimeMs ?? 0);
    if (stat === null || ageMs < (isOld ? DAY_MS : hasLot ? 0 : KEPT_MS)) continue;
    const lock = await lockIn(path).catch(() => null);
    if (!lock) continue;
    await removeTree(path).catch(() => {});
    await lock.close();
  }
}
