/**
 * The list behind the file picker: the entries that match the text typed so far.
 *
 * The text is an unfinished path. The part up to its last slash names a folder, and the rest is searched in the names there.
 * An empty text means the working folder. Files come first, with their sizes. Then come folders, which end with a slash;
 * the choice of a folder opens it.
 *
 *   typed       listed
 *   (nothing)   a.txt 3 B, big.bin 28.6 MiB, ../, sub/
 *   bi          big.bin 28.6 MiB
 *   sub/        sub/deep.bin 2 B, sub/../
 *   /etc/host   /etc/hosts 221 B, /etc/hostname 3 B
 *   .b          the hidden files with a "b" after a dot
 *
 * The list is read synchronously, because the prompt library asks for it while it draws. Its length is bounded: a folder
 * with 100,000 files must not freeze the terminal.
 *
 * Never here: what the list looks like on the screen, and which keys move in it (terminal-prompter.ts).
 */
import { readdirSync, type Stats, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { cells, escapeText, shorten } from "../report/escape.ts";
import { humanSize } from "../settings/units.ts";

/** A file or folder in the list. */
export interface Entry {
  /** The path, relative or absolute as typed; folders end with a slash. */
  readonly path: string;
  /** Name and size, in columns. */
  readonly label: string;
}

/** Most entries; to see others, the person types another letter. Each entry costs one `stat`. */
const ENTRIES_MAX = 200;
/** The narrowest name column: a few letters of both ends distinguish names. */
const NAME_CELLS_MIN = 8;

/**
 * The entries for an unfinished path.
 * @param typed the text so far
 * @param folder the base of relative paths
 * @param nameCells width of the column of names
 * @returns an empty list when there is no such folder, or nothing in it matches
 */
export function entriesFor(typed: string, folder: string, nameCells: number): Entry[] {
  const width = Math.max(NAME_CELLS_MIN, nameCells);
  const slash = typed.lastIndexOf("/") + 1;
  const [shownFolder, wanted] = [typed.slice(0, slash), typed.slice(slash).toLowerCase()];
  // An unfinished path usually names a folder that does not exist. That is no error; the list is empty.
  let names: string[];
  try {
    names = readdirSync(resolve(folder, shownFolder));
  } catch {
    return [];
  }
  const matching = names
    // Hidden files are listed only after a typed dot.
    .filter((name) => name.toLowerCase().includes(wanted) && (wanted.startsWith(".") || !name.startsWith(".")))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .slice(0, ENTRIES_MAX);
  const files: Entry[] = [];
  // "../" is among the folders, so the person can reach the whole disk without typing.
  const folders: Entry[] = "..".startsWith(wanted) ? [{ path: `${shownFolder}../`, label: "../" }] : [];
  for (const name of matching) {
    const found = look(join(resolve(folder, shownFolder), name));
    if (found?.isDirectory())
      folders.push({ path: `${shownFolder}${name}/`, label: `${shorten(escapeText(name), width)}/` });
    // Sockets, devices and links that lead nowhere are not files that can be sent.
    if (found?.isFile()) files.push({ path: `${shownFolder}${name}`, label: columns(name, found.size, width) });
  }
  return [...files, ...folders];
}

/** The stat of a path; null where it fails, such as for a link to itself. */
function look(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/** Name on the left, size on the right. */
function columns(name: string, size: number, nameCells: number): string {
  const shown = shorten(escapeText(name), nameCells);
  return `${shown}${" ".repeat(nameCells - cells(shown))}${humanSize(size).padStart(10)}`;
}
