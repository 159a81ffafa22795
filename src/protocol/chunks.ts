/**
 * Chunks: how a file is cut, and where an arriving piece belongs.
 *
 * These are two halves of one idea. The end that sends cuts a file into chunks that cover every
 * byte exactly once. The end that takes keeps one number, the next byte it lacks, and every chunk
 * says where it starts. So a chunk that comes twice, or overlaps what is there, changes nothing. A
 * chunk that would leave a gap is an error. Nobody looks into the content to find out what is
 * missing (croc #368 took runs of zeros for holes).
 */
import { assert, FilespoolError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** A slice of a file. */
export interface Chunk {
  /** Offset of the first byte, counted from the beginning of the file. */
  readonly offset: number;
  /** Bytes; at least 1. */
  readonly length: number;
}

// region: chunk-at
/**
 * The chunk that starts at `offset`, or null when the file ends there.
 * @param size bytes of the whole file
 * @param chunkBytes the most that a chunk may have; only the last one has less
 */
export function chunkAt(offset: number, size: number, chunkBytes: number): Chunk | null {
  assert(chunkBytes > 0 && offset >= 0 && offset <= size, `chunk at ${offset} of ${size}`);
  return offset === size ? null : { offset, length: Math.min(chunkBytes, size - offset) };
}
// endregion: chunk-at

// region: overlap
/**
 * Where an arriving chunk goes: how many of its first bytes are here already.
 * @param next the next byte that is missing; everything before it is here
 * @param size bytes of the whole file
 * @returns how many bytes to leave out at the front, from 0 to `chunk.length`
 * @throws FilespoolError offset-gap: bytes before the chunk are missing; size-mismatch: the chunk
 * reaches beyond the end of the file
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
 * Refuses chunks that are too short, and learns the size of a stream from its last one.
 *
 * Only the last chunk of a file may be shorter than the smallest buffer that a user may choose.
 * Without this rule, a million chunks of one byte would cost the taker a million arrays. The size
 * of a stream is unknown at first and stands as Infinity; there, the first short chunk is the last
 * one.
 * @param size bytes of the whole file, as far as they are known before this chunk
 * @returns the same, as far as it is known with this chunk
 * @throws FilespoolError flood: too short, and not the last; size-mismatch: beyond the end
 */
export function checkChunk(offset: number, length: number, size: number): number {
  checkEnd(offset + length, size);
  if (length >= LIMITS.bufferBytesMin || offset + length === size) return size;
  if (size === Infinity) return offset + length;
  throw new FilespoolError(
    "flood",
    `a chunk of ${length} bytes at ${offset}; every chunk but the last has at least ${LIMITS.bufferBytesMin}`,
  );
}

/**
 * `parts` without their first `bytes` bytes. The result are slices of the same memory, not copies.
 */
export function dropBytes(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  if (bytes === 0) return parts;
  const kept: Uint8Array[] = [];
  for (const part of parts) {
    if (bytes < part.length) kept.push(part.subarray(bytes));
    bytes = Math.max(0, bytes - part.length);
  }
  return kept;
}
