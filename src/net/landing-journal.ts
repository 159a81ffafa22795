/**
 * The journal of a target folder: which transfers are about to land, so that after a crash nobody has to guess which did.
 *
 *   .filespool-landed-<random>    ["<transfer>",1790000000000,"host:port/queue"]    about to land, or landed
 *                                 ["<transfer>",0,"host:port/queue"]                retracted: the last word counts
 *
 * A transfer that is listed has landed if its part is gone (of a folder: its tree, too) or has a second name. There is
 * nothing else to tell it by, so *of what has not landed no part goes before its transfer is retracted on disk*. Whatever
 * stops a landing half-way, a crash or an error, leaves transfers in doubt; `endDoubts` asks the folder, and comes before
 * anybody touches a part: at the start of a run, after an error, and before anything is asked for on a new connection.
 * Entries leave when the server has confirmed the ack.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { FilespoolError } from "../protocol/errors.ts";
import { OWN_PREFIX } from "../protocol/names.ts";
import { syncFolder } from "../spool/batch-writer.ts";
import { partPath, unlessMissing } from "./incoming-file.ts";

/** A line of it: the transfer, the time (ms since the epoch), the server and queue that it came from. */
type Entry = readonly [transfer: string, atMs: number, origin: string];

const JOURNAL = `${OWN_PREFIX}-landed-`;
const UNNAMED = `${OWN_PREFIX}-new-`; // one that is being written, and has nothing that any other does not have
/**
 * How long an entry whose ack was never confirmed is believed. Not longer than a server remembers what was collected
 * (tombstoneTtlMs): after that the same transfer may be sent anew, and must land anew.
 */
export const ENTRY_TTL_MS = 7 * 86_400_000;
const JOURNAL_BYTES_MAX = 1_000_000; // a longer one is written anew, without the entries that were confirmed

export class LandingJournal {
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #origin: string;
  /** Transfers that landed, or were about to, and whose ack is not confirmed. */
  readonly #unconfirmed = new Map<string, Entry>();
  /** Those of them that were about to when something went wrong, and where their content was then; null: it got no name. */
  readonly #doubted = new Map<string, readonly string[] | null>();
  /** Ours, locked; and the ones before it, which stop being needed once it is on disk. */
  #journal: { readonly handle: FileHandle; readonly path: string; bytes: number } | null = null;
  #old: string[] = [];

  /** @param origin names the server and the queue; see `confirmRest` */
  constructor(folder: string, sync: boolean, origin: string) {
    this.#folder = folder;
    this.#sync = sync;
    this.#origin = origin;
  }

