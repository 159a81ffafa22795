/**
 * Every name that the system looks up on the way to a file: what path_resolution(7) calls the walk of a path.
 *
 * Two questions need the way and not only its end. Who could make this path lead elsewhere? Everybody who may change
 * one of the folders on it, those that hold its symbolic links included (cli/settings/own-files.ts). And which name in a folder
 * would change where this path leads, if a received file took it? Each name that is looked up there (landing-names.ts).
 *
 * Synchronous, because it is asked at the start of a run and takes some ten calls. What it finds may change at once,
 * but only by who may write to one of the folders that it names.
 */
import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import { dirname, join, parse, resolve, sep } from "node:path";

/** Symbolic links on one path, as many as Linux follows. */
const LINKS_MAX = 40;

/** One name on the way. `folder` is where it is looked up, without links in its own path. */
export interface Step {
  readonly folder: string;
  readonly name: string;
  /** What has that name, a link not followed; null: nothing that we may see. */
  readonly stat: Stats | null;
}

export interface Way {
  readonly steps: readonly Step[];
  /** Where the path leads, without links. What is not there yet stands behind it as it was written. */
  readonly real: string;
}

/**
 * Walks a path from the root to its end. A name that is not there, or that we may not look at, ends the walk; the names
 * behind it are steps as well, since somebody may make them.
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

/** Null for what is not there, below a file, or in a folder that we may not search. */
function look(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

/**
 * Names a folder whatever path leads to it, also over a bind mount; null when it is not there. A number pair and not a
 * path, because one folder has many paths.
 */
export function idOf(folder: string): string | null {
  try {
    const { dev, ino } = statSync(folder, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return null;
  }
}
