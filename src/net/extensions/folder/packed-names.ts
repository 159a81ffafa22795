/**
 * The names in a folder, as they will be called in its archive.
 *
 * To Linux a name is bytes. To the archive and to the other end it is text that every disk takes.
 * So a name may be no valid text ("caf\xe9.txt" from an old machine), may have to change
 * (protocol/names.ts), or may change into one that is taken: "é" is one character or two, and both
 * look the same. Such names are refused one by one, with their paths, and the rest of the folder
 * goes on. A name that is right as it is never loses against one that would have to change.
 *
 * Names are kept as strings of one byte each ("latin1"). Those hold any bytes and cost a quarter of
 * what buffers cost; a folder may have a million of them. Never here: what has a name
 * (tar-pack.ts). Why: adr/0089.
 */
import { isUtf8 } from "node:buffer";
import { FilespoolError, known } from "../../../protocol/errors.ts";
import { quoteName, safeName } from "../../../protocol/names.ts";
import { shownBytes } from "./tar-names.ts";

/** One name that can be packed. */
export interface PackedName {
  readonly bytes: Buffer;
  /** Its name on this disk, and its name in the archive. */
  readonly name: string;
  readonly safe: string;
}

/**
 * Yields the names that can be packed, in the order of their bytes, which no language setting
 * changes.
 * @param names all names of one folder, each byte as a letter; sorted in place
 * @param refuse called for each name that cannot be packed, with a form of it for people
 */
export function* namesToPack(
  names: string[],
  refuse: (shown: string, failure: FilespoolError) => void,
): Generator<PackedName> {
  names.sort(); // by code units, which are bytes here
  /** Names that other names were changed into. Names that stay are in `names` itself. */
  const taken = new Set<string>();
  for (const text of names) {
    const bytes = Buffer.from(text, "latin1");
    const shown = shownBytes(bytes);
    const fail = (why: string) => refuse(shown, new FilespoolError("name-refused", `${why}; it was left out`));
    if (!isUtf8(bytes)) {
      fail(`the name "${shown}" is not valid UTF-8`);
      continue;
    }
    let safe: string;
    try {
      safe = safeName(shown);
    } catch (error) {
      fail(known(error).message);
      continue;
    }
    if (safe !== shown) {
      const isThere = taken.has(safe) || holds(names, Buffer.from(safe).toString("latin1"));
      if (isThere) {
        fail(`${quoteName(shown)} would be called ${quoteName(safe)}, and so is another entry of its folder`);
        continue;
      }
      taken.add(safe);
    }
    yield { bytes, name: shown, safe };
  }
}

/** Whether a sorted list has a name: a binary search. */
function holds(names: readonly string[], name: string): boolean {
  let [from, to] = [0, names.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((names[middle] as string) < name) from = middle + 1;
    else to = middle;
  }
  return names[from] === name;
}
