/**
 * Something to do with each landed file before its ack: the library's `onLanded`, the command line's `--exec`.
 *
 * It stands between the receiver and its landing, one file at a time and in order:
 *
 *   1. the file lands       2. a note says which file that is, on disk       3. the hook runs
 *   4. done: the note goes, and the receiver acks; or
 *      failed: the file is taken away again, and its delivery counts as a failed attempt
 *
 * Whoever is killed in between leaves the note. The next run takes that very file (by its inode) back as if it had failed,
 * though nothing is counted, and the delivery that comes again lands anew. So the hook runs at least once, and after a crash
 * perhaps twice; a file that it has moved away by then counts as taken. To take away is a rename to the name of a part or
 * tree, by which the journal knows that the transfer has not landed. Never here: what the hook does. Why: adr/0014, adr/0016.
 */
import { lstat, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { FilespoolError } from "../protocol/errors.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { OWN_PREFIX } from "../protocol/names.ts";
import { syncFolder } from "../spool/batch-writer.ts";
import { folderError, type Incoming, partPath, unlessMissing } from "./incoming-file.ts";
import { removeTree } from "./incoming-tree.ts";
import { type Landed, Landing } from "./landing.ts";
import type { LandedFile, ReceiveOptions } from "./options.ts";

type Delivered = MessageOf<"deliver">;
type Hook = NonNullable<ReceiveOptions["onLanded"]>;

/** What a receiver needs of a landing. */
export type Lander = Pick<
  Landing,
  "sync" | "batchMax" | "check" | "land" | "landedBefore" | "confirm" | "confirmRest" | "close"
>;

/** How the name of a note ends; between OWN_PREFIX and this is the transfer. */
const NOTE = ".hook";

/**
 * Opens the target folder. With a hook, it first takes back what a run that was killed had left half done; so nobody
 * has to remember to call that.
 * @throws FilespoolError folder-unusable
 */
export async function openLanding(options: ReceiveOptions, origin: string): Promise<Lander> {
  const { out, ifExists = "refuse", durability, onLanded, signal } = options;
  const landing = await Landing.open(out, ifExists, durability !== "none", origin);
  if (!onLanded) return landing;
  const hooked = new HookedLanding(landing, onLanded, signal ?? new AbortController().signal);
  await hooked.takeBackUnfinished().catch((error: unknown) => {
    throw folderError(error, out);
  });
  return hooked;
}

/**
 * A landing with a hook behind it. All that is not about the hook is handed on, so the receiver cannot tell the two
 * apart, and a receiver without a hook pays nothing for it.
 */
class HookedLanding implements Lander {
  // One by one: while a hook runs, the next file has not landed, so a kill leaves at most one file half done.
  readonly batchMax = 1;
  readonly #landing: Landing;
  readonly #hook: Hook;
  /** Aborted when the receiver is told to stop; handed to the hook as well, which should end then. */
  readonly #signal: AbortSignal;

  constructor(landing: Landing, hook: Hook, signal: AbortSignal) {
    this.#landing = landing;
    this.#hook = hook;
    this.#signal = signal;
  }

  /** Whether what is said to be there must survive a power cut; the notes keep to it as the files do. */
  get sync(): boolean {
    return this.#landing.sync;
  }

  check(name: string): "take" | "skip" {
    return this.#landing.check(name);
  }

  /** What the journal says. A file that was taken back is no longer in it, so it lands anew. */
  landedBefore(transfer: string): boolean {
    return this.#landing.landedBefore(transfer);
  }

  confirm(transfer: string): void {
    this.#landing.confirm(transfer);
  }

  confirmRest(open: ReadonlySet<string>): void {
    this.#landing.confirmRest(open);
  }

  close(): Promise<void> {
    return this.#landing.close();
  }

  /** @throws FilespoolError interrupted in the hook; as a landing does */
  async land(files: readonly Incoming[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    for (const file of files) {
      const [outcome] = (await this.#landing.land([file])) as [Landed];
      const path = "path" in outcome ? outcome.path : null;
      const failure = path === null ? null : await this.#run(file.delivery, path);
      landed.push(failure ? { failure } : outcome);
    }
    return landed;
  }

  /**
   * Runs the hook for a file that has landed.
   * @returns why it failed, when the file is gone again; null when it is done
   * @throws FilespoolError interrupted: the file stays, and so does the note
   */
  async #run(delivery: Delivered, path: string): Promise<FilespoolError | null> {
    const { transfer, queue, name, size, digest } = delivery;
    const note = join(this.#landing.folder, `${OWN_PREFIX}-${transfer}${NOTE}`);
    // The name may be somebody else's by the time the note is read; the inode says whether it is still this file.
    const { ino } = await lstat(path);
    const handle = await open(note, "w");
    try {
      tryLock(handle.fd); // as long as we live, no other receiver takes this for what a dead one left
      await handle.writeFile(JSON.stringify({ transfer, path, ino }));
      if (this.sync) await handle.datasync();
      const file: LandedFile = { transfer, queue, name, size, digest, path, signal: this.#signal };
      await this.#hook(file);
    } catch (error) {
      // Stopped on request: that is nobody's failure, and the next run finds the note.
      const isStop = this.#signal.aborted || (error as FilespoolError).code === "interrupted";
      if (isStop) throw new FilespoolError("interrupted");
      await this.#takeBack(transfer, path);
      await rm(note, { force: true });
      const why = (error as Error)?.message ?? String(error);
      return new FilespoolError("command-failed", why, { cause: error });
    } finally {
      await handle.close();
    }
    await rm(note, { force: true });
    return null;
  }

  /** Afterwards the transfer has not landed, and nothing of it is there. A file that is gone was taken by the hook. */
  async #takeBack(transfer: string, path: string): Promise<void> {
    const { folder, sync } = this.#landing;
    // A folder under the name of a part would look as if it had a second name, which to the journal means "landed".
    const isFolder = (await lstat(path).catch(() => null))?.isDirectory();
    const part = partPath(folder, transfer);
    const hidden = isFolder ? part.replace(/part$/, "tree") : part;
    await rename(path, hidden).catch(unlessMissing); // 1. from here on the journal's word is void
    if (sync) await syncFolder(folder);
    await this.#landing.retract([{ delivery: { transfer } }]); // 2. and so it says
    await removeTree(hidden);
  }

  /**
   * What a run that was killed had landed, and not finished. Notes of receivers that live are locked and left alone;
   * so several of them may share a folder. The lock goes with its process, however that ends, and needs no clean-up.
   */
  async takeBackUnfinished(): Promise<void> {
    const { folder } = this.#landing;
    for (const name of (await readdir(folder)).filter((name) => name.startsWith(OWN_PREFIX) && name.endsWith(NOTE))) {
      const note = join(folder, name);
      const handle = await open(note, "r+").catch(unlessMissing);
      if (!handle) continue;
      try {
        if (!tryLock(handle.fd)) continue; // of a receiver that lives
        const { transfer, path, ino } = parsed(await readFile(note, "utf8"));
        const isThere = path !== "" && (await lstat(path).catch(() => null))?.ino === ino;
        if (isThere && this.landedBefore(transfer)) await this.#takeBack(transfer, path);
        await rm(note, { force: true });
      } finally {
        await handle.close();
      }
    }
  }
}

/**
 * A note that was cut off says nothing, and the hook had not begun. An empty path is nowhere, so nothing is taken back
 * for it.
 */
function parsed(text: string): { transfer: string; path: string; ino: number } {
  try {
    return JSON.parse(text);
  } catch {
    return { transfer: "", path: "", ino: 0 };
  }
}
