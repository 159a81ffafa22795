/**
 * The note that says: for this file, which is about to land, a hook is owed.
 *
 *   .filespool-<transfer>.hook    {"transfer":"...","name":"a.txt","ino":4711}
 *                                 taken back            only when the file is being taken away again
 *
 * It is on disk before the journal of the landing speaks of the file, and goes when the hook has had its say: so a note that
 * nobody has locked is of a receiver that was killed in between. The name in the folder may be a numbered form of the one
 * in the note, or somebody else's by now; the inode says whether it is still this file, since linking and renaming keep it.
 * Never here: what follows from a note (landed-hook.ts).
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "fs-native-extensions";
import { FilespoolError } from "../protocol/errors.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { OWN_PREFIX } from "../protocol/names.ts";
import { syncFolder } from "../spool/batch-writer.ts";
import { type Incoming, unlessMissing } from "./incoming-file.ts";
import type { Landing } from "./landing.ts";
import { SmallFile } from "./small-file.ts";

type Delivered = MessageOf<"deliver">;

/** How the name of a note ends; between OWN_PREFIX and this is the transfer. */
const NOTE = ".hook";
/** A note that is being written: by this beginning, a landing removes what a dead receiver left of it. */
const UNNAMED = `${OWN_PREFIX}-new-`;
const TAKEN_BACK = "taken back";

/** What a note says. `isTakenBack`: whatever is found of the file is to go. */
interface Owed {
  readonly transfer: string;
  readonly name: string;
  readonly ino: number;
  readonly isTakenBack: boolean;
}

const notePath = (folder: string, transfer: string): string => join(folder, `${OWN_PREFIX}-${transfer}${NOTE}`);

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
    const unnamed = join(this.#folder, UNNAMED + randomBytes(6).toString("hex"));
    this.#handle = await open(unnamed, "ax");
    if (!tryLock(this.#handle.fd)) throw new FilespoolError("connections-full", `${this.#folder} is busy`);
    await this.#handle.appendFile(`${JSON.stringify(note)}\n`);
    if (this.#sync) await this.#handle.datasync();
    await rename(unnamed, notePath(this.#folder, transfer));
  }

  /** From here on, whoever finds the note takes the file back whatever the journal says. */
  async isTakenBack(): Promise<void> {
    await this.#handle?.appendFile(TAKEN_BACK);
  }

  /** Nothing is owed any more, nor would a power cut bring the note back: a file that was said to have landed would be taken away. */
  async forget(): Promise<void> {
    if (!this.#handle) return;
    await rm(notePath(this.#folder, this.delivery.transfer), { force: true });
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
 */
export async function forEachLeft(
  folder: string,
  settle: (owed: Owed, takeBack: () => Promise<void>) => Promise<boolean>,
): Promise<void> {
  const isNote = (name: string) => name.startsWith(OWN_PREFIX) && name.endsWith(NOTE);
  for (const note of (await readdir(folder)).filter(isNote).map((name) => join(folder, name))) {
    const handle = await open(note, constants.O_RDWR | constants.O_APPEND).catch(unlessMissing);
    try {
      if (!handle || !tryLock(handle.fd)) continue;
      const owed = parsed(await readFile(note, "utf8"));
      if (!owed || (await settle(owed, () => handle.appendFile(TAKEN_BACK)))) await rm(note, { force: true });
    } finally {
      await handle?.close();
    }
  }
}

/** A note that a power cut has damaged says nothing: it was not on disk yet, and so neither was the journal's word. */
function parsed(text: string): Owed | null {
  const [line = "", word = ""] = text.split("\n");
  try {
    return { ...(JSON.parse(line) as Omit<Owed, "isTakenBack">), isTakenBack: word.startsWith(TAKEN_BACK) };
  } catch {
    return null;
  }
}
