/**
 * The record that says: a hook is owed for this file, which is about to land.
 *
 *   .filespool-<transfer>.hook    {"transfer":"...","name":"a.txt","ino":4711}
 *                                 taken back         only while the file is being taken away again
 *
 * It is on disk before the journal of the landing mentions the file, and it goes when the hook has
 * run. So a record without a lock belongs to a receiver that was killed in between. The name in the
 * record may have got a number in the folder, or may be somebody else's file by now. The inode says
 * whether it still is this file, because linking and renaming keep it. Never here: what follows
 * from a record (hooked-landing.ts).
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { syncFolder } from "../../../disk/files.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { MessageOf } from "../../../protocol/messages.ts";
import { safeName } from "../../../protocol/names.ts";
import type { Landing, Warn } from "../../receiver/landing.ts";
import { look, openOurs, ownName, ownPath, setAside, unnamedPath, withLot } from "../../receiver/own-files.ts";
import type { Incoming } from "../../receiver/part-file.ts";
import { SmallFile } from "../../receiver/small-file.ts";

type Delivered = MessageOf<"deliver">;

const TAKEN_BACK = "taken back";
/** Most bytes of a record: a name, an id and a number. A longer file is not read. */
const NOTE_BYTES_MAX = 4096;

/** What a record says. `isTakenBack`: the file, wherever it is found, is to be removed. */
export interface Owed {
  readonly transfer: string;
  readonly name: string;
  readonly ino: number;
  readonly isTakenBack: boolean;
}

/** A file that leaves a record when it is settled: it has its part's name and its inode then. */
export class NotedFile implements Incoming {
  readonly settlesNames = true; // it names the record
  readonly #file: Incoming;
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #names: Landing["names"];
  readonly replace?: NonNullable<Incoming["replace"]>;
  /**
   * The record, locked from `settle` to `letGo`, so that no other receiver takes it for a left one.
   */
  #handle: FileHandle | null = null;
  /** Its path: first a temporary one, then the final one. */
  #note = "";

  constructor(file: Incoming, { folder, sync, names }: Pick<Landing, "folder" | "sync" | "names">) {
    this.#file = file;
    this.#folder = folder;
    this.#sync = sync;
    this.#names = names;
    if (file.replace) this.replace = file.replace.bind(file);
  }

  get delivery(): Delivered {
    return this.#file.delivery;
  }

  get part(): string {
    return this.#file.part;
  }

  get offset(): number {
    return this.#file.offset;
  }

  get isComplete(): boolean {
    return this.#file.isComplete;
  }

  append(offset: number, parts: readonly Uint8Array[], length: number): Promise<void> | undefined {
    return this.#file.append(offset, parts, length);
  }

  close(): Promise<void> | void {
    return this.#file.close();
  }

  /**
   * Settles the file, then writes the record. The landing syncs the folder after this and before it
   * writes its journal; that makes the name of the record durable too.
   * @throws as the file's own `settle`; or what the file system said
   */
  async settle(): Promise<void> {
    if (this.#file instanceof SmallFile) this.#file.write();
    await this.#file.settle();
    const { transfer, name } = this.delivery;
    const note = { transfer, name: this.#names.nameOf(name), ino: (await lstat(this.part)).ino };
    // It gets its name once it is locked and complete, so no other receiver finds it earlier.
    const unnamed = unnamedPath(this.#folder);
    const handle = await open(unnamed, "ax", 0o600); // private: it decides what is removed
    this.#handle = handle;
    try {
      if (!tryLock(handle.fd))
        throw new FilespoolError("connections-full", `another receiver is using ${this.#folder} at this moment`);
      await handle.appendFile(`${JSON.stringify(note)}\n`);
      if (this.#sync) await handle.datasync();
      const ordinary = ownPath(this.#folder, transfer, "hook");
      const { is } = look(ordinary);
      this.#note = is === "nothing" || is === "file" ? ordinary : withLot(ordinary);
      await rename(unnamed, this.#note);
    } catch (error) {
      this.#note = unnamed; // `forget` removes it
      throw error;
    }
  }

  /** Marks the record: from here on, the next run removes the file, whatever the journal says. */
  async markTakenBack(): Promise<void> {
    await this.#handle?.appendFile(TAKEN_BACK);
  }

  /**
   * Nothing is owed any more: removes the record. It must not come back after a power cut, or the
   * next run would take away a file that was reported as landed.
   */
  async forget(): Promise<void> {
    if (!this.#handle) return;
    await rm(this.#note, { force: true });
    if (this.#sync) await syncFolder(this.#folder);
  }

  /** Closes the record and drops its lock. A record that is still there is for the next run. */
  async letGo(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }
}

/**
 * Calls `settle` for each record of a dead receiver, and removes the record if `settle` returns
 * true. `settle` calls `takeBack` before it touches the file: if this run is killed too, the next
 * one goes on from there. Records of living receivers are locked; the lock ends with its process.
 * @param warn hears of a record that made no sense, and under which name it is now
 */
export async function forEachLeft(
  folder: string,
  settle: (owed: Owed, takeBack: () => Promise<void>) => Promise<boolean>,
  warn: Warn,
): Promise<void> {
  for (const name of await readdir(folder)) {
    const own = ownName(name);
    if (own?.kind !== "hook") continue;
    const path = join(folder, name);
    const handle = await openOurs(path, constants.O_RDWR | constants.O_APPEND);
    try {
      if (!handle || !tryLock(handle.fd)) continue;
      const text = (await handle.stat()).size > NOTE_BYTES_MAX ? "too long" : await handle.readFile("utf8");
      const owed = parsed(text, own.transfer);
      const isCut = /^\0*$/.test(text); // cut before it was on disk, so the journal has nothing
      if (owed === null && !isCut) warn(path, `this record is damaged and was renamed to ${setAside(path)}; ${OWED}`);
      else if (!owed || (await settle(owed, () => handle.appendFile(TAKEN_BACK)))) await rm(path, { force: true });
    } finally {
      await handle?.close();
    }
  }
}

const OWED = "the command for a file that has landed may not have run";

/**
 * What a record says about its transfer; null if it makes no sense. Its name stays in the folder.
 */
function parsed(text: string, of: string): Owed | null {
  const [line = "", word = ""] = text.split("\n");
  try {
    const { transfer, name, ino } = JSON.parse(line) as Omit<Owed, "isTakenBack">;
    if (transfer !== of || safeName(name) !== name || typeof ino !== "number") return null;
    return { transfer, name, ino, isTakenBack: word.startsWith(TAKEN_BACK) };
  } catch {
    return null;
  }
}
