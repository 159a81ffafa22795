/**
 * Under which name a delivery lands, and where nothing may land at all.
 *
 * The sender chooses both the name and the content. Together they must not become something that
 * this machine obeys. `safeName` (protocol/names.ts) says what a name may be in any folder. This
 * file adds what depends on the folder:
 *
 *   dot files    ".bashrc", ".ssh": a shell or a program of the user reads them unasked. At the top
 *                of the target folder they get a "_" in front, unless the user allows dot files or
 *                has chosen the name. Inside a received folder they keep their names, because
 *                nothing reads them there unasked.
 *   own places   the settings, secrets and state of our own programs. A name that would become one
 *                of them, or a folder around one, is refused. So is a target folder inside one, and
 *                a target folder inside a spool.
 *
 * The caller names the own places, because only the command line knows the environment. All of them
 * are looked up when the folder is opened. After that, a name costs a look into a set that is
 * nearly always empty. The journal and the records of hooks ask here too, so that all of them mean
 * the same file. Why: adr/0069.
 *
 * Never here: whether a name is taken (landing.ts).
 */
import { lstatSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { FilespoolError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { foldedName, OWN_PREFIX, quoteName, safeName, utf8Fits } from "../../protocol/names.ts";
import { idOf, wayTo } from "./path-resolution.ts";

/**
 * A file that our command line puts into each spool folder. No file can land under that name,
 * because of how it begins.
 */
export const SPOOL_MARK = `${OWN_PREFIX}-spool`;

export interface LandingNamesOptions {
  /** Lets names that begin with a dot stay as they are. */
  readonly allowDotfiles?: boolean;
  /** Files and folders of our own programs: nothing lands on them, in them or around them. */
  readonly ownPlaces?: readonly string[];
}

/** The rules for one target folder, fixed when it is opened. */
export class LandingNames {
  readonly #allowDotfiles: boolean;
  readonly #folder: string;
  /**
   * Names in this folder that lead to one of the own places, folded (case and Unicode form), each
   * with the place for the error. Filled by the constructor.
   */
  readonly #reserved = new Map<string, string>();

  /**
   * Judges a target folder, before anything is created in it.
   * @throws FilespoolError folder-unusable: it is inside a place of our own programs, or inside a
   * spool
   */
  constructor(folder: string, { allowDotfiles = false, ownPlaces = [] }: LandingNamesOptions = {}) {
    this.#folder = folder;
    this.#allowDotfiles = allowDotfiles;
    const target = wayTo(folder).real;
    const around = foldersAround(target);
    for (const spool of around) if (isSpool(spool)) throw unusable(folder, `${spool} is the spool folder of a server`);
    const ids = new Set(around.map(idOf).filter((id) => id !== null));
    const own = idOf(target);
    for (const place of ownPlaces) {
      const { steps, real } = wayTo(place);
      const id = idOf(real);
      const isInside = (id !== null && ids.has(id)) || isBelow(target, real);
      if (isInside) throw unusable(folder, `${place} is kept for the settings and the state of filespool`);
      // A name in this folder that is looked up on the way to the place: the place itself, or a
      // folder or a link before it.
      for (const { folder: where, name } of steps)
        if (foldedName(where) === foldedName(target) || (own !== null && idOf(where) === own))
          this.#reserved.set(foldedName(name), place);
    }
  }

  /** The name under which a file with this name lands. @throws FilespoolError name-refused */
  nameOf(wireName: string): string {
    const name = this.#allowDotfiles ? safeName(wireName) : withoutDot(safeName(wireName));
    const place = this.#reserved.get(this.#reserved.size > 0 ? foldedName(name) : "");
    if (place === undefined) return name;
    const what = `${quoteName(name)} in ${this.#folder} would take the place of ${place}`;
    throw new FilespoolError("name-refused", `${what}, which filespool reads or keeps itself; use another folder`);
  }

  /** Whether a numbered form of a name may be used. If not, another number will do. */
  mayUse(name: string): boolean {
    return this.#reserved.size === 0 || !this.#reserved.has(foldedName(name));
  }
}

/**
 * Puts a "_" before a leading dot. Some disks drop invisible characters, so those do not hide it.
 */
function withoutDot(name: string): string {
  if (!/^\p{Default_Ignorable_Code_Point}*\./u.test(name)) return name;
  if (utf8Fits(`_${name}`, LIMITS.nameBytesMax)) return `_${name}`;
  const why = `is longer than ${LIMITS.nameBytesMax} bytes with the "_" that a dot file gets`;
  throw new FilespoolError("name-refused", `the file name ${quoteName(name)} ${why}`);
}

/** A folder and all folders around it, from the inside out. */
function foldersAround(folder: string): string[] {
  const found = [folder];
  for (let up = dirname(folder); up !== found.at(-1); up = dirname(up)) found.push(up);
  return found;
}

const isBelow = (path: string, folder: string): boolean =>
  `${foldedName(path)}${sep}`.startsWith(`${foldedName(folder)}${sep}`);

/**
 * Whether a folder is a spool: it has the mark of the command line, or what every spool has, a lock
 * and an index. A file that landed there could become a token, or content.
 */
export const isSpool = (folder: string): boolean =>
  isFile(join(folder, SPOOL_MARK)) || ["lock", "index.mdb"].every((name) => isFile(join(folder, name)));

function isFile(path: string): boolean {
  try {
    return lstatSync(path).isFile();
  } catch {
    return false;
  }
}

const unusable = (folder: string, why: string): FilespoolError =>
  new FilespoolError("folder-unusable", `nothing may land in ${folder}: ${why}; name another folder`);
