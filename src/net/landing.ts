/**
 * Landing: the last step into the target folder, so that a file appears there whole, durable, and once.
 *
 * For a batch of files, whose contents are verified (one sync of the folder serves them all):
 *
 *   1. each content is on disk in its part file, and so is the part's name
 *   2. the journal says, on disk, that these transfers are about to land
 *   3. each part is linked or renamed to its final name
 *   4. the folder is synced: now the names would survive
 *   5. linked parts lose their names; sooner, a power cut could keep the end of the part and not the link
 *   6. only then may the receiver ack
 *
 * A crash between 3 and 6 makes the server deliver the file again, and by then the user may have moved it
 * away. The journal answers whether it had landed (landing-journal.ts); then it is acked and not landed twice.
 *
 * Nothing is ever overwritten by accident: `link` fails if the name is taken, where `rename` would replace it.
 * Names are single path components and nothing that this machine obeys (landing-names.ts), and links in the folder are
 * never followed. adr/0016
 */
import { renameSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { FilespoolError } from "../protocol/errors.ts";
import { numbered, OWN_PREFIX, quoteName } from "../protocol/names.ts";
import { makeFolder, syncFolder } from "../spool/batch-writer.ts";
import { claim, folderError, type Incoming, isThere, removeOldParts, removeParts } from "./incoming-file.ts";
import { tidyTrees } from "./incoming-tree.ts";
import { ENTRY_TTL_MS, LandingJournal } from "./landing-journal.ts";
import { LandingNames } from "./landing-names.ts";
import type { IfExists } from "./options.ts";
import { SmallFile } from "./small-file.ts";

/** Without a path: skipped. */
export type Landed = { readonly path: string | null } | { readonly failure: FilespoolError; readonly delayMs?: number };

/** Syncs at a time: enough that the threads which there are for them never wait. adr/0033, adr/0057 */
const SYNCS_MAX = 32;

/** For a `catch` at the start: what may pass is tried again with the first connection. */
export function unlessTemporary(error: FilespoolError): void {
  if (!error.retry) throw error;
}

export class Landing {
  readonly batchMax: number = 128; // files that share their syncs when they land
  readonly folder: string;
  readonly sync: boolean;
  /** Which name a file has here; asked by everybody who has to find it. */
  readonly names: LandingNames;
  readonly #ifExists: IfExists;
  readonly #journal: LandingJournal;
  /** Names of ours that were there when the folder was opened, until what nobody needs of them is gone. */
  #left: readonly string[] = [];

  /**
   * Opens the target folder, creating it when it is missing, and reads what an earlier run left.
   * @param origin names the server and the queue; see LandingJournal.confirmRest
   * @throws FilespoolError folder-unusable
   */
  static async open(
    folder: string,
    ifExists: IfExists,
    sync: boolean,
    origin = "",
    names = new LandingNames(folder),
  ): Promise<Landing> {
    const landing = new Landing(folder, ifExists, sync, origin, names);
    try {
      await makeFolder(folder, sync);
      const ours = (await readdir(folder)).filter((name) => name.startsWith(OWN_PREFIX));
      await landing.#journal.read(ours);
      landing.#left = ours;
      await landing.recover().catch(unlessTemporary);
    } catch (error) {
      await landing.close().catch(() => {});
      throw folderError(error, folder);
    }
    return landing;
  }

  private constructor(folder: string, ifExists: IfExists, sync: boolean, origin: string, names: LandingNames) {
    this.folder = folder;
    this.names = names;
    this.sync = sync;
    this.#ifExists = ifExists;
    this.#journal = new LandingJournal(folder, sync, origin);
  }

  /**
   * Finds out what became of files whose landing went wrong, an earlier run's or this one's, and tidies up. Nothing may land
   * before that. @throws FilespoolError folder-unusable, disk-full
   */
  async recover(): Promise<void> {
    try {
      await this.#journal.endDoubts();
      await removeOldParts(this.folder, this.#left, Date.now() - ENTRY_TTL_MS);
      await tidyTrees(this.folder, this.#left, Date.now() - ENTRY_TTL_MS);
      this.#left = [];
    } catch (error) {
      throw folderError(error, this.folder);
    }
  }

  /** A hook wants this one to be taken away again; `part` is the name that it will have then. */
  doubt(transfer: string, part: string): void {
    this.#journal.doubt(transfer, part);
  }

  /** Whether the file of this transfer has landed before, and its ack was not confirmed. */
  landedBefore(transfer: string): boolean {
    return this.#journal.has(transfer);
  }

  /**
   * Decides, before any byte is sent, whether a file of this name may land: "skip" is the user's policy.
   * @throws FilespoolError name-refused, file-exists
   */
  check(wireName: string): "take" | "skip" {
    const name = this.names.nameOf(wireName);
    if (this.#ifExists === "rename" || this.#ifExists === "overwrite") return "take";
    const isTaken = isThere(join(this.folder, name)); // who may not look is told when the part is opened
    if (isTaken && this.#ifExists === "refuse") throw this.#exists(name);
    return isTaken ? "skip" : "take";
  }

  #exists(name: string): FilespoolError {
    const what = `${quoteName(name)} is already in ${this.folder}`;
    return new FilespoolError("file-exists", `${what}; move it, or choose to rename, overwrite or skip`);
  }

  // region: land
  /** Lands complete files, in order. A failure of one does not touch the others. @throws FilespoolError folder-unusable, disk-full */
  async land(files: readonly Incoming[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    const linked: string[] = [];
    try {
      const failures = await this.#settle(files); // 1. contents, and the names of their parts
      const settled = files.filter((file) => !failures.has(file));
      await this.#journal.announce(settled.map(({ delivery }) => delivery.transfer)); // 2. intention
      for (const file of files) {
        const failure = failures.get(file);
        if (failure) landed.push({ failure });
        else landed.push(this.#place(file, linked) ?? (await this.#leaveOut(file))); // 3. names
      }
      if (this.sync) await syncFolder(this.folder); // 4. names on disk
      removeParts(linked); // 5. no second names
      return landed;
    } catch (error) {
      // Some have their names by now. The folder is asked, as after a crash; if it cannot be, `recover` will.
      for (const [index, { delivery, part }] of files.entries())
        this.#journal.doubt(delivery.transfer, index < landed.length ? part : null);
      await this.#journal.endDoubts().catch(() => {});
      throw folderError(error, this.folder);
    }
  }
  // endregion: land

  /** Each file is settled or closed with its part kept. @throws whatever is not the fault of one file's content */
  async #settle(files: readonly Incoming[]): Promise<Map<Incoming, FilespoolError>> {
    const failures = new Map<Incoming, FilespoolError>();
    const fails = (file: Incoming, error: unknown) => void failures.set(file, folderError(error, this.folder));
    // All small ones are written before the first is synced.
    for (const file of files) {
      try {
        if (file instanceof SmallFile) file.write();
      } catch (error) {
        fails(file, error);
      }
    }
    // The folder beside the contents, since their parts have names by now; after them, where settling gives more names.
    const isNamed = !files.some(({ settlesNames }) => settlesNames);
    const beside = this.sync && isNamed ? syncFolder(this.folder) : null;
    beside?.catch(() => {}); // told below, once no file is being settled any more
    const todo = [...files];
    const work = async () => {
      for (let file = todo.shift(); file; file = todo.shift())
        await file.settle().catch((error: unknown) => fails(file as Incoming, error));
    };
    await Promise.all(Array.from({ length: SYNCS_MAX }, work));
    await (beside ?? (this.sync && syncFolder(this.folder)));
    const isOfContent = ({ code }: FilespoolError) => code === "digest-mismatch" || code === "archive-refused";
    for (const failure of failures.values()) if (!isOfContent(failure)) throw failure;
    return failures;
  }

  /** This one was announced and is not to land, maybe by an earlier run: the journal must say so before the part may go. */
  retract(transfer: string): Promise<void> {
    return this.#journal.retract([transfer]);
  }

  /** Gives a file its name; null when the name is taken. */
  #place(file: Incoming, linked: string[]): Landed | null {
    const name = this.names.nameOf(file.delivery.name);
    try {
      if (this.#ifExists === "overwrite") {
        if (file.replace) file.replace(join(this.folder, name), linked);
        else renameSync(file.part, join(this.folder, name));
        return { path: join(this.folder, name) };
      }
      for (let number = 0; ; number++) {
        const candidate = number === 0 ? name : numbered(name, number);
        const path = join(this.folder, candidate);
        if (this.names.mayUse(candidate) && claim(file.part, path, linked)) return { path };
        if (this.#ifExists !== "rename") return null;
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EISDIR" && code !== "ENOTEMPTY") throw error;
      return null;
    }
  }

  async #leaveOut(file: Incoming): Promise<Landed> {
    await this.retract(file.delivery.transfer);
    await rm(file.part, { recursive: true, force: true });
    const name = this.names.nameOf(file.delivery.name);
    return this.#ifExists === "skip" ? { path: null } : { failure: this.#exists(name) };
  }

  /** See LandingJournal. */
  confirm(transfer: string): void {
    this.#journal.confirm(transfer);
  }

  confirmRest(open: ReadonlySet<string>): void {
    this.#journal.confirmRest(open);
  }

  close(): Promise<void> {
    return this.#journal.close();
  }
}
