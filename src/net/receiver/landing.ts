/**
 * Landing: the last step into the target folder, so that a file appears there whole, durable, and once.
 *
 * For a batch of files, whose contents are verified (one sync of the folder serves them all):
 *
 *   1. each content is on disk in its part file, and so is the part's name
 *   2. the journal says, on disk, that these transfers are about to land
 *   3. each part is linked or renamed to its final name
 *   4. the folder is synced: now the names would survive
 *   5. who watches the folder is told of each name that was linked; a crash before 6 is found by two names, and they are told again
 *   6. linked parts lose their names; sooner, a power cut could keep the end of the part and not the link
 *   7. only then may the receiver ack
 *
 * A file that this folder cannot take fails by itself, in any of these steps, and the others land (landing-errors.ts).
 * A crash between 3 and 7 makes the server deliver the file again, and by then the user may have moved it
 * away. The journal answers whether it had landed (landing-journal.ts); then it is acked and not landed twice.
 *
 * Nothing is ever overwritten by accident: `link` fails if the name is taken, where `rename` would replace it.
 * Names are single path components and nothing that this machine obeys (landing-names.ts), and links in the folder are
 * never followed. adr/0016
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

/** Without a path: skipped. */
export type Landed = { readonly path: string | null } | { readonly failure: FilespoolError; readonly delayMs?: number };

/** Told of what is in the folder under a name of ours, and was left out. */
export type Warn = (path: string, message: string) => void;

/** Removes what receivers that were killed have left of one kind: of these names, what is older than `beforeMs`. */
export type Tidy = (folder: string, names: readonly string[], beforeMs: number) => Promise<void>;

export interface LandingOptions {
  readonly ifExists: IfExists;
  /** Whether what has landed must survive a power cut. */
  readonly sync: boolean;
  /** Names the server and the queue; see LandingJournal.confirmRest. */
  readonly origin?: string;
  /** Told of what has a name of ours and is not ours, or makes no sense. */
  readonly warn?: Warn;
  /** Which names a file may have here; all that a machine can take, unless given. */
  readonly names?: LandingNames;
  /** For kinds of content that leave more than parts behind. */
  readonly tidy?: Tidy;
}

/** Files that share their syncs when they land, where there are descriptors for them: each is open until it is synced. */
const BATCH_MAX = 128;
/** Descriptors that a receiver needs beside those: its connection, the folder, the journal, a command and its pipes. */
const OTHERS = 12;

/** What a batch has changed in the folder: files that have their names, second names, and folders that were replaced. */
interface Named {
  readonly files: Set<Incoming>;
  readonly linked: Linked[];
  readonly aside: string[];
}

export class Landing {
  /** Files that may be open at a time. */
  readonly openMax = Math.min(BATCH_MAX, Math.max(1, Math.floor((descriptorsLeft() - OTHERS) / 2)));
  batchMax = this.openMax;
  readonly folder: string;
  readonly sync: boolean;
  readonly room: TargetRoom;
  /** Which name a file has here; asked by everybody who has to find it. */
  readonly names: LandingNames;
  readonly #ifExists: IfExists;
  readonly #tidy: Tidy;
  readonly #journal: LandingJournal;
  /** Names of ours that were there when the folder was opened, until what nobody needs of them is gone. */
  #left: readonly string[] = [];

  /**
   * Opens the target folder, creating it when it is missing, and reads what an earlier run left.
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
   * Finds out what became of files whose landing went wrong, an earlier run's or this one's, and tidies up. Nothing may land
   * before that. @throws FilespoolError folder-unusable, disk-full
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

  /** What has its final name is told of again: nobody knows whether it was. */
  async #endDoubts(): Promise<void> {
    const parts = await this.#journal.endDoubts();
    for (const linked of await finalNamesOf(this.folder, parts)) tellWhole(linked);
    removeParts(parts);
  }

  /** A hook wants this one to be taken away again; `part` is the name that it will have then. */
  doubt(transfer: string, part: string): void {
    this.#journal.doubt(transfer, part);
  }

  /** Where the part of a file is to lie: beside its final name, so that landing copies nothing. */
  folderFor(): string {
    return this.folder;
  }

  /** Whether the file of this transfer has landed before, and its ack was not confirmed. */
  landedBefore(transfer: string): boolean {
    return this.#journal.has(transfer);
  }

  /**
   * Decides, before any byte is sent, whether a file of this name may land: "skip" is the user's policy.
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

  /** Who may not look is told when the part is opened. @throws FilespoolError the disk has no such names; what is no error of the system */
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
  /** Lands complete files, in order. A failure of one does not touch the others. @throws FilespoolError folder-unusable, disk-full */
  async land(files: readonly Incoming[]): Promise<Landed[]> {
    const landed: Landed[] = [];
    const named: Named = { files: new Set(), linked: [], aside: [] };
    try {
      const failures = await settleContents(files, this); // 1. contents, and the names of their parts
      const settled = files.filter((file) => !failures.has(file));
      if (settled.length > 0) await this.#journal.announce(settled); // 2. intention
      for (const file of files) {
        const failure = failures.get(file);
        landed.push(failure ? { failure } : this.#place(file, named)); // 3. names
      }
      await this.#leaveOut(settled.filter((file) => !named.files.has(file)));
      if (this.sync) await syncFolder(this.folder); // 4. names on disk
      for (const linked of named.linked) tellWhole(linked); // 5. who watches the folder
      removeParts(named.linked.map(({ part }) => part)); // 6. no second names
      for (const path of named.aside) await removeTree(path).catch(() => {}); // or with the next start
      return landed;
    } catch (error) {
      // Some have their names by now. The folder is asked, as after a crash; if it cannot be, `recover` will.
      for (const [index, { delivery, part }] of files.entries())
        this.#journal.doubt(delivery.transfer, index < landed.length ? part : null);
      await this.#endDoubts().catch(() => {});
      const failure = folderError(error, this.folder);
      if (failure.code === "connections-full") this.batchMax = Math.max(1, this.batchMax >> 1);
      throw failure;
    }
  }
  // endregion: land
  /** This one was announced and is not to land, maybe by an earlier run: the journal must say so before the part may go. */
  retract(transfer: string): Promise<void> {
    return this.#journal.retract([transfer]);
  }

  /** Gives a file its name, or says why it has none. @throws what the file system said of the folder */
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

  #replace(file: Incoming, name: string, { aside }: Named): string {
    const path = join(this.folder, name);
    checkReplaceable(path, file.replace !== undefined); // it may have appeared since `check`
    if (file.replace) file.replace(path, aside);
    else renameSync(file.part, path);
    return path;
  }

  /** Null when the name is taken. */
  #claim(file: Incoming, name: string, { linked }: Named): string | null {
    for (let number = 0; ; number++) {
      const candidate = number === 0 ? name : numbered(name, number);
      const path = join(this.folder, candidate);
      if (this.names.mayUse(candidate) && claim(file.part, path, linked)) return path;
      if (this.#ifExists !== "rename") return null;
    }
  }

  /** These were announced and do not land now: the journal says so before a part goes. */
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
