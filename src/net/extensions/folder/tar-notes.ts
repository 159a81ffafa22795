/**
 * What unpacking has to remember until its end, in a bounded number of bytes.
 *
 * Folders get their modes and times last, and symbolic links are made last of all (tar-unpack.ts
 * says why). So both are noted on the way. The archive decides how many there are and how long
 * their names: 100,000 links of 4 KiB each, as objects, once took half a gigabyte. So a note is a
 * row of bytes in large pieces of memory, and its bytes are counted. Nothing of it is an object, so
 * the count is the cost.
 *
 *   length (4) | mode (2) | has a time (1) | seconds (8) | nanoseconds (4) | length of path (4)
 *   | path | target | length (4)
 *
 * The length at the end is for reading backwards: folders are finished from the innermost out.
 */
import type { Entry } from "./tar-entries.ts";
import { refusedArchive } from "./tar-names.ts";

/**
 * Most bytes of all notes on one archive: several hundred thousand folders, or 16,000 links with
 * the longest possible targets.
 */
export const NOTED_BYTES_MAX = 64 * 1024 * 1024;
/** Most notes on one archive. It bounds many short ones by a number that a person can count. */
export const NOTED_MAX = 1_000_000;

// Memory is taken in pieces of this size. A note is never in two of them.
const PIECE_BYTES = 1024 * 1024;
const HEAD_BYTES = 4 + 2 + 1 + 8 + 4 + 4;
const TAIL_BYTES = 4;

/** What is remembered of a folder or a link. */
export type Note = Pick<Entry, "path" | "target" | "mode" | "time">;

/** What all notes on one archive have taken together. */
export interface NoteBudget {
  bytes: number;
  notes: number;
}

/** One piece of memory; notes fill it from the front. */
interface Piece {
  readonly bytes: Buffer;
  used: number;
}

/** Notes in the order in which they were added. */
export class Notes {
  readonly #budget: NoteBudget;
  readonly #pieces: Piece[] = [];

  /** @param budget shared by all notes on one archive */
  constructor(budget: NoteBudget) {
    this.#budget = budget;
  }

  /**
   * Adds a note.
   * @throws FilespoolError archive-refused: there are too many notes, or they are too long
   */
  add({ path, target, mode, time }: Note): void {
    const [pathBytes, targetBytes] = [Buffer.byteLength(path), Buffer.byteLength(target)];
    const bytes = HEAD_BYTES + pathBytes + targetBytes + TAIL_BYTES;
    const budget = this.#budget;
    if (++budget.notes > NOTED_MAX) throw refusedArchive(`it has more than ${NOTED_MAX} folders and links`);
    budget.bytes += bytes;
    if (budget.bytes > NOTED_BYTES_MAX)
      throw refusedArchive(
        `the names of its folders and links take more than the ${NOTED_BYTES_MAX} bytes that are kept for them`,
      );
    let piece = this.#pieces.at(-1);
    if (!piece || piece.used + bytes > piece.bytes.length) {
      // An extended header bounds both paths to less than a piece. The first piece is small, for
      // the usual folder.
      piece = { bytes: Buffer.allocUnsafeSlow(this.#pieces.length === 0 ? PIECE_BYTES / 4 : PIECE_BYTES), used: 0 };
      this.#pieces.push(piece);
    }
    const { bytes: into, used } = piece;
    let at = into.writeUInt32LE(bytes, used);
    at = into.writeUInt16LE(mode, at);
    at = into.writeUInt8(time ? 1 : 0, at);
    at = into.writeDoubleLE(time?.seconds ?? 0, at);
    at = into.writeUInt32LE(time?.nanos ?? 0, at);
    at = into.writeUInt32LE(pathBytes, at);
    at += into.write(path, at);
    at += into.write(target, at);
    piece.used = into.writeUInt32LE(bytes, at);
  }

  /** Reads the notes in the order in which they were added. */
  *[Symbol.iterator](): Generator<Note> {
    for (const { bytes, used } of this.#pieces)
      for (let at = 0; at < used; at += bytes.readUInt32LE(at)) yield noteAt(bytes, at);
  }

  /** Reads the notes from the last to the first. */
  *backwards(): Generator<Note> {
    for (const { bytes, used } of this.#pieces.toReversed())
      for (let end = used; end > 0; ) {
        end -= bytes.readUInt32LE(end - TAIL_BYTES);
        yield noteAt(bytes, end);
      }
  }
}

/** Decodes the note that begins at a byte. */
function noteAt(bytes: Buffer, start: number): Note {
  const end = start + bytes.readUInt32LE(start) - TAIL_BYTES;
  const time = { seconds: bytes.readDoubleLE(start + 7), nanos: bytes.readUInt32LE(start + 15) };
  const pathAt = start + HEAD_BYTES;
  const targetAt = pathAt + bytes.readUInt32LE(start + 19);
  return {
    mode: bytes.readUInt16LE(start + 4),
    time: bytes.readUInt8(start + 6) === 1 ? time : null,
    path: bytes.toString("utf8", pathAt, targetAt),
    target: bytes.toString("utf8", targetAt, end),
  };
}
