/**
 * The first step of a landing: the contents of a batch become durable, and so do the names of their
 * part files.
 *
 * Landing spends its time waiting for syncs, so many are under way at a time. The folder is synced
 * at the same time, if every part file has its name by then. Some kinds of content give names while
 * they settle (a folder that is unpacked). With one of those in the batch, the folder is synced
 * afterwards.
 *
 * Never here: the names that users see, and the journal (landing.ts).
 */
import { syncFolder } from "../../disk/files.ts";
import type { FilespoolError } from "../../protocol/errors.ts";
import { fileErrorOf } from "./landing-errors.ts";
import type { Incoming } from "./part-file.ts";
import { SmallFile } from "./small-file.ts";

/** Syncs at a time: enough to keep every thread of the pool busy. adr/0033, adr/0057 */
const SYNCS_MAX = 32;

/**
 * Settles each file, or closes it and keeps its part file.
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
  // 1. Write all small files before the first sync, so that the disk can order all of their writes.
  for (const file of files) {
    try {
      if (file instanceof SmallFile) file.write();
    } catch (error) {
      fails(file, error);
    }
  }
  // 2. Sync the folder beside the contents, unless a file is going to give further names in it.
  const isNamed = !files.some(({ settlesNames }) => settlesNames);
  const beside = sync && isNamed ? syncFolder(folder) : null;
  beside?.catch(() => {}); // thrown below, once no file is being settled any more
  const todo = [...files];
  const work = async () => {
    for (let file = todo.shift(); file; file = todo.shift())
      await file.settle().catch((error: unknown) => fails(file as Incoming, error));
  };
  await Promise.all(Array.from({ length: SYNCS_MAX }, work));
  // 3. Otherwise sync the folder after them.
  await (beside ?? (sync && syncFolder(folder)));
  if (ofFolder !== null) throw ofFolder;
  return failures;
}
