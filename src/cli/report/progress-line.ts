/**
 * One line of progress as text: what is said of a file when there is room, and what is left out when there is not.
 *
 *   100   holiday.raw [#####-----]  50 %  24.0 MiB of 48.0 MiB  31.2 MiB/s  0.8 s left
 *    60   holiday.raw  50 %  24.0 MiB  31.2 MiB/s  0.8 s left
 *    30   holid…raw  50 %  0.8 s left
 *    20   holid…raw  50 %
 *
 * The line is never wider than the terminal, because a line that wraps cannot be taken back. What is dropped, and
 * in which order, is decided by the widest that each part can get and not by what it is now: the line must not
 * change its shape from one moment to the next because a number lost a digit. Of a file whose size nobody knows yet,
 * bytes and rate are shown; a share of an unknown whole would be made up.
 *
 * Never here: escape sequences, colours, the terminal. Pure text in, text out.
 */
import { humanDuration, humanSize } from "../settings/units.ts";
import { cells, clip, escapeText, shorten } from "./escape.ts";

/** What a line is about: a file, or all of them. */
export interface Subject {
  readonly name: string;
  /** Bytes acknowledged. */
  readonly offset: number;
  /** Bytes in all; null while that is not known. */
  readonly size: number | null;
  /** Bytes per millisecond; null while there is nothing to go by. */
  readonly rate: number | null;
  /** Milliseconds without anything new, once that is a pause; else null. */
  readonly idleMs: number | null;
}

/** Cells of each part at its widest, with the two spaces before it. */
const CELLS = { bar: 13, share: 7, of: 12, bytes: 10, rate: 12, left: 18 } as const;
/** Left out first to last. The name and how far it is stay to the end: a share, or bytes where there is no share. */
const DROPPED = ["bar", "of", "bytes", "rate", "left"] as const;
const DROPPED_OF_UNKNOWN = ["left", "rate"] as const;
const BAR_CELLS = 10;
/** What a name gets at least before anything else is left out for it; and on the narrowest screens. */
const NAME_CELLS = 16;
const NAME_CELLS_MIN = 8;

/** Cells of the longest name that is shown whole: those of several lines are padded to the same width. */
export const nameCells = (names: readonly string[]): number =>
  Math.min(2 * NAME_CELLS, Math.max(0, ...names.map((name) => cells(escapeText(name)))));

/**
 * The text of a line, at most `columns - 1` cells wide: some terminals wrap as soon as the last column is written to.
 * @param padCells width of the column of names
 */
export function barLine({ name, offset, size, rate, idleMs }: Subject, columns: number, padCells: number): string {
  const width = Math.max(1, columns - 1);
  const isKnown = size !== null;
  const parts = new Set<keyof typeof CELLS>(isKnown ? ["share", ...DROPPED] : ["bytes", "rate", "left"]);
  const needed = () => [...parts].reduce((sum, part) => sum + CELLS[part], 0);
  for (const part of isKnown ? DROPPED : DROPPED_OF_UNKNOWN)
    if (Math.min(padCells, NAME_CELLS) + needed() > width) parts.delete(part);

  // An empty file is complete, not "not a number"; and what grew meanwhile is not more than whole.
  const share = !isKnown || size === 0 ? 1 : Math.min(1, offset / size);
  const has = (part: keyof typeof CELLS) => parts.has(part);
  const full = Math.floor(share * BAR_CELLS);
  let rest = has("bar") ? ` [${"#".repeat(full)}${"-".repeat(BAR_CELLS - full)}]` : "";
  // 100 % is for what is complete: rounding up would leave somebody waiting at 100 %.
  if (has("share")) rest += ` ${String(Math.floor(share * 100)).padStart(3)} %`;
  if (has("bytes")) rest += `  ${humanSize(offset).padStart(8)}`;
  if (has("of") && isKnown) rest += ` of ${humanSize(size)}`;
  // A pause is what a person wants to know of, more than a rate that says it in a roundabout way.
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
