/**
 * A folder of ours alone below $TMPDIR, for what `receive --output -` cannot verify in memory.
 *
 *   filespool-output-<user>-<server and queue>         the one that the next run of the same command finds again
 *   filespool-output-<user>-<server and queue>-<lot>   another, where that one is in use, or is not ours
 *
 * It is made when the first large file comes. The lock in it is held as long as it is used, and goes with the process: so a
 * folder that can be locked is nobody's any more. When a run has handed on all that it began, the folder goes. What a run
 * that was stopped leaves in it is continued by the next one; nobody comes for it for a week, and any other run removes it.
 *
 * Everybody may write to $TMPDIR. So the folder is used only if it is one, and ours, and closed to others. Why: adr/0085.
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

export class OutputFolder {
  readonly #path: string;
  #open: { readonly path: string; readonly lock: FileHandle } | null = null;

  /** @param what names the server and the queue */
  constructor(what: string) {
    const key = createHash("sha256").update(what).digest("hex").slice(0, 16);
    this.#path = join(tmpdir(), `${PREFIX}${process.geteuid?.() ?? 0}-${key}`);
  }

  /** Takes up what an earlier run has left, so that it goes when this one is done. Without that, nothing is made. */
  async resume(): Promise<void> {
    if (lstatSync(this.#path, { throwIfNoEntry: false })) await this.path();
  }

  /** The folder, which is made and locked by the first call. @throws FilespoolError folder-unusable */
  async path(): Promise<string> {
    if (this.#open) return this.#open.path;
    try {
      await mkdir(this.#path, { mode: 0o700 }).catch(unlessExists);
      const lock = await lockIn(this.#path);
      const path = lock ? this.#path : await mkdtemp(`${this.#path}-`);
      const own = lock ?? (await lockIn(path));
      if (!own) throw new Error("another program took what was just made there");
      this.#open = { path, lock: own };
      await removeLeft(basename(path));
      return path;
    } catch (error) {
      const what = `large files are gathered in ${tmpdir()} before they are handed on, and that cannot be used`;
      throw new FilespoolError("folder-unusable", `${what}: ${describe(error)}; TMPDIR names another place`);
    }
  }

  /** @returns where there is something to be continued; null: nothing is left */
  async close(): Promise<string | null> {
    if (!this.#open) return null;
    const { path, lock } = this.#open;
    this.#open = null;
    const hasParts = (await readdir(path)).some((name) => name !== LOCK);
    if (!hasParts) await removeTree(path).catch(unlessTaken); // under its lock, so that nobody begins to use it meanwhile
    await lock.close();
    return hasParts ? path : null;
  }
}

/** Between its lock and the folder itself, another run may have come and made it its own. */
function unlessTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
}

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

/** For a `catch`: null where something that is not ours has the name; a full or broken disk is no such thing. */
function unlessForeign(error: NodeJS.ErrnoException): null {
  if (["ENOENT", "ELOOP", "ENXIO", "EISDIR", "EACCES", "EPERM"].includes(error.code ?? "")) return null;
  throw error;
}

/** Whether nobody else can look into it or has put it there. */
async function isOurs(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => null);
  const isClosed =
    process.geteuid === undefined || (stat !== null && stat.uid === process.geteuid() && !(stat.mode & 0o077));
  return stat?.isDirectory() === true && isClosed;
}

/** Locks a folder. Null: it is in use, or not ours, or was removed in this moment. @throws what the file system said */
async function lockIn(path: string): Promise<FileHandle | null> {
  if (!(await isOurs(path))) return null;
  const { tryLock } = await import("fs-native-extensions");
  const file = join(path, LOCK);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const lock = await open(file, flags, 0o600).catch(unlessForeign);
  if (!lock) return null;
  // Whoever had it may have removed it after we had opened it.
  const isThere = async () => (await lstat(file).catch(() => null))?.ino === (await lock.stat()).ino;
  if (tryLock(lock.fd) && (await isThere())) return lock;
  await lock.close();
  return null;
}

/** Removes folders that nobody uses: those of a lot at once, others when nobody has come for a week. What fails stays. */
async function removeLeft(except: string): Promise<void> {
  const user = `${PREFIX}${process.geteuid?.() ?? 0}-`;
  for (const name of await readdir(tmpdir())) {
    // Earlier versions gave each run a folder of six letters, and no lock.
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
