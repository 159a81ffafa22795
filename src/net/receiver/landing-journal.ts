/**
 * The journal of a target folder: which transfers are about to land, so that after a crash nobody has to guess which did.
 *
 *   .filespool-landed-<random>    ["<transfer>",1790000000000,"host:port/queue"]    about to land, or landed
 *                                 [..., ".filespool-<transfer>.<lot>.part"]         the same, from a part of that name
 *                                 ["<transfer>",0,"host:port/queue"]                retracted: the last word counts
 *
 * A transfer that is listed has landed if its part is gone (of a folder: its tree, too) or has a second name. There is
 * nothing else to tell it by, so *of what has not landed no part goes before its transfer is retracted on disk*. Whatever
 * stops a landing half-way, a crash or an error, leaves transfers in doubt; `endDoubts` asks the folder, and comes before
 * anybody touches a part: at the start of a run, after an error, and before anything is asked for on a new connection.
 * Entries leave when the server has confirmed the ack.
 *
 * A journal in which one line makes no sense is believed in nothing: the line may have retracted another one, and whoever
 * believes that one acks a file that is not there. It is set aside under a name that people are told, and what it had
 * listed may land a second time; that can be seen, while a file that is lost cannot. Why: adr/0066, adr/0082.
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { syncFolder } from "../../disk/files.ts";
import { FilespoolError } from "../../protocol/errors.ts";
import { JOURNAL, look, openOurs, ownName, ownPath, setAside, UNNAMED, unnamedPath } from "./own-files.ts";
import type { Incoming } from "./part-file.ts";

/**
 * A line of it: the transfer, the time (ms since the epoch), the server and queue that it came from, and the name of its part
 * or tree where that is not the ordinary one.
 */
type Entry = readonly [transfer: string, atMs: number, origin: string, part?: string];

/**
 * How long an entry whose ack was never confirmed is believed. Not longer than a server remembers what was collected
 * (tombstoneTtlMs): after that the same transfer may be sent anew, and must land anew.
 */
export const ENTRY_TTL_MS = 7 * 86_400_000;
const JOURNAL_BYTES_MAX = 1_000_000; // a longer one is written anew, without the entries that were confirmed
/** No receiver writes one that is longer, whatever was unconfirmed. Without it, a file of a terabyte would be read. */
const READ_BYTES_MAX = 64_000_000;

/** Where the content of a transfer may be that has not landed: under the name that its entry says, or under ordinary ones. */
interface Places {
  readonly announced: string | null;
  readonly others: readonly string[];
}

export class LandingJournal {
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #origin: string;
  /** Transfers that landed, or were about to, and whose ack is not confirmed. */
  readonly #unconfirmed = new Map<string, Entry>();
  /** Those of them that were about to when something went wrong, and where their content was then; null: it got no name. */
  readonly #doubted = new Map<string, Places | null>();
  /** Ours, locked; and the ones before it, which stop being needed once it is on disk. */
  #journal: { readonly handle: FileHandle; readonly path: string; bytes: number } | null = null;
  #old: string[] = [];

  /** @param origin names the server and the queue; see `confirmRest` */
  constructor(folder: string, sync: boolean, origin: string) {
    this.#folder = folder;
    this.#sync = sync;
    this.#origin = origin;
  }

