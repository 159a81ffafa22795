import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Chunk, chunkAt, dropBytes, overlap } from "../../src/protocol/chunks.ts";
import { codeOf, concat, cut, hexOf, manyRuns, patternBytes } from "./wire.ts";

const chunkSizes = [1, 2, 3, 1024, 65_536];
const boundaries = chunkSizes.flatMap((c) =>
  [0, 1, c - 1, c, c + 1, 2 * c - 1, 2 * c, 2 * c + 1].map((size) => [size, c] as const),
);
const anySize = fc.integer({ min: 0, max: 5000 });
const anyChunkBytes = fc.integer({ min: 1, max: 6000 });

describe("chunks cover the file exactly once:", () => {
  test.each(boundaries)("%i bytes in chunks of %i", (size, chunkBytes) => {
    expectExactCover(chunksFrom(0, size, chunkBytes), 0, size, chunkBytes);
  });

  test("any size, any chunk, from any offset", () => {
    fc.assert(
      fc.property(anySize, anyChunkBytes, fc.nat(), (size, chunkBytes, where) => {
        const from = where % (size + 1);
        expectExactCover(chunksFrom(from, size, chunkBytes), from, size, chunkBytes);
      }),
    );
  });

  test("up to the last byte of the largest file", () => {
    const size = Number.MAX_SAFE_INTEGER;
    expect(chunkAt(size - 5, size, 4)).toEqual({ offset: size - 5, length: 4 });
    expect(chunkAt(size - 1, size, 4)).toEqual({ offset: size - 1, length: 1 });
    expect(chunkAt(size, size, 4)).toBeNull();
  });

  test.each([
    ["of no bytes", 0, 10, 0],
    ["before the file", -1, 10, 4],
    ["beyond the file", 11, 10, 4],
  ])("a chunk %s is our own bug", (_, offset, size, chunkBytes) => {
    expect(() => chunkAt(offset, size, chunkBytes)).toThrow(/bug in filespool/);
  });
});

describe("taking chunks", () => {
  const anyFile = anySize.map(patternBytes);

  test("gives the same file whatever the buffer size", () => {
    fc.assert(
      fc.property(anyFile, fc.array(anyChunkBytes, { minLength: 1, maxLength: 5 }), (file, sizes) => {
        const taker = new Taker(file.length);
        let turn = 0;
        while (taker.next < file.length) {
          const chunkBytes = sizes[turn++ % sizes.length] as number;
          taker.take(file, chunkAt(taker.next, file.length, chunkBytes) as Chunk, chunkBytes);
        }
        expect(taker.digest()).toBe(sha256(file));
      }),
    );
  });

  test("again, or overlapping, changes nothing", () => {
    const anyRepeats = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 20 });
    fc.assert(
      fc.property(anyFile, anyChunkBytes, anyRepeats, (file, chunkBytes, repeats) => {
        const taker = new Taker(file.length);
        const chunks = chunksFrom(0, file.length, chunkBytes);
        for (let turn = 0; turn < Math.max(chunks.length, repeats.length); turn++) {
          const chunk = chunks[turn];
          if (chunk) taker.take(file, chunk, 100);
          const [where, more] = repeats[turn] ?? [0, 0];
          if (taker.next === 0) continue;
          const offset = where % taker.next;
          const length = Math.max(1, more % (file.length - offset));
          taker.take(file, { offset, length }, 7);
        }
        expect(taker.digest()).toBe(sha256(file));
      }),
    );
  });

  test("that were taken already takes nothing", () => {
    fc.assert(
      fc.property(anySize, fc.nat(), fc.nat(), (size, a, b) => {
        const next = a % (size + 1);
        const offset = b % (next + 1);
        expect(overlap(next, size, { offset, length: next - offset })).toBe(next - offset);
      }),
    );
  });

  test("again from any prefix gives the same file", () => {
    const anyCuts = fc.array(fc.nat(), { maxLength: 5 });
    fc.assert(
      fc.property(anyFile, anyChunkBytes, anyCuts, (file, chunkBytes, cuts) => {
        const taker = new Taker(file.length);
        for (const where of [...cuts, Number.MAX_SAFE_INTEGER]) {
          const kept = where % (taker.next + 1);
          if (where !== Number.MAX_SAFE_INTEGER) taker.forgetAfter(kept);
          const chunks = chunksFrom(taker.next, file.length, chunkBytes);
          const until = where === Number.MAX_SAFE_INTEGER ? chunks.length : where % (chunks.length + 1);
          for (const chunk of chunks.slice(0, until)) taker.take(file, chunk, 50);
        }
        expect(taker.digest()).toBe(sha256(file));
      }),
    );
  });

  test("from every prefix of a small file gives the same file", () => {
    const file = patternBytes(40);
    for (let kept = 0; kept <= file.length; kept++) {
      const taker = new Taker(file.length);
      for (const chunk of chunksFrom(0, kept, 7)) taker.take(file, chunk, 3);
      for (const chunk of chunksFrom(kept, file.length, 9)) taker.take(file, chunk, 4);
      expect(hexOf(taker.bytes()), `after ${kept} bytes`).toBe(hexOf(file));
    }
  });

  test("beyond a hole is offset-gap, and beyond the end size-mismatch", () => {
    expect(codeOf(() => overlap(5, 10, { offset: 6, length: 4 }))).toBe("offset-gap");
    expect(codeOf(() => overlap(5, 10, { offset: 5, length: 6 }))).toBe("size-mismatch");
    expect(codeOf(() => overlap(10, 10, { offset: 10, length: 1 }))).toBe("size-mismatch");
    expect(codeOf(() => overlap(0, 0, { offset: 0, length: 1 }))).toBe("size-mismatch");
  });

  test("anywhere takes the part that is new, or says which rule was broken", () => {
    const small = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(small, small, small, fc.integer({ min: 1, max: 30 }), (a, size, offset, length) => {
        const next = Math.min(a, size);
        const expected = offset + length > size ? "size-mismatch" : offset > next ? "offset-gap" : null;
        const chunk = { offset, length };
        expect(codeOf(() => overlap(next, size, chunk))).toBe(expected);
        if (expected !== null) return;
        const skipped = overlap(next, size, chunk);
        expect(offset + skipped).toBe(Math.min(next, offset + length));
      }),
      manyRuns,
    );
  });
});

