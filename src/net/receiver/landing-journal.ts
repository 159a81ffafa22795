/**
 * The journal of a target folder: which transfers are about to land, so that after a crash nobody
 * has to guess which did.
 *
 *   .filespool-landed-<random>    one line for each event; the last one about a transfer counts
 *   ["<transfer>",1790000000000,"host:port/queue"]    about to land, or landed
 *   [..., ".filespool-<transfer>.<lot>.part"]         the same, from a part file of that name
 *   ["<transfer>",0,"host:port/queue"]                retracted
 *
 * A listed transfer has landed if its part file is gone (of a folder: its tree, too) or has a
 * second name. Nothing else tells. Hence the invariant: *never delete the part of a transfer that
 * has not landed before its retraction is on disk.*
 *
 * A crash or an error that stops a landing half-way leaves transfers in doubt. `endDoubts` asks the
 * folder. It runs before anything touches a part file: at the start of a run, after an error, and
 * before anything is asked for on a new connection. An entry leaves when its ack is confirmed.
 *
 * A journal with one line that makes no sense is not believed at all: that line may have retracted
 * another one, and a receiver that believed the other would ack a file that is not there. The
 * journal gets another name, and the user a warning. What it listed may land a second time. That
 * can be seen; a lost file cannot. Why: adr/0066, adr/0082.
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
 * One line: the transfer, the time (ms since the epoch; 0: retracted), the server and queue, and
 * the name of its part file or tree, unless that is the ordinary one.
 */
type Entry = readonly [transfer: string, atMs: number, origin: string, part?: string];

/**
 * How long an entry without a confirmed ack is believed, ms. Not longer than a server remembers
 * what was collected (tombstoneTtlMs): a transfer that is sent anew after that must land.
 */
export const ENTRY_TTL_MS = 7 * 86_400_000;
const JOURNAL_BYTES_MAX = 1_000_000; // a longer one is written anew
/**
 * No receiver writes a longer journal. Without a bound, a planted file of a terabyte would be read.
 */
const READ_BYTES_MAX = 64_000_000;

/**
 * Where the content of a transfer is, if it has not landed: under the name of its entry, or under
 * an ordinary one.
 */
interface Places {
  readonly announced: string | null;
  readonly others: readonly string[];
}

export class LandingJournal {
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #origin: string;
  /**
   * By transfer: it has landed or was about to, and its ack is not confirmed. `announce` and `read`
   * add to it; `retract`, `confirm` and `confirmRest` remove.
   */
  readonly #unconfirmed = new Map<string, Entry>();
  /**
   * Those of them that are in doubt, with the places where their content was; null: it certainly
   * got no name. `endDoubts` empties it.
   */
  readonly #doubted = new Map<string, Places | null>();
  /**
   * The journal of this run, locked; null before the first landing. `bytes`: its length, if known.
   */
  #journal: { readonly handle: FileHandle; readonly path: string; bytes: number } | null = null;
  /** Journals of earlier runs, or that were too long. They go once a new one is on disk. */
  #old: string[] = [];

  /** @param origin names the server and the queue; see `confirmRest` */
  constructor(folder: string, sync: boolean, origin: string) {
    this.#folder = folder;
    this.#sync = sync;
    this.#origin = origin;
  }

