/**
 * The note that says: for this file, which is about to land, a hook is owed.
 *
 *   .filespool-<transfer>.hook    {"transfer":"...","name":"a.txt","ino":4711}
 *                                 taken back            only when the file is being taken away again
 *
 * It is on disk before the journal of the landing speaks of the file, and goes when the hook has had its say: so a note that
 * nobody has locked is of a receiver that was killed in between. The name in the folder may be a numbered form of the one
 * in the note, or somebody else's by now; the inode says whether it is still this file, since linking and renaming keep it.
 * Never here: what follows from a note (hooked-landing.ts).
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
/** A name, an id and a number; what is longer is no note, and is not read. */
const NOTE_BYTES_MAX = 4096;

/** What a note says. `isTakenBack`: whatever is found of the file is to go. */
export interface Owed {
  readonly transfer: string;
  readonly name: string;
  readonly ino: number;
  readonly isTakenBack: boolean;
}

/** A file that leaves a note when it is settled: its content is under the part's name then, and has its inode. */
export class NotedFile implements Incoming {
  readonly settlesNames = true; // the note's
  readonly #file: Incoming;
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #names: Landing["names"];
  readonly replace?: NonNullable<Incoming["replace"]>;
  /** Locked as long as we live, so that no other receiver takes it for what a dead one left. */
  #handle: FileHandle | null = null;
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

  /** The landing syncs the folder after this and before the journal speaks; that takes the name of the note along. */
  async settle(): Promise<void> {
    if (this.#file instanceof SmallFile) this.#file.write();
    await this.#file.settle();
    const { transfer, name } = this.delivery;
    const note = { transfer, name: this.#names.nameOf(name), ino: (await lstat(this.part)).ino };
    // It gets its name when it is locked and says everything, so nobody ever finds it otherwise.
    const unnamed = unnamedPath(this.#folder);
    const handle = await open(unnamed, "ax", 0o600); // ours alone: what it says decides what is taken away
    this.#handle = handle;
    try {
      if (!tryLock(handle.fd)) throw new FilespoolError("connections-full", `${this.#folder} is busy`);
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

  /** From here on, whoever finds the note takes the file back whatever the journal says. */
  async markTakenBack(): Promise<void> {
    await this.#handle?.appendFile(TAKEN_BACK);
  }

  /** Nothing is owed any more, nor would a power cut bring the note back: a file that was said to have landed would be taken away. */
  async forget(): Promise<void> {
    if (!this.#handle) return;
    await rm(this.#note, { force: true });
    if (this.#sync) await syncFolder(this.#folder);
  }

  /** Lets go of the note; what is left of it is for the next run. */
  async letGo(): Promise<void> {
    await this.#handle?.close();
    this.#handle = null;
  }
}

/**
 * Calls `settle` for each note of a receiver that is dead, and removes the note if that says so. `takeBack` is called before
 * the file is touched: from then on the next run will go on with that, should this one be killed as well. Notes of
 * receivers that live are locked; a lock goes with its process, however that ends.
 * @param warn is told of a note that made no sense, and under which name it is now
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
      const isCut = /^\0*$/.test(text); // by a power cut: it was not on disk yet, and so neither was the journal's word
      if (owed === null && !isCut) warn(path, `this note is damaged, and is called ${setAside(path)} now; ${OWED}`);
      else if (!owed || (await settle(owed, () => handle.appendFile(TAKEN_BACK)))) await rm(path, { force: true });
    } finally {
      await handle?.close();
    }
  }
}

const OWED = "the command for a file that has landed may not have run";

/** What a note says about that transfer; null when it makes no sense. The name in it leads to nothing outside of the folder. */
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
