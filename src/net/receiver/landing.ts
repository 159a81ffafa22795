/**
 * Landing: the last step into the target folder, so that a file appears there whole, durable, and
 * once.
 *
 * For a batch of files whose contents have arrived (one sync of the folder serves them all):
 *
 *   1. each content is verified and on disk in its part file, and so is the part's name
 *   2. the journal says, on disk, that these transfers are about to land
 *   3. each part file is linked or renamed to its final name
 *   4. the folder is synced: from here on the names would survive a power cut
 *   5. programs that watch the folder are told of each linked name, or by `recover` after a crash
 *   6. linked parts lose their first names; sooner, a power cut could keep that and lose the link
 *   7. only then may the receiver ack
 *
 * A file that this folder cannot take fails by itself, in any of these steps, and the others land
 * (landing-errors.ts). After a crash between 3 and 7, the server delivers the file again, and the
 * user may have moved it away by then. The journal knows whether it had landed
 * (landing-journal.ts). If so, it is acked and does not land twice.
 *
 * Nothing is overwritten by accident: `link` fails if the name is taken, where `rename` would
 * replace it. A name is a single path component, and never one that this machine obeys
 * (landing-names.ts). Links in the folder are never followed. adr/0016
 */
import { lstatSync, renameSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, syncFolder } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { numbered, quoteName } from "../../protocol/names.ts";
import type { IfExists } from "../options.ts";
import { descriptorsLeft } from "./descriptors.ts";
import { checkReplaceable, claim, finalNamesOf, type Linked, removeParts, tellWhole } from "./final-name.ts";
import { fileErrorOf, folderError, nameError, unlessTemporary } from "./landing-errors.ts";
import { ENTRY_TTL_MS, LandingJournal } from "./landing-journal.ts";
import { LandingNames } from "./landing-names.ts";
import { ownNames } from "./own-files.ts";
import { type Delivered, type Incoming, removeOldParts } from "./part-file.ts";
import { removeTree } from "./remove-tree.ts";
import { settleContents } from "./settle-contents.ts";
import { TargetRoom } from "./target-room.ts";

/** How the landing of one file ended. A null path: it was skipped. */
export type Landed = { readonly path: string | null } | { readonly failure: FilespoolError; readonly delayMs?: number };

/** Hears of a file or folder that has a name of ours, and was left alone. */
export type Warn = (path: string, message: string) => void;

/**
 * Removes what killed receivers left of one kind: of these names, what is older than `beforeMs`.
 */
export type Tidy = (folder: string, names: readonly string[], beforeMs: number) => Promise<void>;

export interface LandingOptions {
  readonly ifExists: IfExists;
  /** Whether what has landed must survive a power cut. */
  readonly sync: boolean;
  /** Names the server and the queue; see LandingJournal.confirmRest. */
  readonly origin?: string;
  /** Hears of what has a name of ours and is not ours, or makes no sense. */
  readonly warn?: Warn;
  /** Which names a file may have here. Unless given: every name that this system can take. */
  readonly names?: LandingNames;
  /** For kinds of content that leave more behind than part files. */
  readonly tidy?: Tidy;
}

/** Most files of one batch, which share their syncs. Each is open until it is synced. */
const BATCH_MAX = 128;
/**
 * Descriptors needed beside those: the connection, the folder, the journal, a hook and its pipes.
 */
const OTHERS = 12;

/**
 * What a batch has changed so far: files with their final names, those that have two names, and the
 * folders that were replaced, where they were moved to.
 */
interface Named {
  readonly files: Set<Incoming>;
  readonly linked: Linked[];
  readonly aside: string[];
}

export class Landing {
  /** Most large files that may be open at a time. */
  readonly openMax = Math.min(BATCH_MAX, Math.max(1, Math.floor((descriptorsLeft() - OTHERS) / 2)));
  /** Most files of a batch. Halved, and never raised, each time no descriptor was left. */
  batchMax = this.openMax;
  readonly folder: string;
  readonly sync: boolean;
  readonly room: TargetRoom;
  /** Which name a file has here. The journal and hooks ask it too, so all find the same file. */
  readonly names: LandingNames;
  readonly #ifExists: IfExists;
  readonly #tidy: Tidy;
  readonly #journal: LandingJournal;
  /** Names of ours that were there at the start. `recover` clears them when it has succeeded. */
  #left: readonly string[] = [];

  /**
   * Opens the target folder, creates it when it is missing, and reads what earlier runs left.
   * @throws FilespoolError folder-unusable
   */
  static async open(folder: string, options: LandingOptions): Promise<Landing> {
    const { sync, warn = () => {} } = options;
    const landing = new Landing(folder, options);
    try {
      await makeFolder(folder, sync);
      const ours = ownNames(folder, await readdir(folder), warn);
      await landing.#journal.read(ours, warn);
      landing.#left = ours;
      await landing.recover().catch(unlessTemporary);
    } catch (error) {
      await landing.close().catch(() => {});
      throw folderError(error, folder);
    }
    return landing;
  }

  private constructor(folder: string, options: LandingOptions) {
    const { ifExists, sync, origin = "", names = new LandingNames(folder), tidy = async () => {} } = options;
    this.folder = folder;
    this.names = names;
    this.sync = sync;
    this.room = new TargetRoom(folder);
    this.#ifExists = ifExists;
    this.#tidy = tidy;
    this.#journal = new LandingJournal(folder, sync, origin);
  }