  /**
   * Reads what earlier runs left in the folder, by its names. All of it is in doubt.
   * @param warn hears of a journal that made no sense, and under which name it is now
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
        // No lock: another receiver is at work in this folder, and answers for what it landed.
        if (!tryLock(journal.fd)) continue;
        const entries = isJournal ? await entriesIn(journal) : [];
        if (entries === null) warn(path, `this journal is damaged and was renamed to ${setAside(path)}; ${AGAIN}`);
        else if (isJournal) this.#old.push(path);
        else await rm(path, { force: true });
        this.#doubtAll(entries ?? []);
      } finally {
        await journal.close();
      }
    }
  }

  /** Puts the last entry of each transfer in doubt, unless that is retracted or too old. */
  #doubtAll(entries: readonly Entry[]): void {
    for (const [transfer, entry] of new Map(entries.map((entry) => [entry[0], entry]))) {
      if (entry[1] <= Date.now() - ENTRY_TTL_MS) continue;
      const ordinary = [ownPath(this.#folder, transfer, "part"), ownPath(this.#folder, transfer, "tree")];
      const announced = entry[3] === undefined ? null : join(this.#folder, entry[3]);
      this.#unconfirmed.set(transfer, entry);
      this.#doubted.set(transfer, { announced, others: ordinary });
    }
  }

  /**
   * The landing of a transfer went wrong. If it was announced, it is in doubt now.
   * @param part where its content was; null: it certainly got no name
   */
  doubt(transfer: string, part: string | null): void {
    if (!this.#unconfirmed.has(transfer)) return;
    this.#doubted.set(transfer, part === null ? null : { announced: part, others: [] });
  }

  /**
   * Finds out which of the doubted transfers have landed, and retracts the others.
   * @returns part files that have a second name, under which they landed; they may go now
   * @throws what the file system said; the doubts stay then
   */
  async endDoubts(): Promise<string[]> {
    if (this.#doubted.size === 0) return [];
    // The run that gave the names may have been killed before they were on disk.
    if (this.#sync) await syncFolder(this.#folder);
    const missing = new Set<string>();
    const linked: string[] = [];
    for (const [transfer, places] of this.#doubted) {
      if (places === null) missing.add(transfer);
      const { announced, others } = places ?? { announced: null, others: [] };
      for (const path of announced === null ? others : [announced, ...others]) {
        const found = look(path);
        if (found.is === "twin") linked.push(path);
        // A stranger's file under another name tells nothing. Under the part's own name it hides
        // what became of the part.
        else if (found.is !== "nothing" && (found.is !== "foreign" || path === announced || announced === null))
          missing.add(transfer);
      }
    }
    if (missing.size > 0) await this.retract([...missing]);
    this.#doubted.clear();
    return linked;
  }

  /** Whether a transfer is listed, not too long ago, and not in doubt: it has landed. */
  has(transfer: string): boolean {
    const entry = this.#unconfirmed.get(transfer);
    return entry !== undefined && entry[1] > Date.now() - ENTRY_TTL_MS && !this.#doubted.has(transfer);
  }

  /**
   * Says, on disk, that files are about to land.
   * @throws what the file system said; the files may be announced or not then
   */
  async announce(files: readonly Pick<Incoming, "delivery" | "part">[]): Promise<void> {
    const entries = files.map(({ delivery: { transfer }, part }): Entry => {
      const isOrdinary = part.endsWith(`-${transfer}.part`) || part.endsWith(`-${transfer}.tree`);
      return isOrdinary ? [transfer, Date.now(), this.#origin] : [transfer, Date.now(), this.#origin, basename(part)];
    });
    for (const entry of entries) this.#unconfirmed.set(entry[0], entry);
    await this.#write(entries);
  }

  /**
   * Says, on disk, that transfers have not landed, although they were announced.
   * @throws what the file system said; they may be retracted or not then
   */
  async retract(transfers: readonly string[]): Promise<void> {
    await this.#write(transfers.map((transfer) => [transfer, 0, this.#origin]));
    for (const transfer of transfers) {
      this.#unconfirmed.delete(transfer);
      this.#doubted.delete(transfer);
    }
  }

  /** Appends entries to the journal, or begins a new one if this one cannot be continued. */
  async #write(entries: readonly Entry[]): Promise<void> {
    const journal = this.#journal;
    if (!journal || this.#old.length > 0 || journal.bytes > JOURNAL_BYTES_MAX) return this.#renew(entries);
    const { handle, bytes } = journal;
    journal.bytes = Infinity; // until the end is known again
    try {
      journal.bytes = await this.#append(handle, entries, bytes);
    } catch (error) {
      // As long as a file may be here (ulimit -f). Without the confirmed entries it is short again.
      if ((error as NodeJS.ErrnoException).code !== "EFBIG") throw error;
      await this.#renew(entries);
    }
  }

  /** Begins a journal: everything unconfirmed, then `entries`. Then removes the ones before it. */
  async #renew(entries: readonly Entry[]): Promise<void> {
    const unnamed = unnamedPath(this.#folder);
    const path = join(this.#folder, basename(unnamed).replace(UNNAMED, JOURNAL));
    const handle = await open(unnamed, "ax", 0o600); // private: a line in it leads to an ack
    const all = new Map([...this.#unconfirmed.values(), ...entries].map((entry) => [entry[0], entry]));
    let bytes = 0;
    try {
      // Another receiver that reads the folder now may take it for a dead run's, and remove it.
      if (!tryLock(handle.fd))
        throw new FilespoolError("connections-full", `another receiver is using ${this.#folder} at this moment`);
      bytes = await this.#append(handle, [...all.values()], 0);
      await rename(unnamed, path); // a journal always has its lock
      if (this.#sync) await syncFolder(this.#folder);
    } catch (error) {
      this.#old.push(path); // it may have that name by now
      await handle.close();
      await rm(unnamed, { force: true });
      throw error;
    }
    await this.#journal?.handle.close();
    if (this.#journal) this.#old.push(this.#journal.path);
    this.#journal = { handle, path, bytes };
    for (const done of this.#old) await rm(done, { force: true });
    // Nor may a power cut bring one back: it may list a transfer that was retracted since.
    if (this.#sync && this.#old.length > 0) await syncFolder(this.#folder);
    this.#old = [];
  }

  /** Appends to a journal of `bytes` bytes, and syncs it. @returns its new length, bytes */
  async #append(journal: FileHandle, entries: readonly Entry[], bytes: number): Promise<number> {
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    try {
      await journal.appendFile(text);
      if (this.#sync) await journal.datasync();
    } catch (error) {
      await journal.truncate(bytes); // half a line would swallow the next one
      throw error;
    }
    return bytes + Buffer.byteLength(text);
  }

  /** The server has confirmed the ack: it will not deliver this transfer again. */
  confirm(transfer: string): void {
    this.#unconfirmed.delete(transfer);
  }

  /**
   * The queue of this run has nothing more for anybody, except what is `open` here. So the other
   * acks arrived, and only their confirmation was lost.
   */
  confirmRest(open: ReadonlySet<string>): void {
    for (const [transfer, , origin] of this.#unconfirmed.values())
      if (origin === this.#origin && !open.has(transfer)) this.#unconfirmed.delete(transfer);
  }

  /** Removes the journal, unless some ack is unconfirmed. */
  async close(): Promise<void> {
    if (this.#journal) this.#old.push(this.#journal.path);
    try {
      if (this.#unconfirmed.size === 0) for (const path of this.#old) await rm(path, { force: true });
    } finally {
      await this.#journal?.handle.close(); // also where nothing can be removed any more
    }
  }
}

const AGAIN = "a file that landed without a confirmed acknowledgement may land a second time";

/**
 * The entries of a journal, in order; null if it makes no sense. @throws what the file system said
 */
async function entriesIn(journal: FileHandle): Promise<Entry[] | null> {
  if ((await journal.stat()).size > READ_BYTES_MAX) return null;
  const lines = (await journal.readFile("utf8")).split("\n");
  lines.pop(); // a crash cut off what follows the last line end
  // A line with a hole in it was not on disk when the power was cut, so nothing has relied on it.
  const entries = lines.filter((line) => !line.includes("\0")).map(entryOf);
  return entries.every((entry) => entry !== null) ? entries : null;
}

const ID = /^[0-9a-f]{32}$/;

/** One line of a journal; null if it makes no sense. Its part has a name of ours: it stays here. */
function entryOf(line: string): Entry | null {
  try {
    const [transfer, atMs, origin = "", part] = JSON.parse(line) as [string, number, string?, string?];
    const isId = typeof transfer === "string" && ID.test(transfer);
    const isPart = part === undefined || ownName(part)?.transfer === transfer;
    if (!isId || !isPart || typeof atMs !== "number" || typeof origin !== "string") return null;
    return part === undefined ? [transfer, atMs, origin] : [transfer, atMs, origin, part];
  } catch {
    return null;
  }
}