  /** Reads what earlier runs left in the folder, by its names. All of it is in doubt. @throws what the file system said */
  async read(names: readonly string[]): Promise<void> {
    for (const name of names.filter((name) => name.startsWith(JOURNAL) || name.startsWith(UNNAMED))) {
      const path = join(this.#folder, name);
      const journal = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(unlessMissing);
      // Gone or locked: another receiver is working on this folder, and answers for what it landed itself.
      const isOurs = journal !== null && tryLock(journal.fd);
      const lines = isOurs && name.startsWith(JOURNAL) ? (await journal.readFile("utf8")).split("\n") : [];
      if (isOurs && name.startsWith(UNNAMED)) await rm(path, { force: true });
      else if (isOurs) this.#old.push(path);
      await journal?.close();
      lines.pop(); // what follows the last line end was cut off while it was being written
      // Nor was a line with a hole in it on disk when the power was cut: nothing has relied on it.
      const entries = lines.filter((line) => !line.includes("\0")).map((line) => JSON.parse(line) as Entry);
      for (const [transfer, entry] of new Map(entries.map((entry) => [entry[0], entry]))) {
        if (entry[1] <= Date.now() - ENTRY_TTL_MS) continue;
        const part = partPath(this.#folder, transfer);
        this.#unconfirmed.set(transfer, entry);
        this.#doubted.set(transfer, [part, part.replace(/part$/, "tree")]);
      }
    }
  }

  /** The landing of this one went wrong, and it may be announced. `part`: where its content was; null: it got no name. */
  doubt(transfer: string, part: string | null): void {
    if (this.#unconfirmed.has(transfer)) this.#doubted.set(transfer, part === null ? null : [part]);
  }

  /** Finds out which of the doubted have landed, and retracts the others. @throws what the file system said; the doubts stay */
  async endDoubts(): Promise<void> {
    if (this.#doubted.size === 0) return;
    // Whoever gave them their names may have been stopped before those were on disk; we are going to ack them.
    if (this.#sync) await syncFolder(this.#folder);
    const missing: string[] = [];
    for (const [transfer, places] of this.#doubted) {
      if (places === null) missing.push(transfer);
      for (const path of places ?? []) {
        const found = await lstat(path).catch(unlessMissing);
        // Of two names the first goes: to write there would change what landed.
        if (found?.isFile() && found.nlink > 1) await rm(path, { force: true });
        else if (found) missing.push(transfer);
      }
    }
    if (missing.length > 0) await this.retract(missing);
    this.#doubted.clear();
  }

  /** Whether it is listed, and no doubt about it. */
  has(transfer: string): boolean {
    return this.#unconfirmed.has(transfer) && !this.#doubted.has(transfer);
  }

  /** These are about to land. @throws what the file system said; they may be announced */
  async announce(transfers: readonly string[]): Promise<void> {
    const entries = transfers.map((transfer): Entry => [transfer, Date.now(), this.#origin]);
    for (const entry of entries) this.#unconfirmed.set(entry[0], entry);
    await this.#write(entries);
  }

  /** These were announced and have not landed, maybe by an earlier run. @throws what the file system said; they may be retracted */
  async retract(transfers: readonly string[]): Promise<void> {
    await this.#write(transfers.map((transfer) => [transfer, 0, this.#origin]));
    for (const transfer of transfers) {
      this.#unconfirmed.delete(transfer);
      this.#doubted.delete(transfer);
    }
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const journal = this.#journal;
    if (!journal || this.#old.length > 0 || journal.bytes > JOURNAL_BYTES_MAX) return this.#renew(entries);
    const { handle, bytes } = journal;
    journal.bytes = Infinity; // one whose end is not known is replaced
    journal.bytes = await this.#append(handle, entries, bytes);
  }

  /** Begins a journal with what is unconfirmed and what is to be said now, and then removes the ones before it. */
  async #renew(entries: readonly Entry[]): Promise<void> {
    const name = randomBytes(6).toString("hex");
    const path = join(this.#folder, JOURNAL + name);
    const unnamed = join(this.#folder, UNNAMED + name);
    const handle = await open(unnamed, "ax");
    const all = new Map([...this.#unconfirmed.values(), ...entries].map((entry) => [entry[0], entry]));
    let bytes = 0;
    try {
      // Whoever reads the journals at this moment may take it for a dead one's, and will remove it.
      if (!tryLock(handle.fd)) throw new FilespoolError("connections-full", `${this.#folder} is busy`);
      bytes = await this.#append(handle, [...all.values()], 0);
      await rename(unnamed, path); // it gets its name only now, so nobody ever finds it without a lock
      if (this.#sync) await syncFolder(this.#folder);
    } catch (error) {
      this.#old.push(path); // maybe it has that name
      await handle.close();
      await rm(unnamed, { force: true });
      throw error;
    }
    await this.#journal?.handle.close();
    if (this.#journal) this.#old.push(this.#journal.path);
    this.#journal = { handle, path, bytes };
    for (const done of this.#old) await rm(done, { force: true });
    // Nor may a power cut bring one back: what it says of a transfer may have been retracted since, and the part be gone.
    if (this.#sync && this.#old.length > 0) await syncFolder(this.#folder);
    this.#old = [];
  }

  /** Appends to a journal of `bytes` bytes and returns its new length. */
  async #append(journal: FileHandle, entries: readonly Entry[], bytes: number): Promise<number> {
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    try {
      await journal.appendFile(text);
      if (this.#sync) await journal.datasync();
    } catch (error) {
      await journal.truncate(bytes); // a line that a full disk cut must not swallow the next
      throw error;
    }
    return bytes + Buffer.byteLength(text);
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
    if (this.#journal) this.#old.push(this.#journal.path);
    if (this.#unconfirmed.size === 0) for (const path of this.#old) await rm(path, { force: true });
    await this.#journal?.handle.close();
  }
}
