/**
 * Holes: parts of a file that are zero and take no room on the disk, as file systems keep them (lseek(2), SEEK_HOLE).
 *
 * An image of a disk or a preallocated database is mostly zeros. Who writes them out keeps gigabytes of nothing. So a long
 * run of zeros is not written: the file is made longer, and what nobody wrote reads as zeros. Only what is appended can be
 * left out like this, since nothing lies there yet.
 *
 * A content that is not zero costs the look at its first byte. Node cannot ask the system where the holes of a file are, so
 * a sender reads them, too; a piece that is all zeros leaves as its length. Why: adr/0099, adr/0102.
 */

import { LIMITS } from "../protocol/limits.ts";

/** A shorter run is written. Smaller holes would cut a file into many pieces, and save little. */
export const HOLE_BYTES = 64 * 1024;

/** As many as a frame may stand for. The system gives a program zeros without memory behind them, so they cost none. */
const ZEROS = Buffer.alloc(LIMITS.dataBytesMax);

/** Whether a piece is long enough for a hole, and zero. */
export const isHole = (bytes: Uint8Array): boolean => bytes.length >= HOLE_BYTES && isZero(bytes);

/** So many zeros, LIMITS.dataBytesMax at most. Nobody may write to them: all who ask get the same memory. */
export const zeros = (bytes: number): Uint8Array => ZEROS.subarray(0, bytes);

/** Whether all bytes are zero. An empty part is. */
export function isZero(bytes: Uint8Array): boolean {
  if (bytes.length > 0 && (bytes[0] !== 0 || bytes.at(-1) !== 0)) return false;
  for (let at = 0; at < bytes.length; at += HOLE_BYTES) {
    const piece = bytes.subarray(at, at + HOLE_BYTES);
    if (ZEROS.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}

/** The beginning of a list of parts: so many of them are to be written, or are a hole of so many bytes. */
export interface Run {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly isHole: boolean;
}

/** The first run of a list of parts. It is never empty, unless the list is. */
export function firstRun(parts: readonly Uint8Array[]): Run {
  let bytes = 0;
  let zeroBytes = 0;
  let zeroParts = 0;
  for (const [index, part] of parts.entries()) {
    if (isZero(part)) {
      zeroBytes += part.length;
      zeroParts++;
      continue;
    }
    if (zeroBytes >= HOLE_BYTES) return before(parts, index, { bytes, zeroBytes, zeroParts });
    bytes += zeroBytes + part.length;
    zeroBytes = zeroParts = 0;
  }
  if (zeroBytes >= HOLE_BYTES) return before(parts, parts.length, { bytes, zeroBytes, zeroParts });
  return { parts, bytes: bytes + zeroBytes, isHole: false };
}

/** A hole ends at that part: it is the first run, or what is before it is. */
function before(
  parts: readonly Uint8Array[],
  end: number,
  { bytes, zeroBytes, zeroParts }: { bytes: number; zeroBytes: number; zeroParts: number },
): Run {
  if (bytes > 0) return { parts: parts.slice(0, end - zeroParts), bytes, isHole: false };
  return { parts: parts.slice(0, end), bytes: zeroBytes, isHole: true };
}
