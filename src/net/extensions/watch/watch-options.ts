/**
 * What somebody who watches a folder may choose, and what is checked of it before anything is watched (watch-folder.ts).
 */
import { realpathSync, statSync } from "node:fs";
import { makeFolders } from "../../../disk/files.ts";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { SendOptions } from "../../options.ts";
import type { After } from "./put-away.ts";

/** Files that are being written, or that are nobody's business: what is ignored unless somebody says otherwise. */
export const IGNORED: readonly string[] = [
  ...[".*", "*~", "~$*", "*.part", "*.partial", "*.filepart", "*.tmp", "*.temp", "*.crdownload", "*.download"],
];
/** Long enough for a writer that waits for its disk, short enough for a person who waits for the file. */
export const SETTLE_MS = 2_000;

export interface WatchOptions extends Omit<SendOptions, "files" | "again" | "senderKey"> {
  readonly folder: string;
  /** What becomes of a file that is stored; "keep" unless given. */
  readonly after?: After;
  /** For "move": where to. On the same file system; created when it is missing. */
  readonly movedTo?: string;
  /** How long a file must look the same to count as complete, 2 s. */
  readonly settleMs?: number;
  /** Patterns of names that are sent; all, unless given. */
  readonly match?: readonly string[];
  /** Patterns of names that are not; `IGNORED` unless given. */
  readonly ignore?: readonly string[];
  /** Sends what is there and complete or becomes so in a moment, and ends. */
  readonly once?: boolean;
  /** Folder for what must outlive a run: what was sent. */
  readonly state: string;
  /** The secret of the user that is the same in each run: without it, a crash could send a file twice. */
  readonly senderKey: string;
  /** Told when what was sent cannot be written down. */
  readonly onWarning?: (why: string) => void;
}

export interface WatchSummary {
  stored: number;
  repeated: number;
  bytes: number;
  /** Files that were told as refused. */
  failed: number;
  /** Files that were stored, and could not be moved or deleted. */
  kept: number;
}

/** @throws FilespoolError folder-unusable */
export function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (error) {
    throw new FilespoolError("folder-unusable", `cannot watch ${folder}: ${describe(error)}`);
  }
}

/** Moving to another disk is copying, which can fail half-way: said at the start, and not at the first file. */
export async function checkMovedTo(folder: string, movedTo: string | undefined): Promise<void> {
  if (movedTo === undefined) throw new FilespoolError("folder-unusable", "there is no folder to move files to");
  try {
    await makeFolders(movedTo);
  } catch (error) {
    throw new FilespoolError("folder-unusable", `cannot move files to ${movedTo}: ${describe(error)}`);
  }
  if (realpathSync(movedTo) === folder)
    throw new FilespoolError("folder-unusable", `files cannot be moved to ${movedTo}: it is the watched folder itself`);
  if (statSync(movedTo).dev === statSync(folder).dev) return;
  const why = "it is on another file system; choose a folder on the same one";
  throw new FilespoolError("folder-unusable", `files of ${folder} cannot be moved to ${movedTo}: ${why}`);
}
