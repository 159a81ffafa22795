/**
 * Holes: parts of a file that are zero and take no room on the disk (lseek(2), SEEK_HOLE).
 *
 * An image of a disk or a preallocated database is mostly zeros. To write them out would keep
 * gigabytes of nothing. So a long run of zeros is not written: the file is made longer, and what
 * nobody wrote reads as zeros. That works only for bytes at the end, since nothing lies there yet.
 *
 * Bytes that are not zero cost a look at the first of them. Node cannot ask the system where the
 * holes of a file are, so a sender reads them as well. Then a piece of nothing but zeros is sent as
 * its length (net/wire/zeros.ts).
 *
 * Never here: files and sockets. Why: adr/0099, adr/0102.
 */
import { LIMITS } from "../protocol/limits.ts";

/**
 * Shorter runs of zeros are written: smaller holes would cut a file into many pieces,
 * and save little.
 */
export const HOLE_BYTES = 64 * 1024;

/**
 * As many zeros as a frame may stand for. The system gives out zeros without memory behind them, so
 * they cost none.
 */
const ZEROS = Buffer.alloc(LIMITS.dataBytesMax);

/** Whether a piece is long enough for a hole, and all zeros. */
export const isHole = (bytes: Uint8Array): boolean => bytes.length >= HOLE_BYTES && isZero(bytes);

/**
 * So many zeros, LIMITS.dataBytesMax at most. Nobody may write to them: all who ask get
 * the same memory.
 */
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

/**
 * The beginning of a list of parts: these parts are to be written, or they are a hole. `bytes`
 * is their length.
 */
export interface Run {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly isHole: boolean;
}

/**
 * The first run of a list of parts: all parts up to a hole, or the hole that the list begins with.
 * A part is the smallest piece: zeros inside of a part that is not all zeros are written.
 */
export function firstRun(parts: readonly Uint8Array[]): Run {
  let bytes = 0; // before the run of zeros that we are in
  let zeroBytes = 0; // that run, which is a hole if it gets long enough
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

/**
 * A hole ends before the part `end`. Where something lies before the hole, that is the first run.
 */
function before(
  parts: readonly Uint8Array[],
  end: number,
  { bytes, zeroBytes, zeroParts }: { bytes: number; zeroBytes: number; zeroParts: number },
): Run {
  if (bytes > 0) return { parts: parts.slice(0, end - zeroParts), bytes, isHole: false };
  return { parts: parts.slice(0, end), bytes: zeroBytes, isHole: true };
}