  /**
   * Reads what earlier runs left in the folder, by its names. All of it is in doubt.
   * @param warn is told of a journal that made no sense, and under which name it is now
   * @throws what the file system said
   */
  async read(names: readonly string[], warn: (path: string, message: string) => void): Promise<void> {
    for (const name of names) {
      const isJournal = name.startsWith(JOURNAL);
      if (!isJournal && !name.startsWith(UNNAMED)) continue;
      const path = join(this.#folder, name);
      const journal = await openOurs(path, constants.O_RDWR);
      if (!journal) continue;
      try {
        // Locked: another receiver is working on this folder, and answers for what it landed itself.
        if (!tryLock(journal.fd)) continue;
        const entries = isJournal ? await entriesIn(journal) : [];
        if (entries === null) warn(path, `this journal is damaged, and is called ${setAside(path)} now; ${AGAIN}`);
        else if (isJournal) this.#old.push(path);
        else await rm(path, { force: true });
        this.#doubtAll(entries ?? []);
      } finally {
        await journal.close();
      }
    }
  }

  #doubtAll(entries: readonly Entry[]): void {
    for (const [transfer, entry] of new Map(entries.map((entry) => [entry[0], entry]))) {
      if (entry[1] <= Date.now() - ENTRY_TTL_MS) continue;
      const ordinary = [ownPath(this.#folder, transfer, "part"), ownPath(this.#folder, transfer, "tree")];
      const announced = entry[3] === undefined ? null : join(this.#folder, entry[3]);
      this.#unconfirmed.set(transfer, entry);
      this.#doubted.set(transfer, { announced, others: ordinary });
    }
  }

  /** The landing of this one went wrong, and it may be announced. `part`: where its content was; null: it got no name. */
  doubt(transfer: string, part: string | null): void {
    if (!this.#unconfirmed.has(transfer)) return;
    this.#doubted.set(transfer, part === null ? null : { announced: part, others: [] });
  }

  /**
   * Finds out which of the doubted have landed, and retracts the others.
   * @returns parts of files that have landed under a second name, which their parts may lose now
   * @throws what the file system said; the doubts stay
   */
  async endDoubts(): Promise<string[]> {
    if (this.#doubted.size === 0) return [];
    // Whoever gave them their names may have been stopped before those were on disk; we are going to ack them.
    if (this.#sync) await syncFolder(this.#folder);
    const missing = new Set<string>();
    const linked: string[] = [];
    for (const [transfer, places] of this.#doubted) {
      if (places === null) missing.add(transfer);
      const { announced, others } = places ?? { announced: null, others: [] };
      for (const path of announced === null ? others : [announced, ...others]) {
        const found = look(path);
        if (found.is === "twin") linked.push(path);
        // What somebody else has put under another name says nothing; under that of the part, nobody knows what became of it.
        else if (found.is !== "nothing" && (found.is !== "foreign" || path === announced || announced === null))
          missing.add(transfer);
      }
    }
    if (missing.size > 0) await this.retract([...missing]);
    this.#doubted.clear();
    return linked;
  }

  /** Whether it is listed, not for too long, and there is no doubt about it. */
  has(transfer: string): boolean {
    const entry = this.#unconfirmed.get(transfer);
    return entry !== undefined && entry[1] > Date.now() - ENTRY_TTL_MS && !this.#doubted.has(transfer);
  }

  /** These are about to land. @throws what the file system said; they may be announced */
  async announce(files: readonly Pick<Incoming, "delivery" | "part">[]): Promise<void> {
    const entries = files.map(({ delivery: { transfer }, part }): Entry => {
      const isOrdinary = part.endsWith(`-${transfer}.part`) || part.endsWith(`-${transfer}.tree`);
      return isOrdinary ? [transfer, Date.now(), this.#origin] : [transfer, Date.now(), this.#origin, basename(part)];
    });
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
    try {
      journal.bytes = await this.#append(handle, entries, bytes);
    } catch (error) {
      // It is as long as files may be here (ulimit -f); without what was confirmed it is short again.
      if ((error as NodeJS.ErrnoException).code !== "EFBIG") throw error;
      await this.#renew(entries);
    }
  }

  /** Begins a journal with what is unconfirmed and what is to be said now, and then removes the ones before it. */
  async #renew(entries: readonly Entry[]): Promise<void> {
    const unnamed = unnamedPath(this.#folder);
    const path = join(this.#folder, basename(unnamed).replace(UNNAMED, JOURNAL));
    const handle = await open(unnamed, "ax", 0o600); // ours alone: who could write to it could have us ack what is not there
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

const AGAIN = "a file that had landed, and whose ack was under way, may land a second time";

/** What a journal says, in its order; null when it makes no sense. @throws what the file system said */
async function entriesIn(journal: FileHandle): Promise<Entry[] | null> {
  if ((await journal.stat()).size > READ_BYTES_MAX) return null;
  const lines = (await journal.readFile("utf8")).split("\n");
  lines.pop(); // what follows the last line end was cut off while it was being written
  // Nor was a line with a hole in it on disk when the power was cut: nothing has relied on it.
  const entries = lines.filter((line) => !line.includes("\0")).map(entryOf);
  return entries.every((entry) => entry !== null) ? entries : null;
}

const ID = /^[0-9a-f]{32}$/;

function entryOf(line: string): Entry | null {
  try {
    const [transfer, atMs, origin = "", part] = JSON.parse(line) as [string, number, string?, string?];
    const isId = typeof transfer === "string" && ID.test(transfer);
    const isPart = part === undefined || ownName(part)?.transfer === transfer; // and so it leads nowhere else
    if (!isId || !isPart || typeof atMs !== "number" || typeof origin !== "string") return null;
    return part === undefined ? [transfer, atMs, origin] : [transfer, atMs, origin, part];
  } catch {
    return null;
  }
}
