/**
 * Chunks: how a file is cut, and where an arriving piece belongs.
 *
 * The two halves of one idea. The sending side cuts [from, size) into chunks that cover every byte exactly
 * once; the taking side keeps one number, the next byte it lacks, and every chunk says where it starts.
 * So a chunk that comes twice or overlaps changes nothing, a chunk from the future is an error, and
 * content is never looked at to find out what is missing (croc #368 took runs of zeroes for holes).
 */
import { assert, FilespoolError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

export interface Chunk {
  /** Absolute offset of the first byte. */
  readonly offset: number;
  /** Bytes; at least 1. */
  readonly length: number;
}

// region: chunk-at
/** The chunk that starts at `offset` of a file of `size` bytes, or null when the file ends there. */
export function chunkAt(offset: number, size: number, chunkBytes: number): Chunk | null {
  assert(chunkBytes > 0 && offset >= 0 && offset <= size, `chunk at ${offset} of ${size}`);
  return offset === size ? null : { offset, length: Math.min(chunkBytes, size - offset) };
}
// endregion: chunk-at

// region: overlap
/**
 * Where a piece goes: how many of its leading bytes we have already.
 * @param next the next byte we lack; everything before it has arrived
 * @returns bytes to leave out at the front, 0 to `chunk.length`
 * @throws FilespoolError offset-gap when bytes in between are missing, size-mismatch beyond the end
 */
export function overlap(next: number, size: number, chunk: Chunk): number {
  checkEnd(chunk.offset + chunk.length, size);
  if (chunk.offset > next) throw new FilespoolError("offset-gap", `data at ${chunk.offset}, but ${next} is next`);
  return Math.min(next - chunk.offset, chunk.length);
}
// endregion: overlap

function checkEnd(end: number, size: number): void {
  if (end > size) throw new FilespoolError("size-mismatch", `data up to byte ${end} of a file of ${size}`);
}

/**
 * Only the last chunk of a file may be shorter than the smallest buffer that a user may choose. So where nobody knows the
 * size yet (Infinity), a short chunk tells it.
 * @returns the size, as far as it is known now
 * @throws FilespoolError flood: a million chunks of one byte cost us a million arrays; size-mismatch beyond the end
 */
export function checkChunk(offset: number, length: number, size: number): number {
  checkEnd(offset + length, size);
  if (length >= LIMITS.bufferBytesMin || offset + length === size) return size;
  if (size === Infinity) return offset + length;
  throw new FilespoolError(
    "flood",
    `a chunk of ${length} bytes at ${offset}; all but the last have ${LIMITS.bufferBytesMin}`,
  );
}

/** `parts` without their first `bytes` bytes; slices, no copies. */
export function dropBytes(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  if (bytes === 0) return parts;
  const kept: Uint8Array[] = [];
  for (const part of parts) {
    if (bytes < part.length) kept.push(part.subarray(bytes));
    bytes = Math.max(0, bytes - part.length);
  }
  return kept;
}
