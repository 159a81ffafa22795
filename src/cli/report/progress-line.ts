/**
 * One line of progress as text: what it shows if there is room, and what it leaves out if there is not.
 *
 *   100   holiday.raw [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s  0.8 s left
 *    60   holiday.raw  50 %  24.0 MiB  31.2 MiB/s  0.8 s left
 *    30   holid…raw  50 %  0.8 s left
 *    20   holid…raw  50 %
 *
 * The line is never wider than the terminal, because a line that wraps cannot be erased. The greatest width of each part
 * decides what is left out, and not its present width: the line must not change its shape because a number lost a digit.
 * For a file of unknown size, it shows bytes and rate and no share.
 *
 * Never here: escape sequences, colours, the terminal.
 */
import { humanDuration, humanSize } from "../settings/units.ts";
import { cells, clip, escapeText, shorten } from "./escape.ts";

/** The subject of a line: a file, or all files. */
export interface Subject {
  readonly name: string;
  /** Bytes acknowledged. */
  readonly offset: number;
  /** Bytes in all; null while they are unknown. */
  readonly size: number | null;
  /** Bytes per millisecond; null while they are unknown. */
  readonly rate: number | null;
  /** Milliseconds without progress, if that counts as a pause; else null. */
  readonly idleMs: number | null;
}

/** The greatest width of each part, with the two spaces before it. */
const CELLS = { bar: 13, share: 7, of: 12, bytes: 10, rate: 12, left: 18 } as const;
/** The order in which parts are left out. The name stays, and the share; or the bytes if there is no share. */
const DROPPED = ["bar", "of", "bytes", "rate", "left"] as const;
const DROPPED_OF_UNKNOWN = ["left", "rate"] as const;
const BAR_CELLS = 10;
/** The width that a name gets before other parts; and on the narrowest screens. */
const NAME_CELLS = 16;
const NAME_CELLS_MIN = 8;

/** The common width of the names in several lines. */
export const nameCells = (names: readonly string[]): number =>
  Math.min(2 * NAME_CELLS, Math.max(0, ...names.map((name) => cells(escapeText(name)))));

/**
 * The text of a line, at most `columns - 1` cells wide, because some terminals wrap when the last column is written.
 * @param padCells width of the column of names
 */
export function barLine({ name, offset, size, rate, idleMs }: Subject, columns: number, padCells: number): string {
  const width = Math.max(1, columns - 1);
  const isKnown = size !== null;
  const parts = new Set<keyof typeof CELLS>(isKnown ? ["share", ...DROPPED] : ["bytes", "rate", "left"]);
  const needed = () => [...parts].reduce((sum, part) => sum + CELLS[part], 0);
  for (const part of isKnown ? DROPPED : DROPPED_OF_UNKNOWN)
    if (Math.min(padCells, NAME_CELLS) + needed() > width) parts.delete(part);

  // An empty file is complete; a file that has grown is at most complete.
  const share = !isKnown || size === 0 ? 1 : Math.min(1, offset / size);
  const has = (part: keyof typeof CELLS) => parts.has(part);
  const full = Math.floor(share * BAR_CELLS);
  let rest = has("bar") ? ` [${"#".repeat(full)}${"-".repeat(BAR_CELLS - full)}]` : "";
  // Rounded down: 100 % means complete.
  if (has("share")) rest += ` ${String(Math.floor(share * 100)).padStart(3)} %`;
  if (has("bytes")) rest += `  ${humanSize(offset).padStart(8)}`;
  if (has("of") && isKnown) rest += ` of ${humanSize(size)}`;
  // During a pause, its length says more than a rate.
  if (idleMs !== null) rest += has("left") ? `  waiting ${humanDuration(idleMs)}` : "";
  else if (rate !== null) {
    if (has("rate")) rest += `  ${humanSize(rate * 1000).padStart(8)}/s`;
    const leftMs = isKnown && rate > 0 ? (size - offset) / rate : 0;
    if (has("left") && leftMs > 0) rest += `  ${humanDuration(leftMs)} left`;
  }
  const room = Math.min(padCells, Math.max(NAME_CELLS_MIN, width - needed()));
  const shown = shorten(escapeText(name), room);
  return clip(`${shown}${" ".repeat(Math.max(0, room - cells(shown)))}${rest}`.trimEnd(), width);
}
