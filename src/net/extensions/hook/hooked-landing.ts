/**
 * Something to do with each landed file before its ack: the library's `onLanded`, the command line's `--exec`.
 *
 * It stands between the receiver and its landing, one file at a time and in order:
 *
 *   1. a note says, on disk, which file is about to land       2. the file lands       3. the hook runs
 *   4. done: the note goes, and the receiver acks; or
 *      failed: the file is taken away again, and its delivery counts as a failed attempt
 *
 * The note comes first, so there is no moment at which a file has landed and nobody would know that its hook is owed.
 * Whoever is killed in between leaves the note. The next run takes that very file (by its inode) back as if it had failed,
 * though nothing is counted, and the delivery that comes again lands anew. So the hook runs at least once, and after a crash
 * perhaps twice; a file that it has moved away by then counts as taken. To take away is a rename to the name of a part or
 * tree, by which the journal knows that the transfer has not landed.
 *
 * Attempts are few, and a broken hook fails fast: so after a failure the next file waits, longer each time (hook-backoff.ts).
 * Never here: what the hook does. Why: adr/0014, adr/0016, adr/0051.
 */
import { lstat, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../../../disk/files.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import { numbered } from "../../../protocol/names.ts";
import type { LandedFile, ReceiveOptions } from "../../options.ts";
import type { Lander } from "../../receiver/lander.ts";
import type { Landed, Landing, Warn } from "../../receiver/landing.ts";
import { folderError, unlessTemporary } from "../../receiver/landing-errors.ts";
import { look, ownPath, unlessMissing, withLot } from "../../receiver/own-files.ts";
import type { Delivered, Incoming } from "../../receiver/part-file.ts";
import { removeTree } from "../../receiver/remove-tree.ts";
import type { TargetRoom } from "../../receiver/target-room.ts";
import { HookBackoff } from "./hook-backoff.ts";
import { forEachLeft, NotedFile, type Owed } from "./hook-record.ts";

type Hook = NonNullable<ReceiveOptions["onLanded"]>;

/**
 * Puts a hook behind a landing. It first takes back what a run that was killed had left half done, so
 * nobody has to remember to call that.
 * @throws FilespoolError folder-unusable; then the landing is closed
 */
export async function withHook(landing: Landing, hook: Hook, options: ReceiveOptions, warn: Warn): Promise<Lander> {
  const hooked = new HookedLanding(landing, hook, options, warn);
  try {
    await hooked.recover().catch(unlessTemporary);
  } catch (error) {
    await hooked.close();
    throw error;
  }
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
  readonly #pause: HookBackoff;
  /** A run that was killed, or a file of this one that went wrong, may have left notes; ours stay locked until then. */
  #hasUnfinished = true;
  #unfinished: NotedFile[] = [];
  readonly #warn: Warn;

  constructor(landing: Landing, hook: Hook, options: ReceiveOptions, warn: Warn) {
    this.#landing = landing;
    this.#hook = hook;
    this.#warn = warn;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#pause = new HookBackoff(options, this.#signal);
  }

  /** Whether what is said to be there must survive a power cut; the notes keep to it as the files do. */
  get sync(): boolean {
    return this.#landing.sync;
  }

  get folder(): string {
    return this.#landing.folder;
  }

  folderFor(): string {
    return this.folder;
  }

  get openMax(): number {
    return this.#landing.openMax;
  }

  get room(): TargetRoom {
    return this.#landing.room;
  }

  async recover(): Promise<void> {
    await this.#landing.recover();
    if (!this.#hasUnfinished) return;
    await this.#letGo();
    await this.#takeBackUnfinished().catch((error: unknown) => {
      throw folderError(error, this.#landing.folder);
    });
    this.#hasUnfinished = false;
  }

  check(delivery: Delivered): "take" | "skip" {
    return this.#landing.check(delivery);
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

  async close(): Promise<void> {
    await this.#letGo();
    await this.#landing.close();
  }

  async #letGo(): Promise<void> {
    for (const file of this.#unfinished.splice(0)) await file.letGo();
  }

  /** @throws FilespoolError interrupted in the hook or before it; as a landing does */
  async land(files: readonly Incoming[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    for (const file of files) landed.push(await this.#landOne(file));
    return landed;
  }

  async #landOne(incoming: Incoming): Promise<Landed> {
    await this.#pause.over();
    const file = new NotedFile(incoming, this.#landing);
    try {
      const [outcome] = (await this.#landing.land([file])) as [Landed];
      const failure = "path" in outcome && outcome.path !== null ? await this.#run(file, outcome.path) : null;
      await file.forget(); // only now: for a file that landed, the hook has had its say
      await file.letGo();
      return failure ?? outcome;
    } catch (error) {
      // This run may go on after that, and would believe the journal; no other may settle it before.
      this.#unfinished.push(file);
      this.#hasUnfinished = true;
      throw error;
    }
  }

  /**
   * Runs the hook for a file that has landed.
   * @returns why it failed, when the file is gone again; null when it is done
   * @throws FilespoolError interrupted: the file stays, and so does the note
   */
  async #run(noted: NotedFile, path: string): Promise<Landed | null> {
    const { transfer, queue, name, size, digest } = noted.delivery;
    try {
      const file: LandedFile = { transfer, queue, name, size, digest, path, signal: this.#signal };
      await this.#hook(file);
      this.#pause.succeeded();
      return null;
    } catch (error) {
      // Stopped on request: that is nobody's failure, and the next run finds the note.
      const { code } = error as FilespoolError;
      if (this.#signal.aborted || code === "interrupted") throw new FilespoolError("interrupted");
      // Nor is it, where the machine could not even start it; this run goes on with the note.
      if (code === "connections-full") throw error;
      await noted.markTakenBack();
      await this.#takeBack(transfer, path);
      const why = (error as Error)?.message ?? String(error);
      const failure = new FilespoolError("command-failed", why, { cause: error });
      return { failure, delayMs: this.#pause.failed() };
    }
  }

  /** Afterwards the transfer has not landed, and nothing of it is there. A file that is gone was taken by the hook. */
  async #takeBack(transfer: string, path: string | null): Promise<void> {
    const { folder, sync } = this.#landing;
    const hiding = [ownPath(folder, transfer, "part"), ownPath(folder, transfer, "tree")] as const;
    const removed: string[] = [...hiding];
    if (path !== null) {
      // A folder is a tree, so that it is removed as one.
      const isFolder = (await lstat(path).catch(() => null))?.isDirectory();
      let hidden = hiding[isFolder ? 1 : 0];
      this.#landing.doubt(transfer, hidden);
      await removeTree(hidden); // of two names of one file, a rename would leave both
      if (look(hidden).is !== "nothing") hidden = withLot(hidden); // somebody else's
      this.#landing.doubt(transfer, hidden);
      await rename(path, hidden).catch(unlessMissing); // 1. from here on the journal's word is void
      removed.push(hidden);
      if (sync) await syncFolder(folder);
    }
    await this.#landing.retract(transfer); // 2. and so it says
    for (const hidden of removed) await removeTree(hidden);
  }

  /**
   * What a run that was killed had landed, and not finished; or this one, when something went wrong. Notes of receivers
   * that live are locked and left alone, so several of them may share a folder. The lock goes with its process, however
   * that ends, and needs no clean-up.
   */
  async #takeBackUnfinished(): Promise<void> {
    const { folder } = this.#landing;
    const settle = async ({ transfer, name, ino, isTakenBack }: Owed, takeBack: () => Promise<void>) => {
      const path = await this.#find(name, ino);
      const hasLanded = path !== null && this.landedBefore(transfer);
      // Where its file is, and our journal does not know it, that of another says that it landed: its hook is still owed.
      if (!hasLanded && !isTakenBack) return path === null;
      await takeBack();
      await this.#takeBack(transfer, path);
      return true;
    };
    await forEachLeft(folder, settle, this.#warn);
  }

  /** Where a file has landed: under the name that it was to have, or a numbered one. Null: nowhere, or moved away. */
  async #find(name: string, ino: number): Promise<string | null> {
    const { folder } = this.#landing;
    for (const entry of await readdir(folder)) {
      const number = / \((\d+)\)/.exec(entry.slice(entry.lastIndexOf(" (")))?.[1];
      if (entry !== name && (number === undefined || entry !== numbered(name, Number(number)))) continue;
      const path = join(folder, entry);
      if ((await lstat(path).catch(() => null))?.ino === ino) return path;
    }
    return null;
  }
}
