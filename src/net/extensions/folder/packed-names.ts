/**
 * The names in a folder, as they will be called in its archive.
 *
 * To Linux a name is bytes; to the archive and to the other end it is text, and one that every disk takes. So a name may
 * have no text at all ("caf\xe9.txt" from an old machine), become another one (protocol/names.ts), or become one that is
 * taken: "é" is one letter or two, and both look the same. Those are refused one by one, with their paths, and the rest of
 * the folder goes on; a name that is as it should be never loses against one that would have to change.
 *
 * Names come as text of one byte each ("latin1"), which holds any bytes and costs a quarter of what buffers cost; a folder
 * may have a million of them. Never here: what is behind a name (tar-pack.ts). Why: adr/0089.
 */
import { isUtf8 } from "node:buffer";
import { FilespoolError, known } from "../../../protocol/errors.ts";
import { quoteName, safeName } from "../../../protocol/names.ts";
import { shownBytes } from "./tar-names.ts";

export interface PackedName {
  readonly bytes: Buffer;
  /** As the file is called here, and as it will be called. */
  readonly name: string;
  readonly safe: string;
}

/**
 * Names that can be packed, in the order of their bytes, which no language setting of the machine changes.
 * @param names of one folder, each byte as a letter; sorted in place
 * @param refuse called for each that cannot, with what to call it
 */
export function* namesToPack(
  names: string[],
  refuse: (shown: string, failure: FilespoolError) => void,
): Generator<PackedName> {
  names.sort(); // by code units, which are the bytes
  /** Names that had to become these; the others are in `names` themselves. */
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

/** Whether a sorted list has a name. */
function holds(names: readonly string[], name: string): boolean {
  let [from, to] = [0, names.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((names[middle] as string) < name) from = middle + 1;
    else to = middle;
  }
  return names[from] === name;
}
