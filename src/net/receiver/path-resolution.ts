/**
 * Every name that the system looks up on the way to a file: what path_resolution(7) calls the walk
 * of a path.
 *
 * Two questions need the way, and not only its end. Who could make this path lead elsewhere? Every
 * user who may change one of the folders on it, including the folders that hold its symbolic links
 * (cli/settings/own-files.ts). Which name in a folder would change where this path leads, if a
 * received file took it? Each name that is looked up in that folder (landing-names.ts).
 *
 * It is synchronous, because it is asked at the start of a run and takes some ten calls. What it
 * finds may change at once, but only by users who may write to one of the folders that it names.
 * Never here: what follows from the way.
 */
import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { dirname, join, parse, resolve, sep } from "node:path";

/** Most symbolic links on one path, as many as Linux follows. */
const LINKS_MAX = 40;

/** One name on the way. `folder` is where it is looked up, with no link in its own path. */
export interface Step {
  readonly folder: string;
  readonly name: string;
  /** The status of what has that name, a link itself included; null: nothing that we may see. */
  readonly stat: Stats | null;
}

/** The whole way, from the root. */
export interface Way {
  readonly steps: readonly Step[];
  /** Where the path leads, without links. Names that are not there are appended as written. */
  readonly real: string;
}

/**
 * Walks a path from the root to its end. Names after one that is missing, or that we may not look
 * at, are steps as well, because somebody may create them.
 * @throws Error with code ELOOP for more links than a system follows
 */
export function wayTo(path: string): Way {
  const absolute = resolve(path);
  let folder = parse(absolute).root;
  const todo = absolute.slice(folder.length).split(sep).filter(Boolean);
  const steps: Step[] = [];
  let links = 0;
  for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
    if (name === ".") continue;
    if (name === "..") {
      folder = dirname(folder);
      continue;
    }
    const here = join(folder, name);
    const stat = look(here);
    steps.push({ folder, name, stat });
    if (!stat?.isSymbolicLink()) {
      folder = here;
      continue;
    }
    if (++links > LINKS_MAX) throw Object.assign(new Error(`too many links on the way to ${path}`), { code: "ELOOP" });
    const target = readlinkSync(here);
    const { root } = parse(target);
    if (root !== "") folder = root;
    todo.unshift(...target.slice(root.length).split(sep).filter(Boolean));
  }
  return { steps, real: folder };
}

/** The status of a path; null if it is not there, or in a folder that we may not search. */
function look(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

/**
 * Identifies a folder whatever path leads to it, also over a bind mount; null if it is not there.
 * It is a pair of numbers and not a path, because one folder has many paths.
 */
export function idOf(folder: string): string | null {
  try {
    const { dev, ino } = statSync(folder, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return null;
  }
}