  /**
   * Finds out what became of files whose landing went wrong, in this run or before, and tidies up.
   * Nothing may land before that.
   * @throws FilespoolError folder-unusable, disk-full
   */
  async recover(): Promise<void> {
    try {
      await this.#endDoubts();
      await removeOldParts(this.folder, this.#left, Date.now() - ENTRY_TTL_MS);
      await this.#tidy(this.folder, this.#left, Date.now() - ENTRY_TTL_MS);
      this.#left = [];
    } catch (error) {
      throw folderError(error, this.folder);
    }
  }

  /** Ends the journal's doubts. Files with two names are told of again: they may not have been. */
  async #endDoubts(): Promise<void> {
    const parts = await this.#journal.endDoubts();
    for (const linked of await finalNamesOf(this.folder, parts)) tellWhole(linked);
    removeParts(parts);
  }

  /** A hook will take this file away again. `part` is the name that it will have then. */
  doubt(transfer: string, part: string): void {
    this.#journal.doubt(transfer, part);
  }

  /** Where the part file is to be: beside the final name, so that landing copies nothing. */
  folderFor(): string {
    return this.folder;
  }

  /** Whether this transfer has landed before, and its ack was not confirmed. */
  landedBefore(transfer: string): boolean {
    return this.#journal.has(transfer);
  }

  /**
   * Decides, before any byte is sent, whether a file of this name may land, or the policy skips it.
   * @throws FilespoolError name-refused, file-exists, target-refused
   */
  check({ name: wireName, kind }: Delivered): "take" | "skip" {
    const name = this.names.nameOf(wireName);
    const path = join(this.folder, name);
    if (this.#ifExists === "rename") return "take";
    if (this.#ifExists === "overwrite") {
      this.#look(name, () => checkReplaceable(path, kind === "tar"));
      return "take";
    }
    const isTaken = this.#look(name, () => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
    if (isTaken && this.#ifExists === "refuse") throw this.#exists(name);
    return isTaken ? "skip" : "take";
  }

  /**
   * Looks at a name. If we may not look, opening the part file will say so later.
   * @throws FilespoolError the disk has no such names; or what `look` throws
   */
  #look<T>(name: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      const refused = error instanceof FilespoolError ? error : nameError(error, name, this.folder);
      if (refused) throw refused;
      return undefined;
    }
  }

  #exists(name: string): FilespoolError {
    const what = `${quoteName(name)} is already in ${this.folder}`;
    return new FilespoolError("file-exists", `${what}; move it, or choose to rename, overwrite or skip`);
  }

  // region: land
  /**
   * Lands complete files, in order. The failure of one file does not touch the others.
   * @returns how it ended for each, in the order of `files`
   * @throws FilespoolError folder-unusable, disk-full, connections-full
   */
  async land(files: readonly Incoming[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    const named: Named = { files: new Set(), linked: [], aside: [] };
    try {
      const failures = await settleContents(files, this); // 1. content, part name
      const settled = files.filter((file) => !failures.has(file));
      if (settled.length > 0) await this.#journal.announce(settled); // 2. intention
      for (const file of files) {
        const failure = failures.get(file);
        landed.push(failure ? { failure } : this.#place(file, named)); // 3. names
      }
      await this.#leaveOut(settled.filter((file) => !named.files.has(file)));
      if (this.sync) await syncFolder(this.folder); // 4. names on disk
      for (const linked of named.linked) tellWhole(linked); // 5. for programs that watch
      removeParts(named.linked.map(({ part }) => part)); // 6. no second names
      for (const path of named.aside) await removeTree(path).catch(() => {}); // or later
      return landed;
    } catch (error) {
      // Some have their names by now. Ask the folder, as after a crash; else `recover` does.
      for (const [index, { delivery, part }] of files.entries())
        this.#journal.doubt(delivery.transfer, index < landed.length ? part : null);
      await this.#endDoubts().catch(() => {});
      const failure = folderError(error, this.folder);
      if (failure.code === "connections-full") this.batchMax = Math.max(1, this.batchMax >> 1);
      throw failure;
    }
  }
  // endregion: land
  /** Never delete the part of an announced transfer before its retraction is on disk. */
  retract(transfer: string): Promise<void> {
    return this.#journal.retract([transfer]);
  }

  /**
   * Gives a file its final name, or says why it gets none.
   * @throws what the file system said of the folder
   */
  #place(file: Incoming, named: Named): Landed {
    const name = this.names.nameOf(file.delivery.name);
    try {
      const path = this.#ifExists === "overwrite" ? this.#replace(file, name, named) : this.#claim(file, name, named);
      if (path !== null) named.files.add(file);
      return path !== null || this.#ifExists === "skip" ? { path } : { failure: this.#exists(name) };
    } catch (error) {
      const failure = fileErrorOf(error, "name", file, this.folder);
      if (failure === null) throw error;
      return { failure };
    }
  }

  /** Puts a file in the place of what has its name. */
  #replace(file: Incoming, name: string, { aside }: Named): string {
    const path = join(this.folder, name);
    checkReplaceable(path, file.replace !== undefined); // it may have appeared since `check`
    if (file.replace) file.replace(path, aside);
    else renameSync(file.part, path);
    return path;
  }

  /** Gives a file a free name, numbered if the policy is "rename". Null: the name is taken. */
  #claim(file: Incoming, name: string, { linked }: Named): string | null {
    for (let number = 0; ; number++) {
      const candidate = number === 0 ? name : numbered(name, number);
      const path = join(this.folder, candidate);
      if (this.names.mayUse(candidate) && claim(file.part, path, linked)) return path;
      if (this.#ifExists !== "rename") return null;
    }
  }

  /** These do not land. 1. The journal says so, on disk. 2. Only then their parts go. */
  async #leaveOut(files: readonly Incoming[]): Promise<void> {
    if (files.length === 0) return;
    await this.#journal.retract(files.map(({ delivery }) => delivery.transfer));
    for (const { part } of files) await removeTree(part);
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
