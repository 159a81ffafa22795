/**
 * What may be chosen for a watched folder, and what is checked before anything is watched
 * (watch-folder.ts).
 */
import { realpathSync, statSync } from "node:fs";
import { makeFolders } from "../../../disk/files.ts";
import { describe } from "../../../disk/system-errors.ts";
import { FilespoolError } from "../../../protocol/errors.ts";
import type { SendOptions } from "../../options.ts";
import type { After } from "./put-away.ts";

/**
 * Patterns that are ignored unless others are given: files that are being written, and private
 * files of programs.
 */
export const IGNORED: readonly string[] = [
  ...[".*", "*~", "~$*", "*.part", "*.partial", "*.filepart", "*.tmp", "*.temp", "*.crdownload", "*.download"],
];
/**
 * How long a file must look the same, unless given, ms: long enough for a writer that waits for its
 * disk, short enough for a person who waits for the file.
 */
export const SETTLE_MS = 2_000;

/** What one watch is asked. */
export interface WatchOptions extends Omit<SendOptions, "files" | "again" | "senderKey"> {
  readonly folder: string;
  /** What becomes of a file that is stored; "keep" unless given. */
  readonly after?: After;
  /** For "move": the folder to move to, on the same file system; created when it is missing. */
  readonly movedTo?: string;
  /** How long a file must look the same to count as complete, ms; 2,000 unless given. */
  readonly settleMs?: number;
  /** Patterns of names that are sent; all, unless given. */
  readonly match?: readonly string[];
  /** Patterns of names that are not; `IGNORED` unless given. */
  readonly ignore?: readonly string[];
  /** Sends what is complete, or becomes so in a moment, and ends. */
  readonly once?: boolean;
  /** Folder for the record of what was sent, which must outlive a run. */
  readonly state: string;
  /**
   * A secret of the user that is the same in each run. Without it, a crash could send a file twice.
   */
  readonly senderKey: string;
  /** Called when the record of what was sent cannot be written. */
  readonly onWarning?: (why: string) => void;
}

/** What one watch has achieved; see SendSummary for the first three. */
export interface WatchSummary {
  stored: number;
  repeated: number;
  bytes: number;
  /** Files that were reported as refused. */
  failed: number;
  /** Files that were stored, but could not be moved or deleted. */
  kept: number;
}

/** The real path of a folder. @throws FilespoolError folder-unusable */
export function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (error) {
    throw new FilespoolError("folder-unusable", `cannot watch ${folder}: ${describe(error)}`);
  }
}

/**
 * Checks the folder to move to, and creates it. Moving to another disk would be copying, which can
 * fail half-way: better said at the start than at the first file.
 * @throws FilespoolError folder-unusable
 */
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
