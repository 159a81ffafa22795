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
 * away. The journal answers whether it had landed: it is listed there, and its part is gone (or has a second
 * name). So it is acked and not landed twice. Entries leave the journal once the server has confirmed the ack.
 *
 * Nothing is ever overwritten by accident: `link` fails if the name is taken, where `rename` would replace it.
 * Names are single path components (protocol/names.ts), and links in the folder are never followed. adr/0016
 */
import { randomBytes } from "node:crypto";
import { constants, renameSync } from "node:fs";
import { type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { FilespoolError } from "../protocol/errors.ts";
import { numbered, OWN_PREFIX, quoteName, safeName } from "../protocol/names.ts";
import { makeFolder, syncFolder } from "../spool/batch-writer.ts";
import {
  claim,
  folderError,
  type Incoming,
  isThere,
  partPath,
  removeOldParts,
  removeParts,
  unlessMissing,
} from "./incoming-file.ts";
import { tidyTrees } from "./incoming-tree.ts";
import type { IfExists } from "./options.ts";
import { SmallFile } from "./small-file.ts";

/** Without a path: skipped. */
export type Landed = { readonly path: string | null } | { readonly failure: FilespoolError; readonly delayMs?: number };

/** A line of the journal: the transfer, the time (ms since the epoch), the server and queue that it came from. */
type Entry = readonly [transfer: string, atMs: number, origin: string];

const JOURNAL = `${OWN_PREFIX}-landed-`;
const UNNAMED = `${OWN_PREFIX}-new-`; // one that is being written, and has nothing that any other does not have
/**
 * How long an entry whose ack was never confirmed is believed. Not longer than a server remembers what was collected
 * (tombstoneTtlMs): after that the same transfer may be sent anew, and must land anew.
 */
const ENTRY_TTL_MS = 7 * 86_400_000;
const JOURNAL_BYTES_MAX = 1_000_000; // a longer one is written anew, without the entries that were confirmed
/** Syncs at a time: enough that the threads which there are for them never wait. adr/0033, adr/0057 */
const SYNCS_MAX = 32;
type Announced = { readonly delivery: Pick<Incoming["delivery"], "transfer"> }; // what of a file the journal needs

export class Landing {
  readonly batchMax: number = 128; // files that share their syncs when they land
  readonly folder: string;
  readonly sync: boolean;
  readonly #ifExists: IfExists;
  readonly #origin: string;
  /** Transfers that landed, or were about to, and whose ack is not confirmed. */
  readonly #unconfirmed = new Map<string, Entry>();
  /** Our journal, locked; and the files that stop being needed once the next one is on disk. */
  #journal: FileHandle | null = null;
  #journalBytes = 0;
  #oldJournals: string[] = [];

  /**
   * Opens the target folder, creating it when it is missing, and reads what an earlier run left.
   * @param origin names the server and the queue; see `confirmRest`
   * @throws FilespoolError folder-unusable
   */
  static async open(folder: string, ifExists: IfExists, sync: boolean, origin = ""): Promise<Landing> {
    const landing = new Landing(folder, ifExists, sync, origin);
    try {
      await makeFolder(folder, sync);
      const names = (await readdir(folder)).filter((name) => name.startsWith(OWN_PREFIX));
      await landing.#readJournals(names.filter((name) => name.startsWith(JOURNAL) || name.startsWith(UNNAMED)));
      // Whoever gave those their names may have been killed before they were on disk; we are going to ack them.
      if (sync && landing.#unconfirmed.size > 0) await syncFolder(folder);
      await removeOldParts(folder, names, Date.now() - ENTRY_TTL_MS);
      await tidyTrees(folder, names, Date.now() - ENTRY_TTL_MS);
    } catch (error) {
      throw folderError(error, folder);
    }
    return landing;
  }

  private constructor(folder: string, ifExists: IfExists, sync: boolean, origin: string) {
    this.folder = folder;
    this.sync = sync;
    this.#ifExists = ifExists;
    this.#origin = origin;
  }

  async #readJournals(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.folder, name);
      const journal = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(unlessMissing);
      // Gone or locked: another receiver is working on this folder, and answers for what it landed itself.
      const isOurs = journal !== null && tryLock(journal.fd);
      const lines = isOurs && name.startsWith(JOURNAL) ? (await journal.readFile("utf8")).split("\n") : [];
      if (isOurs && name.startsWith(UNNAMED)) await rm(path, { force: true });
      else if (isOurs) this.#oldJournals.push(path);
      await journal?.close();
      lines.pop(); // what follows the last line end was cut off while it was being written
      // The last word on a transfer counts; retract writes one that is too old.
      // Nor was a line with a hole in it on disk when the power was cut: nothing has relied on it.
      const entries = lines.filter((line) => !line.includes("\0")).map((line) => JSON.parse(line) as Entry);
      for (const [transfer, entry] of new Map(entries.map((entry) => [entry[0], entry]))) {
        const isRecent = entry[1] > Date.now() - ENTRY_TTL_MS;
        const path = partPath(this.folder, transfer);
        const part = await lstat(path).catch(() => null);
        // It has its final name if the part is gone (a folder: the tree), or if the crash came before the part was removed.
        const hasLanded = part ? part.nlink > 1 : !isThere(path.replace(/part$/, "tree"));
        if (isRecent && hasLanded) this.#unconfirmed.set(transfer, entry);
      }
    }
  }

  /** Begins a journal with what is unconfirmed, and then removes the ones before it. */
  async #renewJournal(): Promise<void> {
    const name = randomBytes(6).toString("hex");
    const path = join(this.folder, JOURNAL + name);
    const unnamed = join(this.folder, UNNAMED + name);
    const journal = await open(unnamed, "ax");
    try {
      // Whoever reads the journals at this moment may take it for a dead one's, and will remove it.
      if (!tryLock(journal.fd)) throw new FilespoolError("connections-full", `${this.folder} is busy`);
      this.#journalBytes = await this.#append(journal, [...this.#unconfirmed.values()], 0);
      await rename(unnamed, path); // it gets its name only now, so nobody ever finds it without a lock
      if (this.sync) await syncFolder(this.folder);
    } catch (error) {
      await journal.close();
      await rm(unnamed, { force: true });
      throw error;
    }
    await this.#journal?.close();
    this.#journal = journal;
    for (const done of this.#oldJournals) await rm(done, { force: true });
    this.#oldJournals = [path];
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    if (!this.#journal || this.#journalBytes > JOURNAL_BYTES_MAX) return this.#renewJournal();
    this.#journalBytes = await this.#append(this.#journal, entries, this.#journalBytes);
  }

  /** Appends to a journal of `bytes` bytes and returns its new length. */
  async #append(journal: FileHandle, entries: readonly Entry[], bytes: number): Promise<number> {
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    try {
      await journal.appendFile(text);
      if (this.sync) await journal.datasync();
    } catch (error) {
      await journal.truncate(bytes); // a line that a full disk cut must not swallow the next
      throw error;
    }
    return bytes + Buffer.byteLength(text);
  }

  /** Whether the file of this transfer has landed before, and its ack was not confirmed. */
  landedBefore(transfer: string): boolean {
    return this.#unconfirmed.has(transfer);
  }

  /**
   * Decides, before any byte is sent, whether a file of this name may land: "skip" is the user's policy.
   * @throws FilespoolError name-refused, file-exists
   */
  check(wireName: string): "take" | "skip" {
    const name = safeName(wireName);
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
      await this.#announce(files.filter((file) => !failures.has(file))); // 2. intention
      for (const file of files) {
        const failure = failures.get(file);
        if (failure) landed.push({ failure });
        else landed.push(this.#place(file, linked) ?? (await this.#leaveOut(file))); // 3. names
      }
      if (this.sync) await syncFolder(this.folder); // 4. names on disk
      removeParts(linked); // 5. no second names
      return landed;
    } catch (error) {
      // What has its name already counts as landed, if only the name is on disk.
      const synced = this.sync ? syncFolder(this.folder) : Promise.resolve();
      const kept = await synced.then(() => landed.length).catch(() => 0);
      const retracted = this.retract(files.slice(kept));
      await retracted.then(() => removeParts(linked)).catch(() => {});
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

  async #announce(files: readonly Incoming[]): Promise<void> {
    const entries = files.map(({ delivery }): Entry => [delivery.transfer, Date.now(), this.#origin]);
    for (const entry of entries) this.#unconfirmed.set(entry[0], entry);
    await this.#write(entries);
  }

  /** Announced, but not landed, maybe by an earlier run: the journal must say so before the parts may go. */
  async retract(files: readonly Announced[]): Promise<void> {
    for (const { delivery } of files) this.#unconfirmed.delete(delivery.transfer);
    await this.#write(files.map(({ delivery }) => [delivery.transfer, 0, this.#origin]));
  }

  /** Gives a file its name; null when the name is taken. */
  #place(file: Incoming, linked: string[]): Landed | null {
    const name = safeName(file.delivery.name);
    try {
      if (this.#ifExists === "overwrite") {
        if (file.replace) file.replace(join(this.folder, name), linked);
        else renameSync(file.part, join(this.folder, name));
        return { path: join(this.folder, name) };
      }
      for (let number = 0; ; number++) {
        const path = join(this.folder, number === 0 ? name : numbered(name, number));
        if (claim(file.part, path, linked)) return { path };
        if (this.#ifExists !== "rename") return null;
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EISDIR" && code !== "ENOTEMPTY") throw error;
      return null;
    }
  }

  async #leaveOut(file: Incoming): Promise<Landed> {
    await this.retract([file]);
    await rm(file.part, { recursive: true, force: true });
    const name = safeName(file.delivery.name);
    return this.#ifExists === "skip" ? { path: null } : { failure: this.#exists(name) };
  }

  /** The server has confirmed the ack: it will not deliver this transfer again. */
  confirm(transfer: string): void {
    this.#unconfirmed.delete(transfer);
  }

  /** Its queue has nothing more, except for what is `open` here: the acks of a run that was killed did arrive. */
  confirmRest(open: ReadonlySet<string>): void {
    for (const [transfer, , origin] of this.#unconfirmed.values())
      if (origin === this.#origin && !open.has(transfer)) this.#unconfirmed.delete(transfer);
  }

  /** Leaves nothing behind unless something is unconfirmed. */
  async close(): Promise<void> {
    if (this.#unconfirmed.size === 0) for (const path of this.#oldJournals) await rm(path, { force: true });
    await this.#journal?.close();
  }
}