describe("dropping bytes", () => {
  const anyParts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { maxLength: 6 });

  test("leaves what is behind them, in slices and never empty ones", () => {
    fc.assert(
      fc.property(anyParts, fc.nat(60), (parts, bytes) => {
        const kept = dropBytes(parts, bytes);
        expect(hexOf(concat(...kept))).toBe(hexOf(concat(...parts).subarray(bytes)));
        expect(kept.every((part) => part.length > 0)).toBe(true);
        expect(kept.every((part) => parts.some((whole) => whole.buffer === part.buffer))).toBe(true);
      }),
    );
  });

  test("twice is dropping their sum", () => {
    fc.assert(
      fc.property(anyParts, fc.nat(30), fc.nat(30), (parts, first, second) => {
        expect(dropBytes(dropBytes(parts, first), second)).toEqual(dropBytes(parts, first + second));
      }),
    );
  });

  test("of which there are none changes nothing", () => {
    const parts = [patternBytes(3)];
    expect(dropBytes(parts, 0)).toBe(parts);
  });
});

/** The taking side in memory: what a spool or a landing does with `overlap` and `dropBytes`. */
class Taker {
  readonly #size: number;
  #kept: Uint8Array[] = [];
  next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Takes `chunk` of `file`, which arrives in parts of `partBytes`. */
  take(file: Uint8Array, chunk: Chunk, partBytes: number): void {
    const parts = [...cut(file.subarray(chunk.offset, chunk.offset + chunk.length), [partBytes])];
    const fresh = dropBytes(parts, overlap(this.next, this.#size, chunk));
    this.#kept.push(...fresh);
    this.next += fresh.reduce((bytes, part) => bytes + part.length, 0);
  }

  /** A crash: only the first `bytes` bytes were durable. */
  forgetAfter(bytes: number): void {
    this.#kept = [this.bytes().subarray(0, bytes)];
    this.next = bytes;
  }

  bytes(): Uint8Array {
    return concat(...this.#kept);
  }

  digest(): string {
    return sha256(this.bytes());
  }
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

function chunksFrom(from: number, size: number, chunkBytes: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (
    let chunk = chunkAt(from, size, chunkBytes);
    chunk;
    chunk = chunkAt(chunk.offset + chunk.length, size, chunkBytes)
  ) {
    chunks.push(chunk);
  }
  return chunks;
}

function expectExactCover(chunks: readonly Chunk[], from: number, size: number, chunkBytes: number): void {
  let next = from;
  for (const { offset, length } of chunks) {
    expect(offset).toBe(next);
    next += length;
  }
  expect(next).toBe(size);
  expect(chunks.length).toBe(Math.ceil((size - from) / chunkBytes));
  expect(chunks.slice(0, -1).every(({ length }) => length === chunkBytes)).toBe(true);
}
