/**
 * Runs a hook for each landed file before its ack: the library's `onLanded`, the command line's
 * `--exec`.
 *
 * It stands between the receiver and its landing, one file at a time and in order:
 *
 *   1. a record says, on disk, which file is about to land
 *   2. the file lands
 *   3. the hook runs
 *   4. success: the record goes, and the receiver acks; or
 *      failure: the file is taken away again, and its delivery counts as a failed attempt
 *
 * The record comes first, so there is no moment at which a file has landed and nothing says that
 * its hook is owed. A receiver that is killed in between leaves the record. The next run takes that
 * very file (by its inode) back as if its hook had failed, but without a failed attempt, and the
 * next delivery lands it anew. So the hook runs at least once, and after a crash perhaps twice. A
 * file that the hook has moved away by then counts as taken. Taking a file away is a rename to the
 * name of a part or tree, by which the journal knows that the transfer has not landed.
 *
 * Attempts are few, and a broken hook fails fast. So after a failure the next file waits, longer
 * each time (hook-backoff.ts). Never here: what the hook does. Why: adr/0014, adr/0016, adr/0051.
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
 * Puts a hook behind a landing, and takes back what a killed run left half done.
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
 * A landing with a hook behind it. Everything that is not about the hook is passed on, so the
 * receiver cannot tell the two apart, and a receiver without a hook pays nothing for it.
 */
class HookedLanding implements Lander {
  // One at a time: while a hook runs, the next file has not landed. So a kill leaves at most one
  // file half done.
  readonly batchMax = 1;
  readonly #landing: Landing;
  readonly #hook: Hook;
  /** Aborted when the receiver is told to stop. The hook gets it too, and should end then. */
  readonly #signal: AbortSignal;
  readonly #pause: HookBackoff;
  /**
   * There may be records to take back: of a killed run, or of a file of this run that went wrong.
   * `recover` clears it. Our own records stay locked until then.
   */
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

  /** Whether what was acked must survive a power cut; records as well as files. */
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

  /** As Landing.recover, and takes back the files whose records are left. */
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

  /** What the journal says. A file that was taken back is not in it any more, so it lands anew. */
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

  /**
   * Lands files and runs the hook for each.
   * @throws FilespoolError interrupted, in the hook or before it; or as a landing does
   */
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
      await file.forget(); // only now: the hook has run
      await file.letGo();
      return failure ?? outcome;
    } catch (error) {
      // This run may go on, and must not believe the journal before the file was taken back.
      this.#unfinished.push(file);
      this.#hasUnfinished = true;
      throw error;
    }
  }

  /**
   * Runs the hook for a file that has landed.
   * @returns null on success; otherwise the failure, and the file is gone again
   * @throws FilespoolError interrupted: the file stays, and so does the record
   */
  async #run(noted: NotedFile, path: string): Promise<Landed | null> {
    const { transfer, queue, name, size, digest } = noted.delivery;
    try {
      const file: LandedFile = { transfer, queue, name, size, digest, path, signal: this.#signal };
      await this.#hook(file);
      this.#pause.succeeded();
      return null;
    } catch (error) {
      // Stopped on request: no failure. The next run finds the record.
      const { code } = error as FilespoolError;
      if (this.#signal.aborted || code === "interrupted") throw new FilespoolError("interrupted");
      // The machine could not even start it: no failure either. This run goes on with the record.
      if (code === "connections-full") throw error;
      await noted.markTakenBack();
      await this.#takeBack(transfer, path);
      const why = (error as Error)?.message ?? String(error);
      const failure = new FilespoolError("command-failed", why, { cause: error });
      return { failure, delayMs: this.#pause.failed() };
    }
  }

  /**
   * Takes a file away again: afterwards its transfer has not landed, and nothing of it is left. A
   * file that is gone was taken by the hook.
   */
  async #takeBack(transfer: string, path: string | null): Promise<void> {
    const { folder, sync } = this.#landing;
    const hiding = [ownPath(folder, transfer, "part"), ownPath(folder, transfer, "tree")] as const;
    const removed: string[] = [...hiding];
    if (path !== null) {
      // A folder becomes a tree, so that it is removed as one.
      const isFolder = (await lstat(path).catch(() => null))?.isDirectory();
      let hidden = hiding[isFolder ? 1 : 0];
      this.#landing.doubt(transfer, hidden);
      await removeTree(hidden); // a rename between two names of one file does nothing
      if (look(hidden).is !== "nothing") hidden = withLot(hidden); // somebody else's
      this.#landing.doubt(transfer, hidden);
      await rename(path, hidden).catch(unlessMissing); // 1. it has not landed now landed
      removed.push(hidden);
      if (sync) await syncFolder(folder);
    }
    await this.#landing.retract(transfer); // 2. and the journal says so
    for (const hidden of removed) await removeTree(hidden);
  }

  /**
   * Takes back the files whose hooks are still owed, of a killed run or of this one. Records of
   * living receivers are locked and left alone, so several receivers may share a folder.
   */
  async #takeBackUnfinished(): Promise<void> {
    const { folder } = this.#landing;
    const settle = async ({ transfer, name, ino, isTakenBack }: Owed, takeBack: () => Promise<void>) => {
      const path = await this.#find(name, ino);
      const hasLanded = path !== null && this.landedBefore(transfer);
      // The file is there, but not in our journal: it is another receiver's, and so is its hook.
      if (!hasLanded && !isTakenBack) return path === null;
      await takeBack();
      await this.#takeBack(transfer, path);
      return true;
    };
    await forEachLeft(folder, settle, this.#warn);
  }

  /** Where a file has landed: under its name, or a numbered form of it. Null: nowhere now. */
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
