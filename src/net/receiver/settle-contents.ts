/**
 * The first step of a landing: the contents of a batch become durable, and so do the names of their parts.
 *
 * Syncs are what landing waits for, so many are under way at a time, and the folder is synced beside the
 * contents where that is right. It is right where every part has its name by now. A kind that gives names
 * while it settles (a folder that is unpacked) has the folder synced after it.
 *
 * Never here: the names that users see, and the journal (landing.ts).
 */
import { syncFolder } from "../../disk/files.ts";
import type { FilespoolError } from "../../protocol/errors.ts";
import { fileErrorOf } from "./landing-errors.ts";
import type { Incoming } from "./part-file.ts";
import { SmallFile } from "./small-file.ts";

/** Syncs at a time: enough that the threads which there are for them never wait. adr/0033, adr/0057 */
const SYNCS_MAX = 32;

/**
 * Settles each file, or closes it with its part kept.
 * @returns the files that failed by themselves, with the reason
 * @throws what is not the fault of one file; by then no file is being settled any more
 */
export async function settleContents(
  files: readonly Incoming[],
  { folder, sync }: { readonly folder: string; readonly sync: boolean },
): Promise<Map<Incoming, FilespoolError>> {
  const failures = new Map<Incoming, FilespoolError>();
  let ofFolder: unknown = null;
  const fails = (file: Incoming, error: unknown) => {
    const failure = fileErrorOf(error, "content", file, folder);
    if (failure) failures.set(file, failure);
    else ofFolder ??= error;
  };
  // 1. All small ones are written before the first is synced: the disk then has all of them to order.
  for (const file of files) {
    try {
      if (file instanceof SmallFile) file.write();
    } catch (error) {
      fails(file, error);
    }
  }
  // 2. The folder beside the contents, where nothing gives further names to it.
  const isNamed = !files.some(({ settlesNames }) => settlesNames);
  const beside = sync && isNamed ? syncFolder(folder) : null;
  beside?.catch(() => {}); // thrown below, once no file is being settled any more
  const todo = [...files];
  const work = async () => {
    for (let file = todo.shift(); file; file = todo.shift())
      await file.settle().catch((error: unknown) => fails(file as Incoming, error));
  };
  await Promise.all(Array.from({ length: SYNCS_MAX }, work));
  // 3. Otherwise the folder after them.
  await (beside ?? (sync && syncFolder(folder)));
  if (ofFolder !== null) throw ofFolder;
  return failures;
}
